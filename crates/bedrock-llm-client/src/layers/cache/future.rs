//! The future of the cache.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bedrock_llm_schema::response::Replayable;
use bedrock_llm_schema::{Error, ErrorKind, Request};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower::Service;

use super::flight::{Flight, Landing, Outcome, wait};
use super::key::Key;
use super::store::{Entry, Found, Store};

/// Boxed, for the wait for a change has no name; only callers who wait for another pay for it.
type Wait = Pin<Box<dyn Future<Output = Outcome> + Send>>;

pin_project! {
    /// The future of [`Cache`](super::Cache).
    pub struct CacheFuture<S, R>
    where
        S: Service<R>,
        R: Request,
    {
        store: Arc<Store>,
        // What a caller who had to wait has left of its own time limit.
        limit: Option<Pin<Box<Sleep>>>,
        #[pin]
        state: State<S, R, S::Future, R::Response>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, R, F, A> {
        /// It is known already.
        Known { answer: Option<A> },
        /// Asking, for oneself or for all who wait.
        Calling { #[pin] inner: F, flight: Option<Flight> },
        /// Another is asking. The clone of the service is not ready, so that it holds no place meanwhile.
        Waiting { wait: Wait, later: Option<(S, R)>, key: Key },
        /// About to ask after all.
        Going { service: S, request: Option<R>, flight: Option<Flight> },
    }
}

impl<S, R> CacheFuture<S, R>
where
    R: Request<Response: Replayable>,
    S: Service<R, Response = R::Response, Error = Error> + Clone,
{
    /// A call that has nothing to do with the cache.
    pub(super) fn passing(store: &Arc<Store>, inner: S::Future) -> Self {
        Self { store: Arc::clone(store), limit: None, state: State::Calling { inner, flight: None } }
    }

    pub(super) fn looking(store: &Arc<Store>, service: &mut S, request: R, key: Key) -> Self {
        let found = store.get(&key).map_or_else(|| store.find(key), Found::Answer);
        let mut limit = None;
        let state = match look(store, found, key, &store.counts.hits) {
            Look::Answer(answer) => State::Known { answer: Some(answer) },
            Look::Go(flight) => State::Calling { inner: service.call(request), flight: Some(flight) },
            Look::Wait(wait) => {
                limit = request.options().timeout.map(|limit| Box::pin(sleep(limit)));
                State::Waiting { wait, later: Some((service.clone(), request)), key }
            }
        };
        Self { store: Arc::clone(store), limit, state }
    }
}

/// What a look at the cache comes to.
enum Look<A> {
    Answer(A),
    Wait(Wait),
    Go(Flight),
}

fn look<A: Replayable>(store: &Arc<Store>, found: Found, key: Key, counter: &AtomicU64) -> Look<A> {
    match found {
        Found::Answer(entry) => match give(&entry, counter) {
            Some(answer) => Look::Answer(answer),
            None => go(store, store.alone(key)),
        },
        Found::Flight(landing) => Look::Wait(waiting(store, landing)),
        Found::Nothing(flight) => go(store, flight),
    }
}

fn give<A: Replayable>(entry: &Entry, counter: &AtomicU64) -> Option<A> {
    let answer = entry.replay()?;
    counter.fetch_add(1, Ordering::Relaxed);
    tracing::debug!("answered from the cache");
    Some(answer)
}

fn go<A>(store: &Store, flight: Flight) -> Look<A> {
    store.counts.misses.fetch_add(1, Ordering::Relaxed);
    Look::Go(flight)
}

fn waiting(store: &Store, landing: tokio::sync::watch::Receiver<Landing>) -> Wait {
    Box::pin(wait(landing, store.config.stream_wait))
}

impl<S, R> Future for CacheFuture<S, R>
where
    R: Request<Response: Replayable>,
    S: Service<R, Response = R::Response, Error = Error> + Clone,
{
    type Output = Result<R::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(outcome) = poll_state(this.state.as_mut(), this.store, cx) {
            return Poll::Ready(outcome);
        }
        let Some(limit) = this.limit else { return Poll::Pending };
        ready!(limit.as_mut().poll(cx));
        let message = "the call's time limit passed, a part of it while another caller asked the same";
        Poll::Ready(Err(Error::new(ErrorKind::Timeout, message).with_operation_if_none(R::OPERATION)))
    }
}

fn poll_state<S, R>(
    mut state: Pin<&mut State<S, R, S::Future, R::Response>>,
    store: &Arc<Store>,
    cx: &mut Context<'_>,
) -> Poll<Result<R::Response, Error>>
where
    R: Request<Response: Replayable>,
    S: Service<R, Response = R::Response, Error = Error> + Clone,
{
    loop {
        let next = match state.as_mut().project() {
            StateProjection::Known { answer } => match answer.take() {
                Some(answer) => return Poll::Ready(Ok(answer)),
                // polled again after it was ready
                None => return Poll::Pending,
            },
            StateProjection::Calling { inner, flight } => {
                let outcome = ready!(inner.poll(cx));
                let Some(flight) = flight.take() else { return Poll::Ready(outcome) };
                return Poll::Ready(match outcome {
                    Ok(answer) => Ok(flight.answered(answer, R::OPERATION.is_streaming())),
                    Err(error) => {
                        flight.failed(&error);
                        Err(error)
                    }
                });
            }
            StateProjection::Waiting { wait, later, key } => {
                let outcome = ready!(wait.as_mut().poll(cx));
                let key = *key;
                let shared = &store.counts.shared;
                let look = match outcome {
                    Outcome::Kept(entry) => look(store, Found::Answer(entry), key, shared),
                    Outcome::Failed(error) => {
                        shared.fetch_add(1, Ordering::Relaxed);
                        return Poll::Ready(Err(error));
                    }
                    Outcome::Lost => go(store, store.alone(key)),
                    Outcome::Cancelled => look(store, store.find(key), key, shared),
                };
                match look {
                    Look::Answer(answer) => State::Known { answer: Some(answer) },
                    Look::Wait(again) => {
                        *wait = again;
                        continue;
                    }
                    Look::Go(flight) => match later.take() {
                        Some((service, request)) => {
                            State::Going { service, request: Some(request), flight: Some(flight) }
                        }
                        None => return Poll::Pending,
                    },
                }
            }
            StateProjection::Going { service, request, flight } => {
                ready!(service.poll_ready(cx))?;
                match request.take() {
                    Some(request) => State::Calling { inner: service.call(request), flight: flight.take() },
                    None => return Poll::Pending,
                }
            }
        };
        state.set(next);
    }
}

impl<S, R> fmt::Debug for CacheFuture<S, R>
where
    S: Service<R>,
    R: Request,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheFuture").finish_non_exhaustive()
    }
}
