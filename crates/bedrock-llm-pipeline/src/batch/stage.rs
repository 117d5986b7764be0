//! Batches of a run.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use futures_core::Stream;
use futures_util::StreamExt as _;

use super::collector::Collector;
use super::function::{BatchFunction, Outcomes, answer, outcomes};
use crate::ItemError;
use crate::probe::{Tally, locked};
use crate::stage::{
    Ahead, Chunk, Concurrency, Gather, Gathered, Item, One, Overtaking, Reader, Run, RunContext, Stage,
    queued,
};

/// A function of batches behind a stage; see [`Pipeline::batch`](crate::Pipeline::batch).
pub struct Batch<A, F, Mid, Out> {
    pub(super) before: A,
    pub(super) collector: Arc<Collector<F, Mid, Out>>,
    pub(super) concurrency: Concurrency,
}

impl<A, F, Mid, Out> fmt::Debug for Batch<A, F, Mid, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("collector", &self.collector).finish_non_exhaustive()
    }
}

impl<A, F, In, Mid, Out> Stage<In, Out> for Batch<A, F, Mid, Out>
where
    A: Stage<In, Mid>,
    F: BatchFunction<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Out>> + Send + 'static + use<A, F, Mid, S, In, Out>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        let Collector { function, config, probe, .. } = &*self.collector;
        let config = *config;
        let function = Arc::clone(function);
        let tally = Arc::new(Tally::of_run(probe));
        let work = move |gathered: Gathered<Mid>| {
            let (function, tally) = (Arc::clone(&function), Arc::clone(&tally));
            async move {
                let Gathered { values, runs } = gathered;
                let size = values.len();
                if size == 0 {
                    return Chunk::new(runs, Outcomes::none());
                }
                let started = tally.enter_batch(Run::good(&runs), size, size == config.batch_size);
                let answer = answer(&*function, values).await;
                let outcomes = outcomes(&tally, started, size, Run::good(&runs), answer);
                Chunk::new(runs, outcomes)
            }
        };
        let input = self.before.attach(input, run);
        let several = self.concurrency.width > NonZeroUsize::MIN;
        let chunks = if !several {
            Gather::new(input, config.until(), None).then(work).left_stream()
        } else if self.concurrency.ordered {
            let gather = Gather::new(input, config.until(), None);
            Ahead::new(gather, self.concurrency, work).left_stream().right_stream()
        } else {
            let overtaking = Arc::new(Mutex::new(Overtaking::default()));
            let gather = Gather::new(input, config.until(), Some(Arc::clone(&overtaking)));
            let chunks = Ahead::new(gather, self.concurrency, work).map(move |mut chunk| {
                let mut overtaking = locked(&overtaking);
                for run in chunk.runs() {
                    if run.overtakes {
                        run.last = overtaking.leave(run.first, run.last);
                    }
                }
                drop(overtaking);
                chunk
            });
            chunks.right_stream().right_stream()
        };
        Reader::new(queued(chunks, probe, run))
    }
}

impl<A, F, In, Mid, Out> One<In, Out> for Batch<A, F, Mid, Out>
where
    A: One<In, Mid>,
    F: BatchFunction<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    async fn call(&self, input: In) -> Result<Out, ItemError> {
        let input = self.before.call(input).await?;
        self.collector.call(input).await
    }
}
