//! Mistral AI: the instruct `prompt` of the first models, chat completions of all later ones.
//!
//! - [x] text, multi-turn: `[INST]` template, the system prompt before the first turn of the user
//! - [x] chat: system prompt, images (`image_url` with a data URL), tools, tool choice, tool results
//! - [x] reasoning: parts of type `thinking`, in answers `reasoning_content` too
//! - [x] streaming, invocation metrics
//! - [x] `maxTokens`, `temperature`, `topP`, `stopSequences`
//! - [ ] documents, signed reasoning, prompt cache; tools and images in the `prompt` form
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral.html>

mod message;
mod request;
mod response;
mod stream;

use bedrock_llm_schema::{ChatRequest, ChatResponse};
use bytes::Bytes;
use serde_json::Value;

use super::common::answer::{self, TextEncoder};
use super::nulls;
use crate::{
    CodecError, Decoded, EncodeOptions, Encoded, InvocationMetrics, Provider, Spelling, StreamDecoder,
    StreamEncoder, json,
};

pub(super) const FAMILY: &str = "mistral";

/// Mistral AI.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mistral;

/// Marks the spelling of a chat body.
const FORM: &str = "form";

fn is_chat(spelling: &Spelling) -> bool {
    spelling.0.get(FORM) == Some(&Value::from("chat"))
}

impl Provider for Mistral {
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
        request::decode(json::read(FAMILY, "request", body)?)
    }

    fn encode_response(&self, response: &ChatResponse, spelling: &Spelling) -> Result<Bytes, CodecError> {
        if is_chat(spelling) {
            response::encode_chat(response)
        } else {
            answer::encode::<response::Outputs>(response)
        }
    }

    fn stream_encoder(&self, spelling: &Spelling) -> Box<dyn StreamEncoder> {
        if is_chat(spelling) {
            Box::new(stream::ChatEncoder::default())
        } else {
            Box::new(TextEncoder::<response::Outputs>::default())
        }
    }

    fn rewrite_request(&self, body: &[u8]) -> Result<Bytes, CodecError> {
        let value: Value = json::read(FAMILY, "request", body)?;
        if value.get("messages").is_some() {
            nulls::rewrite::<request::Chat>(FAMILY, body)
        } else {
            nulls::rewrite::<request::Prompt>(FAMILY, body)
        }
    }
}

#[cfg(test)]
mod tests;
