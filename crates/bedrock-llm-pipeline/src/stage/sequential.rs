//! A stream whose items go through a chain one after the other.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::Item;
use super::chain::{Chain, Pass};

/// Puts a chain behind a stream.
pub(crate) fn sequential<S, C, In, Out>(input: S, chain: C) -> impl Stream<Item = Item<Out>> + Send + 'static
where
    S: Stream<Item = Item<In>> + Send + 'static,
    C: Chain<In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    Sequential {
        input,
        pass: Some(Box::new(Pass::of_run(chain))),
        work: take_through::<C, In, Out>,
        busy: None,
    }
}

/// Takes one item through a chain, and gives back what it needed for that.
async fn take_through<C, In, Out>(
    mut pass: Box<Pass<C, In, Out>>,
    item: Item<In>,
) -> (Box<Pass<C, In, Out>>, Item<Out>)
where
    C: Chain<In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    let item = match item.split() {
        Ok((index, last, value)) => Item::<Out>::with(index, last, pass.call(index, value).await),
        Err(passing) => passing,
    };
    (pass, item)
}

pin_project! {
    /// The future of an item owns the pass, so that nothing is counted or cloned to lend it.
    struct Sequential<I, C, In, Out, F, Fut>
    where
        C: Chain<In, Out>,
    {
        #[pin]
        input: I,
        pass: Option<Box<Pass<C, In, Out>>>,
        work: F,
        #[pin]
        busy: Option<Fut>,
    }
}

impl<I, C, In, Out, F, Fut> Stream for Sequential<I, C, In, Out, F, Fut>
where
    I: Stream<Item = Item<In>>,
    C: Chain<In, Out>,
    F: Fn(Box<Pass<C, In, Out>>, Item<In>) -> Fut,
    Fut: Future<Output = (Box<Pass<C, In, Out>>, Item<Out>)>,
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
