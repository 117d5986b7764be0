//! The list of what was changed.

use std::fmt;

use serde::Serialize;

/// One thing that was changed in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The id of the rule in [`RULES`](crate::rules::RULES) that it is about, such as `R-BLANK-TEXT`: the one that asks
    /// for it or, of something [`Added`](ChangeKind::Added), the one that says where it may stand. `CONTEXT` is no rule
    /// of the table: it is about turns that a [`ContextPolicy`](crate::ContextPolicy) took out.
    pub rule: &'static str,
    /// Where, as a JSON path, counted at the time of the change: earlier changes may have moved blocks.
    pub path: String,
    /// What was done. Names the thing, never shows prompt texts.
    pub message: String,
    /// How far it goes.
    pub kind: ChangeKind,
}

/// How far a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// The form was mended; what was meant stays.
    Mended,
    /// Something was added that the request did not ask for by itself: a cache point that a plan places.
    Added,
    /// Something the model cannot do was left out or replaced.
    Degraded,
    /// Nothing was changed, but the profile says the model cannot do this.
    Warned,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.path, self.message, self.rule)
    }
}

/// Collects changes.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<Change>);

impl Changes {
    pub(crate) fn mended(&mut self, rule: &'static str, path: impl Into<String>, message: impl Into<String>) {
        self.add(rule, path, message, ChangeKind::Mended);
    }

    pub(crate) fn add(
        &mut self,
        rule: &'static str,
        path: impl Into<String>,
        message: impl Into<String>,
        kind: ChangeKind,
    ) {
        self.0.push(Change { rule, path: path.into(), message: message.into(), kind });
    }

    /// One that was made elsewhere.
    pub(crate) fn push(&mut self, change: Change) {
        self.0.push(change);
    }

    pub(crate) fn into_list(self) -> Vec<Change> {
        self.0
    }
}
