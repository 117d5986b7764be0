//! Asking for a ranking.

use std::fmt;
use std::io;

use super::{RerankDocument, RerankResponse};
use crate::ModelId;
use crate::request::{Operation, Request, write_sorted};
use crate::tokens::of_text;
use crate::wire::Extra;

/// Asks how well documents answer a query.
///
/// It is one call of the service: how many documents a model takes at once, its
/// [`RerankFacts`](crate::model::RerankFacts) say.
///
/// ```
/// use bedrock_llm_schema::RerankRequest;
///
/// let request = RerankRequest::new("cohere.rerank-v3-5:0", "What is the capital of France?")
///     .documents(["Paris is the capital of France.", "Lyon lies on the Rhône."])
///     .top_n(1);
/// assert_eq!(request.documents.len(), 2);
/// ```
#[serde_with::skip_serializing_none]
#[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RerankRequest {
    /// The model.
    #[serde(rename = "modelId", default, skip_serializing_if = "ModelId::is_empty")]
    pub model: ModelId,
    /// The query.
    pub query: String,
    /// The documents.
    pub documents: Vec<RerankDocument>,
    /// How many of the best are wanted; all where nothing is said.
    pub top_n: Option<u32>,
    /// Which API of the service is asked.
    #[serde(default)]
    pub api: RerankApi,
    /// Where a paged answer goes on; [`RerankApi::AgentRuntime`] alone has them.
    pub next_token: Option<String>,
    /// Members of the model's native body that have no name here; written to it as they are.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

/// Which API of the service ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RerankApi {
    /// InvokeModel of bedrock-runtime, with the model's native body.
    #[default]
    InvokeModel,
    /// `Rerank` of bedrock-agent-runtime, which has one body for all models.
    AgentRuntime,
}

impl RerankRequest {
    /// A request without documents.
    pub fn new(model: impl Into<ModelId>, query: impl Into<String>) -> Self {
        Self { model: model.into(), query: query.into(), ..Self::default() }
    }

    /// Adds a document.
    #[must_use]
    pub fn document(mut self, document: impl Into<RerankDocument>) -> Self {
        self.documents.push(document.into());
        self
    }

    /// Adds documents.
    #[must_use]
    pub fn documents<D: Into<RerankDocument>>(mut self, documents: impl IntoIterator<Item = D>) -> Self {
        self.documents.extend(documents.into_iter().map(Into::into));
        self
    }

    /// Says how many of the best are wanted.
    #[must_use]
    pub fn top_n(mut self, top_n: u32) -> Self {
        self.top_n = Some(top_n);
        self
    }

    /// Says which API is asked.
    #[must_use]
    pub fn api(mut self, api: RerankApi) -> Self {
        self.api = api;
        self
    }
}

impl Request for RerankRequest {
    type Response = RerankResponse;
    const OPERATION: Operation = Operation::Rerank;

    fn model(&self) -> Option<&ModelId> {
        Some(&self.model)
    }

    fn set_model(&mut self, model: ModelId) {
        self.model = model;
    }

    /// The query is read with every document.
    fn estimate_input_tokens_of(&self, _model: &ModelId) -> u64 {
        let query = of_text(&self.query);
        self.documents.iter().map(|document| query.saturating_add(of_text(&document.text()))).sum()
    }

    fn write_key(&self, out: &mut dyn io::Write) -> io::Result<bool> {
        write_sorted(self, &["modelId"], out)?;
        Ok(true)
    }

    /// The same documents get the same scores.
    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Shows neither query nor documents, so that they do not reach logs.
impl fmt::Debug for RerankRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RerankRequest")
            .field("model", &self.model.as_str())
            .field("documents", &self.documents.len())
            .field("top_n", &self.top_n)
            .field("api", &self.api)
            .finish_non_exhaustive()
    }
}
