//! Who counts a chat's tokens: the service where it counts for the model, else an estimate.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::tokens::TokenCount;
use bedrock_llm_schema::{
    ChatRequest, CountTokensRequest, CountTokensResponse, Error, ErrorKind, ModelId, Operation,
};

/// Counts, and remembers the ids, as they were asked for, of the models that the service has said it does not count for.
#[derive(Debug, Default)]
pub(crate) struct Counter(Mutex<HashSet<ModelId>>);

impl Counter {
    /// Counts a chat as it is, with `ask` as the way to the service; by estimate where that does not count.
    ///
    /// # Errors
    /// What `ask` gives; that the service does not count for the model is none.
    pub(crate) async fn count<F>(
        &self,
        request: ChatRequest,
        profile: &ModelProfile,
        ask: impl FnOnce(CountTokensRequest) -> F,
    ) -> Result<TokenCount, Error>
    where
        F: Future<Output = Result<CountTokensResponse, Error>>,
    {
        let estimate = request.estimate_tokens();
        let Some(model) = counted_id(&request.model, profile) else { return Ok(estimate) };
        let asked = request.model.clone();
        if self.is_uncounted(&asked) {
            return Ok(estimate);
        }
        let is_derived = model != asked;
        match ask(CountTokensRequest { model, ..CountTokensRequest::from(request) }).await {
            Ok(answer) => Ok(TokenCount::Exact(answer.input_tokens)),
            Err(error) if says_uncounted(&error, is_derived) => {
                tracing::debug!(model = asked.as_str(), kind = error.kind().as_str(), "tokens are estimated");
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(asked);
                Ok(estimate)
            }
            Err(error) => Err(error),
        }
    }

    fn is_uncounted(&self, model: &ModelId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(model)
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
fn says_uncounted(error: &Error, is_derived: bool) -> bool {
    match error.kind() {
        // "The provided model doesn't support counting tokens." (recording 1424d1877034); what else is not supported is
        // a matter of the request's content
        ErrorKind::Unsupported => error.message().contains("support counting tokens"),
        // the plain id was our guess, and other regions may not have it; the caller's own id is the caller's mistake
        ErrorKind::InvalidModelId | ErrorKind::InferenceProfileRequired => is_derived,
        _ => false,
    }
}
