//! A ranking, as it comes back.

use super::RerankDocument;
use crate::response::{AnsweredBy, Response, Usage};
use crate::wire::Extra;

/// Documents by how well they answer, the best first.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RerankResponse {
    /// The ranking.
    pub results: Vec<RerankResult>,
    /// Where the answer goes on, if there is more of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many tokens were read, where the service says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Members of the body that have no name here.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
    /// The service's id for this call.
    #[serde(skip)]
    pub request_id: Option<String>,
    /// Who answered, where the call could have gone to several.
    #[serde(skip)]
    pub answered_by: Option<Box<AnsweredBy>>,
    /// Whether the answer came from a client's own cache of answers.
    #[serde(skip)]
    pub is_replayed: bool,
}

/// A document's place in a ranking.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RerankResult {
    /// Which document of the request, counted from 0.
    pub index: usize,
    /// How well it answers; more is better. Scores of one query can be compared, those of two cannot.
    pub relevance_score: f32,
    /// The document, where the service gives it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<RerankDocument>,
}

impl Response for RerankResponse {
    fn usage(&self) -> Option<Usage> {
        let tokens = self.input_tokens?;
        Some(Usage { is_replayed: self.is_replayed, ..Usage::new(tokens, 0) })
    }

    fn set_answered_by(&mut self, who: AnsweredBy) {
        self.answered_by = Some(Box::new(who));
    }
}
