//! Histories from elsewhere: repaired, or refused where they are not sound.

use super::{BrokenHistory, Conversation};
use crate::model::ModelProfile;
use crate::normalize::{Changes, mend_history, tool_pairs, turns};
use crate::{Change, Message};

/// A history that was made sound.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Repaired {
    /// The conversation. No text that the history had is missing.
    pub conversation: Conversation,
    /// Everything that was changed, in order. Empty where the history was sound, with no tool call open.
    pub changes: Vec<Change>,
}

impl Conversation {
    /// Makes any history sound, and tells what was changed.
    ///
    /// Turns of one role merge, results are gathered in the turn after their calls, a call that nobody answered gets
    /// an error result, what has no place becomes text of the user's, and turns that say nothing go. So are open calls
    /// at the end answered: a history that you want to go on with from there is for `try_from`.
    #[must_use]
    pub fn repair(mut messages: Vec<Message>) -> Repaired {
        let mut changes = Changes::default();
        mend_history(&mut messages, &ModelProfile::default(), &mut changes);
        Repaired { conversation: Self::sound(messages), changes: changes.into_list() }
    }
}

/// Takes a history that is sound as it is; the tool calls of its last turn may be open.
impl TryFrom<Vec<Message>> for Conversation {
    type Error = BrokenHistory;

    fn try_from(messages: Vec<Message>) -> Result<Self, BrokenHistory> {
        if is_sound(&messages) {
            return Ok(Self::sound(messages));
        }
        let changes = Self::repair(messages.clone()).changes;
        Err(BrokenHistory { messages, changes })
    }
}

/// Whether a history is as [`Conversation`] wants it. The tool calls of its last turn may be open.
pub(crate) fn is_sound(messages: &[Message]) -> bool {
    turns::is_mended(messages, &ModelProfile::default())
        && turns::is_merged(messages)
        && tool_pairs::is_paired(messages, true)
}
