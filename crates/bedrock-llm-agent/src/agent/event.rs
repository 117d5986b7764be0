//! What happens in a run, as it happens.

use std::fmt;

use super::AgentResponse;
use crate::memory::MemoryUpdate;
use crate::run::ToolCall;

/// What happens in a run, as it happens.
#[derive(Clone)]
#[non_exhaustive]
pub enum AgentEvent {
    /// The model is asked: the number of the answer, 1 for the first.
    Iteration(u32),
    /// A piece of the answer's text.
    Text(String),
    /// A piece of the model's reasoning.
    Reasoning(String),
    /// The answer begins anew, after its stream broke: what came of it before is void.
    Restarted,
    /// The model asked for a call.
    ToolRequested(ToolCall),
    /// A call waits for a human's word: see [`ToolCall::question`].
    ApprovalRequested(ToolCall),
    /// A call began to run. [`ToolCall::starts`] is above 1 where it was interrupted and runs again.
    ToolStarted(ToolCall),
    /// A call came out, in any of the final states.
    ToolFinished(ToolCall),
    /// The memory shortened the conversation.
    Memory(MemoryUpdate),
    /// The run is over, or suspended.
    Done(Box<AgentResponse>),
}

/// Shows of texts how long they are.
impl fmt::Debug for AgentEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iteration(number) => f.debug_tuple("Iteration").field(number).finish(),
            Self::Text(text) => f.debug_struct("Text").field("bytes", &text.len()).finish(),
            Self::Reasoning(text) => f.debug_struct("Reasoning").field("bytes", &text.len()).finish(),
            Self::Restarted => f.write_str("Restarted"),
            Self::ToolRequested(call) => f.debug_tuple("ToolRequested").field(call).finish(),
            Self::ApprovalRequested(call) => f.debug_tuple("ApprovalRequested").field(call).finish(),
            Self::ToolStarted(call) => f.debug_tuple("ToolStarted").field(call).finish(),
            Self::ToolFinished(call) => f.debug_tuple("ToolFinished").field(call).finish(),
            Self::Memory(update) => f.debug_tuple("Memory").field(update).finish(),
            Self::Done(response) => f.debug_tuple("Done").field(response).finish(),
        }
    }
}
