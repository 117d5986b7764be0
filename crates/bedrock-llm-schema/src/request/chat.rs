//! A conversation for a model to continue.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use serde_json::Value;

use super::{
    InferenceConfig, Operation, OutputConfig, OutputFormat, PerformanceConfig, PromptVariableValue,
    Reasoning, Request, ServiceTier, write_sorted,
};
use crate::content::tool::{Tool, ToolChoice, ToolConfig};
use crate::content::{Message, Role, SystemContentBlock};
use crate::guardrail::GuardrailConfig;
use crate::model::ModelProfile;
use crate::stream::ChatStream;
use crate::wire::Extra;
use crate::{ChatResponse, ModelId};

/// A conversation for a model to continue, with all settings Bedrock's Converse API knows.
///
/// Its serde form is the Converse request body; the model id, which travels in the path, is written as
/// `modelId` unless it is empty.
///
/// ```
/// use bedrock_llm_schema::{ChatRequest, Message, ToolSpec};
/// use serde_json::json;
///
/// let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
/// let request = ChatRequest::new("us.amazon.nova-lite-v1:0")
///     .system("Be brief.")
///     .message(Message::user("What is the weather in Paris?"))
///     .tool(ToolSpec::new("get_weather", "Current weather in a city", schema))
///     .max_tokens(200);
/// assert!(request.validate().is_ok());
/// assert_eq!(serde_json::to_value(&request)?["inferenceConfig"], json!({"maxTokens": 200}));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[serde_with::skip_serializing_none]
#[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatRequest {
    /// The model, inference profile or prompt.
    #[serde(rename = "modelId", default, skip_serializing_if = "ModelId::is_empty")]
    pub model: ModelId,
    /// The conversation. Empty only where a managed prompt holds it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// The system prompt. An empty list, which some clients send, is kept apart from none.
    pub system: Option<Vec<SystemContentBlock>>,
    /// How the model should sample.
    pub inference_config: Option<InferenceConfig>,
    /// The tools the model may call.
    pub tool_config: Option<ToolConfig>,
    /// The guardrail the request is held to.
    pub guardrail_config: Option<GuardrailConfig>,
    /// Settings that only this model's family has, in its native names.
    pub additional_model_request_fields: Option<Value>,
    /// What stands for the variables of a managed prompt.
    pub prompt_variables: Option<BTreeMap<String, PromptVariableValue>>,
    /// JSON pointers to members of the native response that should come back; at most 10.
    pub additional_model_response_field_paths: Option<Vec<String>>,
    /// Labels for the invocation log.
    pub request_metadata: Option<BTreeMap<String, String>>,
    /// How fast the answer should be.
    pub performance_config: Option<PerformanceConfig>,
    /// The tier in which the request runs and is paid.
    pub service_tier: Option<ServiceTier>,
    /// What form the answer should have.
    pub output_config: Option<OutputConfig>,
    /// How much the model should think. Not the service's: normalising writes it in the family's fields, and a
    /// request that still has it is refused.
    pub reasoning: Option<Reasoning>,
    /// Members this version does not know; kept and sent as they came.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ChatRequest {
    /// A request to a model, without messages yet.
    pub fn new(model: impl Into<ModelId>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }

    /// Adds to the system prompt.
    #[must_use]
    pub fn system(mut self, block: impl Into<SystemContentBlock>) -> Self {
        self.system.get_or_insert_default().push(block.into());
        self
    }

    /// Adds an instruction where the model reads it: to the system prompt, or to the user's last turn where the model takes
    /// no system prompt.
    #[must_use]
    pub fn instruct(mut self, text: impl Into<String>, profile: &ModelProfile) -> Self {
        let text = text.into();
        if profile.features.system_messages != Some(false) {
            return self.system(text);
        }
        match self.messages.iter_mut().rev().find(|message| message.role == Role::User) {
            Some(message) => message.content.push(text.into()),
            None => self.messages.push(Message::user(text)),
        }
        self
    }

    /// Adds a turn; a bare text or block is the user's.
    #[must_use]
    pub fn message(mut self, message: impl Into<Message>) -> Self {
        self.messages.push(message.into());
        self
    }

    /// Adds turns.
    #[must_use]
    pub fn messages(mut self, messages: impl IntoIterator<Item = impl Into<Message>>) -> Self {
        self.messages.extend(messages.into_iter().map(Into::into));
        self
    }

    /// Adds a tool the model may call.
    #[must_use]
    pub fn tool(mut self, tool: impl Into<Tool>) -> Self {
        self.tool_config.get_or_insert_default().tools.push(tool.into());
        self
    }

    /// Sets whether and which tool the model must call.
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_config.get_or_insert_default().tool_choice = Some(choice);
        self
    }

    /// Sets the most tokens the answer may have, at least 1.
    #[must_use]
    pub fn max_tokens(mut self, max_tokens: u32) -> Self {
        self.inference_config.get_or_insert_default().max_tokens = Some(max_tokens);
        self
    }

    /// Sets the randomness, 0 to 1.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.inference_config.get_or_insert_default().temperature = Some(temperature);
        self
    }

    /// Sets the share of likely tokens to sample from, 0 to 1.
    #[must_use]
    pub fn top_p(mut self, top_p: f64) -> Self {
        self.inference_config.get_or_insert_default().top_p = Some(top_p);
        self
    }

    /// Adds a text that ends the answer.
    #[must_use]
    pub fn stop_sequence(mut self, text: impl Into<String>) -> Self {
        let config = self.inference_config.get_or_insert_default();
        config.stop_sequences.get_or_insert_default().push(text.into());
        self
    }

    /// Holds the request to a guardrail.
    #[must_use]
    pub fn guardrail(mut self, guardrail: GuardrailConfig) -> Self {
        self.guardrail_config = Some(guardrail);
        self
    }

    /// Sets a setting that only this model's family has, such as `top_k` or `thinking`.
    #[must_use]
    pub fn additional_field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let fields = self.additional_model_request_fields.get_or_insert_with(|| Value::Object(Extra::new()));
        if !fields.is_object() {
            *fields = Value::Object(Extra::new());
        }
        if let Value::Object(fields) = fields {
            fields.insert(name.into(), value.into());
        }
        self
    }

    /// Asks for a member of the native response, by JSON pointer.
    #[must_use]
    pub fn response_field_path(mut self, pointer: impl Into<String>) -> Self {
        self.additional_model_response_field_paths.get_or_insert_default().push(pointer.into());
        self
    }

    /// Sets what stands for a variable of a managed prompt.
    #[must_use]
    pub fn prompt_variable(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        let value = PromptVariableValue::Text(text.into());
        self.prompt_variables.get_or_insert_default().insert(name.into(), value);
        self
    }

    /// Adds a label for the invocation log.
    #[must_use]
    pub fn request_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request_metadata.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// Sets how fast the answer should be.
    #[must_use]
    pub fn performance(mut self, performance: impl Into<PerformanceConfig>) -> Self {
        self.performance_config = Some(performance.into());
        self
    }

    /// Sets the tier in which the request runs and is paid.
    #[must_use]
    pub fn service_tier(mut self, tier: impl Into<ServiceTier>) -> Self {
        self.service_tier = Some(tier.into());
        self
    }

    /// Binds the answer to a JSON Schema, on models that have it natively.
    #[must_use]
    pub fn json_schema(mut self, name: impl Into<String>, schema: &Value) -> Self {
        self.output_config.get_or_insert_default().text_format =
            Some(OutputFormat::json_schema(name, schema));
        self
    }

    /// Sets how much work the model should put in, such as `low` or `high`.
    #[must_use]
    pub fn effort(mut self, effort: impl Into<String>) -> Self {
        self.output_config.get_or_insert_default().effort = Some(effort.into());
        self
    }

    /// The same request, answered as a stream.
    #[must_use]
    pub fn streaming(self) -> ChatStreamRequest {
        ChatStreamRequest(self)
    }

    /// The text of the system prompt, pieces joined by a blank line.
    #[must_use]
    pub fn system_text(&self) -> Option<String> {
        let texts: Vec<&str> = self
            .system
            .iter()
            .flatten()
            .filter_map(
                |block| if let SystemContentBlock::Text(text) = block { Some(text.as_str()) } else { None },
            )
            .collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    }
}

/// Names the model and counts what is in the request; never shows it, so that prompts do not reach logs.
impl fmt::Debug for ChatRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatRequest")
            .field("model", &self.model.as_str())
            .field("messages", &self.messages.len())
            .field("tools", &self.tool_config.as_ref().map_or(0, |config| config.tools.len()))
            .field("inference_config", &self.inference_config)
            .finish_non_exhaustive()
    }
}

/// A [`ChatRequest`] that is answered as a stream of events.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ChatStreamRequest(pub ChatRequest);

impl From<ChatRequest> for ChatStreamRequest {
    fn from(request: ChatRequest) -> Self {
        Self(request)
    }
}

impl Request for ChatRequest {
    type Response = ChatResponse;
    const OPERATION: Operation = Operation::Converse;

    fn model(&self) -> Option<&ModelId> {
        Some(&self.model)
    }

    fn set_model(&mut self, model: ModelId) {
        self.model = model;
    }

    fn chat(&self) -> Option<&ChatRequest> {
        Some(self)
    }

    fn chat_mut(&mut self) -> Option<&mut ChatRequest> {
        Some(self)
    }

    fn estimate_input_tokens_of(&self, model: &ModelId) -> u64 {
        self.estimate_tokens_of(model).tokens()
    }

    fn max_output_tokens(&self) -> Option<u64> {
        self.inference_config.as_ref()?.max_tokens.map(u64::from)
    }

    fn write_key(&self, out: &mut dyn io::Write) -> io::Result<bool> {
        write_sorted(self, &["modelId", "requestMetadata"], out)?;
        Ok(true)
    }

    fn is_repeatable(&self) -> bool {
        let temperature = self.inference_config.as_ref().and_then(|config| config.temperature);
        temperature == Some(0.0) && self.tool_config.as_ref().is_none_or(|config| config.tools.is_empty())
    }
}

impl Request for ChatStreamRequest {
    type Response = ChatStream;
    const OPERATION: Operation = Operation::ConverseStream;

    fn model(&self) -> Option<&ModelId> {
        self.0.model()
    }

    fn set_model(&mut self, model: ModelId) {
        self.0.set_model(model);
    }

    fn chat(&self) -> Option<&ChatRequest> {
        Some(&self.0)
    }

    fn chat_mut(&mut self) -> Option<&mut ChatRequest> {
        Some(&mut self.0)
    }

    fn estimate_input_tokens_of(&self, model: &ModelId) -> u64 {
        self.0.estimate_input_tokens_of(model)
    }

    fn max_output_tokens(&self) -> Option<u64> {
        self.0.max_output_tokens()
    }

    fn write_key(&self, out: &mut dyn io::Write) -> io::Result<bool> {
        self.0.write_key(out)
    }

    fn is_repeatable(&self) -> bool {
        self.0.is_repeatable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_content() {
        let request = ChatRequest::new("m").system("secret system").message("secret words");
        assert!(!format!("{request:?}{:?}", request.clone().streaming()).contains("secret"));
    }

    #[test]
    fn an_empty_system_prompt_is_kept_apart_from_none() {
        for body in [r#"{"messages":[],"system":[],"inferenceConfig":{}}"#, r#"{"system":[{"text":"a"}]}"#] {
            let request: ChatRequest = serde_json::from_str(body).unwrap();
            assert_eq!(
                serde_json::to_value(&request).unwrap()["system"],
                serde_json::from_str::<Value>(body).unwrap()["system"]
            );
        }
        assert_eq!(serde_json::to_string(&ChatRequest::new("m")).unwrap(), r#"{"modelId":"m"}"#);
    }
}
