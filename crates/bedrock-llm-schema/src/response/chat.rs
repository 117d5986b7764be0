//! The model's answer.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{AnsweredBy, Usage};
use crate::Change;
use crate::content::{Message, Role};
use crate::guardrail::assessment::GuardrailTraceAssessment;
use crate::request::{PerformanceConfig, ServiceTier};
use crate::wire::{Extra, wire_enum, wire_struct};

wire_enum! {
    /// Why the model stopped.
    pub enum StopReason {
        /// It was done.
        EndTurn = "end_turn",
        /// It waits for tool results.
        ToolUse = "tool_use",
        /// The answer reached `max_tokens`.
        MaxTokens = "max_tokens",
        /// It said one of the stop sequences.
        StopSequence = "stop_sequence",
        /// A guardrail stepped in.
        GuardrailIntervened = "guardrail_intervened",
        /// A content filter stepped in.
        ContentFiltered = "content_filtered",
        /// The model's output could not be read.
        MalformedModelOutput = "malformed_model_output",
        /// The model's tool call could not be read.
        MalformedToolUse = "malformed_tool_use",
        /// The conversation no longer fits the model.
        ModelContextWindowExceeded = "model_context_window_exceeded",
    }
}

wire_struct! {
    /// How long it took.
    #[derive(Default)]
    pub struct Metrics {
        /// Milliseconds inside the service.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub latency_ms: u64,
    }

    /// What happened inside the service.
    #[derive(Default)]
    pub struct Trace {
        /// What the guardrail found.
        pub guardrail: Option<GuardrailTraceAssessment>,
        /// Where the prompt router sent the request.
        pub prompt_router: Option<PromptRouterTrace>,
    }

    /// Where the prompt router sent the request.
    #[derive(Default)]
    pub struct PromptRouterTrace {
        /// The model that answered.
        pub invoked_model_id: Option<String>,
    }
}

/// The model's answer. Its serde form is the Converse response body; what does not travel in the body
/// (`request_id`, `incomplete_tool_uses`, `changes`, `answered_by`) is left out of it.
#[serde_with::skip_serializing_none]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatResponse {
    /// The model's turn, ready to be appended to the conversation.
    #[serde(rename = "output", serialize_with = "write_output", deserialize_with = "read_output")]
    pub message: Message,
    /// Why the model stopped.
    pub stop_reason: StopReason,
    /// What the call used.
    #[serde(default, deserialize_with = "crate::wire::or_default")]
    pub usage: Usage,
    /// How long it took.
    #[serde(default, deserialize_with = "crate::wire::or_default")]
    pub metrics: Metrics,
    /// Members of the native response that were asked for.
    pub additional_model_response_fields: Option<Value>,
    /// What happened inside the service.
    pub trace: Option<Trace>,
    /// How fast the answer was asked for.
    pub performance_config: Option<PerformanceConfig>,
    /// The tier in which the request ran.
    pub service_tier: Option<ServiceTier>,
    /// The service's id for this call; from the response's headers.
    #[serde(skip)]
    pub request_id: Option<String>,
    /// Tool calls that were cut off: kept apart from the message, since they can neither be run nor sent back.
    #[serde(skip)]
    pub incomplete_tool_uses: Vec<IncompleteToolUse>,
    /// What was changed in the request so that the model takes it.
    #[serde(skip)]
    pub changes: Vec<Change>,
    /// Who answered, where the call could have gone to several.
    #[serde(skip)]
    pub answered_by: Option<Box<AnsweredBy>>,
    /// Members this version does not know; kept as they came.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A tool call whose arguments never became whole.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IncompleteToolUse {
    /// The call's id.
    pub tool_use_id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments' JSON text, as far as it came.
    pub raw: String,
    /// What cut it off.
    pub cause: IncompleteCause,
}

/// What cut a tool call off.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IncompleteCause {
    /// The answer reached `max_tokens`.
    MaxTokens,
    /// The stream ended, or is still under way.
    StreamOpen,
    /// The arguments are not JSON; the parser's sentence.
    InvalidJson(String),
}

impl IncompleteToolUse {
    /// A call that was cut off.
    pub fn new(
        tool_use_id: impl Into<String>,
        name: impl Into<String>,
        raw: impl Into<String>,
        cause: IncompleteCause,
    ) -> Self {
        Self { tool_use_id: tool_use_id.into(), name: name.into(), raw: raw.into(), cause }
    }
}

impl ChatResponse {
    /// An answer.
    #[must_use]
    pub fn new(message: Message, stop_reason: StopReason, usage: Usage) -> Self {
        Self {
            message,
            stop_reason,
            usage,
            metrics: Metrics::default(),
            additional_model_response_fields: None,
            trace: None,
            performance_config: None,
            service_tier: None,
            request_id: None,
            incomplete_tool_uses: Vec::new(),
            changes: Vec::new(),
            answered_by: None,
            extra: Extra::new(),
        }
    }

    /// All text a reader sees, joined as it stands.
    #[must_use]
    pub fn text(&self) -> String {
        self.message.text()
    }

    /// All reasoning that can be read, joined as it stands.
    #[must_use]
    pub fn reasoning(&self) -> String {
        self.message.reasoning()
    }
}

/// The text a reader sees.
impl fmt::Display for ChatResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

/// Counts what came; never shows it, so that answers do not reach logs.
impl fmt::Debug for ChatResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatResponse")
            .field("blocks", &self.message.content.len())
            .field("stop_reason", &self.stop_reason)
            .field("usage", &self.usage)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// `{"message": …}`, the only output there is; an output of another kind is an empty turn.
#[derive(Deserialize)]
struct Output {
    #[serde(default = "empty_turn")]
    message: Message,
}

fn empty_turn() -> Message {
    Message { role: Role::Assistant, content: Vec::new(), extra: Extra::new() }
}

fn read_output<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Message, D::Error> {
    Ok(Output::deserialize(deserializer)?.message)
}

fn write_output<S: Serializer>(message: &Message, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Output<'a> {
        message: &'a Message,
    }
    Output { message }.serialize(serializer)
}
