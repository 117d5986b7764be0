//! Nodes that take one item at a time, fused.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

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
        Sequential {
            input: self.before.attach(input, run),
            pass: Some(Box::new(Pass::of_run(self.chain.clone()))),
            work: take_through::<C, Mid, Out>,
            busy: None,
        }
    }
}

/// Takes one item through a chain, and gives back what it needed for that.
async fn take_through<C, Mid, Out>(
    mut pass: Box<Pass<C, Mid, Out>>,
    item: Item<Mid>,
) -> (Box<Pass<C, Mid, Out>>, Item<Out>)
where
    C: Chain<Mid, Out>,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    let item = match item.split() {
        Ok((index, last, value)) => Item::<Out>::with(index, last, pass.call(index, value).await),
        Err(passing) => passing,
    };
    (pass, item)
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

pin_project! {
    /// A stream whose items go through a chain one after the other.
    ///
    /// The future of an item owns the pass, so that nothing is counted or cloned to lend it.
    struct Sequential<I, C, Mid, Out, F, Fut>
    where
        C: Chain<Mid, Out>,
    {
        #[pin]
        input: I,
        pass: Option<Box<Pass<C, Mid, Out>>>,
        work: F,
        #[pin]
        busy: Option<Fut>,
    }
}

impl<I, C, Mid, Out, F, Fut> Stream for Sequential<I, C, Mid, Out, F, Fut>
where
    I: Stream<Item = Item<Mid>>,
    C: Chain<Mid, Out>,
    F: Fn(Box<Pass<C, Mid, Out>>, Item<Mid>) -> Fut,
    Fut: Future<Output = (Box<Pass<C, Mid, Out>>, Item<Out>)>,
{
    type Item = Item<Out>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item<Out>>> {
        let mut this = self.project();
        loop {
            if let Some(busy) = this.busy.as_mut().as_pin_mut() {
                let (pass, item) = ready!(busy.poll(cx));
                *this.pass = Some(pass);
                this.busy.set(None);
                return Poll::Ready(Some(item));
            }
            let Poll::Ready(next) = this.input.as_mut().poll_next(cx) else {
                if let Some(pass) = this.pass {
                    pass.settle();
                }
                return Poll::Pending;
            };
            // without the pass there was a panic of ours while an item had it; then nothing more can come
            let (Some(item), Some(pass)) = (next, this.pass.take()) else {
                return Poll::Ready(None);
            };
            this.busy.set(Some((this.work)(pass, item)));
        }
    }
}
