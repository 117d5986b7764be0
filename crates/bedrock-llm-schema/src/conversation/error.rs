//! Why a turn or a history is not taken. Both errors give back what was not taken, and show nothing of it.

use std::fmt;

use crate::{Change, Error, ErrorKind, Message};

/// A turn that cannot come next in a conversation.
#[derive(Clone, PartialEq, thiserror::Error)]
#[error("{refusal}")]
pub struct ConversationError {
    refusal: Refusal,
    message: Box<Message>,
}

/// Why a turn cannot come next. Each list names tool calls by their ids and is not empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Tool calls of the last turn have no result, and the turn does not bring it.
    #[error("tool calls {} have no result yet; push their results first", .0.join(", "))]
    OpenCalls(Vec<String>),
    /// The turn brings results for which no tool call waits, or is not the user's.
    #[error("no tool call waits for results {} in a turn of this role; leave them out", .0.join(", "))]
    NoCalls(Vec<String>),
    /// Two tool calls or two results of the turn have one id.
    #[error("ids {} come more than once in the turn; give each call its own", .0.join(", "))]
    RepeatedIds(Vec<String>),
    /// The turn calls tools but is not the assistant's.
    #[error("tool calls {} are not in a turn of the assistant; leave them out", .0.join(", "))]
    MisplacedCalls(Vec<String>),
    /// The turn has no content, or blank text alone.
    #[error("the turn says nothing; leave it out")]
    SaysNothing,
    /// The turn is the assistant's, and none of the user's comes before it.
    #[error("a conversation begins with the user; push the user's turn first")]
    NoUserTurn,
}

/// A history that is not sound, as [`Conversation`](super::Conversation) wants it.
#[derive(Clone, PartialEq, thiserror::Error)]
pub struct BrokenHistory {
    pub(super) messages: Vec<Message>,
    pub(super) changes: Vec<Change>,
}

impl ConversationError {
    pub(super) fn new(refusal: Refusal, message: Message) -> Self {
        Self { refusal, message: Box::new(message) }
    }

    /// Why the turn was refused.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// The turn as it was given.
    #[must_use]
    pub fn into_message(self) -> Message {
        *self.message
    }
}

impl BrokenHistory {
    /// What [`Conversation::repair`](super::Conversation::repair) would change; at least one thing.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The history as it was given.
    #[must_use]
    pub fn into_messages(self) -> Vec<Message> {
        self.messages
    }
}

impl fmt::Display for BrokenHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the history is broken; load it with `Conversation::repair`, which")?;
        for (place, change) in self.changes.iter().take(3).enumerate() {
            write!(f, "{} {change}", if place == 0 { " would change" } else { ";" })?;
        }
        let more = self.changes.len().saturating_sub(3);
        if more > 0 { write!(f, "; and {more} more") } else { Ok(()) }
    }
}

impl fmt::Debug for ConversationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConversationError").field("refusal", &self.refusal).finish_non_exhaustive()
    }
}

impl fmt::Debug for BrokenHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokenHistory").field("changes", &self.changes).finish_non_exhaustive()
    }
}

impl From<ConversationError> for Error {
    fn from(error: ConversationError) -> Self {
        Self::new(ErrorKind::InvalidRequest, error.to_string()).with_source(error)
    }
}

impl From<BrokenHistory> for Error {
    fn from(error: BrokenHistory) -> Self {
        Self::new(ErrorKind::InvalidRequest, error.to_string()).with_source(error)
    }
}
