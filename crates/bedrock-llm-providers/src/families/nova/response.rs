//! The response body.

use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatResponse, Message, StopReason, Usage};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::FAMILY;
use crate::families::common::answer::respond;
use crate::json::{self, count};
use crate::{CodecError, InvocationMetrics};

/// The body of a response.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    output: Output,
    stop_reason: Option<StopReason>,
    usage: Option<Tokens>,
    #[serde(flatten)]
    extra: Extra,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Output {
    message: Message,
}

/// Converse's usage, the cache's part by other names. Under a guardrail only the input is there
/// (1a95f8824fb8).
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tokens {
    #[serde(default, deserialize_with = "count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    total_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    cache_read_input_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    cache_write_input_token_count: Option<u64>,
}

impl Tokens {
    /// The usage, metrics filling in where the body is silent.
    fn usage(&self, metrics: &InvocationMetrics) -> Usage {
        let mut usage = self.cached();
        metrics.fill(&mut usage, self.input_tokens, self.output_tokens);
        usage
    }

    /// The usage of a stream, where the trailer's counts go first.
    pub(super) fn streamed(&self, trailer: &InvocationMetrics) -> Usage {
        let mut usage = self.cached();
        trailer.overrule(&mut usage, self.input_tokens, self.output_tokens);
        usage
    }

    fn cached(&self) -> Usage {
        Usage {
            cache_read_input_tokens: self.cache_read_input_token_count,
            cache_write_input_tokens: self.cache_write_input_token_count,
            ..Usage::default()
        }
    }
}

impl From<&Usage> for Tokens {
    fn from(usage: &Usage) -> Self {
        Self {
            input_tokens: Some(usage.input_tokens),
            output_tokens: Some(usage.output_tokens),
            total_tokens: Some(usage.total()),
            cache_read_input_token_count: usage.cache_read_input_tokens,
            cache_write_input_token_count: usage.cache_write_input_tokens,
        }
    }
}

pub(super) fn decode(body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
    let body: Response = json::read(FAMILY, "response", body)?;
    let mut response = respond(body.output.message, body.stop_reason, (None, None), metrics);
    response.usage = body.usage.unwrap_or_default().usage(metrics);
    response.extra = body.extra;
    Ok(response)
}

pub(super) fn encode(response: &ChatResponse) -> Result<Bytes, CodecError> {
    let body = Response {
        output: Output { message: response.message.clone() },
        stop_reason: Some(response.stop_reason.clone()),
        usage: Some(Tokens::from(&response.usage)),
        extra: response.extra.clone(),
    };
    json::write(FAMILY, "response", &body)
}
