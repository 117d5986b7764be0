//! AI21 Labs: Jamba, and Jurassic-2 before it.
//!
//! [`jamba`] speaks Chat Completions, so its codec is that of [`openai`](super::openai) without the parts Jamba
//! does not have. [`Jurassic2`] continues one prompt:
//!
//! - [x] one text of the user; `temperature`, `topP`, `maxTokens`, `stopSequences`; other settings as they are
//! - [ ] system prompt, conversation, tools, media, reasoning
//! - [ ] streams: the service has none for it

mod jurassic;

pub use jurassic::Jurassic2;

use super::openai::{Dialect, OpenAi};

/// The codec of Jamba.
#[must_use]
pub fn jamba() -> OpenAi {
    OpenAi(Dialect::Jamba)
}
