//! Makes Converse's stream events out of what native chunks bring.

use bedrock_llm_schema::content::citation::Citation;
use std::collections::BTreeMap;

use bedrock_llm_schema::stream::{ContentBlockDelta, ContentBlockStart, ReasoningDelta, ToolUseStart};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{StopReason, StreamEvent, Usage};
use serde_json::Value;

use crate::InvocationMetrics;

/// Writes events in Converse's order: one `messageStart`, blocks one after the other, one `messageStop`,
/// one `metadata`.
#[derive(Debug, Default)]
pub(crate) struct Events {
    out: Vec<StreamEvent>,
    started: bool,
    next_block: u32,
    open: Option<Open>,
    /// The blocks of tool calls, by key.
    tools: BTreeMap<u64, u32>,
    stopped: bool,
    metadata_given: bool,
    metrics: InvocationMetrics,
    /// Tokens as the chunks count them.
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) cache_read: Option<u64>,
    /// Members of chunks that have no place in an event; they go with `metadata`.
    pub(crate) extra: Extra,
    /// Members of the native answer that go with `messageStop`.
    pub(crate) fields: Extra,
}

#[derive(Debug, Clone, PartialEq)]
enum Open {
    Text(u32),
    Reasoning(u32),
    Tool(u32),
}

impl Events {
    /// The events since the last call.
    pub(crate) fn take(&mut self) -> Vec<StreamEvent> {
        std::mem::take(&mut self.out)
    }

    pub(crate) fn start(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            self.out.push(StreamEvent::message_start());
        }
    }

    /// A piece of text; none where it is empty.
    pub(crate) fn text(&mut self, text: &str) {
        self.start();
        if !text.is_empty() {
            let index = self.text_block();
            self.out.push(StreamEvent::text(index, text));
        }
    }

    /// A piece of reasoning; none where it is empty.
    pub(crate) fn reasoning(&mut self, text: &str) {
        self.start();
        if text.is_empty() {
            return;
        }
        let index = match self.open {
            Some(Open::Reasoning(index)) => index,
            _ => {
                let index = self.open_block();
                self.open = Some(Open::Reasoning(index));
                index
            }
        };
        self.out.push(StreamEvent::reasoning(index, ReasoningDelta::Text(text.to_owned())));
    }

    /// A source of the text in the block under way.
    pub(crate) fn citation(&mut self, citation: Citation) {
        self.start();
        let index = self.text_block();
        self.out.push(StreamEvent::delta(index, ContentBlockDelta::Citation(Box::new(citation))));
    }

    /// A piece of a tool call; `key` tells the calls apart, and the first piece of each opens its block. Where
    /// the pieces of several calls mix, a late piece still goes to the block of its call.
    pub(crate) fn tool(&mut self, key: u64, id: &str, name: &str, input: &str) {
        self.tool_with(key, id, name, &Extra::new(), input);
    }

    /// The same, with what else the call says.
    pub(crate) fn tool_with(&mut self, key: u64, id: &str, name: &str, extra: &Extra, input: &str) {
        self.start();
        let index = match self.tools.get(&key) {
            Some(index) => *index,
            None => {
                let index = self.open_block();
                self.open = Some(Open::Tool(index));
                self.tools.insert(key, index);
                let (tool_use_id, name) = (id.to_owned(), name.to_owned());
                let start = ToolUseStart { tool_use_id, name, r#type: None, extra: extra.clone() };
                self.out.push(StreamEvent::start(index, ContentBlockStart::ToolUse(start)));
                index
            }
        };
        if !input.is_empty() {
            self.out.push(StreamEvent::tool_input(index, input));
        }
    }

    /// The model stopped.
    pub(crate) fn stop(&mut self, reason: StopReason) {
        self.start();
        self.close_block();
        if !std::mem::replace(&mut self.stopped, true) {
            let mut stop = StreamEvent::message_stop(reason);
            if let StreamEvent::MessageStop(event) = &mut stop {
                let fields = std::mem::take(&mut self.fields);
                event.additional_model_response_fields =
                    (!fields.is_empty()).then_some(Value::Object(fields));
            }
            self.out.push(stop);
        }
    }

    /// The trailer came.
    pub(crate) fn metrics(&mut self, metrics: InvocationMetrics) {
        self.metrics = metrics;
        self.metadata();
    }

    /// No more chunks come: `metadata` is owed if anything is known that it could say.
    pub(crate) fn finish(&mut self) -> Vec<StreamEvent> {
        if self.stopped || self.input.is_some() || self.output.is_some() {
            self.metadata();
        }
        self.take()
    }

    fn metadata(&mut self) {
        if std::mem::replace(&mut self.metadata_given, true) {
            return;
        }
        let mut usage = Usage { cache_read_input_tokens: self.cache_read, ..Usage::default() };
        self.metrics.overrule(&mut usage, self.input, self.output);
        let mut event = StreamEvent::metadata(usage, self.metrics.invocation_latency.unwrap_or_default());
        if let StreamEvent::Metadata(metadata) = &mut event {
            metadata.extra = std::mem::take(&mut self.extra);
        }
        self.out.push(event);
    }

    fn text_block(&mut self) -> u32 {
        match self.open {
            Some(Open::Text(index)) => index,
            _ => {
                let index = self.open_block();
                self.open = Some(Open::Text(index));
                index
            }
        }
    }

    fn open_block(&mut self) -> u32 {
        self.close_block();
        let index = self.next_block;
        self.next_block = index.saturating_add(1);
        index
    }

    fn close_block(&mut self) {
        if let Some(Open::Text(index) | Open::Reasoning(index) | Open::Tool(index)) = self.open.take() {
            self.out.push(StreamEvent::block_stop(index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedrock_llm_schema::Accumulator;
    use serde_json::json;

    #[test]
    fn pieces_of_calls_may_mix() {
        let mut events = Events::default();
        events.tool(0, "a", "f", "{\"x\":");
        events.tool(1, "b", "g", "{");
        events.tool(0, "", "", "1}");
        events.tool(1, "", "", "}");
        events.stop(StopReason::ToolUse);
        let mut answer = Accumulator::new();
        events.take().iter().for_each(|event| answer.push(event));
        let message = answer.response().message;
        let calls: Vec<_> = message.tool_uses().map(|call| (call.name.as_str(), &call.input)).collect();
        assert_eq!(calls, [("f", &json!({"x": 1})), ("g", &json!({}))]);
    }

    #[test]
    fn the_trailer_goes_first() {
        let mut events = Events { input: Some(1), output: Some(133), ..Events::default() };
        events.stop(StopReason::EndTurn);
        events.metrics(InvocationMetrics { output_token_count: Some(97), ..InvocationMetrics::default() });
        let Some(StreamEvent::Metadata(metadata)) = events.take().pop() else { panic!("no metadata") };
        assert_eq!((metadata.usage.input_tokens, metadata.usage.output_tokens), (1, 97));
    }
}
