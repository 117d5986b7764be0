//! [`Rerank`]: one ranking, divided, run and merged.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use super::calls::Calls;
use super::{PartialRanking, Ranking, RerankError, RerankService, RerankUsage, Reranker, ToRerankDocument};
use crate::same_model::is_same_model;

/// A ranking to come, made by [`Reranker::rerank`]; `.await` runs it.
///
/// # Errors
/// [`RerankError`]. Nothing is sent where there are no documents, none are asked for, or a setting is out of range.
#[must_use = "a ranking does nothing until it is awaited"]
pub struct Rerank<'a, D, S = bedrock_llm_client::Client> {
    pub(super) reranker: Reranker<S>,
    pub(super) query: String,
    pub(super) documents: &'a [D],
    pub(super) top_n: Option<usize>,
}

impl<D, S> Rerank<'_, D, S> {
    /// How many of the best are wanted, from 1; all where nothing is said. More than there are is all.
    pub fn top_n(mut self, top_n: usize) -> Self {
        self.top_n = Some(top_n);
        self
    }
}

impl<'a, D: ToRerankDocument + Sync, S: RerankService> IntoFuture for Rerank<'a, D, S> {
    type Output = Result<Ranking<'a, D>, RerankError>;
    /// Boxed, because it has no name.
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { reranker, query, documents, top_n } = self;
        Box::pin(async move {
            if documents.is_empty() {
                return Err(RerankError::NoDocuments);
            }
            if top_n == Some(0) {
                return Err(RerankError::TopN);
            }
            let nothing = PartialRanking {
                ranked: Vec::new(),
                missing: (0..documents.len()).collect(),
                refused: Vec::new(),
                usage: RerankUsage::default(),
                query,
                top_n,
                documents: documents.len(),
                model: reranker.model().clone(),
                answered: None,
            };
            resume(reranker, nothing, documents).await
        })
    }
}

/// Shows neither query nor documents.
impl<D, S> fmt::Debug for Rerank<'_, D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rerank")
            .field("reranker", &self.reranker)
            .field("documents", &self.documents.len())
            .field("top_n", &self.top_n)
            .finish_non_exhaustive()
    }
}

/// Ranks what is missing. A first try is one of which nothing came yet.
pub(super) async fn resume<'a, D: ToRerankDocument + Sync, S: RerankService>(
    reranker: Reranker<S>,
    partial: PartialRanking,
    documents: &'a [D],
) -> Result<Ranking<'a, D>, RerankError> {
    reranker.check()?;
    if partial.documents != documents.len() {
        return Err(RerankError::OtherDocuments { wanted: partial.documents, found: documents.len() });
    }
    if !is_same_model(&partial.model, reranker.model()) {
        return Err(RerankError::OtherModel { wanted: partial.model, found: reranker.model().clone() });
    }
    let (partial, failure) = Calls::new(reranker, partial, documents).run().await;
    let failure = failure.or_else(|| Some(partial.refused.first()?.error.duplicate()));
    match failure {
        Some(cause) => Err(RerankError::Incomplete { partial: Box::new(partial), cause }),
        None => partial.into_ranking(documents),
    }
}
