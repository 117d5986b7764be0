//! Several nodes for one item, whose results go on one after the other.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::vec;

use futures_core::Stream;
use futures_util::StreamExt as _;
use futures_util::future::{join, join3, join4};

use super::{Ahead, Chain, Concurrency, Item, Overtaking, RunContext, Segment, Stage, queued};
use crate::node::{Nodes, Part};
use crate::pipeline::Behind;
use crate::plan::Plan;
use crate::probe::{Probe, Started, Tally, locked};
use crate::{BoxError, Node, Pipeline};

/// Several nodes behind a stage, all of which have every item; see [`Pipeline::merge`].
#[derive(Debug)]
pub struct Merge<A, P, Mid> {
    before: A,
    parts: Arc<P>,
    probe: Arc<Probe>,
    concurrency: Concurrency,
    types: PhantomData<fn() -> Mid>,
}

/// With several nodes for each item added behind `S`.
type Merged<In, Out, S, P, Last> = Behind<In, Out, Merge<S, P, Last>>;

/// Nodes that give the same for the same.
pub trait Alike<In, Out>: Send + Sync + 'static {
    /// What each of them gives, in their order.
    #[doc(hidden)]
    fn call(&self, input: In) -> impl Future<Output = Vec<Result<Out, BoxError>>> + Send;

    #[doc(hidden)]
    fn inside(&self) -> Vec<Plan>;
}

macro_rules! alike {
    ($join:ident: $($first:ident $part:ident),+; $last:ident $last_part:ident) => {
        impl<In, Out, $($first,)+ $last> Alike<In, Out> for ($(Part<$first>,)+ Part<$last>)
        where
            In: Clone + Send,
            Out: Send,
            $($first: Node<In, Out>,)+
            $last: Node<In, Out>,
        {
            async fn call(&self, input: In) -> Vec<Result<Out, BoxError>> {
                let ($($part,)+ $last_part) = self;
                $(let $part = $part.call(input.clone());)+
                let ($($part,)+ $last_part) = $join($($part,)+ $last_part.call(input)).await;
                vec![$($part,)+ $last_part]
            }

            fn inside(&self) -> Vec<Plan> {
                let ($($part,)+ $last_part) = self;
                vec![$($part.plan::<In, Out>(),)+ $last_part.plan::<In, Out>()]
            }
        }
    };
}

alike!(join: A a; B b);
alike!(join3: A a, B b; C c);
alike!(join4: A a, B b, C c; D d);

impl<In, Mid, A, C, Out> Pipeline<In, Out, Segment<A, C, Mid>>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    /// Gives each item to two, three or four nodes, all at once; what they give goes on as items of their own, in the
    /// order of the nodes. A failure of one takes the place of its result.
    ///
    /// It has one item at a time, unless [`parallel`](Pipeline::parallel) follows. Errors and statistics name the nodes
    /// by their places: `merge/1`, `merge/2`.
    ///
    /// ```
    /// use bedrock_llm_pipeline::{Pipeline, map_fn};
    /// use futures_util::{TryStreamExt, stream};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let both = Pipeline::new().merge((map_fn(str::to_lowercase), map_fn(str::to_uppercase)));
    /// let words: Vec<String> = both.run(stream::iter(["Tea", "Milk"])).try_collect().await?;
    /// assert_eq!(words, ["tea", "TEA", "milk", "MILK"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn merge<T, Next>(self, nodes: T) -> Merged<In, Next, Segment<A, C, Mid>, T::Parts, Out>
    where
        T: Nodes<Parts: Alike<Out, Next>>,
        Next: Send + 'static,
    {
        let parts = nodes.parts();
        let mut plan = self.plan;
        let probe = plan.new_probe("merge");
        plan.push(Arc::clone(&probe), parts.inside());
        let concurrency = Concurrency::new(1);
        let stage =
            Merge { before: self.stage, parts: Arc::new(parts), probe, concurrency, types: PhantomData };
        Pipeline::behind(stage, plan)
    }
}

/// What is said of the nodes that were added last.
impl<In, Last, Out, S, P> Merged<In, Out, S, P, Last>
where
    S: Stage<In, Last>,
    P: Alike<Last, Out>,
    In: Send + 'static,
    Last: Send + 'static,
    Out: Send + 'static,
{
    /// Lets the nodes hold several items at once in a run; see [`Concurrency`]. The results of one item stay together.
    #[must_use]
    pub fn parallel(mut self, concurrency: impl Into<Concurrency>) -> Self {
        let concurrency = concurrency.into();
        let merge = &mut self.stage.before;
        merge.concurrency = concurrency;
        merge.probe.set_width(concurrency.width.get());
        self
    }
}

impl<A, P, In, Mid, Out> Stage<In, Out> for Merge<A, P, Mid>
where
    A: Stage<In, Mid>,
    P: Alike<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Out>> + Send + 'static + use<A, P, Mid, S, In, Out>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        let parts = Arc::clone(&self.parts);
        let tally = Arc::new(Tally::of_run(&self.probe));
        let overtaking = Arc::new(Mutex::new(Overtaking::default()));
        let going_in = Arc::clone(&overtaking);
        let ordered = self.concurrency.ordered;
        let input = self.before.attach(input, run).inspect(move |item| {
            if !ordered {
                locked(&going_in).goes_in(item);
            }
        });
        let work = move |item: Item<Mid>| {
            let (parts, tally) = (Arc::clone(&parts), Arc::clone(&tally));
            async move {
                match item.split() {
                    Ok((index, last, value)) => {
                        let started = tally.enter(index);
                        let outcomes = parts.call(value).await;
                        Several::of(&tally, started, index, last, outcomes)
                    }
                    Err(passing) => {
                        Several { index: passing.index, last: passing.last, items: vec![passing] }
                    }
                }
            }
        };
        let several = Ahead::new(input, self.concurrency, work).map(move |mut several| {
            if !ordered {
                several.last = locked(&overtaking).leave(several.index, several.last);
            }
            futures_util::stream::iter(several.items())
        });
        queued(several.flatten(), &self.probe, run)
    }
}

/// What comes of one element: several, the final of which may be the last of its index.
struct Several<T> {
    index: u64,
    last: bool,
    items: Vec<Item<T>>,
}

impl<T> Several<T> {
    fn of(
        tally: &Tally,
        started: Option<Started>,
        index: u64,
        last: bool,
        outcomes: Vec<Result<T, BoxError>>,
    ) -> Self {
        let took = started.map(|started| tally.time(started));
        let settle = |outcome| match outcome {
            Ok(value) => {
                tally.give(1);
                tally.finished(index, took);
                Item::<T>::with(index, false, Ok(value))
            }
            Err(cause) => Item::<T>::with(index, false, Err(tally.fail(index, cause))),
        };
        Self { index, last, items: outcomes.into_iter().map(settle).collect() }
    }

    fn items(mut self) -> vec::IntoIter<Item<T>> {
        if let Some(item) = self.items.last_mut() {
            item.last = self.last;
        }
        self.items.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;
    use proptest::prelude::*;
    use tokio::time::sleep;

    use super::*;
    use crate::item::testing::{assert_closed_once, parted};
    use crate::node_fn;

    /// Refuses every so manyth, after a while.
    fn refusing(nth: u64, factor: u64) -> impl Node<u64, u64> {
        node_fn(move |number: u64| async move {
            sleep(Duration::from_millis(number * factor % 7)).await;
            if number.is_multiple_of(nth) { Err("no") } else { Ok(number * 10 + factor) }
        })
    }

    proptest! {
        #[test]
        fn every_item_goes_through_all_and_closes_once(
            pieces in prop::collection::vec(0..4_u64, 0..30),
            width in 1..5_usize,
            ordered in any::<bool>(),
        ) {
            let concurrency = Concurrency::new(width);
            let concurrency = if ordered { concurrency } else { concurrency.as_completed() };
            let given = pieces.clone();
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let items: Vec<Item<u64>> = runtime.unwrap().block_on(async {
                let pipeline = Pipeline::new()
                    .flat_map(|(index, pieces): (u64, u64)| (0..pieces).map(move |piece| index * 10 + piece))
                    .merge((refusing(3, 1), refusing(2, 3), refusing(u64::MAX, 5)))
                    .parallel(concurrency);
                let source =
                    stream::iter((0..).zip(given).map(|(index, pieces)| Item::input(index, (index, pieces))));
                pipeline.runner().items(source).collect().await
            });
            let ordered = ordered || width == 1;
            assert_closed_once(&items, pieces.len() as u64, ordered);
            let mut wanted = Vec::new();
            let mut refused = Vec::new();
            for (index, pieces) in (0..).zip(&pieces) {
                for number in (0..*pieces).map(|piece| index * 10 + piece) {
                    for (nth, factor) in [(3, 1), (2, 3), (u64::MAX, 5)] {
                        if number.is_multiple_of(nth) && nth != u64::MAX || number == 0 {
                            refused.push(index);
                        } else {
                            wanted.push(number * 10 + factor);
                        }
                    }
                }
            }
            let (mut good, mut bad) = parted(items);
            if !ordered {
                good.sort_unstable();
                bad.sort_unstable();
            }
            prop_assert_eq!(good, wanted);
            prop_assert_eq!(bad, refused);
        }
    }
}
