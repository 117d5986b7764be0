//! The service of the layer and its future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bedrock_llm_schema::{Error, ErrorKind, Request, Response};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower::Service;
use tracing::debug;

use super::layer::{Permit, Shared};
use super::places::Asked;
use crate::layers::deadline;

/// The service of [`ConcurrencyLayer`](super::ConcurrencyLayer).
#[derive(Debug, Clone)]
pub struct Concurrency<S> {
    pub(super) inner: S,
    pub(super) shared: Arc<Shared>,
}

impl<S, R> Service<R> for Concurrency<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error> + Clone,
{
    type Response = R::Response;
    type Error = Error;
    type Future = ConcurrencyFuture<S, R, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let asked = self.shared.places().ask(request.options().priority, Instant::now());
        let state = match asked {
            Asked::Taken => {
                let permit = Permit(Arc::clone(&self.shared));
                State::Called { inner: self.inner.call(request), permit: Some(permit) }
            }
            Asked::Full => State::Refused { error: Some(full(self.shared.config.max_queue, &request)) },
            Asked::Waits(number) => {
                let waiter = Waiter { shared: Arc::clone(&self.shared), number: Some(number) };
                let limits = [self.shared.config.max_wait, deadline::remaining()];
                let most = limits.into_iter().flatten().min();
                let clone = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, clone);
                let sleep = most.map(|most| (most, Box::pin(sleep(most))));
                State::Waiting { waiter, sleep, call: Some((service, request)) }
            }
        };
        ConcurrencyFuture { state }
    }
}

fn overloaded<R: Request>(message: String, request: &R) -> Error {
    let error = Error::new(ErrorKind::Overloaded, message)
        .with_hint("send less at a time, or raise `max_concurrency`")
        .with_operation_if_none(R::OPERATION);
    match request.model() {
        Some(model) => error.with_model_if_none(model),
        None => error,
    }
}

fn full<R: Request>(queue: usize, request: &R) -> Error {
    debug!(priority = ?request.options().priority, queue, "call refused: the queue is full");
    overloaded(format!("all places are taken and {queue} calls wait already"), request)
}

/// A place in the queue. Dropped, it is left without a trace, with the place that was granted meanwhile.
#[derive(Debug)]
struct Waiter {
    shared: Arc<Shared>,
    number: Option<u64>,
}

impl Waiter {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Permit> {
        let Some(number) = self.number else { return Poll::Pending };
        if !self.shared.places().poll_granted(number, cx.waker()) {
            return Poll::Pending;
        }
        self.number = None;
        Poll::Ready(Permit(Arc::clone(&self.shared)))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let next = self.shared.places().leave(number, Instant::now());
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

pin_project! {
    /// The future of [`Concurrency`].
    pub struct ConcurrencyFuture<S, R, F> {
        #[pin]
        state: State<S, R, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, R, F> {
        Refused { error: Option<Error> },
        Waiting { waiter: Waiter, sleep: Option<(Duration, Pin<Box<Sleep>>)>, call: Option<(S, R)> },
        Called { #[pin] inner: F, permit: Option<Permit> },
    }
}

impl<S, R> Future for ConcurrencyFuture<S, R, S::Future>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error>,
{
    type Output = Result<R::Response, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            match state.as_mut().project() {
                StateProjection::Refused { error } => {
                    // polled again after it was ready it has nothing to say
                    return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
                StateProjection::Waiting { waiter, sleep, call } => match waiter.poll(cx) {
                    Poll::Ready(permit) => {
                        let Some((mut service, request)) = call.take() else { return Poll::Pending };
                        let inner = service.call(request);
                        state.set(State::Called { inner, permit: Some(permit) });
                    }
                    Poll::Pending => {
                        let Some((most, sleep)) = sleep else { return Poll::Pending };
                        ready!(sleep.as_mut().poll(cx));
                        let message = format!("no place came free within {most:.1?}");
                        let error = call.as_ref().map(|(_, request)| overloaded(message, request));
                        state.set(State::Refused { error });
                    }
                },
                StateProjection::Called { inner, permit } => {
                    let mut outcome = ready!(inner.poll(cx));
                    let permit = permit.take();
                    if let (Ok(answer), true) = (&mut outcome, R::OPERATION.is_streaming()) {
                        // a stream holds its place until it ends
                        answer.on_end(move |_| drop(permit));
                    }
                    return Poll::Ready(outcome);
                }
            }
        }
    }
}

impl<S, R, F> fmt::Debug for ConcurrencyFuture<S, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyFuture").finish_non_exhaustive()
    }
}
