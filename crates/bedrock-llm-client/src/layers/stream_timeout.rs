//! Bounds the silence of a stream: before its first event, and between events.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bedrock_llm_schema::{Error, ErrorKind, Request, Response, Retry};
use futures_core::Stream;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower::{Layer, Service};

/// Bounds how long a stream may say nothing. Whole answers pass as they are.
///
/// - **First event**: from the call until the stream's first event is there; the call's future waits for it. Beyond
///   that it is a [`Timeout`](ErrorKind::Timeout), which is worth another try: no token was produced.
/// - **Idle**: between two events, while somebody waits for one: a consumer who is slow to ask is no silence. Beyond
///   that the stream ends with [`StreamStalled`](ErrorKind::StreamStalled), which holds the answer so far.
///
/// Neither is set where nothing is said; the client's builder sets 120 s of idle time, since healthy gaps of 57 s have
/// been seen (manaflow-ai/subrouter#270). Goes *inside* retry. Cancellation: dropping the future or the stream drops
/// the connection.
///
/// ```
/// use std::time::Duration;
/// use bedrock_llm_client::layers::StreamTimeoutLayer;
///
/// let layer = StreamTimeoutLayer::new().first_event(Duration::from_secs(60)).idle(Duration::from_secs(120));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamTimeoutLayer {
    first_event: Option<Duration>,
    idle: Option<Duration>,
}

impl StreamTimeoutLayer {
    /// Without any limit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long the first event may take; `None` waits for ever.
    #[must_use]
    pub fn first_event(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.first_event = limit.into();
        self
    }

    /// Sets how long a stream may be silent between events; `None` waits for ever.
    #[must_use]
    pub fn idle(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.idle = limit.into();
        self
    }
}

impl<S> Layer<S> for StreamTimeoutLayer {
    type Service = StreamTimeout<S>;

    fn layer(&self, inner: S) -> StreamTimeout<S> {
        StreamTimeout { inner, limits: *self }
    }
}

/// The service of [`StreamTimeoutLayer`].
#[derive(Debug, Clone)]
pub struct StreamTimeout<S> {
    inner: S,
    limits: StreamTimeoutLayer,
}

impl<S, R> Service<R> for StreamTimeout<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error>,
{
    type Response = R::Response;
    type Error = Error;
    type Future = StreamTimeoutFuture<S::Future, R::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // whole answers have no first event to wait for
        let first = if R::OPERATION.is_streaming() { self.limits.first_event } else { None };
        StreamTimeoutFuture {
            inner: self.inner.call(request),
            opened: None,
            first: first.map(|limit| First { limit, sleep: Box::pin(sleep(limit)) }),
            idle: self.limits.idle,
        }
    }
}

pin_project! {
    /// The future of [`StreamTimeout`].
    #[derive(Debug)]
    pub struct StreamTimeoutFuture<F, A> {
        #[pin]
        inner: F,
        opened: Option<A>,
        first: Option<First>,
        idle: Option<Duration>,
    }
}

#[derive(Debug)]
struct First {
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl<F, A> Future for StreamTimeoutFuture<F, A>
where
    F: Future<Output = Result<A, Error>>,
    A: Response,
{
    type Output = Result<A, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let begun = 'begun: {
            if this.opened.is_none() {
                match this.inner.poll(cx) {
                    Poll::Ready(Ok(mut answer)) => {
                        watch(&mut answer, *this.idle);
                        *this.opened = Some(answer);
                    }
                    Poll::Ready(Err(error)) => break 'begun Poll::Ready(Err(error)),
                    Poll::Pending => break 'begun Poll::Pending,
                }
            }
            match (&mut *this.opened, &this.first) {
                (Some(answer), Some(_)) => answer.poll_begun(cx),
                _ => Poll::Ready(Ok(())),
            }
        };
        match begun {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => match this.opened.take() {
                Some(answer) => Poll::Ready(Ok(answer)),
                // polled again after it was ready
                None => Poll::Pending,
            },
            Poll::Pending => {
                let Some(First { limit, sleep }) = this.first else { return Poll::Pending };
                ready!(sleep.as_mut().poll(cx));
                Poll::Ready(Err(late(*limit)))
            }
        }
    }
}

/// Puts a watchdog over the events of a stream.
fn watch<A: Response>(answer: &mut A, idle: Option<Duration>) {
    let Some(limit) = idle else { return };
    if let Some(stream) = answer.chat_stream_mut() {
        stream.wrap_events(|events| Watched { events: Some(events), watchdog: Watchdog::new(limit) });
    } else if let Some(stream) = answer.invoke_stream_mut() {
        stream.wrap_chunks(|events| Watched { events: Some(events), watchdog: Watchdog::new(limit) });
    }
}

fn late(limit: Duration) -> Error {
    tracing::debug!(?limit, "a stream did not begin");
    Error::new(ErrorKind::Timeout, format!("the stream did not begin within {limit:?}"))
        .with_retry(Retry::Temporary)
        .with_hint("raise the limit for the first event if the model may think that long")
}

fn stalled(limit: Duration) -> Error {
    tracing::debug!(?limit, "a stream fell silent");
    Error::new(ErrorKind::StreamStalled, format!("the stream said nothing for {limit:?}"))
        .with_hint("raise `stream_idle_timeout` if the model may think that long")
}

/// A stream under a watchdog. It ends after its first error, and lets go of the connection then.
struct Watched<S> {
    events: Option<S>,
    watchdog: Watchdog,
}

impl<S, T> Stream for Watched<S>
where
    S: Stream<Item = Result<T, Error>> + Unpin,
{
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(events) = &mut this.events else { return Poll::Ready(None) };
        if let Poll::Ready(item) = Pin::new(events).poll_next(cx) {
            this.watchdog.heard();
            return Poll::Ready(item);
        }
        ready!(this.watchdog.poll_bark(cx));
        this.events = None;
        Poll::Ready(Some(Err(stalled(this.watchdog.limit))))
    }
}

/// Barks when nothing was heard for a while *that somebody waited*: a consumer who is slow to ask is no silence.
struct Watchdog {
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
    waiting_since: Option<Instant>,
}

impl Watchdog {
    fn new(limit: Duration) -> Self {
        Self { limit, sleep: Box::pin(sleep(limit)), waiting_since: None }
    }

    fn heard(&mut self) {
        self.waiting_since = None;
    }

    /// Ready when it is time to give up. The timer is moved only when it fires, not at every event.
    fn poll_bark(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let due = since + self.limit;
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests;
