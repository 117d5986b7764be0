//! Stages that make none, one or several items of one.

use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;

use async_stream::stream;
use futures_core::Stream;
use futures_util::StreamExt as _;

use super::{Item, RunContext, Stage, attempt};
use crate::probe::{Probe, Tally};

/// A function from one item to any number of items: `filter`, `filter_map`, `flat_map`.
#[derive(Debug)]
pub struct Expand<A, F, Mid> {
    pub(crate) before: A,
    pub(crate) function: Arc<F>,
    pub(crate) probe: Arc<Probe>,
    pub(crate) types: PhantomData<fn() -> Mid>,
}

impl<A, F, I, In, Mid, Out> Stage<In, Out> for Expand<A, F, Mid>
where
    A: Stage<In, Mid>,
    F: Fn(Mid) -> I + Send + Sync + 'static,
    I: IntoIterator<Item = Out>,
    I::IntoIter: Send,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Out>> + Send + 'static + use<A, F, I, Mid, S, In, Out>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        let input = self.before.attach(input, run);
        let function = Arc::clone(&self.function);
        let tally = Tally::of_run(&self.probe);
        stream! {
            let mut input = pin!(input);
            while let Some(item) = input.next().await {
                let (index, last, value) = match item.split() {
                    Ok(parts) => parts,
                    Err(passing) => {
                        yield passing;
                        continue;
                    }
                };
                let started = tally.enter(index);
                let begun = attempt(|| {
                    let mut values = function(value).into_iter();
                    let first = values.next();
                    (values, first)
                });
                if let Some(started) = started {
                    tally.time(started);
                }
                let (mut values, mut next) = match begun {
                    Ok((_, None)) => {
                        yield Item::gone(index, last);
                        continue;
                    }
                    Ok((values, Some(first))) => (values, Some(Ok(first))),
                    Err(cause) => {
                        yield Item::<Out>::with(index, last, Err(tally.fail(index, cause)));
                        continue;
                    }
                };
                // one ahead, to know the last
                while let Some(outcome) = next.take() {
                    next = match &outcome {
                        Ok(_) => match attempt(|| values.next()) {
                            Ok(value) => value.map(Ok),
                            Err(cause) => Some(Err(tally.fail(index, cause))),
                        },
                        Err(_) => None,
                    };
                    if outcome.is_ok() {
                        tally.give(1);
                    }
                    yield Item::<Out>::with(index, last && next.is_none(), outcome);
                }
            }
        }
    }
}
