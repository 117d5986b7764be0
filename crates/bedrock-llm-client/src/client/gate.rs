//! Who is inside: calls and streams under way, and how they are let out when the client is shut down.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bedrock_llm_schema::{Error, ErrorKind, Operation, Response};
use futures_core::Stream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Counts calls and streams under way.
#[derive(Clone, Default)]
pub(super) struct Gate {
    inside: TaskTracker,
    abort: CancellationToken,
    streams: Arc<Streams>,
}

/// One call or stream inside.
pub(super) struct Ticket {
    inside: TaskTrackerToken,
    abort: CancellationToken,
    streams: Arc<Streams>,
}

/// The streams inside, each by a number: one that nobody reads must let go of its connection, too.
#[derive(Default)]
struct Streams {
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<dyn LetGo>>>,
}

trait LetGo: Send + Sync {
    fn let_go(&self);
}

/// A stream that two may take: its reader, and whoever empties the gate.
type Slot<S> = Mutex<Option<S>>;

impl<S: Send> LetGo for Slot<S> {
    fn let_go(&self) {
        drop(lock(self).take());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gate {
    pub(super) fn enter(&self) -> Ticket {
        let streams = Arc::clone(&self.streams);
        Ticket { inside: self.inside.token(), abort: self.abort.clone(), streams }
    }

    /// Waits until all are out, and lets out who is left after `patience`; says how many those were.
    pub(super) async fn empty(&self, patience: Duration) -> usize {
        self.inside.close();
        if tokio::time::timeout(patience, self.inside.wait()).await.is_ok() {
            return 0;
        }
        let left = self.inside.len();
        self.abort.cancel();
        let open = std::mem::take(&mut *lock(&self.streams.open));
        open.values().for_each(|stream| stream.let_go());
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
        let Self { inside, abort, streams } = self;
        if let Some(stream) = answer.chat_stream_mut() {
            stream.wrap_events(|events| Guarded::new(events, abort, streams));
        } else if let Some(stream) = answer.invoke_stream_mut() {
            stream.wrap_chunks(|chunks| Guarded::new(chunks, abort, streams));
        }
        answer.on_end(move |_| drop(inside));
        Ok(answer)
    }
}

pub(super) fn shut_down() -> Error {
    Error::new(ErrorKind::ShutDown, "the client was shut down").with_hint("build a new one")
}

/// A stream that ends when it is let out. The connection is let go of then, whether it is read or not.
struct Guarded<S> {
    events: Arc<Slot<S>>,
    abort: Pin<Box<WaitForCancellationFutureOwned>>,
    streams: Arc<Streams>,
    number: u64,
    done: bool,
}

impl<S: Send + 'static> Guarded<S> {
    fn new(events: S, abort: CancellationToken, streams: Arc<Streams>) -> Self {
        let events = Arc::new(Mutex::new(Some(events)));
        let number = streams.next.fetch_add(1, Ordering::Relaxed);
        let slot: Arc<dyn LetGo> = Arc::clone(&events) as _;
        lock(&streams.open).insert(number, slot);
        if abort.is_cancelled() {
            events.let_go();
        }
        Self { events, abort: Box::pin(abort.cancelled_owned()), streams, number, done: false }
    }
}

impl<S> Drop for Guarded<S> {
    fn drop(&mut self) {
        lock(&self.streams.open).remove(&self.number);
    }
}

impl<S, T> Stream for Guarded<S>
where
    S: Stream<Item = Result<T, Error>> + Unpin,
{
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        if let Some(events) = &mut *lock(&this.events) {
            // asked before the end, so that an event costs nothing
            if let Poll::Ready(item) = Pin::new(events).poll_next(cx) {
                return Poll::Ready(item);
            }
            ready!(this.abort.as_mut().poll(cx));
        }
        this.done = true;
        drop(lock(&this.events).take());
        Poll::Ready(Some(Err(shut_down())))
    }
}
