//! Sends a failed request again, where that can help.

mod begun;
mod config;
mod policy;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bedrock_llm_schema::{Error, Request};
use tower::retry::budget::TpsBudget;
use tower::{Layer, Service};

pub use begun::{Begun, BegunFuture};
pub use config::{RetryBudget, RetryConfig};
pub use policy::{RetryHandle, RetryPolicy};

/// Sends a failed request again, where that can help.
///
/// The rule:
///
/// 1. What is tried again is what [`Error::is_retryable`] says: throttling, a service or model that is not there, a
///    connection that could not be made or broke before the answer. [`retry_if`](Self::retry_if) puts another rule
///    there. A timeout is not, since the model may have worked and be paid for; [`RetryConfig::timeouts`] adds it. What
///    already has a part of the answer is not, either: it would be paid twice.
/// 2. At most [`RetryConfig::max_attempts`], the first included.
/// 3. Before attempt *n*+1 a pause of full jitter: anything from 0 to `base_delay` × 2ⁿ⁻¹, at most `max_delay`. Where the
///    service says `Retry-After` the pause is no shorter; if it asks for more than
///    [`RetryConfig::max_retry_after`], the error is returned at once.
/// 4. If the pause would outlast the call's [deadline](super::deadline), the error is returned at once.
/// 5. Each retry is taken from a budget that all calls share ([`RetryBudget`]): when much fails, retries must not
///    multiply the load. An empty budget returns the error at once.
///
/// A stream is tried again until its first event, for which the call waits; what breaks later ends the stream, unless
/// [recovery](super::RecoveryLayer) is asked for.
///
/// The last error says how many attempts were made and how long they took ([`Error::attempts`], [`Error::elapsed`]), and
/// is marked [`Exhausted`](bedrock_llm_schema::Retry::Exhausted), so that a second retry further out does not multiply
/// attempts. Each retry is a `tracing` event of level debug.
///
/// Goes *inside* failover and the deadline, *outside* breaker, rate limit and concurrency: a call that sleeps holds no
/// place. Does not cover readiness. Requests are cloned for each attempt but the last: send a
/// [`Call`](bedrock_llm_schema::Call), whose clones share the content. Cancellation: dropping the future ends the
/// attempt or the pause.
///
/// ```
/// use std::time::Duration;
/// use bedrock_llm_client::layers::{RetryConfig, RetryLayer};
/// use bedrock_llm_schema::ErrorKind;
///
/// let config = RetryConfig::default().max_attempts(5).base_delay(Duration::from_millis(200));
/// let layer = RetryLayer::new(config)?.retry_if(|error| error.is_retryable() || error.kind() == &ErrorKind::ModelError);
/// # Ok::<(), bedrock_llm_schema::Error>(())
/// ```
#[derive(Clone)]
pub struct RetryLayer {
    policy: RetryPolicy,
}

impl RetryLayer {
    /// By this configuration. All services the layer makes share one budget.
    ///
    /// # Errors
    /// [`Config`](bedrock_llm_schema::ErrorKind::Config) names the setting that is out of range.
    pub fn new(config: RetryConfig) -> Result<Self, Error> {
        config.validate()?;
        let RetryBudget { ttl, min_per_second, percent } = config.budget;
        let budget = Arc::new(TpsBudget::new(ttl, min_per_second, percent / 100.0));
        Ok(Self { policy: RetryPolicy::new(config, budget) })
    }

    /// Tells how often the services that this layer makes have sent requests again.
    #[must_use]
    pub fn handle(&self) -> RetryHandle {
        self.policy.handle()
    }

    /// Puts another rule in the place of [`Error::is_retryable`] and [`RetryConfig::timeouts`].
    #[must_use]
    pub fn retry_if(mut self, rule: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        self.policy = self.policy.retry_if(rule);
        self
    }
}

impl fmt::Debug for RetryLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer").field("policy", &self.policy).finish()
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry(tower::retry::Retry::new(self.policy.clone(), Begun::new(inner, self.policy.tries_again())))
    }
}

/// The service of [`RetryLayer`]: tower's, over one that waits until streams have begun.
#[derive(Clone)]
pub struct Retry<S>(tower::retry::Retry<RetryPolicy, Begun<S>>);

impl<S, R> Service<R> for Retry<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error> + Clone,
{
    type Response = R::Response;
    type Error = Error;
    type Future = tower::retry::future::ResponseFuture<RetryPolicy, Begun<S>, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.0.call(request)
    }
}

impl<S> fmt::Debug for Retry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
