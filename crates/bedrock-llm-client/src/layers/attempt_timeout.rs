//! Bounds one attempt.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bedrock_llm_schema::{Error, ErrorKind, Request};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower::{Layer, Service};

/// Bounds one attempt, until its answer is whole or its stream begins. Beyond the limit it is a
/// [`Timeout`](ErrorKind::Timeout).
///
/// That is not worth another try by itself: a model that was working is paid for twice then.
/// [`RetryConfig::timeouts`](super::RetryConfig::timeouts) says to try again all the same.
///
/// Does not cover readiness, nor a stream's events: for those there is
/// [`StreamTimeoutLayer`](super::StreamTimeoutLayer). Goes *inside* retry; outside it would be a
/// [`DeadlineLayer`](super::DeadlineLayer) that layers inside do not know of. The client's builder sets none, since models
/// think for minutes. Cancellation: dropping the future drops the call.
#[derive(Debug, Clone, Copy, Default)]
pub struct AttemptTimeoutLayer {
    limit: Option<Duration>,
}

impl AttemptTimeoutLayer {
    /// With this limit; `None` waits for ever.
    #[must_use]
    pub fn new(limit: impl Into<Option<Duration>>) -> Self {
        Self { limit: limit.into() }
    }
}

impl<S> Layer<S> for AttemptTimeoutLayer {
    type Service = AttemptTimeout<S>;

    fn layer(&self, inner: S) -> AttemptTimeout<S> {
        AttemptTimeout { inner, limit: self.limit }
    }
}

/// The service of [`AttemptTimeoutLayer`].
#[derive(Debug, Clone)]
pub struct AttemptTimeout<S> {
    inner: S,
    limit: Option<Duration>,
}

impl<S, R> Service<R> for AttemptTimeout<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error>,
{
    type Response = R::Response;
    type Error = Error;
    type Future = AttemptTimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let bound = self.limit.map(|limit| Bound { limit, sleep: Box::pin(sleep(limit)) });
        AttemptTimeoutFuture { inner: self.inner.call(request), bound }
    }
}

pin_project! {
    /// The future of [`AttemptTimeout`].
    #[derive(Debug)]
    pub struct AttemptTimeoutFuture<F> {
        #[pin]
        inner: F,
        bound: Option<Bound>,
    }
}

/// The timer is boxed, so that a future without one stays small.
#[derive(Debug)]
struct Bound {
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl<F, A> Future for AttemptTimeoutFuture<F>
where
    F: Future<Output = Result<A, Error>>,
{
    type Output = Result<A, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(outcome) = this.inner.poll(cx) {
            return Poll::Ready(outcome);
        }
        let Some(Bound { limit, sleep }) = this.bound else { return Poll::Pending };
        ready!(sleep.as_mut().poll(cx));
        tracing::debug!(?limit, "an attempt took too long");
        let message = format!("an attempt took longer than {limit:?}");
        let hint = "raise the limit for an attempt if the model may think that long, or stream the answer";
        Poll::Ready(Err(Error::new(ErrorKind::Timeout, message).with_hint(hint)))
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::ChatRequest;
    use tokio::time::Instant;
    use tower::ServiceExt as _;

    use super::*;
    use crate::layers::probe::{Probe, answer, seconds};

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_takes_too_long_is_dropped() {
        let slow = Probe::new(|_: ChatRequest, number| async move {
            seconds(if number == 0 { 6 } else { 4 }).await;
            Ok(answer("done"))
        });
        let mut service = AttemptTimeoutLayer::new(Duration::from_secs(5)).layer(slow.clone());
        let started = Instant::now();
        let error = service.ready().await.unwrap().call(ChatRequest::new("m")).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (&ErrorKind::Timeout, false));
        assert_eq!((started.elapsed().as_secs(), slow.seen().open()), (5, 0));
        service.oneshot(ChatRequest::new("m")).await.unwrap();
    }
}
