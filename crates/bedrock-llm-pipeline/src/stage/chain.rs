//! Nodes in a row, called as one future.
//!
//! Nodes may take a few nanoseconds, so what is measured of them must cost less. While all nodes of a chain are quick
//! and nobody watches, most items pass without a look at them; they are counted together, and one in [`SAMPLE`] is
//! timed.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_core::Stream;
use futures_util::FutureExt as _;

use super::Item;
use super::sequential::sequential;
use crate::probe::{Probe, SAMPLE, Tally};
use crate::{BoxError, ItemError, Node, Panicked};

/// Nodes in a row, called as one future.
pub trait Chain<In, Out>: Clone + Send + Sync + 'static {
    /// The counts of all nodes of the chain.
    #[doc(hidden)]
    type Tallies: Send + Sync + 'static;

    /// How many nodes it has.
    #[doc(hidden)]
    const LEN: usize;

    #[doc(hidden)]
    fn tallies(&self, of: fn(&Arc<Probe>) -> Tally) -> Self::Tallies;

    /// Takes an item through without a look at it. When it fails, or panics, `at` is the place of the node it is in.
    #[doc(hidden)]
    fn call(&self, at: &AtomicUsize, input: In) -> impl Future<Output = Result<Out, BoxError>> + Send;

    /// Takes an item through, timed and told of.
    #[doc(hidden)]
    fn observe(
        &self,
        tallies: &Self::Tallies,
        item: Observed<'_>,
        input: In,
    ) -> impl Future<Output = Result<Out, ItemError>> + Send;

    /// Counts items that passed the first `nodes` nodes unobserved, and gives the next one.
    #[doc(hidden)]
    fn passed<'a>(&'a self, tallies: &'a Self::Tallies, nodes: usize, items: u64) -> Option<&'a Tally>;

    /// Whether any of the nodes is slow or watched.
    #[doc(hidden)]
    fn is_notable(&self, tallies: &Self::Tallies) -> bool;

    /// Puts it behind a stream.
    #[doc(hidden)]
    fn attach<S>(self, input: S) -> impl Stream<Item = Item<Out>> + Send + 'static
    where
        S: Stream<Item = Item<In>> + Send + 'static;
}

/// An item that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    index: u64,
    /// For how many items it stands.
    weight: u64,
    /// The place of the node it is in.
    at: &'a AtomicUsize,
}

/// The chain of no nodes.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl<T: Send + 'static> Chain<T, T> for Identity {
    type Tallies = ();
    const LEN: usize = 0;

    fn tallies(&self, _: fn(&Arc<Probe>) -> Tally) {}

    async fn call(&self, _: &AtomicUsize, input: T) -> Result<T, BoxError> {
        Ok(input)
    }

    async fn observe(&self, (): &(), _: Observed<'_>, input: T) -> Result<T, ItemError> {
        Ok(input)
    }

    fn passed<'a>(&'a self, (): &'a (), _: usize, _: u64) -> Option<&'a Tally> {
        None
    }

    fn is_notable(&self, (): &()) -> bool {
        false
    }

    fn attach<S>(self, input: S) -> impl Stream<Item = Item<T>> + Send + 'static
    where
        S: Stream<Item = Item<T>> + Send + 'static,
    {
        input
    }
}

/// A chain and one more node.
#[derive(Debug)]
pub struct Link<C, N, Mid> {
    pub(crate) before: C,
    pub(crate) node: Arc<N>,
    pub(crate) probe: Arc<Probe>,
    pub(crate) types: PhantomData<fn() -> Mid>,
}

impl<C: Clone, N, Mid> Clone for Link<C, N, Mid> {
    fn clone(&self) -> Self {
        Self {
            before: self.before.clone(),
            node: Arc::clone(&self.node),
            probe: Arc::clone(&self.probe),
            types: PhantomData,
        }
    }
}

impl<C, N, In, Mid, Out> Chain<In, Out> for Link<C, N, Mid>
where
    C: Chain<In, Mid>,
    N: Node<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    type Tallies = (C::Tallies, Tally);
    const LEN: usize = C::LEN + 1;

    fn tallies(&self, of: fn(&Arc<Probe>) -> Tally) -> Self::Tallies {
        (self.before.tallies(of), of(&self.probe))
    }

    async fn call(&self, at: &AtomicUsize, input: In) -> Result<Out, BoxError> {
        let input = self.before.call(at, input).await?;
        at.store(C::LEN, Relaxed);
        self.node.call(input).await
    }

    async fn observe(
        &self,
        (before, tally): &Self::Tallies,
        item: Observed<'_>,
        input: In,
    ) -> Result<Out, ItemError> {
        let input = self.before.observe(before, item, input).await?;
        item.at.store(C::LEN, Relaxed);
        let started = tally.observe(item.index, item.weight);
        let outcome = self.node.call(input).await;
        tally.leave(item.index, Some(started), outcome)
    }

    fn passed<'a>(
        &'a self,
        (before, tally): &'a Self::Tallies,
        nodes: usize,
        items: u64,
    ) -> Option<&'a Tally> {
        let next = self.before.passed(before, nodes, items);
        if nodes > C::LEN {
            tally.pass(items);
        }
        next.or_else(|| (nodes == C::LEN).then_some(tally))
    }

    fn is_notable(&self, (before, tally): &Self::Tallies) -> bool {
        self.before.is_notable(before) || tally.is_notable()
    }

    fn attach<S>(self, input: S) -> impl Stream<Item = Item<Out>> + Send + 'static
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        sequential(input, self)
    }
}

/// A chain at work on one item after another.
#[derive(Debug)]
pub(crate) struct Pass<C, In, Out>
where
    C: Chain<In, Out>,
{
    chain: C,
    tallies: C::Tallies,
    /// Whether each item is observed.
    notable: bool,
    /// Items since the last that was observed, not counted yet.
    unobserved: u64,
    types: PhantomData<fn(In) -> Out>,
}

impl<C, In, Out> Pass<C, In, Out>
where
    C: Chain<In, Out>,
{
    /// For the items of a run.
    pub(crate) fn of_run(chain: C) -> Self {
        Self::new(chain, Tally::of_run)
    }

    /// For a single item, beside others.
    pub(crate) fn of_call(chain: C) -> Self {
        Self::new(chain, Tally::of_call)
    }

    fn new(chain: C, of: fn(&Arc<Probe>) -> Tally) -> Self {
        let tallies = chain.tallies(of);
        Self { chain, tallies, notable: true, unobserved: 0, types: PhantomData }
    }

    /// Takes one item through. A panic of a node is that item's failure.
    pub(crate) async fn call(&mut self, index: u64, input: In) -> Result<Out, ItemError> {
        let at = AtomicUsize::new(0);
        if self.notable || self.unobserved >= SAMPLE {
            let item = Observed { index, weight: self.unobserved.max(1), at: &at };
            let outcome =
                AssertUnwindSafe(self.chain.observe(&self.tallies, item, input)).catch_unwind().await;
            self.settle();
            self.notable = self.chain.is_notable(&self.tallies);
            return outcome.unwrap_or_else(|payload| {
                let node = self.chain.passed(&self.tallies, at.load(Relaxed), 0);
                Err(panicked(node, index, payload))
            });
        }
        let outcome = AssertUnwindSafe(self.chain.call(&at, input)).catch_unwind().await;
        if let Ok(Ok(value)) = outcome {
            self.unobserved += 1;
            return Ok(value);
        }
        let node = self.chain.passed(&self.tallies, at.load(Relaxed), 1).inspect(|node| node.enter_unseen());
        match (outcome, node) {
            (Ok(outcome), Some(node)) => outcome.map_err(|cause| node.fail(index, cause)),
            (Ok(outcome), None) => {
                unreachable!("a chain fails in one of its nodes; this one gave {}", outcome.is_ok())
            }
            (Err(payload), node) => Err(panicked(node, index, payload)),
        }
    }

    /// Counts the items that passed unobserved.
    pub(crate) fn settle(&mut self) {
        if self.unobserved > 0 {
            self.chain.passed(&self.tallies, C::LEN, std::mem::take(&mut self.unobserved));
        }
    }
}

/// The failure of the item that made a node panic. A panic that is no node's is ours, and goes on.
fn panicked(node: Option<&Tally>, index: u64, payload: Box<dyn Any + Send>) -> ItemError {
    match node {
        Some(node) => node.fail(index, Panicked::new(&*payload).into()),
        None => resume_unwind(payload),
    }
}

impl<C, In, Out> Drop for Pass<C, In, Out>
where
    C: Chain<In, Out>,
{
    fn drop(&mut self) {
        self.settle();
    }
}
