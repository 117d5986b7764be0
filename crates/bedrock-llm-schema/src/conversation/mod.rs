//! [`Conversation`]: turns in which no tool call is ever parted from its result.

mod error;
mod measure;
mod repair;
mod summary;
mod units;

use std::collections::BTreeSet;
use std::fmt;

pub use error::{BrokenHistory, ConversationError, Refusal};
use measure::Measured;
pub use measure::{Measure, Sizes};
pub use repair::Repaired;
pub(crate) use repair::is_sound;
pub use units::Pruned;
use units::begins;
pub(crate) use units::{Parted, part, units};

use crate::normalize::tool_pairs::{as_call, as_result, put_results_first};
use crate::normalize::{Changes, turns};
use crate::{ChatResponse, ContentBlock, Message, Role, ToolResultBlock, ToolUseBlock};

/// A conversation that is sound at every moment: it begins with the user, roles alternate, every turn says something,
/// and every tool call has its result in the next turn. Only the calls of the last turn may wait for theirs.
///
/// It is cut in whole [`units`](Self::units) alone, so that a tool call and its result never part. Histories from
/// elsewhere come in by [`repair`](Self::repair), or by `try_from` and serde where they must be sound already. Its
/// serde form is the list of messages. A clone is a fork.
///
/// ```
/// use bedrock_llm_schema::{ChatRequest, Conversation, Message, ToolResultBlock, ToolUseBlock};
/// use serde_json::json;
///
/// let mut conversation = Conversation::new();
/// conversation.push("What is the weather in Paris?")?;
/// conversation.push(Message::assistant(ToolUseBlock::new("call_1", "get_weather", json!({"city": "Paris"}))))?;
///
/// // while the call is open, only its result may come
/// let refused = conversation.push("Are you there?").unwrap_err();
/// assert_eq!(refused.to_string(), "tool calls call_1 have no result yet; push their results first");
/// conversation.push_results([ToolResultBlock::text("call_1", "21 degrees")])?;
/// conversation.push(Message::assistant("21 degrees."))?;
/// conversation.push(refused.into_message())?; // nothing was lost
///
/// // too long? the oldest questions go, each with everything that came of it
/// let pruned = conversation.prune(1, |message| message.content.len() as u64);
/// assert_eq!(pruned.removed.len(), 4);
/// let request = ChatRequest::new("us.amazon.nova-lite-v1:0").messages(conversation);
/// assert_eq!(request.messages, [Message::user("Are you there?")]);
///
/// // a history of which the beginning was cut off, whoever did it
/// let repaired = Conversation::repair(vec![Message::user(ToolResultBlock::text("call_1", "21 degrees"))]);
/// assert_eq!(repaired.conversation.messages()[0].text(), "(Result of tool call call_1:)21 degrees");
/// assert_eq!(repaired.changes[0].rule, "R-TOOL-PAIR");
/// # Ok::<(), bedrock_llm_schema::conversation::ConversationError>(())
/// ```
#[derive(Clone, Default, serde::Deserialize)]
#[serde(try_from = "Vec<Message>")]
pub struct Conversation {
    messages: Vec<Message>,
    /// The turn with which each unit begins.
    starts: Vec<usize>,
    /// What was counted of the turns, so that it is not counted again.
    measured: Vec<Measured>,
}

impl Conversation {
    /// A conversation in which nothing was said yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a turn; a bare text or block is the user's. One of the role that spoke last is added to its turn.
    ///
    /// Empty texts are left out, a tool result without content gets `(no output)`, and tool results are put before
    /// the other content.
    ///
    /// # Errors
    /// [`ConversationError`], which gives the turn back, when the conversation would not be sound: see [`Refusal`].
    pub fn push(&mut self, message: impl Into<Message>) -> Result<(), ConversationError> {
        let message = message.into();
        match self.refusal(&message) {
            Some(refusal) => Err(ConversationError::new(refusal, message)),
            None => {
                self.append(message);
                Ok(())
            }
        }
    }

    /// Adds a model's answer.
    ///
    /// # Errors
    /// As for [`push`](Self::push); above all [`Refusal::SaysNothing`] where the model gave no content.
    pub fn push_response(&mut self, response: &ChatResponse) -> Result<(), ConversationError> {
        self.push(response.message.clone())
    }

    /// Adds the results of all [`pending`](Self::pending) tool calls.
    ///
    /// # Errors
    /// As for [`push`](Self::push): some call has no result, or some result no call.
    pub fn push_results(
        &mut self,
        results: impl IntoIterator<Item = ToolResultBlock>,
    ) -> Result<(), ConversationError> {
        self.push(Message::new(Role::User, results))
    }

    /// Gives every [`pending`](Self::pending) tool call an error as its result, as when the user stops an agent.
    pub fn fail_pending(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        let errors: Vec<ToolResultBlock> = self
            .pending()
            .map(|call| ToolResultBlock::error(call.tool_use_id.as_str(), reason.as_str()))
            .collect();
        if !errors.is_empty() {
            self.append(Message::new(Role::User, errors));
        }
    }

    /// The tool calls of the last turn, which wait for their results.
    pub fn pending(&self) -> impl Iterator<Item = &ToolUseBlock> {
        let last = self.messages.last().filter(|last| last.role == Role::Assistant);
        last.into_iter().flat_map(Message::tool_uses)
    }

    /// All turns.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// All turns, to keep.
    #[must_use]
    pub fn into_messages(self) -> Vec<Message> {
        self.messages
    }

    /// Whether nothing was said yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn append(&mut self, mut message: Message) {
        turns::clean(self.messages.len(), &mut message, &mut Changes::default());
        if message.role == Role::User {
            put_results_first(&mut message);
        }
        match self.messages.last_mut() {
            Some(last) if turns::belong_together(last, &message) => {
                turns::join(last, &mut message);
                let grown = self.messages.len().saturating_sub(1);
                self.measured.iter_mut().for_each(|measured| measured.forget_from(grown));
            }
            _ => {
                if self.messages.is_empty() || (begins(&message) && self.messages.iter().any(begins)) {
                    self.starts.push(self.messages.len());
                }
                self.messages.push(message);
            }
        }
    }

    /// Why a turn cannot come next.
    fn refusal(&self, message: &Message) -> Option<Refusal> {
        let pending: BTreeSet<&str> = self.pending().map(|call| call.tool_use_id.as_str()).collect();
        let calls: Vec<&str> = ids(message, as_call, |call| &call.tool_use_id);
        let results: Vec<&str> = ids(message, as_result, |result| &result.tool_use_id);
        let name = |ids: &mut dyn Iterator<Item = &str>| -> Option<Vec<String>> {
            let ids: Vec<String> = ids.map(str::to_owned).collect();
            (!ids.is_empty()).then_some(ids)
        };
        let (is_user, is_assistant) = (message.role == Role::User, message.role == Role::Assistant);

        if !is_assistant && let Some(ids) = name(&mut calls.iter().copied()) {
            return Some(Refusal::MisplacedCalls(ids));
        }
        let strays = &mut results.iter().copied().filter(|id| !is_user || !pending.contains(id));
        if let Some(ids) = name(strays) {
            return Some(Refusal::NoCalls(ids));
        }
        if let Some(ids) = name(&mut repeated(&calls).chain(repeated(&results))) {
            return Some(Refusal::RepeatedIds(ids));
        }
        if let Some(ids) = name(&mut pending.iter().copied().filter(|id| !results.contains(id))) {
            return Some(Refusal::OpenCalls(ids));
        }
        if turns::says_nothing(message) {
            return Some(Refusal::SaysNothing);
        }
        let is_early = self.messages.iter().all(|message| message.role == Role::System);
        (is_assistant && is_early).then_some(Refusal::NoUserTurn)
    }
}

fn ids<'a, T: 'a>(
    message: &'a Message,
    part: fn(&'a ContentBlock) -> Option<&'a T>,
    id: fn(&'a T) -> &'a String,
) -> Vec<&'a str> {
    message.content.iter().filter_map(part).map(|part| id(part).as_str()).collect()
}

fn repeated<'a>(ids: &[&'a str]) -> impl Iterator<Item = &'a str> {
    let mut seen = BTreeSet::new();
    ids.iter().copied().filter(move |id| !seen.insert(*id))
}

/// Counts turns and names open calls; never shows what was said, so that prompts do not reach logs.
impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending: Vec<&str> = self.pending().map(|call| call.tool_use_id.as_str()).collect();
        f.debug_struct("Conversation")
            .field("messages", &self.messages.len())
            .field("units", &self.unit_count())
            .field("pending", &pending)
            .finish()
    }
}

/// What was said; not what was counted of it.
impl PartialEq for Conversation {
    fn eq(&self, other: &Self) -> bool {
        self.messages == other.messages
    }
}

impl serde::Serialize for Conversation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.messages.serialize(serializer)
    }
}

impl From<Conversation> for Vec<Message> {
    fn from(conversation: Conversation) -> Self {
        conversation.messages
    }
}

impl IntoIterator for Conversation {
    type Item = Message;
    type IntoIter = std::vec::IntoIter<Message>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages.into_iter()
    }
}

impl<'a> IntoIterator for &'a Conversation {
    type Item = &'a Message;
    type IntoIter = std::slice::Iter<'a, Message>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages.iter()
    }
}

#[cfg(test)]
mod tests;
