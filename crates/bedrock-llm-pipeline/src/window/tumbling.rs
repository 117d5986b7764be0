//! Windows that follow each other.

use std::option;
use std::sync::Arc;

use futures_core::Stream;
use futures_util::StreamExt as _;

use crate::ItemError;
use crate::probe::{Probe, Tally};
use crate::stage::{Chunk, Gather, Gathered, Item, Reader, Run, RunContext, Stage, Until, What, queued};

/// Windows that follow each other; see [`Pipeline::window`](crate::Pipeline::window).
#[derive(Debug)]
pub struct Tumbling<A> {
    pub(super) before: A,
    pub(super) probe: Arc<Probe>,
    pub(super) until: Until,
}

impl<A, In, T> Stage<In, Vec<T>> for Tumbling<A>
where
    A: Stage<In, T>,
    In: Send + 'static,
    T: Send + 'static,
{
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Vec<T>>> + Send + 'static + use<A, S, In, T>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        let gather = Gather::new(self.before.attach(input, run), self.until.clone(), None);
        let tally = Tally::of_run(&self.probe);
        let windows = gather.map(move |gathered| window_of(gathered, &tally));
        Reader::new(queued(windows, &self.probe, run))
    }
}

/// The window, in the place of its first item; behind it, what closes the others.
fn window_of<T>(
    Gathered { values, runs }: Gathered<T>,
    tally: &Tally,
) -> Chunk<option::IntoIter<Result<Vec<T>, ItemError>>> {
    if values.is_empty() {
        return Chunk::new(runs, None.into_iter());
    }
    tally.enter_many(values.len() as u64);
    tally.give(1);
    let mut elements = Vec::with_capacity(runs.len() + 1);
    let mut is_first = true;
    for run in runs {
        match run.what {
            What::Good if is_first => {
                is_first = false;
                let rest =
                    Run { first: run.first.saturating_add(1), count: run.count - 1, what: What::Gone, ..run };
                elements.push(Run { count: 1, ..run });
                if rest.count > 0 {
                    elements.push(rest);
                }
            }
            What::Good if run.last => elements.push(Run { what: What::Gone, ..run }),
            What::Good => {}
            What::Failed(_) | What::Gone => elements.push(run),
        }
    }
    Chunk::new(elements, Some(Ok(values)).into_iter())
}
