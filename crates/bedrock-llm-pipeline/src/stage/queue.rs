//! A task of its own for a part of the pipeline, and the bounded queue behind it.

use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{BoxItems, Item, RunContext};
use crate::probe::{EventKind, Probe, Queue};

/// Lets a stream work ahead of its reader, up to the run's queue size. Without a Tokio runtime it stays as it is, and
/// works when it is read.
pub(crate) fn queued<T: Send + 'static>(
    stream: impl Stream<Item = Item<T>> + Send + 'static,
    probe: &Arc<Probe>,
    run: &RunContext,
) -> Reader<T> {
    let Ok(runtime) = Handle::try_current() else {
        return Reader::Inline(Box::pin(stream));
    };
    let (sender, receiver) = mpsc::channel(run.queue);
    let depth = Arc::new(Depth(sender.downgrade()));
    probe.watch_queue(Arc::downgrade(&depth) as Weak<dyn Queue>);
    let probe = Arc::clone(probe);
    let task = runtime.spawn(async move {
        let mut stream = pin!(stream);
        while let Some(item) = stream.next().await {
            if sender.send(item).await.is_err() {
                break;
            }
            if probe.is_watched() {
                probe.emit(None, EventKind::QueueDepth { depth: depth_of(&sender) });
            }
        }
    });
    Reader::Queue {
        receiver,
        ready: Vec::new().into_iter(),
        room: run.queue,
        task: AbortOnDropHandle::new(task),
        _depth: depth,
    }
}

/// The reading end.
pub(crate) enum Reader<T> {
    Inline(BoxItems<T>),
    Queue {
        receiver: mpsc::Receiver<Item<T>>,
        /// Taken from the queue at once, which is cheaper than one by one.
        ready: std::vec::IntoIter<Item<T>>,
        room: usize,
        task: AbortOnDropHandle<()>,
        _depth: Arc<Depth<T>>,
    },
}

impl<T> Unpin for Reader<T> {}

impl<T> Stream for Reader<T> {
    type Item = Item<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item<T>>> {
        match &mut *self {
            Self::Inline(stream) => stream.as_mut().poll_next(cx),
            Self::Queue { receiver, ready: taken, room, task, .. } => {
                if let Some(item) = taken.next() {
                    return Poll::Ready(Some(item));
                }
                let mut items = Vec::new();
                if ready!(receiver.poll_recv_many(cx, &mut items, *room)) > 0 {
                    *taken = items.into_iter();
                    return Poll::Ready(taken.next());
                }
                // the end of the queue is the end of the stream only if the task came to its end
                match ready!(task.poll_unpin(cx)) {
                    Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
                    Ok(()) | Err(_) => Poll::Ready(None),
                }
            }
        }
    }
}

/// Knows how full a queue is without keeping it open.
pub(crate) struct Depth<T>(mpsc::WeakSender<Item<T>>);

impl<T: Send> Queue for Depth<T> {
    fn depth(&self) -> usize {
        self.0.upgrade().map_or(0, |sender| depth_of(&sender))
    }
}

fn depth_of<T>(sender: &mpsc::Sender<T>) -> usize {
    sender.max_capacity() - sender.capacity()
}
