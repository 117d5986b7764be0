//! The layers of the client's stack, each in a file of its own and usable alone on any [`tower::Service`] of a
//! [`Request`](bedrock_llm_schema::Request) whose error is [`Error`](bedrock_llm_schema::Error).
//!
//! From the outermost in, as [`Client::builder`](crate::Client::builder) puts them:
//!
//! | layer | what it does |
//! |---|---|
//! | [`DeadlineLayer`] | bounds a whole call, its attempts, pauses and stream |
//! | [`PrepareLayer`] | normalises a chat for its model and checks it, once for all attempts |
//! | [`RetryLayer`] | sends a failed request again, where that can help |
//! | [`StreamTimeoutLayer`] | bounds the wait for a stream's first event and the silence between events |
//! | [`AttemptTimeoutLayer`] | bounds one attempt |
//!
//! A layer that keeps a request to send it again clones it; requests should therefore travel as a
//! [`Call`](bedrock_llm_schema::Call), whose clones share the content.

mod attempt_timeout;
pub mod deadline;
mod prepare;
#[cfg(test)]
pub(crate) mod probe;
mod retry;
mod stream_timeout;

pub use attempt_timeout::{AttemptTimeout, AttemptTimeoutFuture, AttemptTimeoutLayer};
pub use deadline::{Deadline, DeadlineFuture, DeadlineLayer};
pub use prepare::{Prepare, PrepareFuture, PrepareLayer};
pub use retry::{Begun, BegunFuture, Retry, RetryBudget, RetryConfig, RetryLayer, RetryPolicy};
pub use stream_timeout::{StreamTimeout, StreamTimeoutFuture, StreamTimeoutLayer};
