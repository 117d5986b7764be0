//! Nodes that take one item at a time, fused.

use std::marker::PhantomData;

use futures_core::Stream;

use super::chain::{Chain, Pass};
use super::{Item, One, RunContext, Stage};
use crate::ItemError;

/// A stage and a chain after it.
#[derive(Debug)]
pub struct Segment<A, C, Mid> {
    pub(crate) before: A,
    pub(crate) chain: C,
    pub(crate) types: PhantomData<fn() -> Mid>,
}

impl<A: Clone, C: Clone, Mid> Clone for Segment<A, C, Mid> {
    fn clone(&self) -> Self {
        Self { before: self.before.clone(), chain: self.chain.clone(), types: PhantomData }
    }
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
        self.chain.clone().attach(self.before.attach(input, run))
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
        Pass::of_call(self.chain.clone()).call(0, input).await
    }
}
