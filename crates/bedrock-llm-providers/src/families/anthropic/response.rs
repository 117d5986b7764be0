//! Responses, of the Messages API and of the old Text Completions API.

use std::collections::BTreeSet;

use bedrock_llm_schema::content::CacheTtl;
use bedrock_llm_schema::response::CacheDetail;
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatResponse, ContentBlock, Message, Role, StopReason, Usage};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::spelling::Manner;
use super::wire::{Block, CacheCreation, WireUsage};
use super::{NAME, lower, raise};
use crate::families::nulls;
use crate::json::{self, Lowering};
use crate::{CodecError, EncodeOptions, InvocationMetrics};

/// Either API's response. What has no place in [`ChatResponse`], such as `id` and `model`, goes to its `extra`.
#[derive(Deserialize)]
struct Response {
    r#type: Option<String>,
    role: Option<String>,
    content: Option<Vec<Block>>,
    completion: Option<String>,
    stop_reason: Option<String>,
    usage: Option<WireUsage>,
    #[serde(flatten)]
    extra: Extra,
}

pub(super) fn decode(body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
    let mut body: Response = json::read(NAME, "response", body)?;
    if body.r#type.as_deref() == Some("error") {
        let message = body.extra.get("error").map(Value::to_string).unwrap_or_default();
        return Err(nulls::malformed(NAME, "response", "error", message));
    }
    let content = match (body.content, body.completion) {
        (Some(blocks), _) => blocks.into_iter().map(raise_cached).collect(),
        (None, Some(completion)) => vec![ContentBlock::Text(completion)],
        (None, None) => {
            return Err(nulls::malformed(NAME, "response", "content", "neither content nor completion"));
        }
    };
    let role = body.role.as_deref().map_or(Role::Assistant, Role::from);
    let message = Message { role, content, extra: Extra::new() };
    let usage = usage(body.usage.unwrap_or_default(), metrics);
    let stop_reason = StopReason::from(body.stop_reason.as_deref().unwrap_or_default());
    let mut response = ChatResponse::new(message, stop_reason, usage);
    response.metrics.latency_ms = metrics.invocation_latency.unwrap_or_default();
    body.extra.retain(|_, value| !value.is_null());
    response.extra = body.extra;
    Ok(response)
}

fn raise_cached(mut block: Block) -> ContentBlock {
    // the service never answers with cache control; if it did, there is nothing to cache here
    if let Some(control) = block.cache_control() {
        *control = None;
    }
    raise::response_block(block)
}

/// Usage in Converse's buckets, filled from `metrics` where the body is silent.
pub(super) fn usage(wire: WireUsage, metrics: &InvocationMetrics) -> Usage {
    let mut usage = Usage {
        cache_read_input_tokens: wire.cache_read_input_tokens,
        cache_write_input_tokens: wire.cache_creation_input_tokens,
        ..Usage::default()
    };
    if let Some(created) = &wire.cache_creation {
        let lives = [
            (CacheTtl::FiveMinutes, created.ephemeral_5m_input_tokens),
            (CacheTtl::OneHour, created.ephemeral_1h_input_tokens),
        ];
        let written = |(ttl, tokens): (CacheTtl, Option<u64>)| {
            let input_tokens = tokens.filter(|tokens| *tokens > 0)?;
            Some(CacheDetail { ttl, input_tokens, extra: Extra::new() })
        };
        let details: Vec<_> = lives.into_iter().filter_map(written).collect();
        usage.cache_details = (!details.is_empty()).then_some(details);
    }
    usage.extra = wire.extra;
    usage.extra.retain(|_, value| !value.is_null());
    metrics.fill(&mut usage, wire.input_tokens, wire.output_tokens);
    usage
}

/// The same the other way.
pub(super) fn wire_usage(usage: &Usage) -> WireUsage {
    let with = |ttl| usage.cache_details.is_some().then(|| usage.cache_write_with(&ttl));
    let created = usage.cache_details.as_ref().map(|_| CacheCreation {
        ephemeral_5m_input_tokens: with(CacheTtl::FiveMinutes),
        ephemeral_1h_input_tokens: with(CacheTtl::OneHour),
    });
    WireUsage {
        input_tokens: Some(usage.input_tokens),
        output_tokens: Some(usage.output_tokens),
        cache_creation_input_tokens: usage.cache_write_input_tokens,
        cache_read_input_tokens: usage.cache_read_input_tokens,
        cache_creation: created,
        extra: usage.extra.clone(),
    }
}

/// The `stop_reason` and `stop` of a text completion: its turns end at the label of the next.
pub(super) fn completion_stop(reason: &StopReason, extra: &Extra) -> (String, Value) {
    match reason {
        StopReason::EndTurn | StopReason::StopSequence => {
            ("stop_sequence".to_owned(), extra.get("stop").cloned().unwrap_or_else(|| "\n\nHuman:".into()))
        }
        other => (other.as_str().to_owned(), extra.get("stop").cloned().unwrap_or_default()),
    }
}

pub(super) fn encode(response: &ChatResponse, manner: &Manner) -> Result<Bytes, CodecError> {
    let mut lowering = Lowering::new(NAME, &EncodeOptions::default());
    let content = &response.message.content;
    let mut body = if manner.prompt.is_some() {
        let mut completion = String::new();
        for (index, block) in content.iter().enumerate() {
            match block.as_text() {
                Some(text) => completion.push_str(&text),
                None => lowering
                    .unsupported(format!("output.message.content[{index}].{}", block.tag()), block.tag())?,
            }
        }
        let (stop_reason, stop) = completion_stop(&response.stop_reason, &response.extra);
        json!({"type": "completion", "completion": completion, "stop_reason": stop_reason, "stop": stop})
    } else {
        let content = lower::blocks(content, "output.message.content", &BTreeSet::new(), &mut lowering)?;
        json!({
            "id": "msg_bdrk_0", "type": "message", "role": "assistant", "model": "claude",
            "content": nulls::to_value(NAME, "response", &content)?,
            "stop_reason": response.stop_reason.as_str(), "stop_sequence": null,
            "usage": nulls::to_value(NAME, "response", &wire_usage(&response.usage))?,
        })
    };
    if let Value::Object(body) = &mut body {
        body.extend(response.extra.clone());
    }
    json::write(NAME, "response", &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spelling;

    fn decoded(body: &Value) -> ChatResponse {
        let response = decode(body.to_string().as_bytes(), &InvocationMetrics::default()).unwrap();
        let again = encode(&response, &Manner::of(Some(&Spelling::default()))).unwrap();
        assert_eq!(decode(&again, &InvocationMetrics::default()).unwrap(), response);
        response
    }

    #[test]
    fn reads_every_kind_of_block() {
        let response = decoded(&json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "aGk="},
                {"type": "text", "text": "So ", "citations": null},
                {"type": "text", "text": "it is", "citations": [{"type": "char_location", "cited_text": "is",
                    "document_index": 0, "document_title": null, "start_char_index": 0, "end_char_index": 2}]},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {}, "caller": {"type": "direct"}},
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
                {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
            ],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 3.0, "output_tokens": 4, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 7}, "service_tier": "standard",
                "server_tool_use": {"web_search_requests": 1}},
        }));
        let tags: Vec<_> = response.message.content.iter().map(ContentBlock::tag).collect();
        assert_eq!(
            tags,
            [
                "reasoningContent",
                "reasoningContent",
                "text",
                "citationsContent",
                "toolUse",
                "toolUse",
                "type"
            ]
        );
        assert_eq!((response.text(), response.stop_reason), ("So it is".to_owned(), StopReason::ToolUse));
        assert_eq!(
            (response.usage.total_tokens, response.usage.cache_write_with(&CacheTtl::OneHour)),
            (19, 7)
        );
        assert_eq!(response.usage.extra["server_tool_use"], json!({"web_search_requests": 1}));
    }

    #[test]
    fn unknown_stop_reasons_and_guardrails_are_kept() {
        let response = decoded(&json!({
            "id": "m", "model": "c", "content": [{"type": "text", "text": "No."}], "stop_reason": "refusal",
            "stop_sequence": "|", "usage": {"input_tokens": 1, "output_tokens": 1}, "amazon-bedrock-guardrailAction": "INTERVENED"
        }));
        assert_eq!(response.stop_reason, StopReason::Unknown("refusal".into()));
        assert_eq!(
            (&response.extra["stop_sequence"], &response.extra["amazon-bedrock-guardrailAction"]),
            (&json!("|"), &json!("INTERVENED"))
        );
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for body in ["{}", "[]", "", r#"{"type":"error","error":{"type":"overloaded_error"}}"#] {
            assert!(decode(body.as_bytes(), &InvocationMetrics::default()).is_err(), "{body}");
        }
    }
}
