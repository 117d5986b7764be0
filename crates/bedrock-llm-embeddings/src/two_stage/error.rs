//! Why there is no corpus, or nothing was found.

use std::error::Error as StdError;
use std::fmt;

use bedrock_llm_schema::embed::Element;
use bedrock_llm_schema::{Error, ErrorKind, ModelId};

use crate::rerank::RerankError;
use crate::similarity::{Scored, SimilarityError};
use crate::{EmbedError, EmbedUsage};

/// Documents and vectors that do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {documents} documents and {vectors} vectors; each needs one, in the same order")]
#[non_exhaustive]
pub struct CorpusError {
    /// How many documents there are.
    pub documents: usize,
    /// How many vectors there are.
    pub vectors: usize,
}

/// An error of kind [`ErrorKind::InvalidRequest`].
impl From<CorpusError> for Error {
    fn from(error: CorpusError) -> Self {
        Self::new(ErrorKind::InvalidRequest, error.to_string()).with_source(error)
    }
}

/// Documents that did not all get a vector. Nothing is lost: it has the documents, and the vectors that came.
///
/// [`Embedder::retry`](crate::Embedder::retry) of [`source`](Self::source) asks for the rest, and
/// [`Corpus::new`](super::Corpus::new) puts both together. Documents that can get no vector, as blank ones, are to be left
/// out: those of [`EmbedError::failed`].
#[non_exhaustive]
pub struct CorpusEmbedError<D, T = f32> {
    /// All documents, in order.
    pub documents: Vec<D>,
    /// Which got no vector and why, with the vectors of the others.
    pub source: EmbedError<T>,
}

impl<D, T: Element> fmt::Display for CorpusEmbedError<D, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// Does not show the documents, so that they do not reach logs.
impl<D, T: Element> fmt::Debug for CorpusEmbedError<D, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorpusEmbedError").field("source", &self.source).finish_non_exhaustive()
    }
}

/// It is told in the words of [`source`](Self::source), so what caused that comes next.
impl<D, T: Element> StdError for CorpusEmbedError<D, T> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

/// As an [`EmbedError`] does. Documents and vectors are lost.
impl<D, T: Element> From<CorpusEmbedError<D, T>> for Error {
    fn from(error: CorpusEmbedError<D, T>) -> Self {
        error.source.into()
    }
}

/// Why a search found nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TwoStageError {
    /// The corpus was embedded by another model than the query would be; nothing was sent.
    #[error(
        "the corpus was embedded by {corpus} and the query would be by {query}; vectors of two models cannot be compared"
    )]
    #[non_exhaustive]
    OtherModel {
        /// The corpus's model.
        corpus: ModelId,
        /// The embedder's.
        query: ModelId,
    },
    /// The corpus has no documents; nothing was sent.
    #[error("the corpus has no documents")]
    EmptyCorpus,
    /// No candidates were asked for; nothing was sent.
    #[error("candidates is 0; ask for one document at least, or leave it out for 100")]
    Candidates,
    /// The best 0 were asked for; nothing was sent.
    #[error("top_n is 0; ask for one document at least, or leave it out for all candidates")]
    TopN,
    /// The reranker's settings cannot work; nothing was sent.
    #[error(transparent)]
    Reranker(RerankError),
    /// The query got no vector.
    #[error("the query got no vector")]
    Embed(#[from] Error),
    /// The query's vector cannot be compared with those of the corpus.
    #[error("the query's vector does not fit the corpus")]
    Similarity(#[from] SimilarityError),
    /// The second stage failed.
    #[error("the candidates were not ranked")]
    #[non_exhaustive]
    Rerank {
        /// What the first stage found, the nearest first: to be shown in place of an answer, perhaps.
        candidates: Vec<Scored>,
        /// What the query's vector took. What the second stage took is in `source`.
        query_usage: EmbedUsage,
        /// Why. Indices in it are places among `candidates`.
        #[source]
        source: RerankError,
    },
}

impl TwoStageError {
    /// The failure of a call, where one failed.
    #[must_use]
    pub fn cause(&self) -> Option<&Error> {
        match self {
            Self::Embed(error) => Some(error),
            Self::Rerank { source, .. } => source.cause(),
            _ => None,
        }
    }

    /// Whether the search may succeed if it is made again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.cause().is_some_and(Error::is_retryable)
    }
}

/// The failure of a call where one failed; else an error of kind [`ErrorKind::InvalidRequest`], or
/// [`ErrorKind::Config`] for a setting of the reranker. What the first stage found is lost.
impl From<TwoStageError> for Error {
    fn from(error: TwoStageError) -> Self {
        match error {
            TwoStageError::Embed(error) => error,
            TwoStageError::Similarity(error) => error.into(),
            TwoStageError::Reranker(error) | TwoStageError::Rerank { source: error, .. } => error.into(),
            other => Self::new(ErrorKind::InvalidRequest, other.to_string()).with_source(other),
        }
    }
}
