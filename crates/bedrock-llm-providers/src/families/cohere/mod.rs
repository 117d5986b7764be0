//! Cohere: Command's `prompt` with `generations`, and Command R's chat.
//!
//! - [x] Command: text, multi-turn by the `User: …` / `Chatbot:` template, further generations kept apart
//! - [x] Command R: system prompt (`preamble`), multi-turn, tools and tool results, documents of text, citations
//! - [x] streaming, invocation metrics
//! - [x] `maxTokens`, `temperature`, `topP` (`p`), `stopSequences`
//! - [ ] images, tool choice, reasoning, prompt cache; system prompt and tools for Command
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command-r-plus.html>

mod embed;
mod generate;
mod request;
mod response;
mod stream;
mod tool;

pub use embed::CohereEmbed;

use bedrock_llm_schema::{ChatRequest, ChatResponse, ModelId, StopReason};
use bytes::Bytes;
use serde_json::Value;

use super::common::answer::{self, TextEncoder};
use super::nulls;
use crate::{
    CodecError, Decoded, EncodeOptions, Encoded, InvocationMetrics, Provider, Spelling, StreamDecoder,
    StreamEncoder, json,
};

pub(super) const FAMILY: &str = "cohere";

/// Cohere Command and Command R.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cohere;

/// The member of a spelling that says in which form its body is.
const FORM: &str = "form";

fn is_chat(spelling: &Spelling) -> bool {
    spelling.0.get(FORM) == Some(&Value::from("chat"))
}

/// Models that take a `prompt`.
fn takes_prompt(model: &ModelId) -> bool {
    let base = model.base().unwrap_or_default();
    base.contains("command-text") || base.contains("command-light")
}

fn lift_stop(reason: &str, calls_tools: bool) -> StopReason {
    match reason {
        "COMPLETE" if calls_tools => StopReason::ToolUse,
        "COMPLETE" => StopReason::EndTurn,
        "MAX_TOKENS" => StopReason::MaxTokens,
        "STOP_SEQUENCE" => StopReason::StopSequence,
        "ERROR_TOXIC" => StopReason::ContentFiltered,
        "ERROR_LIMIT" => StopReason::ModelContextWindowExceeded,
        other => StopReason::Unknown(other.to_owned()),
    }
}

fn lower_stop(reason: &StopReason) -> String {
    let text = match reason {
        StopReason::EndTurn | StopReason::ToolUse => "COMPLETE",
        StopReason::MaxTokens => "MAX_TOKENS",
        StopReason::StopSequence => "STOP_SEQUENCE",
        StopReason::ContentFiltered => "ERROR_TOXIC",
        StopReason::ModelContextWindowExceeded => "ERROR_LIMIT",
        other => other.as_str(),
    };
    text.to_owned()
}

impl Provider for Cohere {
    fn name(&self) -> &'static str {
        FAMILY
    }

    fn encode_request(&self, request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
        let chat = match &options.spelling {
            Some(spelling) if spelling.0.contains_key(FORM) => is_chat(spelling),
            _ => !takes_prompt(&request.model),
        };
        if chat { request::encode(request, options) } else { generate::encode(request, options) }
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
        let value: Value = json::read(FAMILY, "response", body)?;
        if value.get("generations").is_some() {
            answer::decode::<generate::Generations>(body, metrics)
        } else {
            response::decode(value, metrics)
        }
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn decode_request(&self, body: &[u8]) -> Result<Decoded, CodecError> {
        let body: Value = json::read(FAMILY, "request", body)?;
        if body.get("message").is_some() { request::decode(&body) } else { generate::decode(body) }
    }

    fn encode_response(&self, response: &ChatResponse, spelling: &Spelling) -> Result<Bytes, CodecError> {
        if is_chat(spelling) {
            response::encode(response)
        } else {
            answer::encode::<generate::Generations>(response)
        }
    }

    fn stream_encoder(&self, spelling: &Spelling) -> Box<dyn StreamEncoder> {
        if is_chat(spelling) {
            Box::new(stream::ChatEncoder::default())
        } else {
            Box::new(TextEncoder::<generate::Chunk>::default())
        }
    }

    fn rewrite_request(&self, body: &[u8]) -> Result<Bytes, CodecError> {
        let value: Value = json::read(FAMILY, "request", body)?;
        if value.get("message").is_some() {
            nulls::rewrite::<request::Chat>(FAMILY, body)
        } else {
            nulls::rewrite::<generate::Request>(FAMILY, body)
        }
    }
}
