//! Items of a stream, gathered to batches.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt as _;
use futures_util::stream::Fuse;
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

use super::BatchConfig;
use super::chunk::{Run, What};
use crate::item::{Item, Value};
use crate::probe::locked;
use crate::stage::Overtaking;

/// A batch is flushed early when this many more elements than it may have items passed by, failed elsewhere: memory
/// must not grow with the input.
const PASSING: usize = 1024;

/// After so many elements in a row that are not for the batch, others have their turn and the clock is looked at.
const IN_A_ROW: usize = 256;

/// Items for the function, and the order of all elements.
pub(super) struct Gathered<In> {
    pub(super) values: Vec<In>,
    pub(super) runs: Vec<Run>,
}

pin_project! {
    /// A stream of batches. What passes by keeps its place among them.
    pub(super) struct Gather<S, In> {
        #[pin]
        input: Fuse<S>,
        #[pin]
        timer: Option<Sleep>,
        batch: Open<In>,
    }
}

/// The batch that is being gathered.
struct Open<In> {
    config: BatchConfig,
    overtaking: Option<Arc<Mutex<Overtaking>>>,
    values: Vec<In>,
    runs: Vec<Run>,
    /// How many of the runs pass by.
    passing: usize,
    /// When the first item came.
    since: Option<Instant>,
    /// Whether the timer is set for it.
    timed: bool,
    /// Whether `max_wait` is over, so that it waits only for the least size.
    overdue: bool,
}

impl<S: Stream, In> Gather<S, In> {
    /// With `overtaking`, batches may overtake each other.
    pub(super) fn new(input: S, config: BatchConfig, overtaking: Option<Arc<Mutex<Overtaking>>>) -> Self {
        let batch = Open {
            config,
            overtaking,
            values: Vec::new(),
            runs: Vec::new(),
            passing: 0,
            since: None,
            timed: false,
            overdue: false,
        };
        Self { input: input.fuse(), timer: None, batch }
    }
}

impl<In> Open<In> {
    /// Takes an element; whether it is one for the function.
    fn take(&mut self, Item { index, last, value }: Item<In>) -> bool {
        let (value, what) = match value {
            Value::Good(value) => (Some(value), What::Good),
            Value::Failed(error) => (None, What::Failed(error)),
            // says nothing
            Value::Gone if !last => return false,
            Value::Gone => (None, What::Gone),
        };
        let overtakes =
            self.overtaking.as_ref().is_some_and(|overtaking| locked(overtaking).enter(index, last));
        let good = value.is_some();
        if let Some(value) = value {
            if self.values.is_empty() {
                self.since = Some(Instant::now());
                self.values.reserve(self.config.batch_size.min(PASSING));
            }
            self.values.push(value);
        }
        match self.runs.last_mut() {
            Some(run) if last && !overtakes && run.goes_on(index, &what) => run.count += 1,
            _ => {
                self.passing += usize::from(!good);
                self.runs.push(Run { first: index, count: 1, last, overtakes, what });
            }
        }
        good
    }

    fn is_ready(&self) -> bool {
        let size = self.values.len();
        size >= self.config.batch_size || self.overdue && size >= self.config.min_batch_size
    }

    fn flush(&mut self) -> Gathered<In> {
        self.passing = 0;
        self.timed = false;
        self.overdue = false;
        Gathered { values: mem::take(&mut self.values), runs: mem::take(&mut self.runs) }
    }

    /// Whether the oldest item has waited long enough. If not, the timer wakes when it may have.
    fn poll_due(&mut self, mut timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> bool {
        let Some(since) = self.since.filter(|_| !self.config.max_wait.is_zero()) else {
            return true;
        };
        loop {
            if !mem::replace(&mut self.timed, true) {
                let waits = if self.overdue { 2 } else { 1 };
                let Some(due) = since.checked_add(self.config.max_wait.saturating_mul(waits)) else {
                    // longer than a clock can tell
                    self.timed = false;
                    return false;
                };
                match timer.as_mut().as_pin_mut() {
                    Some(timer) => timer.reset(due),
                    // nothing would ever wake it
                    None if Handle::try_current().is_err() => return true,
                    None => timer.set(Some(sleep_until(due))),
                }
            }
            if !timer.as_mut().as_pin_mut().is_some_and(|timer| timer.poll(cx).is_ready()) {
                return false;
            }
            if self.overdue || self.values.len() >= self.config.min_batch_size {
                return true;
            }
            self.overdue = true;
            self.timed = false;
        }
    }
}

impl Run {
    /// Whether the next element, the last of its index, is one more of this run.
    fn goes_on(&self, index: u64, what: &What) -> bool {
        let same = matches!((&self.what, what), (What::Good, What::Good) | (What::Gone, What::Gone));
        same && self.last && !self.overtakes && self.first.checked_add(self.count) == Some(index)
    }
}

impl<S, In> Stream for Gather<S, In>
where
    S: Stream<Item = Item<In>>,
{
    type Item = Gathered<In>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Gathered<In>>> {
        let mut this = self.project();
        let batch = this.batch;
        let mut in_a_row = 0;
        loop {
            match this.input.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    if batch.take(item) {
                        in_a_row = 0;
                        if batch.is_ready() {
                            return Poll::Ready(Some(batch.flush()));
                        }
                        continue;
                    }
                    if batch.passing > batch.config.batch_size.saturating_add(PASSING) {
                        return Poll::Ready(Some(batch.flush()));
                    }
                    in_a_row += 1;
                    if in_a_row == IN_A_ROW {
                        cx.waker().wake_by_ref();
                        break;
                    }
                }
                Poll::Ready(None) if batch.runs.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => return Poll::Ready(Some(batch.flush())),
                Poll::Pending => break,
            }
        }
        // with nothing for the function, what passes by waits for nothing
        let due =
            if batch.values.is_empty() { !batch.runs.is_empty() } else { batch.poll_due(this.timer, cx) };
        if due { Poll::Ready(Some(batch.flush())) } else { Poll::Pending }
    }
}
