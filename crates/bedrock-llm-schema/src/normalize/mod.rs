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
mod tool_pairs;
mod tool_schema;
mod turns;
mod unsupported;

use crate::ChatRequest;
use crate::model::ModelProfile;

pub use alias::ToolAliases;
pub(crate) use changes::Changes;
pub use changes::{Change, ChangeKind};
pub use tool_schema::{StrictChange, ToolSchemaError, strict_schema};
pub(crate) use {
    tool_pairs::mend as mend_tool_pairs, turns::mend as mend_turns, turns::merge as merge_turns,
};

/// What to do about something a model cannot do: a system prompt, a forced tool, a cache point, top-k, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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

    /// Gives a request the form its model takes.
    #[must_use]
    pub fn normalize(&self, mut request: ChatRequest, profile: &ModelProfile) -> Normalized {
        let mut changes = Changes::default();
        turns::mend(&mut request.messages, profile, &mut changes);
        turns::mend_system(&mut request, &mut changes);
        tool_pairs::mend(&mut request.messages, profile, &mut changes);
        turns::merge(&mut request.messages, profile, &mut changes);
        documents::mend(&mut request.messages, &mut changes);
        tool_config::derive(&mut request, &mut changes);
        tool_schema::lower(&mut request, profile, &mut changes);
        reasoning::lower(&mut request, profile, self.on_unsupported, &mut changes);
        unsupported::settle(&mut request, profile, self.on_unsupported, &mut changes);
        let aliases = alias::give(&mut request, profile, &mut changes);
        Normalized { request, changes: changes.into_list(), aliases }
    }
}
