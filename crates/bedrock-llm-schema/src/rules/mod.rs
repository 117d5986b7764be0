//! Rules a request must keep, checked before it leaves the machine.
//!
//! Here are the rules that hold for every model. Each names the place by JSON path and says what to do. The
//! table of what single families refuse joins them in this module.

mod structure;

use std::fmt;

use crate::{ChatRequest, ChatStreamRequest, Error, ErrorKind};

/// A place in a request that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The rule's id, such as `R-TOOL-PAIR`.
    pub rule: &'static str,
    /// Where, as a JSON path from the request's root: `messages[2].content[0].text`.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// All places in a request that break rules; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Violations(pub Vec<Violation>);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.path, self.message, self.rule)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, violation) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            violation.fmt(f)?;
        }
        Ok(())
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::new(ErrorKind::InvalidRequest, violations.to_string()).with_source(violations)
    }
}

impl ChatRequest {
    /// Checks the rules that hold for every model, and reports every place that breaks one.
    ///
    /// # Errors
    /// [`Violations`], which becomes an [`Error`] of kind [`ErrorKind::InvalidRequest`] by `?`.
    pub fn validate(&self) -> Result<(), Violations> {
        settle(structure::check(self, false))
    }
}

impl ChatStreamRequest {
    /// Checks the rules that hold for every model, and reports every place that breaks one.
    ///
    /// # Errors
    /// [`Violations`], which becomes an [`Error`] of kind [`ErrorKind::InvalidRequest`] by `?`.
    pub fn validate(&self) -> Result<(), Violations> {
        settle(structure::check(&self.0, true))
    }
}

fn settle(violations: Vec<Violation>) -> Result<(), Violations> {
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}
