//! Counting tokens: by the service where it counts for the model, else by estimate.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::tokens::TokenCount;
use bedrock_llm_schema::{ChatRequest, CountTokensRequest, Error, ErrorKind, ModelId, Operation};

use super::Client;

/// The ids, as they were asked for, of the models that the service has said it does not count for.
#[derive(Default)]
pub(super) struct Uncounted(Mutex<HashSet<ModelId>>);

impl Uncounted {
    fn has(&self, model: &ModelId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(model)
    }

    fn add(&self, model: ModelId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(model);
    }
}

impl Client {
    /// How many input tokens a chat is, as its model takes it. Costs nothing; counts against the request quota.
    ///
    /// The service counts by foundation models' ids: for an inference profile its model is asked, for an opaque ARN
    /// the `base_model` that [`ClientBuilder::catalog`](crate::ClientBuilder::catalog) gives it. Where the service does
    /// not count for the model, which is remembered, or its id cannot be told, the count is
    /// [`Estimated`](TokenCount::Estimated).
    ///
    /// # Errors
    /// See [`send`](Self::send); that the service does not count for the model is none.
    pub async fn count(&self, request: impl Into<ChatRequest>) -> Result<TokenCount, Error> {
        let request = self.inner.preparation.normalized(request.into());
        let estimate = request.estimate_tokens();
        let Some(model) = counted_id(&request.model, &self.profile(&request.model)) else {
            return Ok(estimate);
        };
        let asked = request.model.clone();
        if self.inner.uncounted.has(&asked) {
            return Ok(estimate);
        }
        let is_derived = model != asked;
        match self.send(CountTokensRequest { model, ..CountTokensRequest::from(request) }).await {
            Ok(answer) => Ok(TokenCount::Exact(answer.input_tokens)),
            Err(error) if is_uncounted(&error, is_derived) => {
                tracing::debug!(model = asked.as_str(), kind = error.kind().as_str(), "tokens are estimated");
                self.inner.uncounted.add(asked);
                Ok(estimate)
            }
            Err(error) => Err(error),
        }
    }
}

/// The id to count by; none where the service is known not to count, or the id does not tell the model.
fn counted_id(model: &ModelId, profile: &ModelProfile) -> Option<ModelId> {
    let operations = profile.access.operations.as_ref();
    if operations.is_some_and(|operations| !operations.contains(&Operation::CountTokens)) {
        return None;
    }
    let id = profile.access.count_tokens_id.clone();
    id.or_else(|| profile.base_model.as_ref().unwrap_or(model).without_geography())
}

/// Whether the service does not count for the model, rather than not take this request.
fn is_uncounted(error: &Error, is_derived: bool) -> bool {
    match error.kind() {
        // "The provided model doesn't support counting tokens." (recording 1424d1877034); what else is not supported is
        // a matter of the request's content
        ErrorKind::Unsupported => error.message().contains("support counting tokens"),
        // the plain id was our guess, and other regions may not have it; the caller's own id is the caller's mistake
        ErrorKind::InvalidModelId | ErrorKind::InferenceProfileRequired => is_derived,
        _ => false,
    }
}
