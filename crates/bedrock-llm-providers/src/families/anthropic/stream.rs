//! Streams, of the Messages API and of the old Text Completions API, read.

use std::collections::BTreeSet;

use bedrock_llm_schema::content::tool::ToolUseType;
use bedrock_llm_schema::stream::{
    ContentBlockDelta, ContentBlockStart, MessageStartEvent, ReasoningDelta, StreamEvent, ToolUseStart,
};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{Role, StopReason};
use serde::Deserialize;
use serde_json::Value;

use super::response::usage;
use super::wire::{Block, Known, ToolUse, WireUsage};
use super::{NAME, citation, raise};
use crate::families::nulls;
use crate::{CodecError, InvocationMetrics, StreamDecoder, json};

/// A chunk of either API. Which members are there depends on `type`.
#[derive(Deserialize)]
struct Chunk {
    r#type: Option<String>,
    message: Option<Start>,
    index: Option<u32>,
    content_block: Option<Block>,
    delta: Option<Extra>,
    usage: Option<WireUsage>,
    completion: Option<String>,
    stop_reason: Option<String>,
    #[serde(flatten)]
    extra: Extra,
}

#[derive(Deserialize)]
struct Start {
    role: Option<String>,
    usage: Option<WireUsage>,
    #[serde(flatten)]
    extra: Extra,
}

/// The decoder. Members of the native answer that Converse has no place for come with `metadata`.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    stopped: bool,
    finished: bool,
    open: BTreeSet<u32>,
    stop_reason: Option<String>,
    usage: WireUsage,
    metrics: Option<InvocationMetrics>,
    extra: Extra,
}

impl StreamDecoder for Decoder {
    fn chunk(&mut self, chunk: &[u8]) -> Result<Vec<StreamEvent>, CodecError> {
        let mut chunk: Chunk = json::read(NAME, "chunk", chunk)?;
        if let Some(metrics) = InvocationMetrics::take_from(&mut chunk.extra) {
            self.metrics = Some(metrics);
        }
        let mut events = Vec::new();
        let kind = chunk.r#type.take().unwrap_or_default();
        match (kind.as_str(), chunk.completion.take()) {
            ("completion" | "", Some(completion)) => {
                self.completion(&completion, chunk.stop_reason.take(), &mut events);
            }
            ("message_start", _) => {
                let start = chunk.message.take();
                self.message_start(start, &mut events);
            }
            ("content_block_start", _) => {
                let (index, block) = (self.index(chunk.index, &mut events)?, chunk.content_block.take());
                self.open.insert(index);
                events.extend(block.map(|block| block_start(index, block)).into_iter().flatten());
            }
            ("content_block_delta", _) => {
                let index = self.index(chunk.index, &mut events)?;
                self.open.insert(index);
                let delta =
                    chunk.delta.take().ok_or_else(|| nulls::malformed(NAME, "chunk", "delta", "no delta"))?;
                events.push(block_delta(index, delta));
            }
            ("content_block_stop", _) => {
                let index = self.index(chunk.index, &mut events)?;
                self.open.remove(&index);
                events.push(StreamEvent::block_stop(index));
            }
            ("message_delta", _) => {
                let mut delta = chunk.delta.take().unwrap_or_default();
                if let Some(Value::String(reason)) = delta.shift_remove("stop_reason") {
                    self.stop_reason = Some(reason);
                }
                self.keep(delta);
            }
            ("message_stop", _) => self.message_stop(&mut events),
            ("error", _) => {
                let message = chunk.extra.get("error").map(Value::to_string).unwrap_or_default();
                return Err(nulls::malformed(NAME, "chunk", "error", message));
            }
            // the invocation metrics or a guardrail's trace on their own
            ("ping" | "", _) => {}
            (other, _) => {
                let whole = std::mem::take(&mut chunk.extra);
                events
                    .push(StreamEvent::Unknown(Extra::from_iter([(other.to_owned(), Value::Object(whole))])));
            }
        }
        if let Some(usage) = chunk.usage.take() {
            self.count(usage);
        }
        self.keep(chunk.extra);
        if self.stopped && self.metrics.is_some() {
            events.extend(self.metadata());
        }
        Ok(events)
    }

    fn finish(&mut self) -> Vec<StreamEvent> {
        let counted =
            self.metrics.is_some() || self.usage.input_tokens.is_some() || self.usage.output_tokens.is_some();
        if self.stopped || counted { self.metadata().into_iter().collect() } else { Vec::new() }
    }
}

impl Decoder {
    fn start(&mut self, events: &mut Vec<StreamEvent>) {
        if !std::mem::replace(&mut self.started, true) {
            events.push(StreamEvent::message_start());
        }
    }

    fn message_start(&mut self, start: Option<Start>, events: &mut Vec<StreamEvent>) {
        let Some(mut start) = start else { return self.start(events) };
        for name in ["type", "content", "stop_reason"] {
            start.extra.shift_remove(name);
        }
        if let Some(usage) = start.usage {
            self.count(usage);
        }
        self.keep(start.extra);
        if !std::mem::replace(&mut self.started, true) {
            let role = start.role.as_deref().map_or(Role::Assistant, Role::from);
            // the encoder needs these before `metadata` comes
            let head = ["id", "model"]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), self.extra.get(name)?.clone())));
            events.push(StreamEvent::MessageStart(MessageStartEvent { role, extra: head.collect() }));
        }
    }

    fn index(&mut self, index: Option<u32>, events: &mut Vec<StreamEvent>) -> Result<u32, CodecError> {
        self.start(events);
        index.ok_or_else(|| nulls::malformed(NAME, "chunk", "index", "no index"))
    }

    fn completion(&mut self, completion: &str, stop_reason: Option<String>, events: &mut Vec<StreamEvent>) {
        self.start(events);
        self.open.insert(0);
        if !completion.is_empty() {
            events.push(StreamEvent::text(0, completion));
        }
        if let Some(reason) = stop_reason {
            self.stop_reason = Some(reason);
            self.message_stop(events);
        }
    }

    fn message_stop(&mut self, events: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.start(events);
        events.extend(std::mem::take(&mut self.open).into_iter().map(StreamEvent::block_stop));
        let reason = self.stop_reason.as_deref().unwrap_or_default();
        events.push(StreamEvent::message_stop(StopReason::from(reason)));
    }

    /// Later counts replace earlier ones, they are not added.
    fn count(&mut self, later: WireUsage) {
        let WireUsage {
            input_tokens,
            output_tokens,
            cache_creation_input_tokens,
            cache_read_input_tokens,
            cache_creation,
            extra,
        } = later;
        let usage = &mut self.usage;
        usage.input_tokens = input_tokens.or(usage.input_tokens);
        usage.output_tokens = output_tokens.or(usage.output_tokens);
        usage.cache_creation_input_tokens = cache_creation_input_tokens.or(usage.cache_creation_input_tokens);
        usage.cache_read_input_tokens = cache_read_input_tokens.or(usage.cache_read_input_tokens);
        usage.cache_creation = cache_creation.or(usage.cache_creation.take());
        usage.extra.extend(extra);
    }

    fn keep(&mut self, extra: Extra) {
        self.extra.extend(extra.into_iter().filter(|(_, value)| !value.is_null()));
    }

    /// The service's own counts go before the model's: `message_delta` said 133 tokens and the trailer 97 in the
    /// recording 0a85ca0a0edd, and the trailer is what is paid.
    fn metadata(&mut self) -> Option<StreamEvent> {
        if std::mem::replace(&mut self.finished, true) {
            return None;
        }
        let metrics = self.metrics.unwrap_or_default();
        let mut wire = std::mem::take(&mut self.usage);
        wire.input_tokens = metrics.input_token_count.or(wire.input_tokens);
        wire.output_tokens = metrics.output_token_count.or(wire.output_tokens);
        wire.cache_read_input_tokens = metrics.cache_read_input_token_count.or(wire.cache_read_input_tokens);
        wire.cache_creation_input_tokens =
            metrics.cache_write_input_token_count.or(wire.cache_creation_input_tokens);
        let mut event =
            StreamEvent::metadata(usage(wire, &metrics), metrics.invocation_latency.unwrap_or_default());
        if let StreamEvent::Metadata(metadata) = &mut event {
            metadata.extra = std::mem::take(&mut self.extra);
        }
        Some(event)
    }
}

/// The events of a block's start: it may hold its first piece already.
fn block_start(index: u32, block: Block) -> Vec<StreamEvent> {
    let raw = |block: Block| vec![StreamEvent::start(index, ContentBlockStart::Unknown(block.into_raw()))];
    let piece = |text: &str, delta: fn(String) -> ContentBlockDelta| {
        (!text.is_empty()).then(|| StreamEvent::delta(index, delta(text.to_owned())))
    };
    let reasoning = |delta: fn(String) -> ReasoningDelta, text: &str| {
        (!text.is_empty()).then(|| StreamEvent::reasoning(index, delta(text.to_owned())))
    };
    let Block::Known(known) = block else { return raw(block) };
    match *known {
        Known::Text(text) => {
            let citations = text.citations.into_iter().flatten();
            let citations = citations.map(|citation| citation_delta(index, citation));
            piece(&text.text, ContentBlockDelta::Text).into_iter().chain(citations).collect()
        }
        Known::ToolUse(block) => tool_start(index, block, None),
        Known::ServerToolUse(block) => tool_start(index, block, Some(ToolUseType::ServerToolUse)),
        Known::Thinking(block) => {
            let signature =
                reasoning(ReasoningDelta::Signature, block.signature.as_deref().unwrap_or_default());
            reasoning(ReasoningDelta::Text, &block.thinking).into_iter().chain(signature).collect()
        }
        Known::RedactedThinking(block) => match raise::base64(&block.data) {
            Some(bytes) => vec![StreamEvent::reasoning(index, ReasoningDelta::RedactedContent(bytes))],
            None => raw(Known::RedactedThinking(block).into()),
        },
        other => raw(other.into()),
    }
}

fn tool_start(index: u32, block: ToolUse, r#type: Option<ToolUseType>) -> Vec<StreamEvent> {
    let input = match &block.input {
        Value::Object(input) if input.is_empty() => None,
        Value::Null => None,
        input => Some(StreamEvent::tool_input(index, input.to_string())),
    };
    let start = ToolUseStart { tool_use_id: block.id, name: block.name, r#type, extra: block.extra };
    [StreamEvent::start(index, ContentBlockStart::ToolUse(start))].into_iter().chain(input).collect()
}

fn citation_delta(index: u32, raw: Extra) -> StreamEvent {
    StreamEvent::delta(index, ContentBlockDelta::Citation(Box::new(citation::raise(raw))))
}

fn block_delta(index: u32, mut delta: Extra) -> StreamEvent {
    let kind = delta.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let member = match kind.as_str() {
        "text_delta" => "text",
        "input_json_delta" => "partial_json",
        "thinking_delta" => "thinking",
        "signature_delta" => "signature",
        "citations_delta" => "citation",
        _ => "",
    };
    match (kind.as_str(), delta.shift_remove(member)) {
        ("text_delta", Some(Value::String(text))) => StreamEvent::text(index, text),
        ("input_json_delta", Some(Value::String(json))) => StreamEvent::tool_input(index, json),
        ("thinking_delta", Some(Value::String(text))) => {
            StreamEvent::reasoning(index, ReasoningDelta::Text(text))
        }
        ("signature_delta", Some(Value::String(text))) => {
            StreamEvent::reasoning(index, ReasoningDelta::Signature(text))
        }
        ("citations_delta", Some(Value::Object(raw))) => citation_delta(index, raw),
        (_, other) => {
            delta.extend(other.map(|other| (member.to_owned(), other)));
            StreamEvent::delta(index, ContentBlockDelta::Unknown(delta))
        }
    }
}
