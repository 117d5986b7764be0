//! Who is inside: calls and streams under way, and how they are let out when the client is shut down.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bedrock_llm_schema::{Error, ErrorKind, Operation, Response};
use futures_core::Stream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Counts calls and streams under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    inside: TaskTracker,
    abort: CancellationToken,
}

/// One call or stream inside.
#[derive(Debug)]
pub(super) struct Ticket {
    inside: TaskTrackerToken,
    abort: CancellationToken,
}

impl Gate {
    pub(super) fn enter(&self) -> Ticket {
        Ticket { inside: self.inside.token(), abort: self.abort.clone() }
    }

    /// Waits until all are out, and lets out who is left after `patience`; says how many those were.
    pub(super) async fn empty(&self, patience: Duration) -> usize {
        self.inside.close();
        if tokio::time::timeout(patience, self.inside.wait()).await.is_ok() {
            return 0;
        }
        let left = self.inside.len();
        self.abort.cancel();
        left
    }
}

impl Ticket {
    /// Runs a call until it is over or let out; a stream stays inside until its end.
    pub(super) async fn carry<A: Response>(
        self,
        operation: Operation,
        call: impl Future<Output = Result<A, Error>>,
    ) -> Result<A, Error> {
        let mut answer = tokio::select! {
            biased;
            answer = call => answer?,
            () = self.abort.cancelled() => return Err(shut_down().with_operation_if_none(operation)),
        };
        if !operation.is_streaming() {
            return Ok(answer);
        }
        let Self { inside, abort } = self;
        if let Some(stream) = answer.chat_stream_mut() {
            stream.wrap_events(|events| Guarded::new(events, abort));
        } else if let Some(stream) = answer.invoke_stream_mut() {
            stream.wrap_chunks(|chunks| Guarded::new(chunks, abort));
        }
        answer.on_end(move |_| drop(inside));
        Ok(answer)
    }
}

pub(super) fn shut_down() -> Error {
    Error::new(ErrorKind::ShutDown, "the client was shut down").with_hint("build a new one")
}

/// A stream that ends when it is let out, and lets go of the connection then.
struct Guarded<S> {
    events: Option<S>,
    abort: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> Guarded<S> {
    fn new(events: S, abort: CancellationToken) -> Self {
        Self { events: Some(events), abort: Box::pin(abort.cancelled_owned()) }
    }
}

impl<S, T> Stream for Guarded<S>
where
    S: Stream<Item = Result<T, Error>> + Unpin,
{
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(events) = &mut this.events else { return Poll::Ready(None) };
        // asked only where there is nothing to give, so that an event costs nothing
        if let Poll::Ready(item) = Pin::new(events).poll_next(cx) {
            return Poll::Ready(item);
        }
        ready!(this.abort.as_mut().poll(cx));
        this.events = None;
        Poll::Ready(Some(Err(shut_down())))
    }
}
