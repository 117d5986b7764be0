//! Streams, of the Messages API and of the old Text Completions API, written.

use std::collections::BTreeSet;

use bedrock_llm_schema::content::tool::ToolUseType;
use bedrock_llm_schema::stream::{
    ContentBlockDelta, ContentBlockStart, MessageStopEvent, MetadataEvent, ReasoningDelta, StreamEvent,
};
use bytes::Bytes;
use serde_json::{Value, json};

use super::response::{completion_stop, wire_usage};
use super::spelling::Manner;
use super::{NAME, citation};
use crate::families::nulls;
use crate::metrics::TRAILER;
use crate::{CodecError, InvocationMetrics, StreamEncoder, json};

/// The encoder. The end of the message waits for `metadata`, since `message_delta` holds the usage and
/// `message_stop` the invocation metrics; a stream that ends before `metadata` is a cut one.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    is_prompt: bool,
    open: BTreeSet<u32>,
    stop: Option<MessageStopEvent>,
}

impl Encoder {
    pub(super) fn new(manner: &Manner) -> Self {
        Self { is_prompt: manner.prompt.is_some(), ..Self::default() }
    }

    fn unsupported(what: &str) -> CodecError {
        CodecError::Unsupported { family: NAME, what: what.to_owned(), path: "stream".to_owned() }
    }

    fn completion(&mut self, event: &StreamEvent) -> Result<Vec<Value>, CodecError> {
        Ok(match event {
            StreamEvent::MessageStart(_) | StreamEvent::ContentBlockStop(_) => Vec::new(),
            StreamEvent::MessageStop(stop) => {
                self.stop = Some(stop.clone());
                Vec::new()
            }
            StreamEvent::Metadata(metadata) => {
                let (reason, stop) = match &self.stop {
                    Some(event) => completion_stop(&event.stop_reason, &metadata.extra),
                    None => return Ok(Vec::new()),
                };
                let mut last = json!({
                    "type": "completion", "completion": "", "stop_reason": reason, "stop": stop,
                    (TRAILER): trailer(metadata)?,
                });
                keep(&mut last, metadata, &["stop"]);
                vec![last]
            }
            event => match event.as_text() {
                Some(text) => {
                    vec![json!({"type": "completion", "completion": text, "stop_reason": null, "stop": null})]
                }
                None => return Err(Self::unsupported(event.tag())),
            },
        })
    }

    fn message(&mut self, event: &StreamEvent) -> Result<Vec<Value>, CodecError> {
        Ok(match event {
            StreamEvent::MessageStart(start) => {
                let mut message = json!({
                    "id": "msg_bdrk_0", "type": "message", "role": start.role.as_str(), "model": "claude", "content": [],
                    "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 0, "output_tokens": 0},
                });
                if let Value::Object(message) = &mut message {
                    message.extend(start.extra.clone());
                }
                vec![json!({"type": "message_start", "message": message})]
            }
            StreamEvent::ContentBlockStart(start) => {
                let block = match &start.start {
                    ContentBlockStart::ToolUse(start) => {
                        let kind = match &start.r#type {
                            None => "tool_use",
                            Some(ToolUseType::ServerToolUse) => "server_tool_use",
                            Some(other) => return Err(Self::unsupported(other.as_str())),
                        };
                        let mut block =
                            json!({"type": kind, "id": start.tool_use_id, "name": start.name, "input": {}});
                        if let Value::Object(block) = &mut block {
                            block.extend(start.extra.clone());
                        }
                        block
                    }
                    ContentBlockStart::Unknown(raw) => Value::Object(raw.clone()),
                    other => return Err(Self::unsupported(other.tag())),
                };
                self.block_start(start.content_block_index, &block).into_iter().collect()
            }
            StreamEvent::ContentBlockDelta(delta) => {
                let index = delta.content_block_index;
                let (empty, delta) = native_delta(&delta.delta)?;
                let start = self.block_start(index, &empty);
                let delta =
                    delta.map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta}));
                start.into_iter().chain(delta).collect()
            }
            StreamEvent::ContentBlockStop(stop) => {
                let index = stop.content_block_index;
                let start = self.block_start(index, &json!({"type": "text", "text": ""}));
                self.open.remove(&index);
                start.into_iter().chain([json!({"type": "content_block_stop", "index": index})]).collect()
            }
            StreamEvent::MessageStop(stop) => {
                self.stop = Some(stop.clone());
                Vec::new()
            }
            StreamEvent::Metadata(metadata) => {
                let Some(stop) = &self.stop else { return Ok(Vec::new()) };
                let sequence = metadata.extra.get("stop_sequence").cloned().unwrap_or_default();
                let usage = nulls::to_value(NAME, "chunk", &wire_usage(&metadata.usage))?;
                let delta = json!({"stop_reason": stop.stop_reason.as_str(), "stop_sequence": sequence});
                let mut last = json!({"type": "message_stop", (TRAILER): trailer(metadata)?});
                keep(&mut last, metadata, &["id", "model", "stop_sequence"]);
                vec![json!({"type": "message_delta", "delta": delta, "usage": usage}), last]
            }
            StreamEvent::Unknown(map) => {
                let chunk = |(kind, value): (&String, &Value)| {
                    let mut chunk = json!({"type": kind});
                    if let (Value::Object(chunk), Value::Object(members)) = (&mut chunk, value) {
                        chunk.extend(members.clone());
                    }
                    chunk
                };
                map.iter().map(chunk).collect()
            }
            other => return Err(Self::unsupported(other.tag())),
        })
    }

    /// The start of a block that has not begun yet.
    fn block_start(&mut self, index: u32, block: &Value) -> Option<Value> {
        let start = json!({"type": "content_block_start", "index": index, "content_block": block});
        self.open.insert(index).then_some(start)
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &StreamEvent) -> Result<Vec<Bytes>, CodecError> {
        let chunks = if self.is_prompt { self.completion(event)? } else { self.message(event)? };
        chunks.iter().map(|chunk| json::write(NAME, "chunk", chunk)).collect()
    }
}

/// The block a delta belongs to, as it begins, and the delta, unless the beginning has it all.
fn native_delta(delta: &ContentBlockDelta) -> Result<(Value, Option<Value>), CodecError> {
    let text = json!({"type": "text", "text": ""});
    let thinking = json!({"type": "thinking", "thinking": "", "signature": ""});
    Ok(match delta {
        ContentBlockDelta::Text(piece) => (text, Some(json!({"type": "text_delta", "text": piece}))),
        ContentBlockDelta::Citation(piece) => {
            (text, Some(json!({"type": "citations_delta", "citation": citation::lower(piece)})))
        }
        ContentBlockDelta::ToolUse(piece) => {
            // its start came before, or the stream is not one of Converse's
            (text, Some(json!({"type": "input_json_delta", "partial_json": piece.input})))
        }
        ContentBlockDelta::ReasoningContent(ReasoningDelta::Text(piece)) => {
            (thinking, Some(json!({"type": "thinking_delta", "thinking": piece})))
        }
        ContentBlockDelta::ReasoningContent(ReasoningDelta::Signature(piece)) => {
            (thinking, Some(json!({"type": "signature_delta", "signature": piece})))
        }
        ContentBlockDelta::ReasoningContent(ReasoningDelta::RedactedContent(bytes)) => {
            (json!({"type": "redacted_thinking", "data": bytes.to_base64()}), None)
        }
        ContentBlockDelta::Unknown(raw) => (text, Some(Value::Object(raw.clone()))),
        other => return Err(Encoder::unsupported(other.tag())),
    })
}

fn trailer(metadata: &MetadataEvent) -> Result<Value, CodecError> {
    let mut metrics = InvocationMetrics::from(&metadata.usage);
    metrics.invocation_latency = Some(metadata.metrics.latency_ms);
    nulls::to_value(NAME, "chunk", &metrics)
}

/// Puts what `metadata` carries beside the usage into the last chunk, but for what stands elsewhere.
fn keep(chunk: &mut Value, metadata: &MetadataEvent, elsewhere: &[&str]) {
    if let Value::Object(chunk) = chunk {
        let members = metadata.extra.iter().filter(|(name, _)| !elsewhere.contains(&name.as_str()));
        chunk.extend(members.map(|(name, value)| (name.clone(), value.clone())));
    }
}
