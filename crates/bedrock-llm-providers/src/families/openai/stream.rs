//! Streams, read and written.

use std::collections::BTreeMap;

use bedrock_llm_schema::StreamEvent;
use bedrock_llm_schema::stream::{ContentBlockDelta, ContentBlockStart, ReasoningDelta};
use bytes::Bytes;
use serde_json::{Value, json};

use super::Dialect;
use super::reasoning::{Piece, Splitter, tagged};
use super::response::{finish, reasoning, stop_reason, texts, wire_usage};
use super::wire::{Answer, Content};
use crate::families::common::answer::with_trailer;
use crate::families::common::events::Events;
use crate::families::common::{cannot_answer, told};
use crate::families::nulls;
use crate::{CodecError, InvocationMetrics, StreamDecoder, StreamEncoder, json};

#[derive(Debug)]
pub(super) struct Decoder {
    dialect: Dialect,
    events: Events,
    splitter: Splitter,
    calls: Vec<Call>,
}

/// A call of the stream; its key is its place among them.
#[derive(Debug)]
struct Call {
    /// The `index` that its pieces have; where they have none, the place in the chunk.
    slot: u64,
    id: String,
}

impl Decoder {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, events: Events::default(), splitter: Splitter::default(), calls: Vec::new() }
    }

    /// The key of the call that a piece belongs to. Servers are careless with `index`: some leave it out, some
    /// write 0 in every call. A new id begins a new call, and so does a name where nothing else tells.
    fn call(&mut self, index: Option<u64>, place: u64, id: &str, name: &str) -> u64 {
        let slot = index.unwrap_or(place);
        let by_id = || self.calls.iter().rposition(|call| call.id == id).filter(|_| index.is_none());
        let by_slot = || {
            let known = self.calls.iter().rposition(|call| call.slot == slot)?;
            let goes_on = match (id, self.calls.get(known)?.id.as_str()) {
                ("", _) => index.is_some() || name.is_empty(),
                (_, "") => name.is_empty(),
                (id, known) => id == known,
            };
            goes_on.then_some(known)
        };
        let known = if id.is_empty() { by_slot() } else { by_id().or_else(by_slot) };
        let key = known.unwrap_or_else(|| {
            self.calls.push(Call { slot, id: id.to_owned() });
            self.calls.len() - 1
        });
        key as u64
    }

    fn piece(&mut self, piece: Piece) {
        match piece {
            Piece::Reasoning(text) => self.events.reasoning(&text),
            Piece::Text(text) => self.events.text(&text),
        }
    }

    fn text(&mut self, text: &str) {
        for piece in self.splitter.feed(text) {
            self.piece(piece);
        }
    }

    fn held_back(&mut self) {
        if let Some(piece) = self.splitter.finish() {
            self.piece(piece);
        }
    }
}

impl StreamDecoder for Decoder {
    fn chunk(&mut self, chunk: &[u8]) -> Result<Vec<StreamEvent>, CodecError> {
        if chunk.trim_ascii() == b"[DONE]" {
            return Ok(Vec::new()); // how the family ends its own streams; some imported models do too
        }
        let mut chunk: Answer = json::read(self.dialect.name(), "chunk", chunk)?;
        let metrics = InvocationMetrics::take_from(&mut chunk.extra);
        if let Some(usage) = chunk.usage {
            self.events.input = usage.uncached().or(self.events.input);
            self.events.output = usage.completion_tokens.or(self.events.output);
            self.events.cache_read = usage.cached().or(self.events.cache_read);
        }
        chunk.extra.shift_remove("object");
        self.events.extra.extend(told(chunk.extra));
        // Converse has one answer; of several choices (`n`) it is the first
        let is_first =
            |index: &Option<Value>| index.as_ref().and_then(Value::as_f64).is_none_or(|index| index == 0.0);
        for mut choice in chunk.choices.into_iter().flatten().filter(|choice| is_first(&choice.index)) {
            self.events.start();
            if let Some(mut turn) = choice.delta.take().or(choice.message.take()) {
                if let Some(text) = reasoning(&mut turn) {
                    self.events.reasoning(&text);
                }
                match turn.content {
                    Some(Content::Text(text)) => self.text(&text),
                    Some(Content::Parts(parts)) => self.text(&texts(&parts)),
                    None => {}
                }
                for (place, call) in (0..).zip(turn.tool_calls.into_iter().flatten()) {
                    self.held_back();
                    let (id, name) =
                        (call.id.unwrap_or_default(), call.function.name.clone().unwrap_or_default());
                    let key = self.call(call.index, place, &id, &name);
                    self.events.tool(key, &id, &name, &call.function.arguments_text());
                }
                self.events.extra.extend(told(turn.extra));
            }
            if let Some(text) = choice.text.take() {
                self.text(&text);
            }
            let stop = stop_reason(&mut choice);
            self.events.extra.extend(told(choice.extra));
            if let Some(stop) = stop {
                self.held_back();
                self.events.stop(stop);
            }
        }
        if let Some(metrics) = metrics {
            self.events.metrics(metrics);
        }
        Ok(self.events.take())
    }

    fn finish(&mut self) -> Vec<StreamEvent> {
        self.held_back();
        self.events.finish()
    }
}

/// Writes chunks. The usage comes in the last one, with the invocation metrics.
#[derive(Debug)]
pub(super) struct Encoder {
    dialect: Dialect,
    is_prompt: bool,
    /// The place of each tool call among the calls, by its block.
    calls: BTreeMap<u32, usize>,
}

impl Encoder {
    pub(super) fn new(dialect: Dialect, is_prompt: bool) -> Self {
        Self { dialect, is_prompt, calls: BTreeMap::new() }
    }

    fn chunk(&self, choices: &Value) -> Value {
        let object = if self.is_prompt { "text_completion" } else { "chat.completion.chunk" };
        json!({"object": object, "choices": choices})
    }

    fn delta(&self, delta: &Value) -> Vec<Value> {
        vec![self.chunk(&json!([{"index": 0, "delta": delta, "finish_reason": null}]))]
    }

    fn text(&self, text: &str) -> Vec<Value> {
        if self.is_prompt {
            vec![self.chunk(&json!([{"index": 0, "text": text, "finish_reason": null}]))]
        } else {
            self.delta(&json!({"content": text}))
        }
    }

    fn chunks(&mut self, event: &StreamEvent) -> Result<Vec<Value>, CodecError> {
        let unsupported = |what: &str| cannot_answer(self.dialect.name(), what, "stream");
        Ok(match event {
            StreamEvent::MessageStart(_) if !self.is_prompt => {
                self.delta(&json!({"role": "assistant", "content": ""}))
            }
            StreamEvent::ContentBlockStart(start) => match &start.start {
                ContentBlockStart::ToolUse(tool) if !self.is_prompt => {
                    let call = self.calls.len();
                    self.calls.insert(start.content_block_index, call);
                    let function = json!({"name": tool.name, "arguments": ""});
                    let call = json!({"index": call, "id": tool.tool_use_id, "type": "function", "function": function});
                    self.delta(&json!({"tool_calls": [call]}))
                }
                ContentBlockStart::Unknown(start) if start.is_empty() => Vec::new(),
                other => return Err(unsupported(other.tag())),
            },
            StreamEvent::ContentBlockDelta(delta) => match &delta.delta {
                ContentBlockDelta::Text(text) => self.text(text),
                ContentBlockDelta::ToolUse(input) => {
                    let Some(call) = self.calls.get(&delta.content_block_index) else {
                        return Err(unsupported("toolUse"));
                    };
                    self.delta(
                        &json!({"tool_calls": [{"index": call, "function": {"arguments": input.input}}]}),
                    )
                }
                ContentBlockDelta::ReasoningContent(ReasoningDelta::Text(text)) if !self.is_prompt => {
                    match self.dialect {
                        Dialect::GptOss => self.text(&tagged(text)),
                        Dialect::Imported => self.delta(&json!({"reasoning_content": text})),
                        Dialect::Jamba => return Err(unsupported("reasoningContent")),
                    }
                }
                other => return Err(unsupported(other.tag())),
            },
            StreamEvent::MessageStop(stop) => {
                let mut choice = if self.is_prompt {
                    json!({"index": 0, "text": ""})
                } else {
                    json!({"index": 0, "delta": {}})
                };
                if let Value::Object(choice) = &mut choice {
                    choice.extend(finish(&stop.stop_reason, &stop.extra));
                }
                vec![self.chunk(&json!([choice]))]
            }
            _ => Vec::new(),
        })
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &StreamEvent) -> Result<Vec<Bytes>, CodecError> {
        let name = self.dialect.name();
        if let StreamEvent::Metadata(metadata) = event {
            let mut last = self.chunk(&json!([]));
            if let Value::Object(last) = &mut last {
                last.insert(
                    "usage".to_owned(),
                    nulls::to_value(name, "chunk", &wire_usage(&metadata.usage))?,
                );
                last.extend(metadata.extra.clone());
            }
            return Ok(vec![with_trailer(name, &last, &metadata.usage, metadata.metrics.latency_ms)?]);
        }
        self.chunks(event)?.iter().map(|chunk| json::write(name, "chunk", chunk)).collect()
    }
}
