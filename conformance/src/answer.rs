//! What an answer says, in one form: read off a recording without our types, and off what our client gave.

use bedrock_llm_schema::{ChatResponse, ContentBlock, ReasoningContentBlock};
use serde_json::{Map, Value, json};

/// What an answer says. `None` is what the recording does not tell.
#[derive(Debug, Default, Clone)]
pub(crate) struct Answer {
    pub text: String,
    pub reasoning: String,
    pub signature: String,
    pub redacted: Vec<String>,
    /// `{"id", "name", "input"}`, in order.
    pub tool_uses: Vec<Value>,
    /// `{"id", "name", "raw"}` of the calls of a stream whose arguments are not whole.
    pub incomplete: Vec<Value>,
    pub citations: Vec<Value>,
    pub stop_reason: Option<String>,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
}

impl Answer {
    /// What our types say.
    pub(crate) fn of(response: &ChatResponse) -> Self {
        let mut answer =
            Self { text: response.text(), reasoning: response.message.reasoning(), ..Self::default() };
        for block in &response.message.content {
            match block {
                ContentBlock::ToolUse(call) => {
                    answer.tool_use(&call.tool_use_id, &call.name, &call.input);
                }
                ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(block)) => {
                    answer.signature.push_str(block.signature.as_deref().unwrap_or_default());
                }
                ContentBlock::ReasoningContent(ReasoningContentBlock::RedactedContent(bytes)) => {
                    answer.redacted.push(bytes.to_base64());
                }
                ContentBlock::CitationsContent(block) => {
                    let citations = serde_json::to_value(&block.citations).unwrap_or_default();
                    answer.citations.extend(citations.as_array().cloned().unwrap_or_default());
                }
                _ => {}
            }
        }
        let incomplete = response.incomplete_tool_uses.iter();
        answer.incomplete = incomplete
            .map(|call| json!({"id": call.tool_use_id, "name": call.name, "raw": call.raw}))
            .collect();
        let usage = &response.usage;
        answer.stop_reason = Some(response.stop_reason.to_string());
        answer.input_tokens = Some(usage.input_tokens);
        answer.output_tokens = Some(usage.output_tokens);
        answer.cache_read = usage.cache_read_input_tokens;
        answer.cache_write = usage.cache_write_input_tokens;
        answer
    }

    pub(crate) fn tool_use(&mut self, id: &str, name: &str, input: &Value) {
        self.tool_uses.push(json!({"id": id, "name": name, "input": input}));
    }

    /// The answer as JSON; what a recording does not tell is left out of both sides by `expected`.
    fn value(&self, expected: &Self) -> Value {
        let mut value = Map::new();
        value.insert("text".into(), self.text.as_str().into());
        value.insert("reasoning".into(), self.reasoning.as_str().into());
        value.insert("signature".into(), self.signature.as_str().into());
        value.insert("redacted".into(), self.redacted.clone().into());
        value.insert("toolUses".into(), self.tool_uses.clone().into());
        value.insert("incompleteToolUses".into(), self.incomplete.clone().into());
        value.insert("citations".into(), self.citations.clone().into());
        let mut told = |name: &str, told: bool, mine: Value| {
            if told {
                value.insert(name.into(), mine);
            }
        };
        told("stopReason", expected.stop_reason.is_some(), json!(self.stop_reason));
        told("inputTokens", expected.input_tokens.is_some(), json!(self.input_tokens));
        told("outputTokens", expected.output_tokens.is_some(), json!(self.output_tokens));
        told("cacheRead", expected.cache_read.is_some(), json!(self.cache_read));
        told("cacheWrite", expected.cache_write.is_some(), json!(self.cache_write));
        Value::Object(value)
    }

    /// Where `actual` says something else.
    pub(crate) fn diff(&self, actual: &Self) -> Option<String> {
        crate::diff::diff(&self.value(self), &actual.value(self))
    }
}
