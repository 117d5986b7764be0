//! The layers of the client's stack, each in a file of its own and usable alone on any [`tower::Service`] of a
//! [`Request`](bedrock_llm_schema::Request) whose error is [`Error`](bedrock_llm_schema::Error).
//!
//! From the outermost in, as [`Client::builder`](crate::Client::builder) puts them:
//!
//! | layer | what it does |
//! |---|---|
//! | [`DeadlineLayer`] | bounds a whole call, its attempts, pauses and stream |
//! | [`CacheLayer`] | gives answers that are kept again, and asks once for all who ask the same |
//! | [`RecoveryLayer`] | goes on with a stream that broke |
//! | [`FailoverLayer`] | turns to another model or region when one does not answer |
//! | [`PrepareLayer`] | normalises a chat for its model and checks it, once for all attempts |
//! | [`RetryLayer`] | sends a failed request again, where that can help |
//! | [`CircuitBreakerLayer`] | refuses calls to a model that fails, until probes have succeeded |
//! | [`RateLimitLayer`] | lets no more through than a model's quotas admit |
//! | [`ConcurrencyLayer`] | lets at most so many through at a time, by priority |
//! | [`StreamTimeoutLayer`] | bounds the wait for a stream's first event and the silence between events |
//! | [`AttemptTimeoutLayer`] | bounds one attempt |
//!
//! Not among these, and put around them by [`ClientBuilder::layer`](crate::ClientBuilder::layer): [`ContextLayer`], which
//! trims a conversation to its model's window.
//!
//! A layer that keeps a request to send it again clones it; requests should therefore travel as a
//! [`Call`](bedrock_llm_schema::Call), whose clones share the content.

mod attempt_timeout;
mod by_target;
mod cache;
mod circuit_breaker;
mod concurrency;
mod context;
pub mod deadline;
mod failover;
mod prepare;
#[cfg(test)]
pub(crate) mod probe;
mod rate_limit;
mod recovery;
mod retry;
mod setting;
mod stream_timeout;

pub use attempt_timeout::{AttemptTimeout, AttemptTimeoutFuture, AttemptTimeoutLayer};
pub use cache::{Cache, CacheConfig, CacheFuture, CacheHandle, CacheLayer, CachePolicy};
pub use circuit_breaker::{
    CircuitBreaker, CircuitBreakerConfig, CircuitBreakerFuture, CircuitBreakerHandle, CircuitBreakerLayer,
    CircuitState, CircuitStatus,
};
pub use concurrency::{
    Concurrency, ConcurrencyConfig, ConcurrencyFuture, ConcurrencyHandle, ConcurrencyLayer, ConcurrencyStatus,
};
pub use context::{Context, ContextFuture, ContextLayer};
pub use deadline::{Deadline, DeadlineFuture, DeadlineLayer};
pub use failover::{
    FailingPlace, Failover, FailoverConfig, FailoverFuture, FailoverHandle, FailoverLayer, FailoverTarget,
};
pub use prepare::{Prepare, PrepareFuture, PrepareLayer};
pub use rate_limit::{
    ModelLimits, RateLimit, RateLimitConfig, RateLimitFuture, RateLimitHandle, RateLimitLayer,
    RateLimitStatus, RateStatus,
};
pub use recovery::{Recovery, RecoveryFuture, RecoveryLayer};
pub use retry::{Begun, BegunFuture, Retry, RetryBudget, RetryConfig, RetryHandle, RetryLayer, RetryPolicy};
pub use stream_timeout::{StreamTimeout, StreamTimeoutFuture, StreamTimeoutLayer};
