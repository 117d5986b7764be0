//! One piece of the documents: its call, its pages, and whether the answer can be right.

use std::error::Error as _;

use bedrock_llm_schema::rerank::{RerankApi, RerankRequest};
use bedrock_llm_schema::{Call, Error, ErrorKind, ModelId, Operation};
use tower::ServiceExt as _;

use super::RerankUsage;
use super::pieces::Piece;
use super::reranker::{RerankService, Settings};
use crate::same_model::is_same_model;
use crate::similarity::Scored;

/// An answer that cannot be right: the source of an [`Error`] of kind [`ErrorKind::AnswerInvalid`]. All documents of its
/// call count as not ranked.
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

/// The best documents of a piece, by their places among all.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) ranked: Vec<Scored>,
    pub(super) usage: RerankUsage,
    pub(super) answered: ModelId,
    pub(super) request_id: Option<String>,
}

/// Asks for the best of a piece, as many as are wanted of all: any of them may be the best of all.
pub(super) async fn rank<S: RerankService>(
    service: S,
    settings: &Settings,
    query: String,
    piece: Piece,
    top_n: Option<usize>,
) -> Result<Outcome, Error> {
    let Piece { places, documents } = piece;
    let asked = top_n.map_or(places.len(), |top_n| top_n.min(places.len()));
    let mut request = RerankRequest::new(settings.model.clone(), query);
    request.documents = documents;
    request.top_n = Some(u32::try_from(asked).unwrap_or(u32::MAX));
    request.api = settings.api;
    request.extra.clone_from(&settings.extra);

    let mut pages = Pages { taken: vec![false; places.len()], places, ranked: Vec::new() };
    let mut usage = RerankUsage::default();
    let mut answered: Option<ModelId> = None;
    loop {
        let page = request.next_token.clone();
        let mut call = Call::new(request);
        if let Some(options) = &settings.options {
            call = call.with_options(options.clone());
        }
        let answer = service.clone().oneshot(call.clone()).await?;
        if !answer.is_replayed {
            usage.add(RerankUsage { input_tokens: answer.input_tokens.unwrap_or_default(), calls: 1 });
        }
        let request_id = answer.request_id;
        let model = answer.answered_by.map_or_else(|| settings.model.clone(), |by| by.model);
        let fault = |fault: RankingFault| fault.into_error(&model, settings.api, request_id.as_deref());
        if let Some(others) = answered.as_ref().filter(|others| !is_same_model(others, &model)) {
            return Err(fault(RankingFault::OtherModel { model: model.clone(), others: others.clone() }));
        }
        let found = answer.results.len();
        for result in answer.results {
            pages.take(result.index, result.relevance_score).map_err(fault)?;
        }
        let Some(token) = answer.next_token else {
            let found = pages.ranked.len();
            if found < asked {
                return Err(fault(RankingFault::TooFew { asked, found }));
            }
            return Ok(Outcome { ranked: pages.ranked, usage, answered: model, request_id });
        };
        if found == 0 || page.as_ref() == Some(&token) {
            return Err(fault(RankingFault::Endless));
        }
        answered = Some(model);
        request = call.into_request();
        request.next_token = Some(token);
    }
}

/// Results as they come.
struct Pages {
    places: Vec<usize>,
    taken: Vec<bool>,
    ranked: Vec<Scored>,
}

impl Pages {
    fn take(&mut self, index: usize, score: f32) -> Result<(), RankingFault> {
        let documents = self.places.len();
        let Some((place, taken)) = self.places.get(index).zip(self.taken.get_mut(index)) else {
            return Err(RankingFault::OutOfRange { index, documents });
        };
        if std::mem::replace(taken, true) {
            return Err(RankingFault::Duplicate { index });
        }
        self.ranked.push(Scored { index: *place, score });
        Ok(())
    }
}
