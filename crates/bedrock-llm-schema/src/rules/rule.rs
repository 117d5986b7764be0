//! What a rule is, and how it reports.

use super::{Violation, Violations};
use crate::model::{Family, ModelProfile};
use crate::{ChatRequest, EmbedRequest, ModelId, Operation, RerankRequest};

/// Something that the service refuses, or passes over without a word.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// Its id, such as `R-TOOL-PAIR`.
    pub id: &'static str,
    /// What it checks, as what must hold.
    pub checks: &'static str,
    /// For whom: every model, or those whose profile has the facts named here.
    pub applies_to: &'static str,
    /// Where it was learned: a recording's id, a page of the documentation, or a report of it.
    pub source: &'static str,
    /// The sentence the service refuses with, where a recording, the documentation or a report has it; a name in
    /// braces stands for what differs. A [`Violation`] may have another where the service says another in its place.
    pub says: Option<&'static str>,
    /// How it is mended.
    pub mend: &'static str,
    /// Whether a [`Normalizer`](crate::Normalizer) mends it as it is by default, in one form at least.
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
    /// Holds for embeddings.
    Embed(fn(&EmbedRequest, &ModelProfile, &mut RuleReport<'_>)),
    /// Holds for rankings.
    Rerank(fn(&RerankRequest, &ModelProfile, &mut RuleReport<'_>)),
}

impl Rule {
    /// A rule for every model, from the Converse API's reference, until more is said of it.
    pub(super) const fn new(id: &'static str, checks: &'static str, check: Check) -> Self {
        Self {
            id,
            checks,
            applies_to: "every model",
            source: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
            says: None,
            mend: "",
            is_mended: false,
            check,
        }
    }

    /// The facts that a profile must have for the rule to look; first, where it looks without any.
    pub(super) const fn applies_to(mut self, facts: &'static str) -> Self {
        self.applies_to = facts;
        self
    }

    pub(super) const fn source(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }

    pub(super) const fn says(mut self, sentence: &'static str) -> Self {
        self.says = Some(sentence);
        self
    }

    /// By the caller.
    pub(super) const fn mend(mut self, mend: &'static str) -> Self {
        self.mend = mend;
        self
    }

    /// By the caller, or by a normaliser.
    pub(super) const fn mended(mut self, mend: &'static str) -> Self {
        self.mend = mend;
        self.is_mended = true;
        self
    }
}

/// A chat under examination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) request: &'a ChatRequest,
    pub(super) profile: &'a ModelProfile,
    pub(super) operation: Operation,
}

impl Subject<'_> {
    /// Whose sentences the service passes on.
    pub(super) fn family(&self) -> Family {
        self.profile.base_model.as_ref().unwrap_or(&self.request.model).family()
    }

    pub(super) fn is_anthropic(&self) -> bool {
        self.family() == Family::Anthropic
    }

    /// That is said once, by a rule of its own.
    pub(super) fn takes_no_tools(&self) -> bool {
        self.profile.features.tool_use == Some(false)
    }

    pub(super) fn is_nova(&self) -> bool {
        self.family() == Family::AmazonNova
    }
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
        self.add_with(path, message, fix, &[]);
    }

    /// A violation whose sentence has something filled in: `{name}` becomes the value.
    pub(super) fn add_with(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
        values: &[(&str, &str)],
    ) {
        let fill = |says: &str| {
            values
                .iter()
                .fold(says.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        self.add_saying(path, message, fix, self.rule.says.map(fill));
    }

    /// A violation that the service refuses with a sentence of its own, or with one that is not known.
    pub(super) fn add_saying(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
        service_message: Option<String>,
    ) {
        self.found.push(Violation {
            rule: self.rule.id,
            path: path.into(),
            message: message.into(),
            fix: fix.into(),
            service_message,
        });
    }

    /// A violation of a constraint in the service's model, which is checked before anything else.
    ///
    /// `place` is the path as the service writes it: `toolConfig.tools.1.member.toolSpec.name`, counted from 1.
    /// It is worded so in github.com/awslabs/mcp/issues/3181 and openclaw/openclaw/issues/12892.
    pub(super) fn add_constraint(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
        place: &str,
        constraint: &str,
    ) {
        let says = format!(
            "1 validation error detected: Value at '{place}' failed to satisfy constraint: Member must {constraint}"
        );
        self.add_saying(path, message, fix, Some(says));
    }
}
