//! Amazon Nova: Converse's own form but for a few names.
//!
//! - [x] text, images, documents, video, audio, system prompt, multi-turn
//! - [x] tools, tool choice, tool results, tools that the service runs
//! - [x] reasoning (`reasoningConfig` as an additional field), prompt cache (`cachePoint`)
//! - [x] streaming, guardrail members, invocation metrics
//! - [x] `maxTokens`, `temperature`, `topP`, `stopSequences`; `topK` as `{"inferenceConfig": {"topK": …}}`
//! - [ ] guard content, search results, citations, output config
//!
//! <https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html>

mod embed;
mod request;
mod response;
mod stream;

pub use embed::NovaEmbed;

use bedrock_llm_schema::{ChatRequest, ChatResponse};
use bytes::Bytes;

use super::nulls;
use crate::{
    CodecError, Decoded, EncodeOptions, Encoded, InvocationMetrics, Provider, Spelling, StreamDecoder,
    StreamEncoder,
};

pub(super) const FAMILY: &str = "amazon-nova";

/// Amazon Nova's models of text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nova;

impl Provider for Nova {
    fn name(&self) -> &'static str {
        FAMILY
    }

    fn encode_request(&self, request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
        request::encode(request, options)
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
        response::decode(body, metrics)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn decode_request(&self, body: &[u8]) -> Result<Decoded, CodecError> {
        request::decode(body)
    }

    fn encode_response(&self, response: &ChatResponse, _spelling: &Spelling) -> Result<Bytes, CodecError> {
        response::encode(response)
    }

    fn stream_encoder(&self, _spelling: &Spelling) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder)
    }

    fn rewrite_request(&self, body: &[u8]) -> Result<Bytes, CodecError> {
        nulls::rewrite::<request::Request>(FAMILY, body)
    }
}
