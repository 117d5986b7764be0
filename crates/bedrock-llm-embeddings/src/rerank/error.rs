//! Why there is no ranking.

use std::fmt;

use bedrock_llm_schema::{Error, ErrorKind, ModelId};

use super::{Ranked, Ranking, RerankUsage};
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
    /// A setting of the reranker is out of range; nothing was sent.
    #[error("{setting} must be {range}")]
    #[non_exhaustive]
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// Some documents were not ranked, or none were.
    ///
    /// [`resume`](super::Reranker::resume) asks for those that are missing. Where none is, some were refused: there is
    /// nothing to ask again, and [`PartialRanking::into_ranking`] is the ranking of the others.
    #[error("{partial}")]
    #[non_exhaustive]
    Incomplete {
        /// What came all the same, and what is missing; [`Reranker::resume`](super::Reranker::resume) asks for the rest.
        partial: Box<PartialRanking>,
        /// The first failure; that of the first document that was refused, where no other is missing.
        /// [`RankingFault::of`](super::RankingFault::of) tells whether an answer came that cannot be right.
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
/// [`ErrorKind::InvalidRequest`], or [`ErrorKind::Config`] for a setting. What came all the same is lost.
impl From<RerankError> for Error {
    fn from(error: RerankError) -> Self {
        let told = error.to_string();
        match error {
            RerankError::Incomplete { cause, .. } => {
                let hint = cause.hint().map(|hint| format!("{hint}; ")).unwrap_or_default();
                cause.with_hint(format!("{hint}{told}"))
            }
            RerankError::OutOfRange { .. } => Self::new(ErrorKind::Config, told).with_source(error),
            other => Self::new(ErrorKind::InvalidRequest, told).with_source(other),
        }
    }
}

/// A document that cannot be ranked, and why: it is blank or too long, by a rule or by the service's word on it alone.
/// It is not asked for again; others of its call were.
#[derive(Debug)]
#[non_exhaustive]
pub struct RefusedDocument {
    /// Which of the documents it is, counted from 0.
    pub index: usize,
    /// Why.
    pub error: Error,
}

/// The error is one without its [source](std::error::Error::source), which cannot be shared.
impl Clone for RefusedDocument {
    fn clone(&self) -> Self {
        Self { index: self.index, error: self.error.duplicate() }
    }
}

/// The ranking of those documents that were ranked: all documents are ranked, missing or refused.
///
/// ```
/// # use bedrock_llm_embeddings::rerank::{RerankError, Ranking, Reranker};
/// /// Those that can be ranked.
/// async fn rank<'a>(
///     reranker: &Reranker,
///     query: &str,
///     documents: &'a [String],
/// ) -> Result<Ranking<'a, String>, RerankError> {
///     match reranker.rerank(query, documents).await {
///         Err(RerankError::Incomplete { partial, .. }) if partial.missing.is_empty() => {
///             for refused in &partial.refused {
///                 eprintln!("document {}: {}", refused.index, refused.error);
///             }
///             partial.into_ranking(documents)
///         }
///         outcome => outcome,
///     }
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct PartialRanking {
    /// The best of the documents that were ranked, as many as were asked for; an index is the place among all documents.
    pub ranked: Vec<Scored>,
    /// Which documents were not ranked and can be asked for again, in order.
    pub missing: Vec<usize>,
    /// Documents that cannot be ranked, in order.
    pub refused: Vec<RefusedDocument>,
    /// What it took, with calls whose answers could not be used.
    pub usage: RerankUsage,
    pub(super) query: String,
    pub(super) top_n: Option<usize>,
    pub(super) documents: usize,
    /// The reranker's.
    pub(super) model: ModelId,
    /// The one that answered, which failover may have chosen.
    pub(super) answered: Option<ModelId>,
}

impl PartialRanking {
    /// The model whose scores [`ranked`](Self::ranked) has; `None` where nothing is ranked. It is another than the
    /// reranker's where failover chose it.
    #[must_use]
    pub fn answered(&self) -> Option<&ModelId> {
        self.answered.as_ref()
    }

    /// Forgets what was ranked, so that it is missing too and [`resume`](super::Reranker::resume) takes any model's scores.
    /// What was refused stays so, and usage is counted on.
    ///
    /// This is the way out where failover let another model begin: its scores cannot be compared with those of the model
    /// that answers now, so that to resume would end in [`RankingFault::OtherModel`](super::RankingFault::OtherModel)
    /// each time. Whether to pay once more for what was ranked is for the caller to say.
    ///
    /// ```
    /// # use bedrock_llm_embeddings::rerank::{RankingFault, RerankError, Ranking, Reranker};
    /// async fn by_one_model<'a>(
    ///     reranker: &Reranker,
    ///     query: &str,
    ///     documents: &'a [String],
    /// ) -> Result<Ranking<'a, String>, RerankError> {
    ///     match reranker.rerank(query, documents).await {
    ///         Err(RerankError::Incomplete { partial, cause, .. })
    ///             if matches!(RankingFault::of(&cause), Some(RankingFault::OtherModel { .. })) =>
    ///         {
    ///             reranker.resume(partial.forget(), documents).await
    ///         }
    ///         outcome => outcome,
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn forget(mut self) -> Self {
        let is_refused = |place: &usize| self.refused.iter().any(|refused| refused.index == *place);
        self.missing = (0..self.documents).filter(|place| !is_refused(place)).collect();
        self.ranked.clear();
        self.answered = None;
        self
    }

    /// The ranking of the documents that were ranked; those missing and refused are left out.
    ///
    /// # Errors
    /// [`RerankError::OtherDocuments`] where there are not as many documents as there were.
    pub fn into_ranking<D>(self, documents: &[D]) -> Result<Ranking<'_, D>, RerankError> {
        if self.documents != documents.len() {
            return Err(RerankError::OtherDocuments { wanted: self.documents, found: documents.len() });
        }
        let ranked = self.ranked.iter().filter_map(|one| {
            Some(Ranked { index: one.index, score: one.score, document: documents.get(one.index)? })
        });
        Ok(Ranking { results: ranked.collect(), usage: self.usage })
    }
}

impl fmt::Display for PartialRanking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = self.refused.len();
        match (self.missing.len().saturating_add(refused), self.documents) {
            (unranked, all) if unranked == all => write!(f, "none of {all} documents were ranked")?,
            (unranked, all) => write!(f, "{unranked} of {all} documents were not ranked")?,
        }
        match self.refused.first() {
            Some(first) => {
                write!(
                    f,
                    "; {refused} cannot be, the first of them document {} (counted from 0)",
                    first.index
                )
            }
            None => Ok(()),
        }
    }
}

/// Does not show the query, so that it does not reach logs.
impl fmt::Debug for PartialRanking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialRanking")
            .field("ranked", &self.ranked)
            .field("missing", &self.missing)
            .field("refused", &self.refused)
            .field("usage", &self.usage)
            .field("top_n", &self.top_n)
            .field("documents", &self.documents)
            .field("model", &self.model.as_str())
            .finish_non_exhaustive()
    }
}
