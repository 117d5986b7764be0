//! What is kept of a session.

use std::fmt;
use std::time::SystemTime;

use bedrock_llm_schema::{Conversation, Message};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::StoreError;
use crate::run::{Progress, Run, RunError, ToolCall};

/// The number of a session's turn. Later turns have higher ones; no number is ever used twice in a store, so that a session
/// that was rolled back, or deleted and made again, is never mistaken for what it was. 0 stands for a session that is not
/// there yet.
pub type Version = u64;

/// A part of a session that is kept as a whole or not at all.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Turn {
    /// What was said, to be appended to the transcript and to what the model is told.
    pub messages: Vec<Message>,
    /// What the model is told from now on, where it is not what it was with [`messages`](Self::messages) appended: a
    /// memory has shortened it. It contains `messages` then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Vec<Message>>,
    /// The tool calls that came or changed, as they are now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// The state, where it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Map<String, Value>>,
    /// The run under way, as it is after this turn; `None` where none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Progress>,
    /// Whether a run begins with this turn. Its tool calls are counted from here.
    pub begins_run: bool,
}

/// A turn with its place in a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TurnRecord {
    /// The version it made.
    pub version: Version,
    /// When.
    pub at: SystemTime,
    /// What it holds.
    pub turn: Turn,
}

/// A session as a store has it.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Session {
    /// Its name.
    pub id: String,
    /// Its last turn.
    pub version: Version,
    /// What the model is told.
    pub conversation: Conversation,
    /// The state.
    pub state: Map<String, Value>,
    /// The tool calls of the run under way, those done and those not, in the order in which they came.
    pub calls: Vec<ToolCall>,
    /// The run under way, or suspended, if there is one.
    pub progress: Option<Progress>,
    /// When it began.
    pub created: SystemTime,
    /// When it was used last.
    pub updated: SystemTime,
}

/// What is told of a session in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its name.
    pub id: String,
    /// Its last turn.
    pub version: Version,
    /// When it began.
    pub created: SystemTime,
    /// When it was used last.
    pub updated: SystemTime,
    /// Whether a run is under way or suspended.
    pub is_open: bool,
}

impl Turn {
    /// A turn in which nothing but this was said.
    #[must_use]
    pub fn said(messages: impl IntoIterator<Item = Message>) -> Self {
        Self { messages: messages.into_iter().collect(), ..Self::default() }
    }
}

impl Session {
    /// The run under way, if there is one: what is to be gone on with.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where its calls are not those that the conversation waits for.
    pub fn run(&self) -> Result<Option<Run>, StoreError> {
        let Some(progress) = self.progress.clone() else { return Ok(None) };
        let run = Run::restore(self.conversation.clone(), self.calls.clone(), progress);
        let corrupt =
            |error: RunError| StoreError::Corrupt { session: self.id.clone(), message: error.to_string() };
        run.map(Some).map_err(corrupt)
    }
}

/// Counts, and never shows what was said.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("conversation", &self.conversation)
            .field("state", &self.state.len())
            .field("calls", &self.calls)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

/// Counts, and never shows what was said.
impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("messages", &self.messages.len())
            .field("context", &self.context.as_ref().map(Vec::len))
            .field("calls", &self.calls)
            .field("state", &self.state.as_ref().map(Map::len))
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}
