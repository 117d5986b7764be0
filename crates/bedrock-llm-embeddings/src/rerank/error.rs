//! Why there is no ranking.

use std::fmt;

use bedrock_llm_schema::{Error, ErrorKind, ModelId};

use super::RerankUsage;
use crate::similarity::Scored;

/// Why documents were not ranked. Neither `Display` nor `Debug` shows query or documents.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RerankError {
    /// There is nothing to rank; nothing was sent.
    #[error("there are no documents to rank")]
    NoDocuments,
    /// The best 0 were asked for; nothing was sent.
    #[error("top_n is 0; ask for one document at least, or leave it out for all")]
    TopN,
    /// Some documents were not ranked, or none were.
    #[error("{partial}")]
    #[non_exhaustive]
    Incomplete {
        /// What came all the same, and what is missing; [`Reranker::resume`](super::Reranker::resume) asks for the rest.
        partial: Box<PartialRanking>,
        /// The first failure. [`RankingFault::of`](super::RankingFault::of) tells whether an answer came that cannot be
        /// right.
        #[source]
        cause: Error,
    },
    /// What is resumed was a ranking of another number of documents; nothing was sent.
    #[error("what is resumed was of {wanted} documents, and these are {found}")]
    #[non_exhaustive]
    OtherDocuments {
        /// How many documents there were.
        wanted: usize,
        /// How many there are now.
        found: usize,
    },
    /// What is resumed was a ranking by another model, whose scores cannot be compared with this one's; nothing was sent.
    #[error("what is resumed was ranked by {wanted}, and this is a reranker of {found}")]
    #[non_exhaustive]
    OtherModel {
        /// The model that ranked.
        wanted: ModelId,
        /// The reranker's.
        found: ModelId,
    },
}

impl RerankError {
    /// The failure of a call, where one failed.
    #[must_use]
    pub fn cause(&self) -> Option<&Error> {
        match self {
            Self::Incomplete { cause, .. } => Some(cause),
            _ => None,
        }
    }

    /// Whether what is missing may be ranked if it is asked for again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.cause().is_some_and(Error::is_retryable)
    }

    /// What came all the same, where calls failed.
    #[must_use]
    pub fn into_partial(self) -> Option<PartialRanking> {
        match self {
            Self::Incomplete { partial, .. } => Some(*partial),
            _ => None,
        }
    }
}

/// The first failure of a call, with a word on how many documents are missing; else an error of kind
/// [`ErrorKind::InvalidRequest`]. What came all the same is lost.
impl From<RerankError> for Error {
    fn from(error: RerankError) -> Self {
        let told = error.to_string();
        match error {
            RerankError::Incomplete { cause, .. } => {
                let hint = cause.hint().map(|hint| format!("{hint}; ")).unwrap_or_default();
                cause.with_hint(format!("{hint}{told}"))
            }
            other => Self::new(ErrorKind::InvalidRequest, told).with_source(other),
        }
    }
}

/// The ranking of those documents whose calls were answered.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PartialRanking {
    /// The best of the documents that were ranked, as many as were asked for; an index is the place among all documents.
    pub ranked: Vec<Scored>,
    /// Which documents were not ranked, in order.
    pub missing: Vec<usize>,
    /// What it took.
    pub usage: RerankUsage,
    pub(super) query: String,
    pub(super) top_n: Option<usize>,
    pub(super) documents: usize,
    /// The reranker's.
    pub(super) model: ModelId,
    /// The one that answered, which failover may have chosen.
    pub(super) answered: Option<ModelId>,
}

impl fmt::Display for PartialRanking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.missing.len(), self.documents) {
            (missing, all) if missing == all => write!(f, "none of {all} documents were ranked"),
            (missing, all) => write!(f, "{missing} of {all} documents were not ranked"),
        }
    }
}

/// Does not show the query, so that it does not reach logs.
impl fmt::Debug for PartialRanking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialRanking")
            .field("ranked", &self.ranked)
            .field("missing", &self.missing)
            .field("usage", &self.usage)
            .field("top_n", &self.top_n)
            .field("documents", &self.documents)
            .field("model", &self.model.as_str())
            .finish_non_exhaustive()
    }
}
