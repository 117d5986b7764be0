//! Normalising: what a model would refuse and what can be mended without changing what was meant, is.
//!
//! [`Normalizer::normalize`] takes a request and gives it back as the model takes it, with a list of every
//! [`Change`]. It asks the same [`ModelProfile`] as the rules do: what it gives passes
//! [`ChatRequest::check`](crate::ChatRequest::check), but for what no program can mend.

mod alias;
mod changes;
mod documents;
mod reasoning;
mod tool_config;
pub(crate) mod tool_pairs;
mod tool_schema;
pub(crate) mod turns;
mod unsupported;

use crate::cache::CachePlan;
use crate::model::ModelProfile;
use crate::{ChatRequest, Message};

pub use alias::ToolAliases;
pub(crate) use changes::Changes;
pub use changes::{Change, ChangeKind};
pub use reasoning::{ReasoningConflict, reasons};
pub use tool_schema::{StrictChange, ToolSchemaError, strict_schema};

/// What to do about something a model cannot do: a system prompt, a forced tool, a cache point, top-k, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnUnsupported {
    /// Leave it in the request, so that the check refuses it before anything is sent.
    #[default]
    Error,
    /// Leave it out, or put the nearest thing the model can do in its place, and say so in the list of changes.
    Degrade,
    /// Send it as it is, and say so in the list of changes: for when you know better than the profile. A native form
    /// that has no place for it leaves it out.
    Warn,
}

/// How requests are normalised.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Normalizer {
    /// What to do about something the model cannot do.
    pub on_unsupported: OnUnsupported,
    /// What to do where a setting does not go together with reasoning.
    pub reasoning_conflict: ReasoningConflict,
    /// Where cache points are placed in requests that have none; `None`, the default, places none.
    pub cache: Option<CachePlan>,
}

/// A request as its model takes it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Normalized {
    /// The request.
    pub request: ChatRequest,
    /// Everything that was changed, in order. Empty where the request was right as it was.
    pub changes: Vec<Change>,
    /// The names under which tools travel, where their own are outside the family's alphabet.
    pub aliases: ToolAliases,
}

impl Normalizer {
    /// A normaliser that mends what can be mended and refuses what a model cannot do.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what to do about something the model cannot do.
    #[must_use]
    pub fn on_unsupported(mut self, choice: OnUnsupported) -> Self {
        self.on_unsupported = choice;
        self
    }

    /// Sets what to do where a setting does not go together with reasoning.
    #[must_use]
    pub fn reasoning_conflict(mut self, choice: ReasoningConflict) -> Self {
        self.reasoning_conflict = choice;
        self
    }

    /// Places cache points in requests that have none.
    #[must_use]
    pub fn cache(mut self, plan: CachePlan) -> Self {
        self.cache = Some(plan);
        self
    }

    /// Gives a request the form its model takes.
    #[must_use]
    pub fn normalize(&self, mut request: ChatRequest, profile: &ModelProfile) -> Normalized {
        let choice = self.on_unsupported;
        let mut changes = Changes::default();
        mend_history(&mut request.messages, profile, &mut changes);
        turns::mend_system(&mut request, &mut changes);
        reasoning::replay::settle(&mut request, profile, &mut changes);
        unsupported::settle(&mut request, profile, choice, &mut changes);
        // again, since what was taken out may leave turns to drop or merge
        mend_history(&mut request.messages, profile, &mut changes);
        documents::introduce(&mut request.messages, profile, &mut changes);
        documents::mend(&mut request.messages, &mut changes);
        // before tools are derived, since no model shall be made to call one that only history knows
        unsupported::settle_choice(&mut request, profile, choice, &mut changes);
        tool_config::derive(&mut request, &mut changes);
        // last, since it depends on settings, turns and the choice of tools alike
        reasoning::lower(&mut request, profile, self, &mut changes);
        tool_schema::lower(&mut request, profile, &mut changes);
        self.cache.iter().for_each(|plan| plan.place(&mut request, profile, &mut changes));
        let aliases = alias::give(&mut request, profile, &mut changes);
        Normalized { request, changes: changes.into_list(), aliases }
    }
}

/// Makes turns sound: each says something, roles alternate from the user's on, every tool call has its result.
///
/// Turns merge before pairing, so that calls which were made in parallel stay in one turn, and again after it, since
/// pairing may leave two turns of one role side by side.
pub(crate) fn mend_history(messages: &mut Vec<Message>, profile: &ModelProfile, changes: &mut Changes) {
    turns::mend(messages, profile, changes);
    turns::merge(messages, profile, changes);
    tool_pairs::mend(messages, profile, changes);
    turns::merge(messages, profile, changes);
}
