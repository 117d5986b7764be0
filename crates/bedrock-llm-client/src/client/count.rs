//! Counting tokens: by the service where it counts for the model, else by estimate.

use bedrock_llm_schema::tokens::TokenCount;
use bedrock_llm_schema::{ChatRequest, Error};

use super::Client;

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
        let profile = self.profile(&request.model);
        self.inner.counter.count(request, &profile, |request| self.send(request)).await
    }
}
