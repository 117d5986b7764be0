//! What the model thought, and the proof that it did.

use crate::Blob;
use crate::wire::{Extra, wire_struct, wire_union};

wire_struct! {
    /// Reasoning in words.
    #[derive(Default)]
    pub struct ReasoningTextBlock {
        /// The words; empty where the provider shows none and only signs them.
        #[serde(default)]
        pub text: String,
        /// The provider's proof that the words are its own. It goes back unchanged with the next turn.
        pub signature: Option<String>,
    }
}

wire_union! {
    /// The model's reasoning. What came must go back unchanged, or the next turn is refused.
    pub enum ReasoningContentBlock {
        /// Reasoning in words.
        ReasoningText(ReasoningTextBlock) = "reasoningText",
        /// Reasoning the provider encrypted.
        RedactedContent(Blob) = "redactedContent",
    }
}

impl ReasoningTextBlock {
    /// Reasoning without a signature.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), signature: None, extra: Extra::new() }
    }

    /// The same reasoning, signed.
    #[must_use]
    pub fn signed(mut self, signature: impl Into<String>) -> Self {
        self.signature = Some(signature.into());
        self
    }
}

impl From<ReasoningTextBlock> for ReasoningContentBlock {
    fn from(block: ReasoningTextBlock) -> Self {
        Self::ReasoningText(block)
    }
}
