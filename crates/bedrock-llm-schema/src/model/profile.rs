//! [`ModelProfile`]: what is known of one model.

use serde::{Deserialize, Serialize};

use super::{ModelId, Prices};

/// Takes each named member from `over` where it is set there.
macro_rules! overlay_set {
    ($base:ident, $over:ident: $($field:ident),+ $(,)?) => {
        $( if $over.$field.is_some() { $base.$field = $over.$field; } )+
    };
}
pub(super) use overlay_set;

/// What is known of a model or inference profile. `None` is unknown, not "no" and not zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelProfile {
    /// The id the facts are recorded under; [`Catalog::get`](crate::Catalog::get) may have come here from another.
    #[serde(skip_serializing_if = "ModelId::is_empty")]
    pub id: ModelId,
    /// The model behind an id that does not tell, such as an application inference profile's ARN.
    ///
    /// Facts not given for the id itself are then taken from this model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_model: Option<ModelId>,
    /// What the model is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The most input tokens in one request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_input_tokens: Option<u64>,
    /// The most tokens the model will produce in one response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// The length of the vectors an embedding model returns by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_vector_size: Option<u32>,
    /// The fewest tokens before a cache point for it to take effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_min_tokens: Option<u64>,
    /// The day, `YYYY-MM-DD`, from which the model may be withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecation_date: Option<String>,
    /// What the model can do.
    pub features: Features,
    /// What the model costs.
    pub prices: Prices,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// Text generation over messages.
    Chat,
    /// Vectors for text or other media.
    Embedding,
    /// Ranking documents by a query.
    Rerank,
    /// Images from text.
    ImageGeneration,
    /// Images from images.
    ImageEdit,
    /// Speech and text in both directions over one connection.
    Realtime,
}

/// What a model can do: `Some(true)` it can, `Some(false)` it cannot, `None` unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Features {
    /// Reasoning whose depth the model chooses itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive_thinking: Option<bool>,
    /// Continuing a last message of the assistant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistant_prefill: Option<bool>,
    /// Audio in the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<bool>,
    /// Embedding of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_image_input: Option<bool>,
    /// System messages in the middle of a conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid_conversation_system: Option<bool>,
    /// A switch for calling several tools in one turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_use_config: Option<bool>,
    /// PDF documents in the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pdf_input: Option<bool>,
    /// Cache points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_caching: Option<bool>,
    /// Reasoning before the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<bool>,
    /// Answers that follow a JSON schema, be it natively or by way of a tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_schema: Option<bool>,
    /// Answers held to a JSON schema by the service itself (`outputConfig`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_output: Option<bool>,
    /// System prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_messages: Option<bool>,
    /// Being told which tool to use (`toolChoice`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<bool>,
    /// Tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_use: Option<bool>,
    /// Video in the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_input: Option<bool>,
    /// Images in the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vision: Option<bool>,
}

impl ModelProfile {
    /// A profile of which nothing is known but the id.
    #[must_use]
    pub fn new(id: impl Into<ModelId>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Lets every member that is set in `over` win; the id stays.
    pub(super) fn overlay(&mut self, over: Self) {
        overlay_set!(self, over: base_model, mode, max_input_tokens, max_output_tokens, output_vector_size,
            prompt_cache_min_tokens, deprecation_date);
        self.features.overlay(over.features);
        self.prices.overlay(over.prices);
    }
}

impl Features {
    fn overlay(&mut self, over: Self) {
        overlay_set!(self, over: adaptive_thinking, assistant_prefill, audio_input, embedding_image_input,
            mid_conversation_system, parallel_tool_use_config, pdf_input, prompt_caching, reasoning, response_schema,
            structured_output, system_messages, tool_choice, tool_use, video_input, vision);
    }
}
