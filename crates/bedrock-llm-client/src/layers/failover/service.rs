//! The service of failover, and its future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bedrock_llm_schema::{Error, Request, Response};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower::Service;

use super::route::{Memory, Next, Route, Settings};

/// The service of [`FailoverLayer`](super::FailoverLayer).
#[derive(Clone)]
pub struct Failover<S> {
    inner: S,
    settings: Arc<Settings>,
    memory: Arc<Memory>,
}

impl<S> Failover<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>, memory: Arc<Memory>) -> Self {
        Self { inner, settings, memory }
    }
}

impl<S: fmt::Debug> fmt::Debug for Failover<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failover").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, R> Service<R> for Failover<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error> + Clone,
{
    type Response = R::Response;
    type Error = Error;
    type Future = FailoverFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        match Route::new(&self.settings, &self.memory, request) {
            Err(request) => {
                FailoverFuture { travel: None, state: State::Calling { inner: self.inner.call(request) } }
            }
            Ok(mut route) => {
                let inner = self.inner.call(route.start());
                // this clone is made ready before each further call
                let travel = Some(Box::new(Travel { service: self.inner.clone(), route }));
                FailoverFuture { travel, state: State::Calling { inner } }
            }
        }
    }
}

/// What a call needs that may move on. Boxed, so that calls with nowhere to go do not carry its size.
struct Travel<S, R> {
    service: S,
    route: Route<R>,
}

pin_project! {
    /// The future of [`Failover`].
    pub struct FailoverFuture<S, R>
    where
        S: Service<R>,
        R: Request,
    {
        travel: Option<Box<Travel<S, R>>>,
        #[pin]
        state: State<R, S::Future, R::Response>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<R, F, A> {
        Calling { #[pin] inner: F },
        // a stream that has not begun
        Beginning { answer: Option<A> },
        // at home
        Waiting { #[pin] sleep: Sleep },
        Going { request: Option<R> },
    }
}

impl<S, R> Future for FailoverFuture<S, R>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error> + Clone,
{
    type Output = Result<R::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Calling { inner } => {
                    let outcome = ready!(inner.poll(cx));
                    let Some(travel) = this.travel.as_mut() else { return Poll::Ready(outcome) };
                    match outcome {
                        Ok(answer) => State::Beginning { answer: Some(answer) },
                        Err(error) => match follow(travel, error) {
                            Ok(next) => next,
                            Err(error) => return Poll::Ready(Err(error)),
                        },
                    }
                }
                StateProjection::Beginning { answer } => {
                    // neither is missing, unless it is polled again after it was ready
                    let (Some(begun), Some(travel)) = (answer.as_mut(), this.travel.as_mut()) else {
                        return Poll::Pending;
                    };
                    match ready!(begun.poll_begun(cx)) {
                        Ok(()) => {
                            let (Some(mut answer), Some(travel)) = (answer.take(), this.travel.take()) else {
                                return Poll::Pending;
                            };
                            travel.route.answered(&mut answer);
                            return Poll::Ready(Ok(answer));
                        }
                        Err(error) => match follow(travel, error) {
                            Ok(next) => next,
                            Err(error) => return Poll::Ready(Err(error)),
                        },
                    }
                }
                StateProjection::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    let Some(travel) = this.travel.as_ref() else { return Poll::Pending };
                    State::Going { request: Some(travel.route.again()) }
                }
                StateProjection::Going { request } => {
                    let Some(travel) = this.travel.as_mut() else { return Poll::Pending };
                    ready!(travel.service.poll_ready(cx))?;
                    let Some(request) = request.take() else { return Poll::Pending };
                    State::Calling { inner: travel.service.call(request) }
                }
            };
            this.state.set(next);
        }
    }
}

/// What the future does after a failure; the error, if that is its end.
fn follow<S, R: Request, F, A>(travel: &mut Travel<S, R>, error: Error) -> Result<State<R, F, A>, Error> {
    match travel.route.after(error) {
        Next::Wait(wait) => Ok(State::Waiting { sleep: sleep(wait) }),
        Next::Go(request) => Ok(State::Going { request: Some(request) }),
        Next::End(error) => Err(error),
    }
}

impl<S, R> fmt::Debug for FailoverFuture<S, R>
where
    S: Service<R>,
    R: Request,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverFuture").finish_non_exhaustive()
    }
}
