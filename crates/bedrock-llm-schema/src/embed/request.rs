//! Asking for embeddings.

use std::fmt;
use std::io;

use super::{EmbedInput, EmbedResponse};
use crate::ModelId;
use crate::request::{Operation, Request, write_sorted};
use crate::tokens::of_text;
use crate::wire::{Extra, wire_enum};

/// Asks for one vector per input, in the order of the inputs.
///
/// It is one call of the service: how many inputs a model takes at once, its
/// [`EmbeddingFacts`](crate::model::EmbeddingFacts) say. What is `None` is left to the model.
///
/// ```
/// use bedrock_llm_schema::EmbedRequest;
/// use bedrock_llm_schema::embed::EmbedPurpose;
///
/// let request = EmbedRequest::new("cohere.embed-v4:0")
///     .inputs(["The sky is blue.", "Grass is green."])
///     .purpose(EmbedPurpose::Document)
///     .dimensions(512);
/// assert_eq!(request.inputs.len(), 2);
/// ```
#[serde_with::skip_serializing_none]
#[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmbedRequest {
    /// The model.
    #[serde(rename = "modelId", default, skip_serializing_if = "ModelId::is_empty")]
    pub model: ModelId,
    /// What to embed.
    pub inputs: Vec<EmbedInput>,
    /// What the vectors are for. Cohere's models must be told.
    pub purpose: Option<EmbedPurpose>,
    /// How long the vectors are to be.
    pub dimensions: Option<u32>,
    /// Whether the model scales its vectors to length 1.
    pub normalize: Option<bool>,
    /// What becomes of texts that are longer than the model takes.
    pub truncation: Option<EmbedTruncation>,
    /// The forms the numbers are wanted in; the model's usual one where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<EmbeddingType>,
    /// Members of the model's native body that have no name here; written to it as they are.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

wire_enum! {
    /// What vectors are for. A model that does not tell purposes apart is not told.
    pub enum EmbedPurpose {
        /// To be found: Cohere's `search_document`, Nova's `GENERIC_INDEX`.
        Document = "document",
        /// To find with: Cohere's `search_query`, Nova's `GENERIC_RETRIEVAL`.
        Query = "query",
        /// To find texts with; Nova alone.
        TextQuery = "textQuery",
        /// To find images with; Nova alone.
        ImageQuery = "imageQuery",
        /// To find videos with; Nova alone.
        VideoQuery = "videoQuery",
        /// To find documents with that are images of pages; Nova alone.
        DocumentQuery = "documentQuery",
        /// To find sound with; Nova alone.
        AudioQuery = "audioQuery",
        /// To be classified.
        Classification = "classification",
        /// To be grouped.
        Clustering = "clustering",
        /// An image to be found; Cohere's `image`.
        Image = "image",
    }

    /// What becomes of texts that are longer than a model takes.
    pub enum EmbedTruncation {
        /// The service refuses them.
        Refuse = "none",
        /// The beginning is cut off.
        Start = "start",
        /// The end is cut off.
        End = "end",
    }

    /// In what form the numbers of a vector come.
    pub enum EmbeddingType {
        /// 32-bit floats.
        Float = "float",
        /// Signed bytes.
        Int8 = "int8",
        /// Unsigned bytes.
        Uint8 = "uint8",
        /// One bit for a dimension; by Cohere eight to a signed byte, by Titan one to a number. Cohere's bytes are read as
        /// two's complement, which no source confirms; whoever reads single dimensions is safe with `ubinary`.
        Binary = "binary",
        /// One bit for a dimension, eight to an unsigned byte. An `Embedder` of bits asks for these where a model has both.
        Ubinary = "ubinary",
    }
}

impl EmbedRequest {
    /// A request without inputs.
    pub fn new(model: impl Into<ModelId>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }

    /// Adds an input.
    #[must_use]
    pub fn input(mut self, input: impl Into<EmbedInput>) -> Self {
        self.inputs.push(input.into());
        self
    }

    /// Adds inputs.
    #[must_use]
    pub fn inputs<I: Into<EmbedInput>>(mut self, inputs: impl IntoIterator<Item = I>) -> Self {
        self.inputs.extend(inputs.into_iter().map(Into::into));
        self
    }

    /// Says what the vectors are for.
    #[must_use]
    pub fn purpose(mut self, purpose: EmbedPurpose) -> Self {
        self.purpose = Some(purpose);
        self
    }

    /// Says how long the vectors are to be.
    #[must_use]
    pub fn dimensions(mut self, dimensions: u32) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// Says whether the model scales its vectors to length 1.
    #[must_use]
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.normalize = Some(normalize);
        self
    }

    /// Says what becomes of texts that are longer than the model takes.
    #[must_use]
    pub fn truncation(mut self, truncation: EmbedTruncation) -> Self {
        self.truncation = Some(truncation);
        self
    }

    /// Adds a form the numbers are wanted in.
    #[must_use]
    pub fn r#type(mut self, r#type: EmbeddingType) -> Self {
        self.types.push(r#type);
        self
    }
}

impl Request for EmbedRequest {
    type Response = EmbedResponse;
    const OPERATION: Operation = Operation::InvokeModel;

    fn model(&self) -> Option<&ModelId> {
        Some(&self.model)
    }

    fn set_model(&mut self, model: ModelId) {
        self.model = model;
    }

    /// Of the texts; what an image counts is not known.
    fn estimate_input_tokens_of(&self, _model: &ModelId) -> u64 {
        self.inputs.iter().flat_map(EmbedInput::texts).map(of_text).sum()
    }

    fn write_key(&self, out: &mut dyn io::Write) -> io::Result<bool> {
        write_sorted(self, &["modelId"], out)?;
        Ok(true)
    }

    /// The same inputs get the same vectors.
    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Shows the texts' lengths only, so that they do not reach logs.
impl fmt::Debug for EmbedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedRequest")
            .field("model", &self.model.as_str())
            .field("inputs", &self.inputs.len())
            .field("purpose", &self.purpose)
            .field("dimensions", &self.dimensions)
            .field("types", &self.types)
            .finish_non_exhaustive()
    }
}
