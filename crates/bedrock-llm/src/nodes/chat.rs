//! A client as a node.

use std::fmt;

use bedrock_llm_client::Client;
use bedrock_llm_pipeline::{BoxError, Node};
use bedrock_llm_schema::{ChatRequest, ChatResponse, Message, StopReason};

/// Sends requests: a `ChatRequest` in, its `ChatResponse` out.
#[derive(Clone, Debug)]
pub struct Chat {
    client: Client,
}

impl Chat {
    /// Over this client, with its retries, limits and cache.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Node<ChatRequest, ChatResponse> for Chat {
    async fn call(&self, request: ChatRequest) -> Result<ChatResponse, BoxError> {
        Ok(self.client.chat(request).await?)
    }
}

/// Asks questions: a text in, the text of the answer out.
#[derive(Clone)]
pub struct Ask {
    client: Client,
    request: ChatRequest,
}

impl Ask {
    /// Each question is added to this request as the user's turn: what it says of the model, the system prompt, limits
    /// and examples holds for all of them.
    #[must_use]
    pub fn new(client: Client, request: ChatRequest) -> Self {
        Self { client, request }
    }
}

impl Node<String, String> for Ask {
    /// # Errors
    ///
    /// The client's, or [`NoText`].
    async fn call(&self, question: String) -> Result<String, BoxError> {
        let request = self.request.clone().message(Message::user(question));
        let response = self.client.chat(request).await?;
        let text = response.text();
        if text.is_empty() {
            return Err(NoText { stop_reason: response.stop_reason }.into());
        }
        Ok(text)
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("model", &self.request.model).finish_non_exhaustive()
    }
}

/// The model answered without a text: with a tool call, or with nothing. [`Chat`] gives the whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoText {
    /// Why the model stopped.
    pub stop_reason: StopReason,
}

impl fmt::Display for NoText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer has no text (stop reason: {})", self.stop_reason)
    }
}

impl std::error::Error for NoText {}
