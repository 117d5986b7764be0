//! [`Rerank`]: one ranking, divided, run and merged.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use bedrock_llm_client::batch::concerns_every_call;
use bedrock_llm_schema::Error;
use futures_util::stream::{self, StreamExt as _};

use super::call::{self, Outcome, RankingFault};
use super::pieces::pieces;
use super::{
    PartialRanking, Ranked, Ranking, RerankError, RerankService, RerankUsage, Reranker, ToRerankDocument,
};
use crate::same_model::is_same_model;
use crate::similarity::best_first;

/// A ranking to come, made by [`Reranker::rerank`]; `.await` runs it.
///
/// # Errors
/// [`RerankError`]. Nothing is sent where there are no documents, or none are asked for.
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
                usage: RerankUsage::default(),
                query,
                top_n,
                documents: documents.len(),
                model: reranker.model().clone(),
                answered: None,
            };
            resume(&reranker, nothing, documents).await
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
    reranker: &Reranker<S>,
    mut partial: PartialRanking,
    documents: &'a [D],
) -> Result<Ranking<'a, D>, RerankError> {
    if partial.documents != documents.len() {
        return Err(RerankError::OtherDocuments { wanted: partial.documents, found: documents.len() });
    }
    if !is_same_model(&partial.model, reranker.model()) {
        return Err(RerankError::OtherModel { wanted: partial.model, found: reranker.model().clone() });
    }
    let missing = std::mem::take(&mut partial.missing);
    let mut is_missing = vec![false; documents.len()];
    mark(&mut is_missing, &missing, true);
    let failed = rank_all(reranker, &mut partial, documents, missing, &mut is_missing).await;

    partial
        .ranked
        .sort_unstable_by(|one, other| best_first((one.score, one.index), (other.score, other.index)));
    partial.ranked.truncate(partial.top_n.unwrap_or(usize::MAX));
    if let Err(cause) = failed {
        let missing = is_missing.iter().enumerate().filter(|(_, is_missing)| **is_missing);
        partial.missing = missing.map(|(place, _)| place).collect();
        return Err(RerankError::Incomplete { partial: Box::new(partial), cause });
    }
    let ranked = partial.ranked.iter().filter_map(|one| {
        Some(Ranked { index: one.index, score: one.score, document: documents.get(one.index)? })
    });
    Ok(Ranking { results: ranked.collect(), usage: partial.usage })
}

/// Asks for all pieces, a few at a time, and gives the first failure at the end.
async fn rank_all<D: ToRerankDocument + Sync, S: RerankService>(
    reranker: &Reranker<S>,
    partial: &mut PartialRanking,
    documents: &[D],
    missing: Vec<usize>,
    is_missing: &mut [bool],
) -> Result<(), Error> {
    let (query, top_n) = (partial.query.clone(), partial.top_n);
    let pieces = pieces(documents, missing.into_iter(), reranker.limits(&query));
    let calls =
        pieces.map(|piece| {
            let (service, query) = (reranker.service.clone(), query.clone());
            async move {
                (piece.places.clone(), call::rank(service, &reranker.settings, query, piece, top_n).await)
            }
        });
    let mut calls = stream::iter(calls).buffer_unordered(reranker.settings.concurrency);
    let mut first = Ok(());
    while let Some((places, outcome)) = calls.next().await {
        let outcome = outcome.and_then(|outcome| keep(reranker, partial, outcome));
        match outcome {
            Ok(()) => mark(is_missing, &places, false),
            Err(error) => {
                let is_over = concerns_every_call(&error);
                first = first.and(Err(error));
                if is_over {
                    break;
                }
            }
        }
    }
    first
}

/// Takes in what a call found, if its scores can be compared with those before.
fn keep<S>(reranker: &Reranker<S>, partial: &mut PartialRanking, outcome: Outcome) -> Result<(), Error> {
    partial.usage.add(outcome.usage);
    let Outcome { ranked, answered: model, request_id, .. } = outcome;
    let others = partial.answered.get_or_insert_with(|| model.clone());
    if !is_same_model(others, &model) {
        let fault = RankingFault::OtherModel { model: model.clone(), others: others.clone() };
        return Err(fault.into_error(&model, reranker.settings.api, request_id.as_deref()));
    }
    partial.ranked.extend(ranked);
    Ok(())
}

fn mark(marks: &mut [bool], places: &[usize], is_missing: bool) {
    for place in places {
        if let Some(mark) = marks.get_mut(*place) {
            *mark = is_missing;
        }
    }
}
