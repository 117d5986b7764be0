//! The service of the layer and its future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bedrock_llm_schema::{Error, Outcome, Request, Response};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower::Service;

use super::layer::Shared;
use super::limiter::Turn;
use super::quota::{Charge, Place, Quota, Ticket};
use crate::layers::by_target::is_answered_by_a_model;
use crate::layers::deadline;

/// The service of [`RateLimitLayer`](super::RateLimitLayer).
#[derive(Debug, Clone)]
pub struct RateLimit<S> {
    pub(super) inner: S,
    pub(super) shared: Arc<Shared>,
}

impl<S, R> Service<R> for RateLimit<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error> + Clone,
{
    type Response = R::Response;
    type Error = Error;
    type Future = RateLimitFuture<S, R, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let model = request.model().filter(|_| is_answered_by_a_model(R::OPERATION));
        let quota = model.and_then(|model| self.shared.quota(model, request.region()));
        let state = match quota {
            None => State::Called { inner: self.inner.call(request), ticket: None },
            Some(quota) => self.admit(quota, request),
        };
        RateLimitFuture { state }
    }
}

impl<S> RateLimit<S> {
    fn admit<R>(&mut self, quota: Arc<Quota>, request: R) -> State<S, R, S::Future>
    where
        R: Request,
        S: Service<R, Response = R::Response, Error = Error> + Clone,
    {
        let refused =
            |error: Error| State::Refused { error: Some(error.with_operation_if_none(R::OPERATION)) };
        let charge = match quota.charge(&request) {
            Ok(charge) => charge,
            Err(error) => return refused(error),
        };
        let now = Instant::now();
        if quota.limiter().take_at_once(charge.tokens(), now) {
            let ticket = Some(Ticket::new(quota, charge));
            return State::Called { inner: self.inner.call(request), ticket };
        }
        let most = self.shared.config.max_wait.min(deadline::remaining().unwrap_or(Duration::MAX));
        let place = quota.limiter().enqueue(charge.tokens(), most, now);
        match place {
            Err(wait) => refused(quota.too_long(Some(wait), most)),
            Ok(number) => {
                let clone = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, clone);
                let place = Place::new(Arc::clone(&quota), number);
                let waiting =
                    Waiting { quota, charge, place, since: now, most, sleep: Box::pin(sleep(most)) };
                State::Waiting { waiting, call: Some((service, request)) }
            }
        }
    }
}

/// A call that waits for its turn.
struct Waiting {
    quota: Arc<Quota>,
    charge: Charge,
    place: Place,
    since: Instant,
    most: Duration,
    /// Boxed, so that calls that do not wait are not larger for it.
    sleep: Pin<Box<Sleep>>,
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ticket, Error>> {
        loop {
            let left = self.most.saturating_sub(self.since.elapsed());
            let pause = match self.place.poll_turn(cx.waker()) {
                Turn::Yours => return Poll::Ready(Ok(Ticket::new(Arc::clone(&self.quota), self.charge))),
                Turn::In(wait) => wait.min(left),
                Turn::Behind => left,
            };
            if left.is_zero() {
                return Poll::Ready(Err(self.quota.too_long(None, self.most)));
            }
            self.sleep.as_mut().reset(Instant::now() + pause);
            ready!(self.sleep.as_mut().poll(cx));
        }
    }
}

pin_project! {
    /// The future of [`RateLimit`].
    pub struct RateLimitFuture<S, R, F> {
        #[pin]
        state: State<S, R, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, R, F> {
        Refused { error: Option<Error> },
        Waiting { waiting: Waiting, call: Option<(S, R)> },
        Called { #[pin] inner: F, ticket: Option<Ticket> },
    }
}

impl<S, R> Future for RateLimitFuture<S, R, S::Future>
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
                StateProjection::Waiting { waiting, call } => match ready!(waiting.poll(cx)) {
                    Err(error) => {
                        state.set(State::Refused { error: None });
                        return Poll::Ready(Err(error.with_operation_if_none(R::OPERATION)));
                    }
                    Ok(ticket) => {
                        let Some((mut service, request)) = call.take() else { return Poll::Pending };
                        let inner = service.call(request);
                        state.set(State::Called { inner, ticket: Some(ticket) });
                    }
                },
                StateProjection::Called { inner, ticket } => {
                    let mut outcome = ready!(inner.poll(cx));
                    if let Some(ticket) = ticket.take() {
                        settle(ticket, &mut outcome);
                    }
                    return Poll::Ready(outcome);
                }
            }
        }
    }
}

/// Settles the charge now or at the stream's end.
fn settle<A: Response>(ticket: Ticket, outcome: &mut Result<A, Error>) {
    match outcome {
        Ok(answer) => answer.on_end(move |end| match end.outcome {
            Outcome::Failed(error) => ticket.failed(error, end.usage),
            _ => ticket.used(end.usage),
        }),
        Err(error) => ticket.failed(error, None),
    }
}

impl<S, R, F> fmt::Debug for RateLimitFuture<S, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitFuture").finish_non_exhaustive()
    }
}
