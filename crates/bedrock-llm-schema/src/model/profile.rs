//! [`ModelProfile`]: what is known of one model.

use serde::{Deserialize, Serialize};

use super::facts::{
    AccessFacts, CacheFacts, DocumentFacts, EmbeddingFacts, Features, ImageFacts, QuotaFacts, ReasoningFacts,
    RerankFacts, SamplingFacts, ToolFacts, TurnFacts, VideoFacts,
};
use super::{ModelId, Prices};

/// Takes each named member from `over` where it is set there.
macro_rules! overlay_set {
    ($base:ident, $over:ident: $($field:ident),+ $(,)?) => {
        $( if $over.$field.is_some() { $base.$field = $over.$field; } )+
    };
}
pub(super) use overlay_set;

/// What is known of a model or inference profile. `None` is unknown, not "no" and not zero.
#[serde_with::skip_serializing_none]
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
    pub base_model: Option<ModelId>,
    /// What the model is for.
    pub mode: Option<Mode>,
    /// The most input tokens in one request.
    pub max_input_tokens: Option<u64>,
    /// The most tokens the model will produce in one response.
    pub max_output_tokens: Option<u64>,
    /// The length of the vectors an embedding model returns by default.
    pub output_vector_size: Option<u32>,
    /// The day, `YYYY-MM-DD`, from which the model may be withdrawn.
    pub deprecation_date: Option<String>,
    /// What the model can do.
    #[serde(skip_serializing_if = "Features::is_unknown")]
    pub features: Features,
    /// How the model is called.
    #[serde(skip_serializing_if = "AccessFacts::is_unknown")]
    pub access: AccessFacts,
    /// The order of turns.
    #[serde(skip_serializing_if = "TurnFacts::is_unknown")]
    pub turns: TurnFacts,
    /// Sampling and extra fields.
    #[serde(skip_serializing_if = "SamplingFacts::is_unknown")]
    pub sampling: SamplingFacts,
    /// Tools.
    #[serde(skip_serializing_if = "ToolFacts::is_unknown")]
    pub tools: ToolFacts,
    /// Images.
    #[serde(skip_serializing_if = "ImageFacts::is_unknown")]
    pub images: ImageFacts,
    /// Documents.
    #[serde(skip_serializing_if = "DocumentFacts::is_unknown")]
    pub documents: DocumentFacts,
    /// Videos.
    #[serde(skip_serializing_if = "VideoFacts::is_unknown")]
    pub videos: VideoFacts,
    /// Prompt caching.
    #[serde(skip_serializing_if = "CacheFacts::is_unknown")]
    pub cache: CacheFacts,
    /// How calls count against the quotas.
    #[serde(skip_serializing_if = "QuotaFacts::is_unknown")]
    pub quota: QuotaFacts,
    /// Reasoning.
    #[serde(skip_serializing_if = "ReasoningFacts::is_unknown")]
    pub reasoning: ReasoningFacts,
    /// Embedding.
    #[serde(skip_serializing_if = "EmbeddingFacts::is_unknown")]
    pub embedding: EmbeddingFacts,
    /// Reranking.
    #[serde(skip_serializing_if = "RerankFacts::is_unknown")]
    pub rerank: RerankFacts,
    /// What the model costs.
    #[serde(skip_serializing_if = "Prices::is_unknown")]
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

impl ModelProfile {
    /// A profile of which nothing is known but the id.
    #[must_use]
    pub fn new(id: impl Into<ModelId>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Lets every member that is set in `over` win; the id stays.
    pub(super) fn overlay(&mut self, over: &Self) {
        macro_rules! take {
            ($($field:ident),+) => {
                $( if over.$field.is_some() { self.$field.clone_from(&over.$field); } )+
            };
        }
        take!(base_model, mode, max_input_tokens, max_output_tokens, output_vector_size, deprecation_date);
        self.features.overlay(&over.features);
        self.access.overlay(&over.access);
        self.turns.overlay(&over.turns);
        self.sampling.overlay(&over.sampling);
        self.tools.overlay(&over.tools);
        self.images.overlay(&over.images);
        self.documents.overlay(&over.documents);
        self.videos.overlay(&over.videos);
        self.cache.overlay(&over.cache);
        self.quota.overlay(&over.quota);
        self.reasoning.overlay(&over.reasoning);
        self.embedding.overlay(&over.embedding);
        self.rerank.overlay(&over.rerank);
        self.prices.overlay(over.prices.clone());
    }
}
