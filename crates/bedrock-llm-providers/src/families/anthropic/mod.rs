//! Anthropic's Claude: the Messages API, and the Text Completions API of Claude 1 and 2.
//!
//! - [x] system prompt, turns of the system in the middle of a conversation
//! - [x] images and documents in the request (PDF; text of any kind as plain text), search results
//! - [x] tools, tool choice, tool results with images and documents; the service's own tools, kept raw
//! - [x] reasoning, signed and encrypted; `thinking` goes into the additional fields
//! - [x] prompt caching: a cache point is the `cache_control` of the block before it
//! - [x] citations; JSON Schema output and effort (`output_config`)
//! - [x] streams
//! - [ ] images and documents in Amazon S3, video, audio
//! - [ ] guard content (its tags would have to agree with `amazon-bedrock-guardrailConfig`)
//!
//! A limit of tokens is required. The old form (`prompt`, `completion`) is spoken to whoever spells a request so;
//! it has text only. A chunk of type `error` is [`CodecError::Malformed`] with the
//! service's sentence: a stream has no event for it, and nothing after it can be trusted.

mod citation;
mod lower;
mod prompt;
mod raise;
mod request;
mod response;
mod spelling;
mod stream;
mod stream_encoder;
mod wire;

use bedrock_llm_schema::{ChatRequest, ChatResponse};
use bytes::Bytes;
use serde_json::{Map, Value};

use self::spelling::Manner;
use super::nulls;
use crate::{
    CodecError, Decoded, EncodeOptions, Encoded, InvocationMetrics, Provider, Spelling, StreamDecoder,
    StreamEncoder, json,
};

const NAME: &str = "anthropic";

/// The codec of Claude, see the [module](self).
#[derive(Debug, Clone, Copy, Default)]
pub struct Anthropic;

/// Whether a request is in the old form.
fn is_prompt(body: &[u8]) -> Result<bool, CodecError> {
    let members: Map<String, Value> = json::read(NAME, "request", body)?;
    Ok(members.contains_key("prompt") && !members.contains_key("messages"))
}

impl Provider for Anthropic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode_request(&self, request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
        let manner = Manner::of(options.spelling.as_ref());
        match &manner.prompt {
            Some(labels) => prompt::encode(request, labels, options, &manner),
            None => request::encode(request, options, &manner),
        }
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
        response::decode(body, metrics)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn decode_request(&self, body: &[u8]) -> Result<Decoded, CodecError> {
        if is_prompt(body)? { prompt::decode(body) } else { request::decode(body) }
    }

    fn encode_response(&self, response: &ChatResponse, spelling: &Spelling) -> Result<Bytes, CodecError> {
        response::encode(response, &Manner::of(Some(spelling)))
    }

    fn stream_encoder(&self, spelling: &Spelling) -> Box<dyn StreamEncoder> {
        Box::new(stream_encoder::Encoder::new(&Manner::of(Some(spelling))))
    }

    fn rewrite_request(&self, body: &[u8]) -> Result<Bytes, CodecError> {
        if is_prompt(body)? {
            nulls::rewrite::<prompt::PromptRequest>(NAME, body)
        } else {
            nulls::rewrite::<wire::Request>(NAME, body)
        }
    }
}

#[cfg(test)]
mod tests;
