//! Events of nodes, for whoever subscribes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::broadcast;

use crate::ItemError;

/// How many events wait for a subscriber who is slow; then the oldest are lost, and counted.
const BUFFER: usize = 1024;

/// Something happened in a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The node's name.
    pub node: Arc<str>,
    /// The place of the input in its run, where one item is meant and it is known.
    pub index: Option<u64>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened in a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// An item went in.
    Started,
    /// An item came out.
    Finished {
        /// How long it took.
        took: Duration,
    },
    /// An item failed.
    Failed {
        /// Why.
        error: ItemError,
    },
    /// A cache answered instead of the node.
    Cached,
    /// An item failed and is tried again.
    Retried {
        /// Which attempt comes next, from 2.
        attempt: usize,
        /// The pause before it.
        delay: Duration,
    },
    /// A batch was handed to its function.
    BatchFlushed {
        /// How many items it had.
        size: usize,
        /// Whether it was full; else time was up or the input had ended.
        full: bool,
    },
    /// The queue behind the node changed.
    QueueDepth {
        /// How many items wait in it.
        depth: usize,
    },
    /// This many events were lost, because the subscriber was slow.
    Lagged {
        /// How many.
        lost: u64,
    },
}

/// The events of a pipeline's nodes, as a stream that ends with the pipeline.
///
/// A subscriber who is slow holds nothing up: beyond 1024 events the oldest are lost, which
/// [`EventKind::Lagged`] tells.
pub struct Events {
    inner: Pin<Box<dyn Stream<Item = Event> + Send>>,
}

impl Events {
    pub(crate) fn new() -> (broadcast::Sender<Event>, Self) {
        let (sender, mut receiver) = broadcast::channel(BUFFER);
        let inner = async_stream::stream! {
            loop {
                match receiver.recv().await {
                    Ok(event) => yield event,
                    Err(broadcast::error::RecvError::Lagged(lost)) => {
                        yield Event { node: Arc::from(""), index: None, kind: EventKind::Lagged { lost } };
                    }
                    Err(broadcast::error::RecvError::Closed) => break,
                }
            }
        };
        (sender, Self { inner: Box::pin(inner) })
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.inner.as_mut().poll_next(cx)
    }
}
