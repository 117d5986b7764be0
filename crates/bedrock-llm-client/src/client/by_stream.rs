//! Whole answers by way of streams.

use std::task::{Context, Poll};

use bedrock_llm_schema::{Call, ChatRequest, ChatResponse, ChatStreamRequest, Error, Retry};
use tower::Service;

use super::stack::Erased;
use crate::ResponseFuture;

/// Answers a chat whole over a service that streams: the connection is never silent for as long as the model works, so
/// that silence and length are different things.
#[derive(Clone)]
pub(super) struct ByStream(pub(super) Erased<ChatStreamRequest>);

impl Service<Call<ChatRequest>> for ByStream {
    type Response = ChatResponse;
    type Error = Error;
    type Future = ResponseFuture<ChatResponse>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    /// Boxed, since it waits for two things in a row; it is the outermost service of its stack.
    fn call(&mut self, call: Call<ChatRequest>) -> Self::Future {
        let opening = self.0.call(call.streaming());
        Box::pin(async move {
            let answer = opening.await?.collect().await;
            answer.map_err(|error| {
                let is_begun = error.partial().is_some_and(|part| !part.message.content.is_empty());
                // tokens were produced and are paid for: to try again is for the caller to decide
                if is_begun { error.with_retry(Retry::Permanent) } else { error }
            })
        })
    }
}
