//! Bounds a whole call: every attempt, every pause between them, and the stream to its end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bedrock_llm_schema::{Error, ErrorKind, Request, Response};
use futures_core::Stream;
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{Layer, Service};

tokio::task_local! {
    /// When the call that runs in this task must be over.
    static DEADLINE: Instant;
}

/// How much time the call that runs in this task has left; `None` where no [`DeadlineLayer`] is around it.
///
/// Layers below ask before they wait: a pause that would outlast the deadline is an error now rather than later.
#[must_use]
pub fn remaining() -> Option<Duration> {
    DEADLINE.try_with(|deadline| deadline.saturating_duration_since(Instant::now())).ok()
}

/// Bounds a whole call. Beyond the limit it is a [`Timeout`](ErrorKind::Timeout), which is not worth another try: the
/// model may have worked and be paid for.
///
/// - Covers the call's future, with all that layers inside do in it (waiting for a place, attempts, pauses), and the
///   events of a stream: the limit is one for both. Does not cover readiness.
/// - [`CallOptions::timeout`](bedrock_llm_schema::CallOptions::timeout) takes the place of the layer's limit for one call.
/// - Layers inside ask [`remaining`] and do not begin to wait for what the deadline would cut off.
///
/// Goes *outside* retry and failover. A deadline *inside* retry would bound one attempt; that is
/// [`AttemptTimeoutLayer`](super::AttemptTimeoutLayer). Nested, the earlier deadline holds. Where nothing is said there is
/// no limit; the client's builder sets one hour, which AWS names for models that think. Cancellation: dropping the
/// future drops the call.
///
/// ```
/// use std::time::Duration;
/// use bedrock_llm_client::layers::{AttemptTimeoutLayer, DeadlineLayer};
/// use tower::ServiceBuilder;
///
/// let builder = ServiceBuilder::new()
///     .layer(DeadlineLayer::new(Duration::from_secs(120))) // all attempts
///     .layer(AttemptTimeoutLayer::new(Duration::from_secs(50))); // each of them
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadlineLayer {
    limit: Option<Duration>,
}

impl DeadlineLayer {
    /// With this limit; `None` for calls that say themselves how long they may take.
    #[must_use]
    pub fn new(limit: impl Into<Option<Duration>>) -> Self {
        Self { limit: limit.into() }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { inner, limit: self.limit }
    }
}

/// The service of [`DeadlineLayer`].
#[derive(Debug, Clone)]
pub struct Deadline<S> {
    inner: S,
    limit: Option<Duration>,
}

impl<S, R> Service<R> for Deadline<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error>,
{
    type Response = R::Response;
    type Error = Error;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let limit = request.options().timeout.or(self.limit);
        // a limit beyond the clock's end is none
        let bound = limit.and_then(|limit| Some(Bound { at: Instant::now().checked_add(limit)?, limit }));
        let outer = DEADLINE.try_with(|outer| *outer).ok();
        let bound = bound.filter(|bound| outer.is_none_or(|outer| bound.at < outer));
        let state = match bound {
            None => State::Unbound { inner: self.inner.call(request) },
            Some(bound) => {
                let inner = DEADLINE.sync_scope(bound.at, || self.inner.call(request));
                State::Bound { inner: DEADLINE.scope(bound.at, inner), sleep: sleep_until(bound.at), bound }
            }
        };
        DeadlineFuture { state }
    }
}

/// When it must be over, and the limit that says so.
#[derive(Debug, Clone, Copy)]
struct Bound {
    at: Instant,
    limit: Duration,
}

impl Bound {
    fn passed(self) -> Error {
        tracing::debug!(limit = ?self.limit, "the deadline of a call passed");
        Error::new(ErrorKind::Timeout, format!("the whole call took longer than {:?}", self.limit))
            .with_hint("raise the call's time limit, or ask for less")
    }
}

pin_project! {
    /// The future of [`Deadline`].
    pub struct DeadlineFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Unbound { #[pin] inner: F },
        Bound { #[pin] inner: TaskLocalFuture<Instant, F>, #[pin] sleep: Sleep, bound: Bound },
    }
}

impl<F, A> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<A, Error>>,
    A: Response,
{
    type Output = Result<A, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Unbound { inner } => inner.poll(cx),
            StateProjection::Bound { inner, sleep, bound } => match inner.poll(cx) {
                Poll::Ready(Ok(mut answer)) => {
                    bind(&mut answer, *bound);
                    Poll::Ready(Ok(answer))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => {
                    ready!(sleep.poll(cx));
                    Poll::Ready(Err(bound.passed()))
                }
            },
        }
    }
}

impl<F> fmt::Debug for DeadlineFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineFuture").finish_non_exhaustive()
    }
}

/// Holds a stream to the deadline of its call.
fn bind<A: Response>(answer: &mut A, bound: Bound) {
    if let Some(stream) = answer.chat_stream_mut() {
        stream.wrap_events(|events| Until::new(events, bound));
    } else if let Some(stream) = answer.invoke_stream_mut() {
        stream.wrap_chunks(|chunks| Until::new(chunks, bound));
    }
}

/// A stream until its deadline. It lets go of the connection then. What came before the deadline is given out however
/// late it is asked for.
struct Until<S> {
    events: Option<S>,
    sleep: Pin<Box<Sleep>>,
    bound: Bound,
}

impl<S> Until<S> {
    fn new(events: S, bound: Bound) -> Self {
        Self { events: Some(events), sleep: Box::pin(sleep_until(bound.at)), bound }
    }
}

impl<S, T> Stream for Until<S>
where
    S: Stream<Item = Result<T, Error>> + Unpin,
{
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(events) = &mut this.events else { return Poll::Ready(None) };
        if let Poll::Ready(item) = DEADLINE.sync_scope(this.bound.at, || Pin::new(events).poll_next(cx)) {
            return Poll::Ready(item);
        }
        ready!(this.sleep.as_mut().poll(cx));
        this.events = None;
        Poll::Ready(Some(Err(this.bound.passed())))
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::{Call, CallOptions, ChatRequest, ChatStream, StreamEvent};
    use futures_util::stream;
    use tower::ServiceExt as _;

    use super::*;
    use crate::layers::probe::{Probe, answer, seconds};

    fn request() -> Call<ChatRequest> {
        Call::new(ChatRequest::new("m"))
    }

    fn within(limit: u64) -> DeadlineLayer {
        DeadlineLayer::new(Duration::from_secs(limit))
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_cut_off_at_its_deadline() {
        let slow = Probe::new(|_, _| async {
            seconds(11).await;
            Ok(answer("late"))
        });
        let started = Instant::now();
        let error = within(10).layer(slow.clone()).oneshot(request()).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (&ErrorKind::Timeout, false));
        assert_eq!(started.elapsed().as_secs(), 10);
        assert_eq!(slow.seen().open(), 0, "the call is dropped");
        let patient = request().with_options(CallOptions::new().timeout(Duration::from_secs(12)));
        within(10).layer(slow.clone()).oneshot(patient).await.unwrap();
        DeadlineLayer::default().layer(slow).oneshot(request()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn layers_inside_know_what_is_left() {
        let asking = Probe::new(|_, _| {
            let at_once = remaining();
            async move {
                seconds(4).await;
                Ok(answer(&format!("{at_once:?} {:?}", remaining())))
            }
        });
        let ask = |layer: DeadlineLayer| layer.layer(asking.clone()).oneshot(request());
        assert_eq!(ask(within(10)).await.unwrap().text(), "Some(10s) Some(6s)");
        assert_eq!(ask(DeadlineLayer::default()).await.unwrap().text(), "None None");
        let nested = within(8).layer(within(20).layer(asking.clone()));
        assert_eq!(nested.oneshot(request()).await.unwrap().text(), "Some(8s) Some(4s)");
        assert_eq!(remaining(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_shares_the_deadline_of_its_call() {
        let dripping = Probe::new(|_, _| async {
            seconds(4).await;
            let events = stream::unfold((), |()| async {
                seconds(3).await;
                Some((Ok(StreamEvent::text(0, "x")), ()))
            });
            Ok(ChatStream::new(events, None))
        });
        let started = Instant::now();
        let stream = within(11).layer(dripping).oneshot(ChatRequest::new("m").streaming()).await.unwrap();
        let error = stream.collect().await.unwrap_err();
        assert_eq!((error.kind(), error.partial().unwrap().text()), (&ErrorKind::Timeout, "xx".to_owned()));
        assert_eq!(started.elapsed().as_secs(), 11);
    }
}
