//! What happens in a run, as it happens.

use super::AgentResponse;
use crate::memory::MemoryUpdate;
use crate::run::ToolCall;

/// What happens in a run, as it happens.
#[derive(Debug, Clone)]
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
