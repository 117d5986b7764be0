//! One trait for every answer, so that a tower layer is written once.

use std::fmt;
use std::task::{Context, Poll};

use super::{AnsweredBy, ChatResponse, End, Outcome, Usage};
use crate::guardrail::ApplyGuardrailResponse;
use crate::stream::{ChatStream, InvokeStream};
use crate::{CountTokensResponse, Error, InvokeResponse};

/// What a successful call gives: an answer, or a stream that has begun.
///
/// A layer asks an answer for what it needs and never for what it is: [`on_end`](Self::on_end) is told of the end,
/// whether that is now or after a long stream.
pub trait Response: fmt::Debug + Send + 'static {
    /// Ready when the first item of a stream is there, which stays in the stream; at once for whole answers.
    ///
    /// # Errors
    /// When the stream breaks before its first item.
    fn poll_begun(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    /// What the call used, as far as the service has said yet.
    fn usage(&self) -> Option<Usage> {
        None
    }

    /// Calls `hook` once: now if the answer is whole, else when its stream ends, breaks or is dropped.
    fn on_end(&mut self, hook: impl FnOnce(&End<'_>) + Send + 'static)
    where
        Self: Sized,
    {
        hook(&End::new(Outcome::Completed, self.usage().as_ref()));
    }

    /// The answer, if it is one to a chat.
    fn chat_mut(&mut self) -> Option<&mut ChatResponse> {
        None
    }

    /// The streamed answer, if it is one to a chat.
    fn chat_stream_mut(&mut self) -> Option<&mut ChatStream> {
        None
    }

    /// The native stream, if it is one.
    fn invoke_stream_mut(&mut self) -> Option<&mut InvokeStream> {
        None
    }

    /// Says who answered. Answers without a place for it let it go.
    fn set_answered_by(&mut self, _who: AnsweredBy) {}
}

impl Response for ChatResponse {
    fn usage(&self) -> Option<Usage> {
        Some(self.usage.clone())
    }

    fn chat_mut(&mut self) -> Option<&mut ChatResponse> {
        Some(self)
    }

    fn set_answered_by(&mut self, who: AnsweredBy) {
        self.answered_by = Some(Box::new(who));
    }
}

impl Response for InvokeResponse {
    /// From the headers in which the service counts for native bodies.
    fn usage(&self) -> Option<Usage> {
        let count = |name| self.header(name)?.parse::<u64>().ok();
        let input = count("x-amzn-bedrock-input-token-count");
        let output = count("x-amzn-bedrock-output-token-count");
        let cached = |name| count(name).filter(|tokens| *tokens > 0);
        (input.is_some() || output.is_some()).then(|| Usage {
            cache_read_input_tokens: cached("x-amzn-bedrock-cache-read-input-token-count"),
            cache_write_input_tokens: cached("x-amzn-bedrock-cache-write-input-token-count"),
            is_replayed: self.is_replayed,
            ..Usage::new(input.unwrap_or(0), output.unwrap_or(0))
        })
    }

    fn set_answered_by(&mut self, who: AnsweredBy) {
        self.answered_by = Some(Box::new(who));
    }
}

impl Response for CountTokensResponse {}

impl Response for ApplyGuardrailResponse {}
