//! The chunks of a stream, of Command and of Command R.

use std::collections::BTreeMap;

use bedrock_llm_schema::stream::{ContentBlockDelta, ContentBlockStart};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{StopReason, StreamEvent};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::generate::Chunk;
use super::response::{Answer, call_id, lift_citation, without_history};
use super::tool::Call;
use super::{FAMILY, lift_stop, lower_stop};
use crate::families::common::answer::{open_chunk, with_trailer};
use crate::families::common::events::Events;
use crate::families::common::{cannot_answer, from_value};
use crate::{CodecError, StreamDecoder, StreamEncoder, json};

/// A chunk of Command R's, by `event_type`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Event {
    is_finished: Option<bool>,
    event_type: Option<String>,
    text: Option<String>,
    tool_calls: Option<Vec<Call>>,
    citations: Option<Vec<Extra>>,
    finish_reason: Option<String>,
    response: Option<Answer>,
    generation_id: Option<String>,
    #[serde(flatten)]
    extra: Extra,
}

/// Reads a stream of either form.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    events: Events,
    /// Command's further generations, which are not part of the answer.
    others: BTreeMap<u64, String>,
    /// Why generation 0 stopped; said when all others have ended too.
    stop: Option<StopReason>,
    has_text: bool,
    /// Command R's calls wait for the answer's id, which the last chunk brings.
    calls: Vec<Call>,
    generation_id: Option<String>,
}

impl StreamDecoder for Decoder {
    fn chunk(&mut self, chunk: &[u8]) -> Result<Vec<StreamEvent>, CodecError> {
        let (members, metrics) = open_chunk(FAMILY, chunk)?;
        if members.contains_key("event_type") {
            self.event(from_value(FAMILY, "chunk", Value::Object(members))?);
        } else if !members.is_empty() {
            self.generation(from_value(FAMILY, "chunk", Value::Object(members))?);
        }
        if let Some(metrics) = metrics {
            self.settle();
            self.events.metrics(metrics);
        }
        Ok(self.events.take())
    }

    fn finish(&mut self) -> Vec<StreamEvent> {
        self.settle();
        self.events.finish()
    }
}

impl Decoder {
    fn generation(&mut self, chunk: Chunk) {
        self.events.start();
        self.events.extra.extend(chunk.extra);
        let text = chunk.text.unwrap_or_default();
        match chunk.index.unwrap_or(0) {
            0 => {
                self.events.text(&text);
                self.stop = chunk.finish_reason.map(|reason| lift_stop(&reason, false)).or(self.stop.take());
            }
            other => self.others.entry(other).or_default().push_str(&text),
        }
    }

    fn event(&mut self, event: Event) {
        self.events.start();
        self.events.extra.extend(event.extra);
        self.generation_id = event.generation_id.or(self.generation_id.take());
        match event.event_type.as_deref() {
            Some("text-generation") => self.text(event.text.as_deref()),
            // the plan in words comes in pieces before it comes whole with the calls
            Some("tool-calls-chunk") => self.text(event.text.as_deref()),
            Some("tool-calls-generation") => {
                if !self.has_text {
                    self.text(event.text.as_deref());
                }
                self.calls = event.tool_calls.unwrap_or_default();
            }
            Some("citation-generation") => {
                event
                    .citations
                    .into_iter()
                    .flatten()
                    .for_each(|citation| self.events.citation(lift_citation(citation)));
            }
            Some("stream-end") => self.end(event.response.unwrap_or_default(), event.finish_reason),
            _ => {}
        }
    }

    fn text(&mut self, text: Option<&str>) {
        let text = text.unwrap_or_default();
        self.has_text |= !text.is_empty();
        self.events.text(text);
    }

    fn end(&mut self, answer: Answer, reason: Option<String>) {
        (self.events.input, self.events.output) = answer.tokens();
        self.generation_id = answer.generation_id.or(self.generation_id.take());
        if self.calls.is_empty() {
            self.calls = answer.tool_calls.unwrap_or_default();
        }
        self.events.extra.extend(without_history(answer.extra));
        self.events
            .extra
            .extend(self.generation_id.clone().map(|id| ("generation_id".to_owned(), id.into())));
        self.stop = reason.or(answer.finish_reason).map(|reason| lift_stop(&reason, !self.calls.is_empty()));
    }

    /// Says what waited for the end.
    fn settle(&mut self) {
        for (place, call) in std::mem::take(&mut self.calls).into_iter().enumerate() {
            let id = call_id(self.generation_id.as_deref(), place);
            let parameters =
                if call.parameters.is_null() { String::new() } else { call.parameters.to_string() };
            self.events.tool_with(place as u64, &id, &call.name, &call.extra, &parameters);
        }
        if let Some(reason) = self.stop.take() {
            let others = std::mem::take(&mut self.others);
            if !others.is_empty() {
                let others: Vec<Value> =
                    others.into_iter().map(|(index, text)| json!({"index": index, "text": text})).collect();
                self.events.fields.insert("generations".to_owned(), others.into());
            }
            self.events.stop(reason);
        }
    }
}

/// Writes Command R's stream.
#[derive(Debug, Default)]
pub(super) struct ChatEncoder {
    text: String,
    calls: Vec<Call>,
    /// The call under way, and the text of its parameters.
    call: Option<(Call, String)>,
    /// The block of that call; a piece of another one is too late.
    block: u32,
    citations: Vec<Extra>,
    stop: Option<StopReason>,
}

impl StreamEncoder for ChatEncoder {
    fn event(&mut self, event: &StreamEvent) -> Result<Vec<Bytes>, CodecError> {
        match event {
            StreamEvent::ContentBlockStart(event) => match &event.start {
                ContentBlockStart::ToolUse(start) => {
                    let (name, extra) = (start.name.clone(), start.extra.clone());
                    self.block = event.content_block_index;
                    self.call = Some((Call { name, parameters: Value::Null, extra }, String::new()));
                }
                ContentBlockStart::Unknown(start) if start.is_empty() => {}
                other => return Err(cannot_answer(FAMILY, other.tag(), "contentBlockStart.start")),
            },
            StreamEvent::ContentBlockDelta(event) => match (&event.delta, &mut self.call) {
                (ContentBlockDelta::Text(text), _) => {
                    self.text.push_str(text);
                    return Ok(vec![write(
                        "text-generation",
                        Event { text: Some(text.clone()), ..Event::default() },
                    )?]);
                }
                (ContentBlockDelta::Citation(citation), _) => {
                    let citations = Some(vec![citation.extra.clone()]);
                    self.citations.push(citation.extra.clone());
                    return Ok(vec![write("citation-generation", Event { citations, ..Event::default() })?]);
                }
                (ContentBlockDelta::ToolUse(delta), Some((_, input)))
                    if event.content_block_index == self.block =>
                {
                    input.push_str(&delta.input);
                }
                (other, _) => return Err(cannot_answer(FAMILY, other.tag(), "contentBlockDelta.delta")),
            },
            StreamEvent::ContentBlockStop(_) => {
                if let Some((call, input)) = self.call.take() {
                    let input = if input.trim().is_empty() { "{}" } else { &input };
                    let parameters = json::read(FAMILY, "chunk", input.as_bytes())?;
                    self.calls.push(Call { parameters, ..call });
                }
            }
            StreamEvent::MessageStop(event) => {
                self.stop = Some(event.stop_reason.clone());
                if !self.calls.is_empty() {
                    let tool_calls = Some(self.calls.clone());
                    return Ok(vec![write(
                        "tool-calls-generation",
                        Event { tool_calls, ..Event::default() },
                    )?]);
                }
            }
            StreamEvent::Metadata(event) => {
                let mut last = std::mem::take(self);
                let finish_reason = last.stop.take().as_ref().map(lower_stop);
                let mut extra = event.extra.clone();
                let generation_id =
                    extra.shift_remove("generation_id").and_then(|id| id.as_str().map(str::to_owned));
                let response = Answer {
                    text: Some(last.text),
                    generation_id,
                    finish_reason: finish_reason.clone(),
                    tool_calls: (!last.calls.is_empty()).then_some(last.calls),
                    citations: (!last.citations.is_empty()).then_some(last.citations),
                    ..Answer::default()
                };
                let end = Event {
                    is_finished: Some(true),
                    event_type: Some("stream-end".to_owned()),
                    finish_reason,
                    response: Some(response),
                    extra,
                    ..Event::default()
                };
                return Ok(vec![with_trailer(FAMILY, &end, &event.usage, event.metrics.latency_ms)?]);
            }
            _ => {}
        }
        Ok(Vec::new())
    }
}

fn write(kind: &str, event: Event) -> Result<Bytes, CodecError> {
    let event = Event { is_finished: Some(false), event_type: Some(kind.to_owned()), ..event };
    json::write(FAMILY, "chunk", &event)
}
