//! What a rule is, and how it reports.

use super::{Violation, Violations};
use crate::model::ModelProfile;
use crate::{ChatRequest, ModelId, Operation};

/// Something that the service refuses.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// Its id, such as `R-TOOL-PAIR`.
    pub id: &'static str,
    /// What it checks, as what must hold.
    pub checks: &'static str,
    /// For whom: every model, or those whose profile says so.
    pub applies_to: &'static str,
    /// Where it was learned: a recording's id or a page of the documentation.
    pub source: &'static str,
    /// The sentence the service refuses with, where a recording or the documentation has it; a name in braces stands
    /// for what differs.
    pub says: Option<&'static str>,
    /// How it is mended.
    pub mend: &'static str,
    /// Whether [`ChatRequest::normalize`] mends it.
    pub is_mended: bool,
    #[serde(skip)]
    pub(super) check: Check,
}

/// What looks for violations.
#[derive(Debug, Clone, Copy)]
pub(super) enum Check {
    /// Needs no more than the model; holds for every operation with one.
    Model(fn(&ModelId, &ModelProfile, Operation, &mut RuleReport<'_>)),
    /// Holds for chats.
    Chat(fn(&Subject<'_>, &mut RuleReport<'_>)),
}

/// A chat under examination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) request: &'a ChatRequest,
    pub(super) profile: &'a ModelProfile,
    pub(super) operation: Operation,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Violation>);

impl Report {
    pub(super) fn of(&mut self, rule: &'static Rule) -> RuleReport<'_> {
        RuleReport { rule, found: &mut self.0 }
    }

    pub(super) fn settle(self) -> Result<(), Violations> {
        if self.0.is_empty() { Ok(()) } else { Err(Violations(self.0)) }
    }
}

/// What one rule finds.
#[derive(Debug)]
pub(super) struct RuleReport<'a> {
    rule: &'static Rule,
    found: &'a mut Vec<Violation>,
}

impl RuleReport<'_> {
    /// A violation that the service refuses with the rule's own sentence.
    pub(super) fn add(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let says = self.rule.says.map(str::to_owned);
        self.push(path.into(), message.into(), fix.into(), says);
    }

    /// A violation whose sentence has something filled in: `{name}` becomes the value.
    pub(super) fn add_with(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
        values: &[(&str, &str)],
    ) {
        let says = self.rule.says.map(|says| {
            values
                .iter()
                .fold(says.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        });
        self.push(path.into(), message.into(), fix.into(), says);
    }

    fn push(&mut self, path: String, message: String, fix: String, service_message: Option<String>) {
        self.found.push(Violation { rule: self.rule.id, path, message, fix, service_message });
    }
}
