//! The chunks of a stream, in both forms.

use bedrock_llm_schema::stream::{ContentBlockDelta, ContentBlockStart, ReasoningDelta};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ContentBlock, ReasoningContentBlock, StopReason, StreamEvent};
use bytes::Bytes;
use serde_json::Value;

use super::FAMILY;
use super::message::{ChatMessage, Function, ToolCall};
use super::response::{Choices, Outputs, answer, choice};
use crate::families::common::answer::{Answer, open_chunk, with_trailer};
use crate::families::common::events::Events;
use crate::families::common::{cannot_answer, from_value, told};
use crate::{CodecError, StreamDecoder, StreamEncoder, json};

/// Reads a stream of either form.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    events: Events,
    /// Ids of tool calls by their place, to tell pieces of one call from the next call.
    calls: Vec<(Option<u64>, Option<String>)>,
}

impl StreamDecoder for Decoder {
    fn chunk(&mut self, chunk: &[u8]) -> Result<Vec<StreamEvent>, CodecError> {
        let (members, metrics) = open_chunk(FAMILY, chunk)?;
        if members.contains_key("choices") {
            self.choices(from_value(FAMILY, "chunk", Value::Object(members))?);
        } else if !members.is_empty() {
            let outputs: Outputs = from_value(FAMILY, "chunk", Value::Object(members))?;
            self.events.piece(outputs.into_piece());
        }
        if let Some(metrics) = metrics {
            self.events.metrics(metrics);
        }
        Ok(self.events.take())
    }

    fn finish(&mut self) -> Vec<StreamEvent> {
        self.events.finish()
    }
}

impl Decoder {
    fn choices(&mut self, chunk: Choices) {
        if let Some(usage) = chunk.usage {
            self.events.input = usage.prompt_tokens.or(self.events.input);
            self.events.output = usage.completion_tokens.or(self.events.output);
        }
        self.events.extra.extend(chunk.extra);
        // Converse has one answer; Bedrock's Mistral models give no more
        let Some(mut choice) = chunk.choices.into_iter().find(|choice| choice.index.unwrap_or(0) == 0) else {
            return;
        };
        self.events.start();
        let stop = choice.stop();
        if let Some(mut message) = choice.take_message() {
            if let Some(text) = message.take_reasoning() {
                self.events.reasoning(&text);
            }
            let calls = message.tool_calls.take();
            self.events.extra.extend(told(std::mem::take(&mut message.extra)));
            for block in message.into_answer() {
                match (&block, block.as_text()) {
                    (ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(block)), _) => {
                        self.events.reasoning(&block.text);
                    }
                    (_, text) => self.events.text(text.as_deref().unwrap_or_default()),
                }
            }
            calls.into_iter().flatten().for_each(|call| self.call(call));
        }
        self.events.extra.extend(choice.into_extra());
        if let Some(reason) = stop {
            self.events.stop(reason);
        }
    }

    /// A call comes whole, or in pieces with one `index` of which only the first has the id.
    fn call(&mut self, call: ToolCall) {
        let index = call.extra.get("index").and_then(Value::as_u64);
        let id = call.id.filter(|id| !id.is_empty() && id != "null");
        let known = self.calls.iter().rposition(|(known, known_id)| {
            index.is_some() && index == *known && (id.is_none() || id == *known_id)
        });
        let continues = id.is_none() && call.function.name.is_none();
        let place =
            known.or_else(|| self.calls.len().checked_sub(1).filter(|_| continues)).unwrap_or_else(|| {
                self.calls.push((index, id.clone()));
                self.calls.len() - 1
            });
        let key = place as u64;
        let arguments = match call.function.arguments {
            Some(Value::String(text)) => text,
            Some(value) if !value.is_null() => value.to_string(),
            _ => String::new(),
        };
        let id = id.unwrap_or_else(|| format!("call_{key}"));
        self.events.tool(key, &id, &call.function.name.unwrap_or_default(), &arguments);
    }
}

/// Writes a chat's stream. Tool calls are sent whole, as the service does; why the model stopped waits for
/// the last chunk, which has the trailer.
#[derive(Debug, Default)]
pub(super) struct ChatEncoder {
    call: Option<(String, String, String)>,
    /// The block of that call; a piece of another one is too late.
    block: u32,
    stop: Option<StopReason>,
}

impl StreamEncoder for ChatEncoder {
    fn event(&mut self, event: &StreamEvent) -> Result<Vec<Bytes>, CodecError> {
        match event {
            StreamEvent::ContentBlockStart(event) => match &event.start {
                ContentBlockStart::ToolUse(start) => {
                    self.block = event.content_block_index;
                    self.call = Some((start.tool_use_id.clone(), start.name.clone(), String::new()));
                }
                ContentBlockStart::Unknown(start) if start.is_empty() => {}
                other => return Err(cannot_answer(FAMILY, other.tag(), "contentBlockStart.start")),
            },
            StreamEvent::ContentBlockDelta(event) => match (&event.delta, &mut self.call) {
                (ContentBlockDelta::Text(text), _) => return Ok(vec![write(answer(text.clone()))?]),
                (ContentBlockDelta::ToolUse(delta), Some((_, _, input)))
                    if event.content_block_index == self.block =>
                {
                    input.push_str(&delta.input);
                }
                (ContentBlockDelta::ReasoningContent(ReasoningDelta::Text(text)), _) => {
                    let mut message = answer(String::new());
                    message.extra.insert("reasoning_content".to_owned(), text.as_str().into());
                    return Ok(vec![write(message)?]);
                }
                (other, _) => return Err(cannot_answer(FAMILY, other.tag(), "contentBlockDelta.delta")),
            },
            StreamEvent::ContentBlockStop(_) => {
                if let Some((id, name, input)) = self.call.take() {
                    let input = if input.trim().is_empty() { "{}".to_owned() } else { input };
                    let function =
                        Function { name: Some(name), arguments: Some(input.into()), extra: Extra::new() };
                    let call = ToolCall { id: Some(id), function, extra: Extra::new() };
                    return Ok(vec![write(ChatMessage {
                        tool_calls: Some(vec![call]),
                        ..answer(String::new())
                    })?]);
                }
            }
            StreamEvent::MessageStop(event) => self.stop = Some(event.stop_reason.clone()),
            StreamEvent::Metadata(event) => {
                let choices = vec![choice(answer(String::new()), self.stop.take().as_ref())];
                let last = Choices { choices, usage: None, extra: event.extra.clone() };
                return Ok(vec![with_trailer(FAMILY, &last, &event.usage, event.metrics.latency_ms)?]);
            }
            _ => {}
        }
        Ok(Vec::new())
    }
}

fn write(message: ChatMessage) -> Result<Bytes, CodecError> {
    json::write(
        FAMILY,
        "chunk",
        &Choices { choices: vec![choice(message, None)], usage: None, extra: Extra::new() },
    )
}
