//! A turn of the conversation.

use std::fmt;

use super::ContentBlock;
use super::reasoning::ReasoningTextBlock;
use super::tool::{ToolResultBlock, ToolUseBlock};
use crate::wire::{Extra, wire_enum, wire_struct};

wire_enum! {
    /// Who speaks.
    pub enum Role {
        /// The caller, tool results included.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// An instruction in the middle of a conversation; only some models take it.
        System = "system",
    }
}

wire_struct! {
    /// A turn of the conversation.
    ///
    /// ```
    /// use bedrock_llm_schema::{Message, ToolResultBlock};
    ///
    /// let question = Message::user("What is the weather in Paris?");
    /// let answer = Message::user(ToolResultBlock::text("tooluse_1", "21 degrees")).with("And tomorrow?");
    /// assert_eq!(question.to_string(), "What is the weather in Paris?");
    /// assert_eq!(answer.content.len(), 2);
    /// ```
    pub struct Message {
        /// Who speaks.
        pub role: Role,
        /// What is said.
        pub content: Vec<ContentBlock>,
    }
}

impl Message {
    /// A turn of the given role and content.
    pub fn new(role: Role, content: impl IntoIterator<Item = impl Into<ContentBlock>>) -> Self {
        Self { role, content: content.into_iter().map(Into::into).collect(), extra: Extra::new() }
    }

    /// A turn of the user with one block; more follow by [`with`](Self::with).
    pub fn user(content: impl Into<ContentBlock>) -> Self {
        Self::new(Role::User, [content])
    }

    /// A turn of the model with one block; more follow by [`with`](Self::with).
    pub fn assistant(content: impl Into<ContentBlock>) -> Self {
        Self::new(Role::Assistant, [content])
    }

    /// The same turn with one more block.
    #[must_use]
    pub fn with(mut self, block: impl Into<ContentBlock>) -> Self {
        self.content.push(block.into());
        self
    }

    /// All text a reader sees, joined as it stands. Reasoning is not part of it.
    #[must_use]
    pub fn text(&self) -> String {
        self.content.iter().filter_map(ContentBlock::as_text).collect()
    }

    /// All reasoning that can be read, joined as it stands.
    #[must_use]
    pub fn reasoning(&self) -> String {
        self.content
            .iter()
            .filter_map(ContentBlock::as_reasoning)
            .map(|block: &ReasoningTextBlock| block.text.as_str())
            .collect()
    }

    /// The tools the model asks the caller to run, in its order. Calls that the service runs itself are not among
    /// them.
    pub fn tool_uses(&self) -> impl Iterator<Item = &ToolUseBlock> {
        self.content.iter().filter_map(ContentBlock::as_tool_use).filter(|call| !call.is_run_by_service())
    }

    /// The tool results in this turn.
    pub fn tool_results(&self) -> impl Iterator<Item = &ToolResultBlock> {
        self.content.iter().filter_map(ContentBlock::as_tool_result)
    }
}

/// The text a reader sees.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.content.iter().filter_map(ContentBlock::as_text).try_for_each(|text| f.write_str(&text))
    }
}

/// A bare text is the user's.
impl<T: Into<ContentBlock>> From<T> for Message {
    fn from(content: T) -> Self {
        Self::user(content)
    }
}
