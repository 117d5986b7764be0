//! What was gathered, on its way: which inputs its elements are of.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::queue::Load;
use crate::ItemError;
use crate::item::{Item, Value};

/// Elements in a row. Those of inputs that follow each other and close with them are one run, so that what is gathered
/// costs little an item, and a filter before it nothing.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) first: u64,
    /// More than one only if each is the last of its index.
    pub(crate) count: u64,
    pub(crate) last: bool,
    /// Whether others of its index may overtake it.
    pub(crate) overtakes: bool,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Good,
    Failed(ItemError),
    Gone,
}

impl Run {
    /// The indexes of the items that were gathered.
    pub(crate) fn good(runs: &[Self]) -> impl Iterator<Item = u64> {
        runs.iter()
            .filter(|run| matches!(run.what, What::Good))
            .flat_map(|run| run.first..run.first.saturating_add(run.count))
    }
}

/// What was gathered and is done with, and what passed by meanwhile: an iterator of its elements. It takes an outcome
/// for each good element of the runs.
#[derive(Debug)]
pub(crate) struct Chunk<O> {
    runs: vec::IntoIter<Run>,
    run: Option<Run>,
    outcomes: O,
}

impl<O> Chunk<O> {
    pub(crate) fn new(runs: Vec<Run>, outcomes: O) -> Self {
        Self { runs: runs.into_iter(), run: None, outcomes }
    }

    /// For a chunk that nothing was taken of: its runs, to correct which elements are last.
    pub(crate) fn runs(&mut self) -> &mut [Run] {
        self.runs.as_mut_slice()
    }
}

impl<O: Send + 'static> Load for Chunk<O> {
    fn items(&self) -> usize {
        let runs = self.runs.as_slice().iter().filter(|run| !matches!(run.what, What::Gone));
        usize::try_from(runs.map(|run| run.count).sum::<u64>()).unwrap_or(usize::MAX).max(1)
    }
}

impl<Out, O: Iterator<Item = Result<Out, ItemError>>> Iterator for Chunk<O> {
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
                // there are as many outcomes as good elements
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
    pub(crate) struct Reader<S, O> {
        #[pin]
        chunks: S,
        chunk: Option<Chunk<O>>,
    }
}

impl<S, O> Reader<S, O> {
    pub(crate) fn new(chunks: S) -> Self {
        Self { chunks, chunk: None }
    }
}

impl<S, O, Out> Stream for Reader<S, O>
where
    S: Stream<Item = Chunk<O>>,
    O: Iterator<Item = Result<Out, ItemError>>,
{
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
