//! Batches on their way: which inputs their elements are of, and the queue behind the stage.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::vec;

use futures_core::Stream;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::function::Outcomes;
use crate::ItemError;
use crate::item::{Item, Value};
use crate::probe::{EventKind, Probe, Queue};
use crate::stage::RunContext;

/// Elements in a row. Those of inputs that follow each other and close with them are one run, so that a batch costs
/// little an item, and a filter before it nothing.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) first: u64,
    /// More than one only if each is the last of its index.
    pub(super) count: u64,
    pub(super) last: bool,
    /// Whether others of its index may overtake it.
    pub(super) overtakes: bool,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Good,
    Failed(ItemError),
    Gone,
}

impl Run {
    /// The indexes of the items that the batch's function has.
    pub(super) fn good(runs: &[Self]) -> impl Iterator<Item = u64> {
        runs.iter()
            .filter(|run| matches!(run.what, What::Good))
            .flat_map(|run| run.first..run.first.saturating_add(run.count))
    }
}

/// A batch that is done with, and what passed by while it was gathered: an iterator of its elements.
#[derive(Debug)]
pub(super) struct Chunk<Out> {
    runs: vec::IntoIter<Run>,
    run: Option<Run>,
    outcomes: Outcomes<Out>,
}

impl<Out> Chunk<Out> {
    pub(super) fn new(runs: Vec<Run>, outcomes: Outcomes<Out>) -> Self {
        Self { runs: runs.into_iter(), run: None, outcomes }
    }

    /// For a chunk that nothing was taken of: its runs, to correct which elements are last.
    pub(super) fn runs(&mut self) -> &mut [Run] {
        self.runs.as_mut_slice()
    }

    fn len(&self) -> usize {
        let count: u64 = self.runs.as_slice().iter().map(|run| run.count).sum();
        usize::try_from(count).unwrap_or(usize::MAX)
    }
}

impl<Out> Iterator for Chunk<Out> {
    type Item = Item<Out>;

    #[inline]
    fn next(&mut self) -> Option<Item<Out>> {
        let run = match &mut self.run {
            Some(run) if run.count > 0 => run,
            spent => spent.insert(self.runs.next()?),
        };
        let index = run.first;
        run.first = run.first.wrapping_add(1);
        run.count -= 1;
        let value = match &run.what {
            What::Good => match self.outcomes.next() {
                Some(Ok(value)) => Value::Good(value),
                Some(Err(error)) => Value::Failed(error),
                // the answer was checked: there are as many outcomes as items
                None => Value::Gone,
            },
            What::Failed(error) => Value::Failed(error.clone()),
            What::Gone => Value::Gone,
        };
        Some(Item { index, last: run.last, value })
    }
}

type Chunks<Out> = Pin<Box<dyn Stream<Item = Chunk<Out>> + Send>>;

/// The reading end: elements of chunks, one by one.
pub(super) struct Reader<Out> {
    source: Source<Out>,
    chunk: Option<Chunk<Out>>,
}

enum Source<Out> {
    /// Without a Tokio runtime: works when it is read.
    Inline(Chunks<Out>),
    Queue {
        receiver: mpsc::Receiver<Chunk<Out>>,
        task: AbortOnDropHandle<()>,
        depth: Arc<Depth>,
    },
}

/// How many elements wait.
#[derive(Default)]
struct Depth(AtomicUsize);

impl Queue for Depth {
    fn depth(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// Lets a stream of chunks work ahead of its reader, as [`queued`](crate::stage::queued) does. Whole chunks go
/// through the queue, which costs less than one element after another; it holds as many as the run's queue size comes
/// to, at least one.
pub(super) fn queued<Out: Send + 'static>(
    chunks: impl Stream<Item = Chunk<Out>> + Send + 'static,
    batch_size: usize,
    probe: &Arc<Probe>,
    run: &RunContext,
) -> Reader<Out> {
    let Ok(runtime) = Handle::try_current() else {
        return Reader { source: Source::Inline(Box::pin(chunks)), chunk: None };
    };
    let (sender, receiver) = mpsc::channel((run.queue / batch_size).max(1));
    let depth = Arc::new(Depth::default());
    probe.watch_queue(Arc::downgrade(&depth) as Weak<dyn Queue>);
    let probe = Arc::clone(probe);
    let filling = Arc::clone(&depth);
    let task = runtime.spawn(async move {
        let mut chunks = pin!(chunks);
        while let Some(chunk) = chunks.next().await {
            let Ok(room) = sender.reserve().await else {
                break;
            };
            filling.0.fetch_add(chunk.len(), Relaxed);
            room.send(chunk);
            if probe.is_watched() {
                probe.emit(None, EventKind::QueueDepth { depth: filling.depth() });
            }
        }
    });
    let source = Source::Queue { receiver, task: AbortOnDropHandle::new(task), depth };
    Reader { source, chunk: None }
}

impl<Out> Unpin for Reader<Out> {}

impl<Out> Stream for Reader<Out> {
    type Item = Item<Out>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item<Out>>> {
        loop {
            if let Some(item) = self.chunk.as_mut().and_then(Iterator::next) {
                return Poll::Ready(Some(item));
            }
            self.chunk = ready!(self.source.poll_chunk(cx));
            if self.chunk.is_none() {
                return Poll::Ready(None);
            }
        }
    }
}

impl<Out> Source<Out> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Chunk<Out>>> {
        match self {
            Self::Inline(chunks) => chunks.as_mut().poll_next(cx),
            Self::Queue { receiver, task, depth } => {
                if let Some(chunk) = ready!(receiver.poll_recv(cx)) {
                    depth.0.fetch_sub(chunk.len(), Relaxed);
                    return Poll::Ready(Some(chunk));
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
