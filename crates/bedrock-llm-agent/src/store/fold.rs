//! Turns put together to a session: one way for all stores.

use std::time::SystemTime;

use bedrock_llm_schema::{Conversation, Message};
use serde_json::{Map, Value};

use super::{Session, StoreError, Version};
use crate::run::{Progress, ToolCall};

/// What a store reads to put a session together. It need not read more than the turns from the last
/// [`context`](super::Turn::context) and the last [`begins_run`](super::Turn::begins_run) on.
pub(super) struct Parts {
    pub(super) id: String,
    pub(super) version: Version,
    pub(super) created: SystemTime,
    pub(super) updated: SystemTime,
    /// The newest context; empty where there is none.
    pub(super) context: Vec<Message>,
    /// The messages of the turns after it, or of all.
    pub(super) messages: Vec<Message>,
    /// The newest state.
    pub(super) state: Option<Map<String, Value>>,
    /// The calls as they were recorded since the run began, in the order of the turns.
    pub(super) calls: Vec<ToolCall>,
    /// That of the newest turn.
    pub(super) progress: Option<Progress>,
}

impl Parts {
    pub(super) fn into_session(self) -> Result<Session, StoreError> {
        let Self { id, version, created, updated, context, messages, state, calls, progress } = self;
        let conversation = match conversation(context, messages) {
            Ok(conversation) => conversation,
            Err(message) => return Err(StoreError::Corrupt { session: id, message }),
        };
        Ok(Session {
            id,
            version,
            conversation,
            state: state.unwrap_or_default(),
            calls: latest(calls),
            progress,
            created,
            updated,
        })
    }
}

/// The conversation that these messages are; the error says why they are none.
pub(super) fn conversation(context: Vec<Message>, messages: Vec<Message>) -> Result<Conversation, String> {
    let mut conversation = Conversation::try_from(context).map_err(|error| error.to_string())?;
    for message in messages {
        conversation.push(message).map_err(|error| error.to_string())?;
    }
    Ok(conversation)
}

/// Each call as it was recorded last, in the order in which they came.
fn latest(recorded: Vec<ToolCall>) -> Vec<ToolCall> {
    let mut calls: Vec<ToolCall> = Vec::with_capacity(recorded.len());
    for call in recorded {
        match calls.iter_mut().rfind(|known| known.is_same_call(&call)) {
            Some(known) => *known = call,
            None => calls.push(call),
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::{ChatResponse, Message, Role, StopReason, ToolUseBlock, Usage};
    use serde_json::json;

    use super::*;
    use crate::run::{Run, RunLimits};

    /// Equal calls with equal ids, refused in two rounds, are two.
    #[test]
    fn calls_that_look_alike_are_told_apart_by_their_place() {
        let mut conversation = Conversation::new();
        conversation.push("Do it.").unwrap();
        let mut run =
            Run::new(conversation, RunLimits { max_repeats: None, ..RunLimits::default() }).unwrap();
        let mut recorded = Vec::new();
        for _ in 0..2 {
            let calls = ["1", "2"].map(|id| ToolUseBlock::new(id, "look", json!({})));
            let answer = Message::new(Role::Assistant, calls);
            run.step();
            run.answered(ChatResponse::new(answer, StopReason::ToolUse, Usage::new(1, 1)), None).unwrap();
            run.deny("1", "no").unwrap();
            recorded.extend_from_slice(run.round());
            run.deny("2", "no").unwrap();
            recorded.extend_from_slice(run.round());
        }
        assert_eq!(latest(recorded), run.calls());
    }
}
