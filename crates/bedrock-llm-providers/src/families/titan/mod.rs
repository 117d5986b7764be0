//! Amazon Titan text: `inputText` in, `results` out.
//!
//! - [x] text, multi-turn by the `User: …` / `Bot:` template
//! - [x] streaming, guardrail members, invocation metrics
//! - [x] `maxTokens`, `temperature`, `topP`, `stopSequences`
//! - [ ] system prompt, images, documents, tools, reasoning, prompt cache
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html>

mod embed;
mod request;
mod response;

pub use embed::TitanEmbed;

use bedrock_llm_schema::{ChatRequest, ChatResponse};
use bytes::Bytes;

use super::common::answer::{self, TextDecoder, TextEncoder};
use super::common::with_additional_fields;
use crate::json::{self, Lowering};
use crate::{
    CodecError, Decoded, EncodeOptions, Encoded, InvocationMetrics, Provider, Spelling, StreamDecoder,
    StreamEncoder,
};

pub(super) const FAMILY: &str = "amazon-titan";

/// Amazon Titan text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Titan;

impl Provider for Titan {
    fn name(&self) -> &'static str {
        FAMILY
    }

    fn encode_request(&self, request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
        let mut lowering = Lowering::new(FAMILY, options);
        let body = request::lower(request, options.spelling.as_ref(), &mut lowering)?;
        let body = with_additional_fields(FAMILY, &body, request)?;
        lowering.finish(&body)
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
        answer::decode::<response::Response>(body, metrics)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(TextDecoder::<response::Chunk>::default())
    }

    fn decode_request(&self, body: &[u8]) -> Result<Decoded, CodecError> {
        Ok(request::lift(json::read(FAMILY, "request", body)?))
    }

    fn encode_response(&self, response: &ChatResponse, _spelling: &Spelling) -> Result<Bytes, CodecError> {
        answer::encode::<response::Response>(response)
    }

    fn stream_encoder(&self, _spelling: &Spelling) -> Box<dyn StreamEncoder> {
        Box::new(TextEncoder::<response::Chunk>::default())
    }

    fn rewrite_request(&self, body: &[u8]) -> Result<Bytes, CodecError> {
        json::write(FAMILY, "request", &json::read::<request::Request>(FAMILY, "request", body)?)
    }
}
