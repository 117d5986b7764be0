//! Batches of single items: callers at the same time share them.

use std::fmt;
use std::iter::repeat_n;
use std::mem;
use std::sync::{Arc, Mutex, Weak};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::BatchConfig;
use super::function::{BatchFunction, answer, outcomes};
use crate::probe::{Probe, Tally, locked};
use crate::{BatchError, ItemError};

/// Gathers the items of single calls. Nothing runs while there are none: each batch has a task, which ends with it, or
/// when all its callers are gone.
pub(crate) struct Collector<F, In, Out> {
    pub(super) function: Arc<F>,
    pub(super) config: BatchConfig,
    pub(super) probe: Arc<Probe>,
    open: Mutex<Option<Open<In, Out>>>,
}

/// The batch that is being gathered.
struct Open<In, Out> {
    entries: Vec<Entry<In, Out>>,
    /// Whether `max_wait` is over, so that it waits only for the least size.
    overdue: bool,
    callers: Callers,
    /// Hands the entries to the batch's task.
    ready: oneshot::Sender<Vec<Entry<In, Out>>>,
}

/// Held by all callers of a batch: when the last is gone, the batch's task ends. It also tells batches apart.
type Callers = Weak<DropGuard>;

struct Entry<In, Out> {
    input: In,
    answer: oneshot::Sender<Result<Out, ItemError>>,
}

/// Entries of callers that are gone, to be dropped after the lock: they are the user's.
type Gone<In, Out> = Vec<Entry<In, Out>>;

impl<In, Out> Open<In, Out> {
    fn is(&self, callers: &Callers) -> bool {
        self.callers.ptr_eq(callers)
    }

    fn forget_gone(&mut self) -> Gone<In, Out> {
        let (waiting, gone) =
            mem::take(&mut self.entries).into_iter().partition(|entry| !entry.answer.is_closed());
        self.entries = waiting;
        gone
    }
}

impl<F, In, Out> Collector<F, In, Out> {
    pub(super) fn new(function: F, config: BatchConfig, probe: Arc<Probe>) -> Self {
        Self { function: Arc::new(function), config, probe, open: Mutex::new(None) }
    }

    /// Takes what is open, if it is that batch and `ready` says so.
    fn take_if(
        &self,
        callers: &Callers,
        ready: impl FnOnce(&mut Open<In, Out>) -> bool,
    ) -> Option<Open<In, Out>> {
        locked(&self.open).take_if(|open| open.is(callers) && ready(open))
    }
}

impl<F, In, Out> Collector<F, In, Out>
where
    F: BatchFunction<In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    /// One item, in a batch with those of others.
    pub(super) async fn call(self: &Arc<Self>, input: In) -> Result<Out, ItemError> {
        let (answer, answered) = oneshot::channel();
        let problem = match self.join(Entry { input, answer }) {
            Ok(callers) => match answered.await {
                Ok(outcome) => {
                    drop(callers);
                    return outcome;
                }
                Err(_) => BatchError::ShutDown,
            },
            Err(problem) => problem,
        };
        Err(Tally::of_call(&self.probe).fail(0, problem.into()))
    }

    /// Puts an entry into the open batch, or begins one.
    fn join(self: &Arc<Self>, entry: Entry<In, Out>) -> Result<Arc<DropGuard>, BatchError> {
        // dropped at the end, without the lock
        let mut _abandoned = None;
        let mut _gone = Vec::new();
        let mut task = None;
        let mut place = locked(&self.open);
        let joined = place.as_mut().and_then(|open| Some((open.callers.upgrade()?, open)));
        let (callers, open) = match joined {
            Some(joined) => joined,
            None => {
                let runtime = Handle::try_current().map_err(|_| BatchError::NoRuntime)?;
                let ended = CancellationToken::new();
                let callers = Arc::new(ended.clone().drop_guard());
                let (ready, readied) = oneshot::channel();
                _abandoned = place.take();
                let open = place.insert(Open {
                    entries: Vec::new(),
                    overdue: false,
                    callers: Arc::downgrade(&callers),
                    ready,
                });
                task = Some((runtime, ended, readied));
                (callers, open)
            }
        };
        open.entries.push(entry);
        let least = if open.overdue { self.config.min_batch_size } else { self.config.batch_size };
        if open.entries.len() >= least {
            _gone = open.forget_gone();
        }
        if open.entries.len() >= least
            && let Some(open) = place.take()
        {
            // its task is there, or is about to be; if the runtime has dropped it, so are the entries
            drop(place);
            drop(open.ready.send(open.entries));
        } else {
            drop(place);
        }
        if let Some((runtime, ended, readied)) = task {
            let batch = Gathering { collector: Arc::clone(self), callers: Arc::downgrade(&callers) };
            runtime.spawn(async move {
                ended.run_until_cancelled(batch.gather(readied)).await;
            });
        }
        Ok(callers)
    }

    async fn flush(&self, mut entries: Vec<Entry<In, Out>>) {
        entries.retain(|entry| !entry.answer.is_closed());
        let size = entries.len();
        if size == 0 {
            return;
        }
        let (items, answers): (Vec<_>, Vec<_>) =
            entries.into_iter().map(|Entry { input, answer }| (input, answer)).unzip();
        let tally = Tally::of_call(&self.probe);
        let started = tally.enter_batch(repeat_n(0, size), size, size == self.config.batch_size);
        let answer = answer(&*self.function, items).await;
        for (outcome, answer) in outcomes(&tally, started, size, repeat_n(0, size), answer).zip(answers) {
            // the caller may be gone
            drop(answer.send(outcome));
        }
    }
}

/// The task of a batch. If it is dropped, so are the entries, and their callers hear of it.
struct Gathering<F, In, Out> {
    collector: Arc<Collector<F, In, Out>>,
    callers: Callers,
}

impl<F, In, Out> Gathering<F, In, Out>
where
    F: BatchFunction<In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    async fn gather(self, mut readied: oneshot::Receiver<Vec<Entry<In, Out>>>) {
        let config = self.collector.config;
        for is_last_wait in [false, true] {
            match timeout(config.max_wait, &mut readied).await {
                Ok(Ok(entries)) => return self.collector.flush(entries).await,
                Ok(Err(_)) => return,
                Err(_) => {}
            }
            if let Some(entries) = self.take_due(is_last_wait) {
                return self.collector.flush(entries).await;
            }
        }
        // it was readied while the time ran out
        if let Ok(entries) = readied.await {
            self.collector.flush(entries).await;
        }
    }

    /// The entries, if they need not wait for more.
    fn take_due(&self, is_last_wait: bool) -> Option<Vec<Entry<In, Out>>> {
        let mut gone = Vec::new();
        let open = self.collector.take_if(&self.callers, |open| {
            gone = open.forget_gone();
            open.overdue = true;
            is_last_wait || open.entries.len() >= self.collector.config.min_batch_size
        });
        open.map(|open| open.entries)
    }
}

impl<F, In, Out> Drop for Gathering<F, In, Out> {
    fn drop(&mut self) {
        drop(self.collector.take_if(&self.callers, |_| true));
    }
}

impl<F, In, Out> fmt::Debug for Collector<F, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("config", &self.config).finish_non_exhaustive()
    }
}
