//! How many tokens a request is, without running it.

use std::io;

use serde_json::Value;

use super::{ChatRequest, Operation, Request, write_sorted};
use crate::content::tool::ToolConfig;
use crate::content::{Message, SystemContentBlock};
use crate::wire::{Extra, wire_struct, wire_union};
use crate::{Blob, ModelId};

/// Asks how many tokens a request is.
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CountTokensRequest {
    /// The foundation model; inference profiles are refused by the service.
    #[serde(rename = "modelId", default, skip_serializing_if = "ModelId::is_empty")]
    pub model: ModelId,
    /// The request to count.
    pub input: CountTokensInput,
    /// Members this version does not know; kept and written back as they came.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Names the model only, so that prompts do not reach logs.
impl std::fmt::Debug for CountTokensRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CountTokensRequest").field("model", &self.model.as_str()).finish_non_exhaustive()
    }
}

wire_struct! {
    /// The parts of a [`ChatRequest`] that have tokens.
    #[derive(Default)]
    pub struct ConverseTokensRequest {
        /// The conversation.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub messages: Vec<Message>,
        /// The system prompt.
        pub system: Option<Vec<SystemContentBlock>>,
        /// The tools.
        pub tool_config: Option<ToolConfig>,
        /// Settings that only this model's family has.
        pub additional_model_request_fields: Option<Value>,
    }

    /// A native request body.
    #[derive(Default)]
    pub struct InvokeModelTokensRequest {
        /// The body; base64 in JSON.
        pub body: Blob,
    }

    /// How many tokens it is.
    #[derive(Default)]
    pub struct CountTokensResponse {
        /// Tokens.
        pub input_tokens: u64,
        /// The service's id for this call; from the response's headers.
        #[serde(skip)]
        pub request_id: Option<String>,
    }
}

wire_union! {
    /// What to count.
    pub enum CountTokensInput {
        /// A native request.
        InvokeModel(InvokeModelTokensRequest) = "invokeModel",
        /// A Converse request.
        Converse(ConverseTokensRequest) = "converse",
    }
}

impl CountTokensRequest {
    /// Asks about a native body.
    pub fn invoke_model(model: impl Into<ModelId>, body: impl Into<Blob>) -> Self {
        let body = InvokeModelTokensRequest { body: body.into(), extra: Extra::new() };
        Self { model: model.into(), input: CountTokensInput::InvokeModel(body), extra: Extra::new() }
    }
}

/// Asks about a chat request; parts of it that have no tokens are left out.
impl From<ChatRequest> for CountTokensRequest {
    fn from(request: ChatRequest) -> Self {
        let input = ConverseTokensRequest {
            messages: request.messages,
            system: request.system,
            tool_config: request.tool_config,
            additional_model_request_fields: request.additional_model_request_fields,
            extra: Extra::new(),
        };
        Self { model: request.model, input: CountTokensInput::Converse(input), extra: Extra::new() }
    }
}

impl Request for CountTokensRequest {
    type Response = CountTokensResponse;
    const OPERATION: Operation = Operation::CountTokens;

    fn model(&self) -> Option<&ModelId> {
        Some(&self.model)
    }

    fn set_model(&mut self, model: ModelId) {
        self.model = model;
    }

    /// Counting uses none.
    fn estimate_input_tokens_of(&self, _model: &ModelId) -> u64 {
        0
    }

    fn write_key(&self, out: &mut dyn io::Write) -> io::Result<bool> {
        write_sorted(self, &["modelId"], out)?;
        Ok(true)
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}
