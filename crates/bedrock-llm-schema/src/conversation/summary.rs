//! The summary with which a conversation may begin, of what was taken out of it.

use super::{Conversation, units};
use crate::context::Summary;
use crate::normalize::turns;
use crate::{ContentBlock, Message, Role};

impl Conversation {
    /// The summary that stands before what the user says first, if there is one: as
    /// [`set_summary`](Self::set_summary), or a [`ContextPolicy`](crate::ContextPolicy), has put it there.
    ///
    /// ```
    /// use bedrock_llm_schema::{Conversation, Message};
    ///
    /// let mut conversation = Conversation::new();
    /// conversation.push("I am Ada.")?;
    /// conversation.push(Message::assistant("Hello, Ada."))?;
    /// conversation.push("Who am I?")?;
    /// conversation.drop_oldest(1);
    /// conversation.set_summary("The user is called Ada.");
    /// assert_eq!(conversation.messages()[0].text(), "(Summary of the earlier conversation: The user is called Ada.)\n\nWho am I?");
    /// assert_eq!(conversation.summary(), Some("The user is called Ada."));
    /// # Ok::<(), bedrock_llm_schema::conversation::ConversationError>(())
    /// ```
    #[must_use]
    pub fn summary(&self) -> Option<&str> {
        self.messages.get(self.first_of_user()?).and_then(summary_of)
    }

    /// Puts a summary of what came earlier before what the user says first, in the place of one that is there. Says
    /// whether that could be done: not in a conversation in which the user says nothing yet, and not with a blank text.
    pub fn set_summary(&mut self, text: &str) -> bool {
        let Some(place) = self.first_of_user().filter(|_| !text.trim().is_empty()) else { return false };
        self.take_summary();
        if let Some(first) = self.messages.get_mut(place) {
            first.content.insert(0, ContentBlock::Text(Summary::told(text)));
        }
        self.measure_again(place);
        true
    }

    /// Takes the summary out.
    pub fn take_summary(&mut self) -> Option<String> {
        let place = self.first_of_user()?;
        let first = self.messages.get_mut(place)?;
        let text = summary_of(first)?.to_owned();
        first.content.remove(0);
        self.measure_again(place);
        Some(text)
    }

    /// The user's first turn.
    pub(super) fn first_of_user(&self) -> Option<usize> {
        self.messages.iter().position(|message| message.role == Role::User)
    }
}

/// The summary with which a turn begins. There is more in the turn, so that it can be taken out.
pub(super) fn summary_of(first: &Message) -> Option<&str> {
    let (ContentBlock::Text(told), rest) = first.content.split_first()? else { return None };
    let is_more = rest.iter().any(turns::says_something);
    Summary::read(told).filter(|_| is_more && units::begins(first))
}
