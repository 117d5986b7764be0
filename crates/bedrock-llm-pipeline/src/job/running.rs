//! A job on its way.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_stream::stream;
use futures_core::Stream;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep_until};

use super::{Begin, DeadLetter, Ended, Job, JobError, JobReport, KeepInput, Keeper};
use crate::item::{Item, Value};
use crate::probe::locked;
use crate::run::{RunHandle, UntilDrained};
use crate::sink::Sink;
use crate::source::Source;
use crate::{BoxError, ItemError, Pipeline, Runner, Stage};

/// What is known of the items under way.
struct UnderWay<In, R> {
    items: BTreeMap<u64, Entry<In, R>>,
    read: u64,
    skipped: u64,
    /// Why the source gave no more.
    broken: Option<BoxError>,
}

struct Entry<In, R> {
    receipt: R,
    /// For a dead letter.
    input: Option<In>,
}

pub(super) async fn run<P, In, Out, S, Src, Snk, D>(
    job: Job<P, In, Out, S, Src, Snk, D>,
) -> Result<JobReport, JobError>
where
    P: Borrow<Pipeline<In, Out, S>> + Send,
    S: Stage<In, Out>,
    Src: Source<Item = In>,
    Snk: Sink<Out>,
    D: Sink<DeadLetter<In>>,
    In: Send + 'static,
    Out: Send + 'static,
{
    let Job { pipeline, mut source, mut sink, mut dead_letters, mut keeper, handle, .. } = job;
    let begin = match &mut keeper {
        Some(keeper) => keeper.begin(&mut source, &mut sink, &mut dead_letters)?,
        None => Begin::default(),
    };
    let report = JobReport { resumed_at: begin.resumed.then_some(begin.index), ..JobReport::default() };
    let source = Arc::new(source);
    let under_way =
        Arc::new(Mutex::new(UnderWay { items: BTreeMap::new(), read: 0, skipped: 0, broken: None }));
    let input = input(Arc::clone(&source), Arc::clone(&under_way), begin, job.keep_input);
    let items = {
        let runner = Runner::new(pipeline.borrow());
        let runner = match job.queue {
            Some(queue) => runner.queue(queue),
            None => runner,
        };
        runner.items(UntilDrained::new(input, handle.clone()))
    };
    drop(pipeline);
    let writing = Writing {
        source,
        sink,
        dead_letters,
        under_way,
        held: BTreeMap::new(),
        done: Vec::new(),
        report,
        skips_failures: job.skips_failures,
        keeper,
        commit_items: job.commit_items,
        commit_every: job.commit_every,
    };
    writing.run(items, &handle).await
}

/// The source's items, numbered, and noted as under way.
fn input<Src: Source>(
    source: Arc<Src>,
    under_way: Arc<Mutex<UnderWay<Src::Item, Src::Receipt>>>,
    begin: Begin,
    keep_input: Option<KeepInput<Src::Item>>,
) -> impl Stream<Item = Item<Src::Item>> + Send + 'static {
    let node: Arc<str> = Arc::from("source");
    stream! {
        for index in begin.index.. {
            let delivery = match source.next().await {
                Ok(Some(delivery)) => delivery,
                Ok(None) => break,
                Err(cause) => {
                    locked(&under_way).broken = Some(cause);
                    break;
                }
            };
            let is_done = begin.is_done(index);
            let input = match (&delivery.item, keep_input) {
                (Ok(input), Some(keep)) if !is_done => Some(keep(input)),
                _ => None,
            };
            {
                let mut under_way = locked(&under_way);
                under_way.read += u64::from(!is_done);
                under_way.skipped += u64::from(is_done);
                under_way.items.insert(index, Entry { receipt: delivery.receipt, input });
            }
            yield if is_done {
                Item::gone(index, true)
            } else {
                match delivery.item {
                    Ok(value) => Item::input(index, value),
                    Err(cause) => Item::<Src::Item>::with(index, true, Err(ItemError::new(&node, index, cause))),
                }
            };
        }
    }
}

/// The end of the pipeline: results are written, and items acknowledged.
struct Writing<In, Out, Src: Source, Snk, D> {
    source: Arc<Src>,
    sink: Snk,
    dead_letters: D,
    under_way: Arc<Mutex<UnderWay<In, Src::Receipt>>>,
    /// With a keeper: what came of inputs that are not done with yet.
    held: BTreeMap<u64, Vec<Result<Out, DeadLetter<In>>>>,
    /// Inputs that are done with since the last commit.
    done: Vec<u64>,
    report: JobReport,
    skips_failures: bool,
    keeper: Option<Box<dyn Keeper<Src, Snk, D>>>,
    commit_items: usize,
    commit_every: Duration,
}

impl<In, Out, Src, Snk, D> Writing<In, Out, Src, Snk, D>
where
    Src: Source<Item = In>,
    Snk: Sink<Out>,
    D: Sink<DeadLetter<In>>,
    In: Send + 'static,
    Out: Send + 'static,
{
    async fn run(
        mut self,
        items: impl Stream<Item = Item<Out>>,
        handle: &RunHandle,
    ) -> Result<JobReport, JobError> {
        let mut items = pin!(items);
        let mut due: Option<Instant> = None;
        let mut failure = None;
        self.report.ended = loop {
            // an instant that nobody waits for
            let commit_at = due.unwrap_or_else(Instant::now);
            let item = tokio::select! {
                biased;
                () = handle.cancelled() => break Ended::Cancelled,
                () = sleep_until(commit_at), if due.is_some() => {
                    self.commit().await?;
                    due = None;
                    continue;
                }
                item = items.next() => item,
            };
            let Some(item) = item else {
                break if handle.is_draining() { Ended::Drained } else { Ended::Complete };
            };
            if let Value::Failed(error) = &item.value
                && !self.skips_failures
            {
                self.report.add_failure(error);
                failure = Some(error.clone());
                break Ended::Failed;
            }
            self.take(item).await?;
            if self.done.len() >= self.commit_items {
                self.commit().await?;
                due = None;
            } else if due.is_none() && !self.done.is_empty() {
                due = Instant::now().checked_add(self.commit_every);
            }
        };
        self.commit().await?;
        let broken = locked(&self.under_way).broken.take();
        if broken.is_some() {
            self.report.ended = Ended::Failed;
        }
        match (failure, broken) {
            (Some(error), _) => Err(JobError::Item { error, report: self.into_report() }),
            (None, Some(cause)) => Err(JobError::Source { cause, report: self.into_report() }),
            (None, None) => Ok(*self.into_report()),
        }
    }

    /// Writes what an element brings, or holds it until its input is done with.
    async fn take(&mut self, Item { index, last, value }: Item<Out>) -> Result<(), JobError> {
        let outcome = match value {
            Value::Good(value) => Some(Ok(value)),
            Value::Failed(error) => {
                self.report.add_failure(&error);
                // if several parts of it fail, the first letter has it
                let input =
                    locked(&self.under_way).items.get_mut(&index).and_then(|entry| entry.input.take());
                Some(Err(DeadLetter::new(&error, input)))
            }
            Value::Gone => None,
        };
        if self.keeper.is_none() {
            if let Some(outcome) = outcome {
                self.write(outcome).await?;
            }
        } else {
            let held = outcome.map(|outcome| {
                self.held.entry(index).or_default().push(outcome);
            });
            if last && (held.is_some() || self.held.contains_key(&index)) {
                for outcome in self.held.remove(&index).unwrap_or_default() {
                    self.write(outcome).await?;
                }
            }
        }
        if last {
            self.done.push(index);
        }
        Ok(())
    }

    async fn write(&mut self, outcome: Result<Out, DeadLetter<In>>) -> Result<(), JobError> {
        let written = match outcome {
            Ok(result) => {
                let written = self.sink.write(result).await;
                self.report.written += u64::from(written.is_ok());
                written
            }
            Err(letter) => self.dead_letters.write(letter).await,
        };
        written.map_err(|cause| self.sink_failed(cause))
    }

    /// Makes durable what was written, then acknowledges what it came of.
    async fn commit(&mut self) -> Result<(), JobError> {
        if self.done.is_empty() {
            return Ok(());
        }
        let flushed = match self.sink.flush().await {
            Ok(()) => self.dead_letters.flush().await,
            failed => failed,
        };
        flushed.map_err(|cause| self.sink_failed(cause))?;
        let receipts: Vec<Src::Receipt> = {
            let mut under_way = locked(&self.under_way);
            let done = self.done.drain(..);
            done.filter_map(|index| {
                let receipt = under_way.items.remove(&index)?.receipt;
                if let Some(keeper) = &mut self.keeper {
                    keeper.done(index, &receipt);
                }
                Some(receipt)
            })
            .collect()
        };
        if let Some(keeper) = &self.keeper {
            let save = keeper.save(&self.sink, &self.dead_letters);
            match tokio::task::spawn_blocking(save).await {
                Ok(saved) => saved?,
                Err(failed) => return Err(self.sink_failed(failed.into())),
            }
        }
        let count = receipts.len() as u64;
        match self.source.acknowledge(receipts).await {
            Ok(()) => self.report.acknowledged += count,
            Err(cause) => return Err(JobError::Source { cause, report: self.snapshot() }),
        }
        Ok(())
    }

    fn sink_failed(&self, cause: BoxError) -> JobError {
        JobError::Sink { cause, report: self.snapshot() }
    }

    fn snapshot(&self) -> Box<JobReport> {
        let under_way = locked(&self.under_way);
        Box::new(JobReport { read: under_way.read, skipped: under_way.skipped, ..self.report.clone() })
    }

    fn into_report(self) -> Box<JobReport> {
        self.snapshot()
    }
}
