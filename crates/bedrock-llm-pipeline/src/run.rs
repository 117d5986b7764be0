//! A stream of items on its way through a pipeline.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::task::AtomicWaker;
use pin_project_lite::pin_project;

use crate::item::{Item, Value};
use crate::stage::{BoxItems, RunContext};
use crate::{ItemError, Pipeline, Stage};

/// How many items a queue holds, if nothing else is said.
const QUEUE: usize = 64;
const MOST_QUEUED: usize = 1 << 24;

/// What a run does about an item that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// The failure takes the item's place in the results, and the others go on.
    #[default]
    Report,
    /// The first failure is the last result; what is under way is dropped.
    FailFast,
    /// The item is missing from the results; events and statistics tell of it.
    Skip,
}

/// Settings of a run; made by [`Pipeline::runner`].
#[derive(Debug)]
pub struct Runner<'a, In, Out, S> {
    pipeline: &'a Pipeline<In, Out, S>,
    on_error: OnError,
    context: RunContext,
}

impl<'a, In, Out, S> Runner<'a, In, Out, S>
where
    S: Stage<In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    pub(crate) fn new(pipeline: &'a Pipeline<In, Out, S>) -> Self {
        Self { pipeline, on_error: OnError::default(), context: RunContext { queue: QUEUE } }
    }

    /// What to do about items that fail; by default they are reported in their places.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// How many items may wait behind each node that has a task of its own; 64 by default, at least 1,
    /// at most 2^24.
    #[must_use]
    pub fn queue(mut self, items: usize) -> Self {
        // more is no bound at all, and more than a semaphore can count
        self.context.queue = items.clamp(1, MOST_QUEUED);
        self
    }

    /// Takes a stream of items through; see [`Pipeline::run`].
    pub fn run<I>(self, input: I) -> Running<Out>
    where
        I: Stream<Item = In> + Send + 'static,
    {
        let handle = RunHandle::default();
        let input = Inputs { input, next: 0, handle: handle.clone() };
        Running { items: Some(self.items(input)), handle, on_error: self.on_error }
    }

    /// The items of a stream of items, with their places.
    pub(crate) fn items<I>(&self, input: I) -> BoxItems<Out>
    where
        I: Stream<Item = Item<In>> + Send + 'static,
    {
        Box::pin(self.pipeline.stage.attach(input, &self.context))
    }
}

/// The results of a run, a stream of `Result<Out, ItemError>`.
///
/// Dropping it ends the run at once, as [`RunHandle::cancel`] does.
pub struct Running<Out> {
    /// None once it has ended, so that its tasks end too.
    items: Option<BoxItems<Out>>,
    handle: RunHandle,
    on_error: OnError,
}

impl<Out> Running<Out> {
    /// Ends the run from elsewhere.
    #[must_use]
    pub fn handle(&self) -> RunHandle {
        self.handle.clone()
    }
}

impl<Out> fmt::Debug for Running<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("on_error", &self.on_error).finish_non_exhaustive()
    }
}

impl<Out> Stream for Running<Out> {
    type Item = Result<Out, ItemError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.handle.is_cancelled() {
            self.items = None;
        }
        let on_error = self.on_error;
        while let Some(items) = &mut self.items {
            let Poll::Ready(next) = items.as_mut().poll_next(cx) else {
                self.handle.0.output.register(cx.waker());
                // it may have been cancelled before the waker was known
                if self.handle.is_cancelled() {
                    self.items = None;
                    return Poll::Ready(None);
                }
                return Poll::Pending;
            };
            match next.map(|item| item.value) {
                Some(Value::Good(value)) => return Poll::Ready(Some(Ok(value))),
                Some(Value::Failed(error)) => match on_error {
                    OnError::Report => return Poll::Ready(Some(Err(error))),
                    OnError::Skip => {}
                    OnError::FailFast => {
                        self.items = None;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                Some(Value::Gone) => {}
                None => self.items = None,
            }
        }
        Poll::Ready(None)
    }
}

/// Ends a run from elsewhere; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RunHandle(Arc<Ending>);

#[derive(Debug, Default)]
struct Ending {
    state: AtomicU8,
    input: AtomicWaker,
    output: AtomicWaker,
}

const DRAINING: u8 = 1;
const CANCELLED: u8 = 2;

impl RunHandle {
    /// Takes no more items from the source; those under way are finished, batches are flushed, then the results end.
    pub fn drain(&self) {
        self.end(DRAINING);
    }

    /// Ends the results at once; what is under way is dropped.
    pub fn cancel(&self) {
        self.end(CANCELLED);
    }

    fn end(&self, state: u8) {
        self.0.state.fetch_max(state, SeqCst);
        self.0.input.wake();
        self.0.output.wake();
    }

    #[inline]
    fn is_draining(&self) -> bool {
        self.0.state.load(SeqCst) >= DRAINING
    }

    #[inline]
    fn is_cancelled(&self) -> bool {
        self.0.state.load(SeqCst) >= CANCELLED
    }
}

pin_project! {
    /// Numbers the input, and ends it when the run drains.
    struct Inputs<I> {
        #[pin]
        input: I,
        next: u64,
        handle: RunHandle,
    }
}

impl<I: Stream> Stream for Inputs<I> {
    type Item = Item<I::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if this.handle.is_draining() {
            return Poll::Ready(None);
        }
        let polled = this.input.poll_next(cx);
        if polled.is_pending() {
            this.handle.0.input.register(cx.waker());
            // it may have been told to drain before the waker was known
            if this.handle.is_draining() {
                return Poll::Ready(None);
            }
        }
        let next = ready!(polled);
        Poll::Ready(next.map(|value| {
            let index = *this.next;
            *this.next += 1;
            Item::input(index, value)
        }))
    }
}
