//! Items of a stream, gathered to batches or windows.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_util::StreamExt as _;
use futures_util::stream::Fuse;
use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Overtaking;
use super::chunk::{Run, What};
use crate::item::{Item, Value};
use crate::probe::locked;

/// Room for so many items is made at once.
const ROOM: usize = 1024;

/// After so many elements in a row that are not gathered, others have their turn and the clock is looked at.
const IN_A_ROW: usize = 256;

/// When what was gathered goes on; in any case when the input ends.
#[derive(Clone, Debug)]
pub(crate) struct Until {
    /// As soon as it has so many items.
    pub(crate) size: usize,
    /// When its oldest item has waited for so long.
    pub(crate) wait: Duration,
    /// With fewer items it waits once more.
    pub(crate) least: usize,
    /// Whether the clock is looked at even while items are ready.
    pub(crate) by_clock: bool,
    /// As soon as more than so many elements passed by.
    pub(crate) passing: usize,
}

/// Items, and the order of all elements.
pub(crate) struct Gathered<In> {
    pub(crate) values: Vec<In>,
    pub(crate) runs: Vec<Run>,
}

pin_project! {
    /// A stream of what was gathered. What passes by keeps its place.
    pub(crate) struct Gather<S, In> {
        #[pin]
        input: Fuse<S>,
        #[pin]
        timer: Option<Sleep>,
        open: Open<In>,
    }
}

/// What is being gathered.
struct Open<In> {
    until: Until,
    overtaking: Option<Arc<Mutex<Overtaking>>>,
    values: Vec<In>,
    runs: Vec<Run>,
    /// How many of the runs pass by.
    passing: usize,
    /// When the first item came.
    since: Option<Instant>,
    /// Whether the timer is set for it.
    timed: bool,
    /// Whether it has waited once, so that it waits only for the least size.
    overdue: bool,
}

impl<S: Stream, In> Gather<S, In> {
    /// With `overtaking`, what is gathered later may be done earlier.
    pub(crate) fn new(input: S, until: Until, overtaking: Option<Arc<Mutex<Overtaking>>>) -> Self {
        let open = Open {
            until,
            overtaking,
            values: Vec::new(),
            runs: Vec::new(),
            passing: 0,
            since: None,
            timed: false,
            overdue: false,
        };
        Self { input: input.fuse(), timer: None, open }
    }
}

impl<In> Open<In> {
    /// Counts an item in, if it is one more behind the one before, as most are.
    #[inline]
    fn counts(&mut self, index: u64) -> bool {
        let Some(run) = self.runs.last_mut() else { return false };
        let one_more =
            self.overtaking.is_none() && !self.values.is_empty() && run.goes_on(index, &What::Good);
        run.count += u64::from(one_more);
        one_more
    }

    /// Takes an element; whether it is one to gather.
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
                self.values.reserve(self.until.size.min(ROOM));
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
        size >= self.until.size || self.overdue && size >= self.until.least
    }

    /// Whether its time is over by the clock, if that is what counts.
    #[inline]
    fn is_over(&self) -> bool {
        self.until.by_clock
            && !self.values.is_empty()
            && self.since.is_some_and(|since| since.elapsed() >= self.until.wait)
    }

    fn flush(&mut self) -> Gathered<In> {
        self.passing = 0;
        self.timed = false;
        self.overdue = false;
        Gathered { values: mem::take(&mut self.values), runs: mem::take(&mut self.runs) }
    }

    /// Whether the oldest item has waited long enough. If not, the timer wakes when it may have.
    fn poll_due(&mut self, mut timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> bool {
        let Some(since) = self.since.filter(|_| !self.until.wait.is_zero()) else {
            return true;
        };
        loop {
            if !mem::replace(&mut self.timed, true) {
                let waits = if self.overdue { 2 } else { 1 };
                let Some(due) = since.checked_add(self.until.wait.saturating_mul(waits)) else {
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
            if self.overdue || self.values.len() >= self.until.least {
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
        let open = this.open;
        let mut in_a_row = 0;
        loop {
            if open.is_over() {
                return Poll::Ready(Some(open.flush()));
            }
            match this.input.as_mut().poll_next(cx) {
                // not moved as a whole: this is most of what a batch costs
                Poll::Ready(Some(Item { index, last: true, value: Value::Good(value) }))
                    if open.counts(index) =>
                {
                    in_a_row = 0;
                    open.values.push(value);
                    if open.is_ready() {
                        return Poll::Ready(Some(open.flush()));
                    }
                }
                Poll::Ready(Some(item)) => {
                    if open.take(item) {
                        in_a_row = 0;
                        if open.is_ready() {
                            return Poll::Ready(Some(open.flush()));
                        }
                        continue;
                    }
                    if open.passing > open.until.passing {
                        return Poll::Ready(Some(open.flush()));
                    }
                    in_a_row += 1;
                    if in_a_row == IN_A_ROW {
                        cx.waker().wake_by_ref();
                        break;
                    }
                }
                Poll::Ready(None) if open.runs.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => return Poll::Ready(Some(open.flush())),
                Poll::Pending => break,
            }
        }
        // with nothing gathered, what passes by waits for nothing
        let due = if open.values.is_empty() { !open.runs.is_empty() } else { open.poll_due(this.timer, cx) };
        if due { Poll::Ready(Some(open.flush())) } else { Poll::Pending }
    }
}
