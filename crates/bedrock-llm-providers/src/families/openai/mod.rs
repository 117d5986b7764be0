//! OpenAI's Chat Completions, as gpt-oss, imported models and many others speak it; AI21's Jamba speaks a part.
//!
//! - [x] system prompt, turns of the system in the middle of a conversation
//! - [x] images in the request (not Jamba)
//! - [x] tools, tool choice (`none` included), tool results as text
//! - [x] reasoning without signatures: `reasoning_content`, or gpt-oss's `<reasoning>` in the content (not Jamba)
//! - [x] JSON Schema output (`response_format`), `reasoning_effort` (not Jamba)
//! - [x] streams
//! - [ ] documents, video, audio, cache points, citations, that a tool failed
//!
//! The older completions (`prompt`, `text`) are spoken to whoever spells a request so, such as the client of the
//! SageMaker endpoint in the recording f709b3cbc55f; they have one text and no conversation.

mod messages;
mod reasoning;
mod request;
mod response;
mod stream;
mod wire;

use bedrock_llm_schema::{ChatRequest, ChatResponse};
use bytes::Bytes;

use super::nulls;
use crate::{
    CodecError, Decoded, EncodeOptions, Encoded, InvocationMetrics, Provider, Spelling, StreamDecoder,
    StreamEncoder,
};

/// Who speaks the format, and so which parts of it there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    GptOss,
    Imported,
    Jamba,
}

impl Dialect {
    fn name(self) -> &'static str {
        match self {
            Self::GptOss => "openai",
            Self::Imported => "openai-compatible",
            Self::Jamba => "ai21-jamba",
        }
    }

    fn has_reasoning(self) -> bool {
        self != Self::Jamba
    }

    fn has_images(self) -> bool {
        self != Self::Jamba
    }

    /// Whether content may be a list of parts.
    fn has_parts(self) -> bool {
        self != Self::Jamba
    }
}

/// The codec of Chat Completions, see the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct OpenAi(pub(super) Dialect);

impl OpenAi {
    /// As gpt-oss speaks it: `max_completion_tokens`, reasoning inside the content.
    #[must_use]
    pub fn gpt_oss() -> Self {
        Self(Dialect::GptOss)
    }

    /// As imported models, SageMaker endpoints and other makers' models speak it: `max_tokens`,
    /// `reasoning_content`.
    #[must_use]
    pub fn compatible() -> Self {
        Self(Dialect::Imported)
    }
}

impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn encode_request(&self, request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
        request::encode(request, self.0, options)
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
        response::decode(body, self.0, metrics)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::new(self.0))
    }

    fn decode_request(&self, body: &[u8]) -> Result<Decoded, CodecError> {
        request::decode(body, self.0)
    }

    fn encode_response(&self, response: &ChatResponse, spelling: &Spelling) -> Result<Bytes, CodecError> {
        response::encode(response, self.0, request::is_prompt(Some(spelling)))
    }

    fn stream_encoder(&self, spelling: &Spelling) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(self.0, request::is_prompt(Some(spelling))))
    }

    fn rewrite_request(&self, body: &[u8]) -> Result<Bytes, CodecError> {
        nulls::rewrite::<wire::Request>(self.0.name(), body)
    }
}

#[cfg(test)]
mod tests;
