//! Several items in one node at once.

use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use futures_core::Stream;
use futures_util::StreamExt as _;
use futures_util::future::Either;

use super::ahead::Ahead;
use super::overtaking::Overtaking;
use super::queue::queued;
use super::{Item, One, RunContext, Stage, guarded};
use crate::probe::{Probe, Tally, locked};
use crate::{ItemError, Node};

/// How many items may be in a node at once, and in which order they leave it.
///
/// A number is that many, in order: `.parallel(8)`.
#[derive(Clone, Copy, Debug)]
pub struct Concurrency {
    pub(crate) width: NonZeroUsize,
    pub(crate) ordered: bool,
}

impl Concurrency {
    /// At most `width` items at once, leaving in the order in which they came. 0 means 1.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width: NonZeroUsize::new(width).unwrap_or(NonZeroUsize::MIN), ordered: true }
    }

    /// Items leave as they are done, so that a slow one holds up no other.
    #[must_use]
    pub fn as_completed(mut self) -> Self {
        self.ordered = false;
        self
    }
}

impl From<usize> for Concurrency {
    fn from(width: usize) -> Self {
        Self::new(width)
    }
}

/// A node that holds several items at once, in a task of its own.
#[derive(Debug)]
pub struct Parallel<A, N, Mid> {
    pub(crate) before: A,
    pub(crate) node: Arc<N>,
    pub(crate) probe: Arc<Probe>,
    pub(crate) concurrency: Concurrency,
    pub(crate) types: PhantomData<fn() -> Mid>,
}

impl<A, N, In, Mid, Out> Stage<In, Out> for Parallel<A, N, Mid>
where
    A: Stage<In, Mid>,
    N: Node<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Out>> + Send + 'static + use<A, N, Mid, S, In, Out>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        let node = Arc::clone(&self.node);
        let tally = Arc::new(Tally::of_run(&self.probe));
        let work = move |item: Item<Mid>| {
            let (node, tally) = (Arc::clone(&node), Arc::clone(&tally));
            async move {
                match item.split() {
                    Ok((index, last, value)) => {
                        let started = tally.enter(index);
                        let outcome = guarded(async { node.call(value).await }).await;
                        Item::<Out>::with(index, last, tally.leave(index, started, outcome))
                    }
                    Err(passing) => passing,
                }
            }
        };
        let input = self.before.attach(input, run);
        let output = if self.concurrency.ordered {
            Either::Left(Ahead::new(input, self.concurrency, work))
        } else {
            let overtaking = Arc::new(Mutex::new(Overtaking::default()));
            let going_in = Arc::clone(&overtaking);
            let input = input.inspect(move |item| locked(&going_in).goes_in(item));
            Either::Right(Ahead::new(input, self.concurrency, work).map(move |mut item| {
                locked(&overtaking).comes_out(&mut item);
                item
            }))
        };
        queued(output, &self.probe, run)
    }
}

impl<A, N, In, Mid, Out> One<In, Out> for Parallel<A, N, Mid>
where
    A: One<In, Mid>,
    N: Node<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    async fn call(&self, input: In) -> Result<Out, ItemError> {
        let input = self.before.call(input).await?;
        let tally = Tally::of_call(&self.probe);
        let started = tally.enter(0);
        let outcome = guarded(async { self.node.call(input).await }).await;
        tally.leave(0, started, outcome)
    }
}
