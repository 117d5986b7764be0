//! The Chat Completions JSON, requests and answers. Members the types do not know stay in `extra`.

use bedrock_llm_schema::wire::Extra;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::json::count;

/// A request: `messages`, or the `prompt` of the older completions.
#[serde_with::skip_serializing_none]
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) messages: Option<Vec<Turn>>,
    pub(super) prompt: Option<String>,
    pub(super) max_tokens: Option<Number>,
    pub(super) max_completion_tokens: Option<Number>,
    pub(super) temperature: Option<Number>,
    pub(super) top_p: Option<Number>,
    pub(super) stop: Option<Stop>,
    pub(super) tools: Option<Vec<Extra>>,
    pub(super) tool_choice: Option<Value>,
    pub(super) response_format: Option<Value>,
    pub(super) reasoning_effort: Option<Value>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Stop {
    One(String),
    Many(Vec<String>),
}

/// A turn of a request, the turn of an answer, or a piece of that.
#[serde_with::skip_serializing_none]
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Turn {
    pub(super) role: Option<String>,
    pub(super) content: Option<Content>,
    pub(super) reasoning_content: Option<String>,
    pub(super) tool_calls: Option<Vec<ToolCall>>,
    pub(super) tool_call_id: Option<String>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Extra>),
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ToolCall {
    /// Tells the calls of a stream apart.
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) r#type: Option<String>,
    #[serde(default)]
    pub(super) function: Function,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    /// JSON text; some imported models write the JSON itself.
    pub(super) arguments: Option<Value>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

/// An answer or a chunk of one, of either API.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) choices: Option<Vec<Choice>>,
    pub(super) usage: Option<WireUsage>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    /// A number; clients and models are not strict about it.
    pub(super) index: Option<Value>,
    pub(super) message: Option<Turn>,
    pub(super) delta: Option<Turn>,
    pub(super) text: Option<String>,
    pub(super) finish_reason: Option<String>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default, deserialize_with = "count")]
    pub(super) prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) completion_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) total_tokens: Option<u64>,
    pub(super) prompt_tokens_details: Option<PromptDetails>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct PromptDetails {
    #[serde(default, deserialize_with = "count")]
    pub(super) cached_tokens: Option<u64>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

impl WireUsage {
    /// What the cache had of the prompt; its tokens are among `prompt_tokens`.
    pub(super) fn cached(&self) -> Option<u64> {
        self.prompt_tokens_details.as_ref()?.cached_tokens.filter(|tokens| *tokens > 0)
    }

    /// The prompt without what the cache had.
    pub(super) fn uncached(&self) -> Option<u64> {
        self.prompt_tokens.map(|tokens| tokens.saturating_sub(self.cached().unwrap_or_default()))
    }
}

impl Function {
    /// The arguments' JSON text.
    pub(super) fn arguments_text(&self) -> String {
        match &self.arguments {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(json) => json.to_string(),
        }
    }
}
