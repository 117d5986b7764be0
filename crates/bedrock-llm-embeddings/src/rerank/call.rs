//! One piece of the documents: its call, its pages, and whether the answer can be right.

use std::error::Error as _;
use std::sync::Arc;

use bedrock_llm_schema::rerank::{RerankApi, RerankRequest};
use bedrock_llm_schema::{Call, Error, ErrorKind, ModelId, Operation};
use tower::ServiceExt as _;

use super::RerankUsage;
use super::pieces::Piece;
use super::reranker::{RerankService, Settings};
use crate::same_model::is_same_model;
use crate::similarity::Scored;

/// An answer that cannot be right: the source of an [`Error`] of kind [`ErrorKind::AnswerInvalid`]. Documents of its call
/// that have one score all the same are ranked; where it is not known whose the scores are, none of that answer is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RankingFault {
    /// A document that was not sent.
    #[error("the answer ranks document {index} of {documents}, counted from 0")]
    #[non_exhaustive]
    OutOfRange {
        /// Which document, by the answer.
        index: usize,
        /// How many were sent.
        documents: usize,
    },
    /// A document that was ranked before.
    #[error("the answer ranks document {index} twice")]
    #[non_exhaustive]
    Duplicate {
        /// Which document of those sent, counted from 0.
        index: usize,
    },
    /// Fewer documents than were asked for.
    #[error("the answer ranks {found} documents where {asked} were asked for")]
    #[non_exhaustive]
    TooFew {
        /// How many were asked for; never more than were sent.
        asked: usize,
        /// How many there are.
        found: usize,
    },
    /// An answer that goes on without getting anywhere.
    #[error("the answer goes on without an end: a page has no results, or leads to itself")]
    Endless,
    /// Another model answered than did for the other documents, by failover; scores of two models cannot be compared.
    #[error("{model} answered for some documents, and {others} for others; their scores cannot be compared")]
    #[non_exhaustive]
    OtherModel {
        /// The model that answered.
        model: ModelId,
        /// The one that answered for the documents before.
        others: ModelId,
    },
}

impl RankingFault {
    /// What was wrong with an answer; `None` for an error of another kind.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }

    pub(super) fn into_error(self, model: &ModelId, api: RerankApi, request_id: Option<&str>) -> Error {
        let operation = match api {
            RerankApi::AgentRuntime => Operation::Rerank,
            _ => Operation::InvokeModel,
        };
        let error = Error::new(ErrorKind::AnswerInvalid, self.to_string())
            .with_operation_if_none(operation)
            .with_model_if_none(model)
            .with_source(self);
        match request_id {
            Some(id) => error.with_request_id_if_none(id),
            None => error,
        }
    }
}

/// What became of a piece: nothing that was answered, and so paid for, is lost where something fails.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The best documents of the piece, by their places among all.
    pub(super) ranked: Vec<Scored>,
    pub(super) usage: RerankUsage,
    /// Who ranked those.
    pub(super) answered: Option<ModelId>,
    pub(super) request_id: Option<String>,
    /// Why there are not as many as were asked for.
    pub(super) failure: Option<Error>,
}

/// Asks for the best of a piece, as many as are wanted of all: any of them may be the best of all.
pub(super) async fn rank<S: RerankService>(
    service: S,
    settings: Arc<Settings>,
    query: String,
    piece: Piece,
    top_n: Option<usize>,
) -> Outcome {
    let Piece { places, documents } = piece;
    let asked = top_n.map_or(places.len(), |top_n| top_n.min(places.len()));
    let mut request = RerankRequest::new(settings.model.clone(), query);
    request.documents = documents;
    request.top_n = Some(u32::try_from(asked).unwrap_or(u32::MAX));
    request.api = settings.api;
    request.extra.clone_from(&settings.extra);

    let mut pages = Pages { taken: vec![None; places.len()], places };
    let mut outcome = Outcome::default();
    loop {
        let page = request.next_token.clone();
        let mut call = Call::new(request);
        if let Some(options) = &settings.options {
            call = call.with_options(options.clone());
        }
        let answer = match service.clone().oneshot(call.clone()).await {
            Ok(answer) => answer,
            Err(error) => return outcome.failed(pages, error),
        };
        if !answer.is_replayed {
            outcome
                .usage
                .add(RerankUsage { input_tokens: answer.input_tokens.unwrap_or_default(), calls: 1 });
        }
        outcome.request_id = answer.request_id;
        let model = answer.answered_by.map_or_else(|| settings.model.clone(), |by| by.model);
        let others = outcome.answered.get_or_insert_with(|| model.clone());
        let found = answer.results.len();
        let fault = if is_same_model(others, &model) {
            pages.take(answer.results.iter().map(|result| (result.index, result.relevance_score))).err()
        } else {
            Some(RankingFault::OtherModel { model: model.clone(), others: others.clone() })
        };
        let fault = match (fault, &answer.next_token) {
            (Some(fault), _) => fault,
            (None, None) => match pages.found() {
                found if found < asked => RankingFault::TooFew { asked, found },
                _ => return Outcome { ranked: pages.ranked(), ..outcome },
            },
            (None, token) if found == 0 || page == *token => RankingFault::Endless,
            (None, _) => {
                request = call.into_request();
                request.next_token = answer.next_token;
                continue;
            }
        };
        let error = fault.into_error(&model, settings.api, outcome.request_id.as_deref());
        return outcome.failed(pages, error);
    }
}

impl Outcome {
    fn failed(self, pages: Pages, error: Error) -> Self {
        Self { ranked: pages.ranked(), failure: Some(error), ..self }
    }
}

/// Results as they come.
struct Pages {
    places: Vec<usize>,
    /// The score of each document that has one.
    taken: Vec<Option<f32>>,
}

impl Pages {
    /// Takes a page. One that ranks a document which was not sent counts nothing, since its places cannot be trusted. Of
    /// two scores of one document none counts.
    fn take(&mut self, results: impl Iterator<Item = (usize, f32)> + Clone) -> Result<(), RankingFault> {
        let documents = self.places.len();
        if let Some((index, _)) = results.clone().find(|(index, _)| *index >= documents) {
            return Err(RankingFault::OutOfRange { index, documents });
        }
        let mut twice = vec![false; documents];
        let mut first = None;
        for (index, score) in results {
            if let Some((taken, twice)) = self.taken.get_mut(index).zip(twice.get_mut(index))
                && taken.replace(score).is_some()
            {
                *twice = true;
                first = first.or(Some(index));
            }
        }
        for (taken, twice) in self.taken.iter_mut().zip(twice) {
            *taken = taken.filter(|_| !twice);
        }
        first.map_or(Ok(()), |index| Err(RankingFault::Duplicate { index }))
    }

    fn found(&self) -> usize {
        self.taken.iter().flatten().count()
    }

    fn ranked(self) -> Vec<Scored> {
        let scored = self.places.into_iter().zip(self.taken);
        scored.filter_map(|(index, score)| Some(Scored { index, score: score? })).collect()
    }
}
