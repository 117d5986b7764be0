//! The service of the layer and its future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bedrock_llm_schema::{Error, Outcome, Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::breaker::{Breaker, Ticket};
use super::layer::Shared;
use crate::layers::by_target::is_answered_by_a_model;

/// The service of [`CircuitBreakerLayer`](super::CircuitBreakerLayer).
#[derive(Debug, Clone)]
pub struct CircuitBreaker<S> {
    pub(super) inner: S,
    pub(super) shared: Arc<Shared>,
}

impl<S, R> Service<R> for CircuitBreaker<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error>,
{
    type Response = R::Response;
    type Error = Error;
    type Future = CircuitBreakerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let model = request.model().filter(|_| is_answered_by_a_model(R::OPERATION));
        let breaker = model.and_then(|model| self.shared.breaker(model, request.region()));
        match breaker.map(Breaker::admit).transpose() {
            Ok(ticket) => {
                CircuitBreakerFuture { inner: Some(self.inner.call(request)), ticket, refusal: None }
            }
            Err(refusal) => {
                let refusal = Some(refusal.with_operation_if_none(R::OPERATION));
                CircuitBreakerFuture { inner: None, ticket: None, refusal }
            }
        }
    }
}

pin_project! {
    /// The future of [`CircuitBreaker`].
    pub struct CircuitBreakerFuture<F> {
        #[pin]
        inner: Option<F>,
        ticket: Option<Ticket>,
        refusal: Option<Error>,
    }
}

impl<F, A> Future for CircuitBreakerFuture<F>
where
    F: Future<Output = Result<A, Error>>,
    A: Response,
{
    type Output = Result<A, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return match this.refusal.take() {
                Some(refusal) => Poll::Ready(Err(refusal)),
                // polled again after it was ready
                None => Poll::Pending,
            };
        };
        let mut outcome = ready!(inner.poll(cx));
        let Some(mut ticket) = this.ticket.take() else { return Poll::Ready(outcome) };
        ticket.answered();
        match &mut outcome {
            Ok(answer) => answer.on_end(move |end| match end.outcome {
                Outcome::Completed => ticket.succeeded(),
                Outcome::Failed(error) => ticket.failed(error),
                _ => drop(ticket),
            }),
            Err(error) => ticket.failed(error),
        }
        Poll::Ready(outcome)
    }
}

impl<F> fmt::Debug for CircuitBreakerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerFuture").finish_non_exhaustive()
    }
}
