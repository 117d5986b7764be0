//! A task of its own for a part of the pipeline, and the bounded queue behind it.
//!
//! A stage whose items are always ready works while it is read: handing them to another task would cost more than
//! they do. As soon as it has to wait for something, it moves into a task, so that it goes on while its reader is busy.
//! From there items come in chunks of those that are ready together; nothing ready waits for a chunk to fill.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream;
use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::{Item, RunContext};
use crate::probe::{EventKind, Probe, Queue};

/// The longest chunk, and the longest that its first item may wait for the others.
const CHUNK: usize = 64;
const FILL: Duration = Duration::from_micros(50);

/// What goes through a queue: an item, or several together.
pub(crate) trait Load: Send + 'static {
    /// How many items it is.
    fn items(&self) -> usize;
}

impl<T: Send + 'static> Load for Item<T> {
    #[inline]
    fn items(&self) -> usize {
        1
    }
}

type BoxLoads<L> = Pin<Box<dyn Stream<Item = L> + Send>>;

/// Lets a stream work ahead of its reader, up to the run's queue size.
pub(crate) fn queued<L: Load>(
    stream: impl Stream<Item = L> + Send + 'static,
    probe: &Arc<Probe>,
    run: &RunContext,
) -> Reader<L> {
    Reader::Inline { stream: Box::pin(stream), probe: Arc::clone(probe), size: run.queue }
}

/// Hands a stream's items over, until it ends or nobody reads.
async fn forward<L: Load>(
    mut stream: BoxLoads<L>,
    sender: mpsc::UnboundedSender<Vec<L>>,
    room: Arc<Room>,
    probe: Arc<Probe>,
) {
    let most = room.size.min(CHUNK);
    let mut length = 1;
    let mut ended = false;
    while !ended {
        let mut chunk = Vec::with_capacity(length);
        let mut items: usize = 0;
        let mut begun = None;
        poll_fn(|cx| {
            while items < length {
                match stream.as_mut().poll_next(cx) {
                    Poll::Ready(Some(load)) => {
                        items = items.saturating_add(load.items());
                        chunk.push(load);
                    }
                    Poll::Ready(None) => {
                        ended = true;
                        break;
                    }
                    Poll::Pending if chunk.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
                begun.get_or_insert_with(Instant::now);
            }
            Poll::Ready(())
        })
        .await;
        if items >= length {
            let quick = begun.is_some_and(|begun| begun.elapsed() < FILL);
            length = if quick { (length * 2).min(most) } else { (length / 2).max(1) };
        }
        let count = room.taken_by(items);
        // closed when the reader is gone, or sending fails
        let Ok(taken) = room.free.acquire_many(count).await else { break };
        taken.forget();
        if count > 0 && sender.send(chunk).is_err() {
            break;
        }
        if probe.is_watched() {
            probe.emit(None, EventKind::QueueDepth { depth: room.depth() });
        }
    }
}

/// How much may wait in a queue.
pub(crate) struct Room {
    size: usize,
    free: Semaphore,
}

impl Room {
    /// What so many items take of it; more than there is room for go alone.
    fn taken_by(&self, items: usize) -> u32 {
        u32::try_from(items.min(self.size)).unwrap_or(u32::MAX)
    }
}

impl Queue for Room {
    fn depth(&self) -> usize {
        self.size.saturating_sub(self.free.available_permits())
    }
}

/// The reading end.
pub(crate) enum Reader<L> {
    /// Nothing had to wait yet.
    Inline {
        stream: BoxLoads<L>,
        probe: Arc<Probe>,
        size: usize,
    },
    /// In a task.
    Queue(Chunks<L>),
    Ended,
}

/// What comes out of a task.
pub(crate) struct Chunks<L> {
    receiver: mpsc::UnboundedReceiver<Vec<L>>,
    chunk: std::vec::IntoIter<L>,
    /// The room that the chunk takes until it is read.
    held: u32,
    room: Arc<Room>,
    task: AbortOnDropHandle<()>,
}

impl<L> Unpin for Reader<L> {}

impl<L: Load> Stream for Reader<L> {
    type Item = L;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<L>> {
        let next = match &mut *self {
            Self::Inline { stream, .. } => match stream.as_mut().poll_next(cx) {
                Poll::Ready(next) => next,
                Poll::Pending => {
                    // without a runtime it goes on as it is
                    let Ok(runtime) = Handle::try_current() else { return Poll::Pending };
                    let Self::Inline { stream, probe, size } = std::mem::replace(&mut *self, Self::Ended)
                    else {
                        return Poll::Ready(None);
                    };
                    let mut chunks = Chunks::of_task(&runtime, stream, probe, size);
                    let next = chunks.poll_next(cx);
                    *self = Self::Queue(chunks);
                    ready!(next)
                }
            },
            Self::Queue(chunks) => ready!(chunks.poll_next(cx)),
            Self::Ended => None,
        };
        if next.is_none() {
            *self = Self::Ended;
        }
        Poll::Ready(next)
    }
}

impl<L: Load> Chunks<L> {
    fn of_task(runtime: &Handle, stream: BoxLoads<L>, probe: Arc<Probe>, size: usize) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let room = Arc::new(Room { size, free: Semaphore::new(size) });
        probe.watch_queue(Arc::downgrade(&room) as Weak<dyn Queue>);
        let task = runtime.spawn(forward(stream, sender, Arc::clone(&room), probe));
        Self { receiver, chunk: Vec::new().into_iter(), held: 0, room, task: AbortOnDropHandle::new(task) }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<L>> {
        loop {
            if let Some(load) = self.chunk.next() {
                return Poll::Ready(Some(load));
            }
            self.room.free.add_permits(std::mem::take(&mut self.held) as usize);
            match ready!(self.receiver.poll_recv(cx)) {
                Some(chunk) => {
                    self.held = self.room.taken_by(chunk.iter().map(Load::items).sum());
                    self.chunk = chunk.into_iter();
                }
                // the end of the queue is the end of the stream only if the task came to its end
                None => match ready!(self.task.poll_unpin(cx)) {
                    Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
                    Ok(()) | Err(_) => return Poll::Ready(None),
                },
            }
        }
    }
}
