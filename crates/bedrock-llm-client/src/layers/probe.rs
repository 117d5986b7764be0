//! A service for tests of layers: it does what it is told, counts, and panics when it is called unready.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bedrock_llm_schema::{ChatResponse, Error, ErrorKind, Message, Request, StopReason, Usage};
use tower::Service;

type Answering<A> = Pin<Box<dyn Future<Output = Result<A, Error>> + Send>>;
type Handler<R> = Arc<dyn Fn(R, usize) -> Answering<<R as Request>::Response> + Send + Sync>;

/// Answers each call by a function of the request and the number of the call, counted from 0.
pub(crate) struct Probe<R: Request> {
    handler: Handler<R>,
    seen: Seen<R>,
    ready: bool,
}

/// What a [`Probe`] and its clones saw.
pub(crate) struct Seen<R> {
    requests: Arc<Mutex<Vec<R>>>,
    open: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
}

impl<R: Request> Probe<R> {
    pub(crate) fn new<F>(handler: impl Fn(R, usize) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<R::Response, Error>> + Send + 'static,
    {
        let seen = Seen { requests: Arc::default(), open: Arc::default(), peak: Arc::default() };
        Self {
            handler: Arc::new(move |request, number| Box::pin(handler(request, number))),
            seen,
            ready: false,
        }
    }

    pub(crate) fn seen(&self) -> Seen<R> {
        self.seen.clone()
    }
}

/// Readiness belongs to one clone.
impl<R: Request> Clone for Probe<R> {
    fn clone(&self) -> Self {
        Self { handler: Arc::clone(&self.handler), seen: self.seen.clone(), ready: false }
    }
}

impl<R> Clone for Seen<R> {
    fn clone(&self) -> Self {
        Self {
            requests: Arc::clone(&self.requests),
            open: Arc::clone(&self.open),
            peak: Arc::clone(&self.peak),
        }
    }
}

impl<R: Clone> Seen<R> {
    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The requests, in order.
    pub(crate) fn requests(&self) -> Vec<R> {
        self.requests.lock().unwrap().clone()
    }

    /// How many calls are under way.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// The most that ever were.
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<R: Request> Service<R> for Probe<R> {
    type Response = R::Response;
    type Error = Error;
    type Future = Answering<R::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        let number = {
            let mut requests = self.seen.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        let open = self.seen.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.seen.peak.fetch_max(open, Ordering::SeqCst);
        let guard = Open(Arc::clone(&self.seen.open));
        let answer = (self.handler)(request, number);
        Box::pin(async move {
            let _open = guard;
            answer.await
        })
    }
}

/// An answer that says this and used 10 tokens in and 5 out.
pub(crate) fn answer(text: &str) -> ChatResponse {
    ChatResponse::new(Message::assistant(text), StopReason::EndTurn, Usage::new(10, 5))
}

/// An error of a kind.
pub(crate) fn failure(kind: ErrorKind) -> Error {
    Error::new(kind, "as told")
}

/// Seconds of tokio's clock, which tests pause.
pub(crate) async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}
