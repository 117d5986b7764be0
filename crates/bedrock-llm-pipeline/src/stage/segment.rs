//! Nodes that take one item at a time, fused.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::pin;
use std::sync::Arc;

use async_stream::stream;
use futures_core::Stream;
use futures_util::{FutureExt as _, StreamExt as _};

use super::{Item, One, RunContext, Stage};
use crate::probe::{Probe, Tally};
use crate::{ItemError, Node, Panicked};

/// Nodes in a row, called as one future.
pub trait Chain<In, Out>: Clone + Send + Sync + 'static {
    /// The counts of all nodes of the chain.
    #[doc(hidden)]
    type Tally: Send + Sync + 'static;

    #[doc(hidden)]
    fn tally(&self, of: fn(&Arc<Probe>) -> Tally) -> Self::Tally;

    #[doc(hidden)]
    fn call(
        &self,
        tally: &Self::Tally,
        index: u64,
        input: In,
    ) -> impl Future<Output = Result<Out, ItemError>> + Send;

    /// The node that a panic came from.
    #[doc(hidden)]
    fn panicked<'a>(&'a self, tally: &'a Self::Tally) -> Option<&'a Tally>;

    /// Puts the nodes behind a stream.
    #[doc(hidden)]
    fn attach<S>(&self, input: S) -> impl Stream<Item = Item<Out>> + Send + 'static + use<Self, S, In, Out>
    where
        S: Stream<Item = Item<In>> + Send + 'static;

    /// [`call`](Self::call), where a panic is an error of the node that it came from.
    #[doc(hidden)]
    fn call_guarded(
        &self,
        tally: &Self::Tally,
        index: u64,
        input: In,
    ) -> impl Future<Output = Result<Out, ItemError>> + Send
    where
        In: Send + 'static,
        Out: Send + 'static,
    {
        async move {
            match AssertUnwindSafe(self.call(tally, index, input)).catch_unwind().await {
                Ok(outcome) => outcome,
                Err(payload) => match self.panicked(tally) {
                    Some(node) => Err(node.fail(index, Panicked::new(&*payload).into())),
                    // not a node's: ours, and no item's fault
                    None => resume_unwind(payload),
                },
            }
        }
    }
}

/// The chain of no nodes.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl<T: Send + 'static> Chain<T, T> for Identity {
    type Tally = ();

    fn tally(&self, _: fn(&Arc<Probe>) -> Tally) {}

    async fn call(&self, (): &(), _: u64, input: T) -> Result<T, ItemError> {
        Ok(input)
    }

    fn panicked<'a>(&'a self, (): &'a ()) -> Option<&'a Tally> {
        None
    }

    fn attach<S>(&self, input: S) -> impl Stream<Item = Item<T>> + Send + 'static + use<T, S>
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
    type Tally = (C::Tally, Tally);

    fn tally(&self, of: fn(&Arc<Probe>) -> Tally) -> Self::Tally {
        (self.before.tally(of), of(&self.probe))
    }

    async fn call(&self, (before, tally): &Self::Tally, index: u64, input: In) -> Result<Out, ItemError> {
        let input = self.before.call(before, index, input).await?;
        let started = tally.enter(index);
        let panics = tally.watch_panic();
        let outcome = self.node.call(input).await;
        panics.disarm();
        tally.leave(index, started, outcome)
    }

    fn panicked<'a>(&'a self, (before, tally): &'a Self::Tally) -> Option<&'a Tally> {
        self.before.panicked(before).or_else(|| tally.take_panicked().then_some(tally))
    }

    fn attach<S>(
        &self,
        input: S,
    ) -> impl Stream<Item = Item<Out>> + Send + 'static + use<C, N, Mid, S, In, Out>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        let chain = self.clone();
        let tally = Chain::<In, Out>::tally(self, Tally::of_run);
        stream! {
            let mut input = pin!(input);
            while let Some(item) = input.next().await {
                yield match item.split() {
                    Ok((index, last, value)) => Item::<Out>::with(index, last, chain.call_guarded(&tally, index, value).await),
                    Err(passing) => passing,
                };
            }
        }
    }
}

/// A stage and a chain after it.
#[derive(Debug)]
pub struct Segment<A, C, Mid> {
    pub(crate) before: A,
    pub(crate) chain: C,
    pub(crate) types: PhantomData<fn() -> Mid>,
}

impl<A, C, In, Mid, Out> Stage<In, Out> for Segment<A, C, Mid>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Out>> + Send + 'static + use<A, C, Mid, S, In, Out>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        self.chain.attach(self.before.attach(input, run))
    }
}

impl<A, C, In, Mid, Out> One<In, Out> for Segment<A, C, Mid>
where
    A: One<In, Mid>,
    C: Chain<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    async fn call(&self, input: In) -> Result<Out, ItemError> {
        let input = self.before.call(input).await?;
        self.chain.call_guarded(&self.chain.tally(Tally::of_call), 0, input).await
    }
}
