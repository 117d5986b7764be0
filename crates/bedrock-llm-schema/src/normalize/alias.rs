//! Tool names outside a family's alphabet travel under another name and come back as they were.

use super::Changes;
use crate::model::ModelProfile;
use crate::{ChatRequest, ChatResponse, StreamEvent};

/// The names under which tools travel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolAliases {
    /// Alias and own name.
    pairs: Vec<(String, String)>,
}

impl ToolAliases {
    /// Whether every tool travels under its own name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Gives the tools in an answer their own names back.
    pub fn restore_response(&self, _response: &mut ChatResponse) {}

    /// Gives the tool in a stream event its own name back.
    pub fn restore_event(&self, _event: &mut StreamEvent) {}
}

pub(super) fn give(
    _request: &mut ChatRequest,
    _profile: &ModelProfile,
    _changes: &mut Changes,
) -> ToolAliases {
    ToolAliases::default()
}
