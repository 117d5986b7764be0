//! Graphs as stages: several items at once.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use futures_core::Stream;
use futures_util::StreamExt as _;
use futures_util::future::Either;
use futures_util::stream;

use super::evaluate::{FlowNode, Nodes, OfRun};
use super::parcel::Parcel;
use crate::ItemError;
use crate::item::{Item, Value};
use crate::probe::locked;
use crate::stage::{Ahead, Concurrency, Overtaking, RunContext, Stage, queued};

/// The stage of a graph: several items at once, in a task of its own.
pub(super) struct Flow<In, Out> {
    graph: Arc<Nodes>,
    concurrency: Concurrency,
    types: PhantomData<fn(In) -> Out>,
}

impl<In, Out> Flow<In, Out> {
    pub(super) fn new(nodes: Vec<FlowNode>, entries: Vec<usize>, concurrency: Concurrency) -> Self {
        Self { graph: Arc::new(Nodes { nodes, entries }), concurrency, types: PhantomData }
    }
}

impl<In, Out> Stage<In, Out> for Flow<In, Out>
where
    In: Clone + Send + 'static,
    Out: Clone + Send + 'static,
{
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Out>> + Send + 'static + use<In, Out, S>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        let graph = Arc::clone(&self.graph);
        let of_run: Arc<[OfRun]> = graph.nodes.iter().map(FlowNode::of_run).collect();
        let work = move |item: Item<In>| {
            let (graph, of_run) = (Arc::clone(&graph), Arc::clone(&of_run));
            async move {
                match item.split() {
                    Ok((index, last, value)) => {
                        let results = graph.evaluate(&of_run, index, Parcel::new(value)).await;
                        Item { index, last, value: Value::Good(results) }
                    }
                    Err(passing) => passing,
                }
            }
        };
        let results = if self.concurrency.ordered {
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
        let output = results.flat_map(|item| stream::iter(spread(item)));
        match self.graph.nodes.iter().rev().find(|node| node.gives_results) {
            Some(node) => Either::Left(queued(output, &node.probe, run)),
            None => Either::Right(output),
        }
    }
}

/// The results of an item as items, the last of which closes it.
fn spread<Out: 'static>(item: Item<Vec<Result<Parcel, ItemError>>>) -> Vec<Item<Out>> {
    let (index, last, results) = match item.split() {
        Ok(parts) => parts,
        Err(passing) => return vec![passing],
    };
    let count = results.len();
    if count == 0 {
        return vec![Item::gone(index, last)];
    }
    let results = results.into_iter().enumerate().map(|(place, result)| {
        let result = result.and_then(|parcel| {
            parcel.open().map_err(|error| ItemError::new(&Arc::from("graph"), index, error.into()))
        });
        Item::<Out>::with(index, last && place + 1 == count, result)
    });
    results.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::time::sleep;

    use super::*;
    use crate::{BoxError, Graph, node_fn};

    /// Nothing, one or several values of one, after some time.
    fn pipeline(concurrency: Concurrency) -> crate::AnyPipeline<u64, u64> {
        let mut graph = Graph::new();
        let wait = |number: u64| async move {
            sleep(Duration::from_millis(number * 7 % 5)).await;
            Ok::<_, BoxError>(number)
        };
        graph.add("wait", node_fn(wait)).unwrap();
        graph.add_flat_map("some", |number: u64| 0..number % 3).unwrap();
        graph.connect("wait", "some").unwrap();
        graph.concurrency(concurrency);
        graph.build().unwrap()
    }

    proptest! {
        /// Whatever came before: one, several or no values of an input, some of them gone or failed.
        #[test]
        fn every_input_is_closed_once_and_at_its_end(
            inputs in prop::collection::vec(prop::collection::vec(prop::option::of(0..9_u64), 1..4), 0..9),
            width in 1..5_usize,
            ordered in any::<bool>(),
        ) {
            let concurrency = Concurrency { ordered, ..Concurrency::new(width) };
            let mut items = Vec::new();
            for (index, values) in (0..).zip(&inputs) {
                for (place, value) in values.iter().enumerate() {
                    let last = place + 1 == values.len();
                    items.push(match value {
                        Some(value) => Item::<u64>::with(index, last, Ok(*value)),
                        None => Item::gone(index, last),
                    });
                }
            }
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let made: Vec<Item<u64>> = runtime.block_on(async {
                pipeline(concurrency).stage.attach(stream::iter(items), &RunContext { queue: 2 }).collect().await
            });
            for (index, values) in (0..).zip(&inputs) {
                let of_input: Vec<_> = made.iter().filter(|item| item.index == index).collect();
                let closing = of_input.iter().filter(|item| item.last).count();
                prop_assert_eq!((closing, of_input.last().is_some_and(|item| item.last)), (1, true));
                let good = of_input.iter().filter(|item| matches!(item.value, Value::Good(_))).count();
                prop_assert_eq!(good as u64, values.iter().flatten().map(|value| value % 3).sum::<u64>());
            }
            if ordered {
                prop_assert!(made.is_sorted_by_key(|item| item.index));
            }
        }
    }
}
