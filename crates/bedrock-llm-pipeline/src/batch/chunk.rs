//! Batches on their way: which inputs their elements are of.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::function::Outcomes;
use crate::ItemError;
use crate::item::{Item, Value};

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

pin_project! {
    /// The elements of chunks, one by one.
    pub(super) struct Reader<S, Out> {
        #[pin]
        chunks: S,
        chunk: Option<Chunk<Out>>,
    }
}

impl<S, Out> Reader<S, Out> {
    pub(super) fn new(chunks: S) -> Self {
        Self { chunks, chunk: None }
    }
}

impl<S: Stream<Item = Chunk<Out>>, Out> Stream for Reader<S, Out> {
    type Item = Item<Out>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item<Out>>> {
        let mut this = self.project();
        loop {
            if let Some(item) = this.chunk.as_mut().and_then(Iterator::next) {
                return Poll::Ready(Some(item));
            }
            *this.chunk = ready!(this.chunks.as_mut().poll_next(cx));
            if this.chunk.is_none() {
                return Poll::Ready(None);
            }
        }
    }
}
