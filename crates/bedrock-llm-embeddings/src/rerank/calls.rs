//! All calls of one ranking: which are made, what they found, and which are halved.

use std::collections::VecDeque;

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::rerank::RerankRequest;
use bedrock_llm_schema::rules::check_rerank;
use bedrock_llm_schema::{Error, ErrorKind};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::call::{self, Outcome, RankingFault};
use super::pieces::{Piece, pieces};
use super::{PartialRanking, RefusedDocument, RerankService, Reranker, ToRerankDocument};
use crate::fatal::is_fatal;
use crate::same_model::is_same_model;
use crate::similarity::best_first;

/// So many documents refused one after the other, and none ever ranked: the query may be to blame, or the model, and the
/// rest is not tried by halves.
const DOUBTS: usize = 8;

pub(super) struct Calls<'a, D, S> {
    reranker: Reranker<S>,
    documents: &'a [D],
    partial: PartialRanking,
    is_missing: Vec<bool>,
    /// Places of documents that are asked for again, since one of those they went with may be to blame.
    halves: VecDeque<Vec<usize>>,
    /// How many documents the service refused alone.
    alone: usize,
    /// The first failure that is no document's.
    failure: Option<Error>,
    /// Whether no further call is made.
    is_over: bool,
}

impl<'a, D: ToRerankDocument + Sync, S: RerankService> Calls<'a, D, S> {
    pub(super) fn new(reranker: Reranker<S>, partial: PartialRanking, documents: &'a [D]) -> Self {
        Self {
            reranker,
            documents,
            partial,
            is_missing: vec![false; documents.len()],
            halves: VecDeque::new(),
            alone: 0,
            failure: None,
            is_over: false,
        }
    }

    /// Asks for what is missing, a few pieces at a time. Calls under way are waited for even when no other is made: their
    /// answers are paid for.
    pub(super) async fn run(mut self) -> (PartialRanking, Option<Error>) {
        let missing = self.check();
        let documents = self.documents;
        let limits = self.reranker.limits(&self.partial.query);
        let mut fresh = pieces(documents, missing.into_iter(), limits);
        let mut under_way = FuturesUnordered::new();
        loop {
            while !self.is_over && under_way.len() < self.reranker.settings.concurrency {
                let half = self.halves.pop_front().map(|places| Piece::of(documents, places));
                let Some(piece) = half.or_else(|| fresh.next()) else { break };
                let (service, settings) = (self.reranker.service.clone(), self.reranker.settings.clone());
                let (query, top_n) = (self.partial.query.clone(), self.partial.top_n);
                under_way.push(async move {
                    (piece.places.clone(), call::rank(service, settings, query, piece, top_n).await)
                });
            }
            let Some((places, outcome)) = under_way.next().await else { break };
            self.take(&places, outcome);
        }
        self.finish()
    }

    /// Sorts out what would be refused whatever goes with it, and gives the places of the rest.
    fn check(&mut self) -> Vec<usize> {
        let mut missing = std::mem::take(&mut self.partial.missing);
        mark(&mut self.is_missing, missing.iter().copied(), true);
        let settings = &self.reranker.settings;
        let mut request = RerankRequest::new(settings.model.clone(), self.partial.query.as_str());
        request.api = settings.api;
        // what only a whole request breaks is for the service to say
        let profile = ModelProfile::default();
        let fault_at = |request: &RerankRequest, path: &str| {
            let mut broken = check_rerank(request, &settings.model, &profile).err()?;
            broken.0.retain(|violation| violation.path.starts_with(path));
            (!broken.0.is_empty()).then(|| Error::from(broken).with_model_if_none(&settings.model))
        };
        if let Some(error) = fault_at(&request, "query") {
            self.failure = Some(error);
            self.is_over = true;
            return missing;
        }
        let mut refused = Vec::new();
        missing.retain(|place| {
            let Some(document) = self.documents.get(*place) else { return false };
            request.documents = vec![document.to_rerank_document()];
            let fault = fault_at(&request, "documents[");
            let is_sound = fault.is_none();
            refused.extend(fault.map(|error| RefusedDocument { index: *place, error }));
            is_sound
        });
        mark(&mut self.is_missing, refused.iter().map(|one| one.index), false);
        self.partial.refused.append(&mut refused);
        missing
    }

    /// Takes in what a call found, if its scores can be compared with those before.
    fn take(&mut self, places: &[usize], outcome: Outcome) {
        let Outcome { ranked, usage, answered, request_id, failure } = outcome;
        self.partial.usage.add(usage);
        let is_empty = ranked.is_empty();
        if let Some(model) = answered.filter(|_| !is_empty) {
            let others = self.partial.answered.get_or_insert_with(|| model.clone());
            if !is_same_model(others, &model) {
                let fault = RankingFault::OtherModel { model: model.clone(), others: others.clone() };
                let api = self.reranker.settings.api;
                return self.fail(fault.into_error(&model, api, request_id.as_deref()));
            }
            match &failure {
                // what is not among the best is ranked too
                None => mark(&mut self.is_missing, places.iter().copied(), false),
                Some(_) => mark(&mut self.is_missing, ranked.iter().map(|one| one.index), false),
            }
            self.partial.ranked.extend(ranked);
        }
        match failure {
            Some(error) if is_empty && concerns_content(&error) => self.refused(places, error),
            Some(error) => self.fail(error),
            None => {}
        }
    }

    /// A piece that was refused for what is in it: it is halved until what is to blame stands alone.
    fn refused(&mut self, places: &[usize], error: Error) {
        if let [index] = *places {
            mark(&mut self.is_missing, [index], false);
            self.alone += 1;
            if self.alone >= DOUBTS && self.partial.answered.is_none() {
                self.is_over = true;
                self.failure.get_or_insert_with(|| error.duplicate());
            }
            self.partial.refused.push(RefusedDocument { index, error });
            return;
        }
        let (first, second) = places.split_at(places.len() / 2);
        self.halves.push_front(second.to_vec());
        self.halves.push_front(first.to_vec());
    }

    fn fail(&mut self, error: Error) {
        self.is_over |= is_fatal(&error);
        self.failure.get_or_insert(error);
    }

    fn finish(self) -> (PartialRanking, Option<Error>) {
        let Self { mut partial, is_missing, failure, .. } = self;
        partial
            .ranked
            .sort_unstable_by(|one, other| best_first((one.score, one.index), (other.score, other.index)));
        partial.ranked.truncate(partial.top_n.unwrap_or(usize::MAX));
        partial.refused.sort_unstable_by_key(|refused| refused.index);
        let missing = is_missing.iter().enumerate().filter(|(_, is_missing)| **is_missing);
        partial.missing = missing.map(|(place, _)| place).collect();
        // where nothing is missing after all, no failure is left
        let failure = failure.filter(|_| !partial.missing.is_empty());
        (partial, failure)
    }
}

/// Whether one of several documents may be to blame, so that others are worth another call.
fn concerns_content(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Validation | ErrorKind::ContextOverflow | ErrorKind::InvalidRequest)
}

fn mark(marks: &mut [bool], places: impl IntoIterator<Item = usize>, is_missing: bool) {
    for place in places {
        if let Some(mark) = marks.get_mut(place) {
            *mark = is_missing;
        }
    }
}
