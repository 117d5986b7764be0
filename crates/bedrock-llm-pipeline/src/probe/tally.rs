//! Counting and timing, cheap enough for nodes that take nanoseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::{Counters, EventKind, Probe, locked};
use crate::{BoxError, ItemError};

/// A node slower than this has every item timed; a quicker one, one in [`SAMPLE`].
const SLOW: Duration = Duration::from_micros(10);
pub(crate) const SAMPLE: u64 = 256;

/// Counts for one node: in a run, into counters of its own, which this alone writes, so that a count is a plain store;
/// for single calls, into the shared ones.
#[derive(Debug)]
pub struct Tally {
    probe: Arc<Probe>,
    counters: Arc<Counters>,
    /// Whether others write the counters too.
    shared: bool,
    slow: AtomicBool,
}

/// An item in a node, when it is timed or told of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    at: Instant,
    /// How many items this one stands for.
    weight: u64,
}

impl Tally {
    /// For a run. Only one task may count with it at a time.
    pub(crate) fn of_run(probe: &Arc<Probe>) -> Self {
        let own = Arc::new(Counters::default());
        locked(&probe.runs).push(Arc::clone(&own));
        Self::new(probe, own, false)
    }

    /// For single calls, of any number of tasks at once.
    pub(crate) fn of_call(probe: &Arc<Probe>) -> Self {
        Self::new(probe, Arc::clone(&probe.counters), true)
    }

    fn new(probe: &Arc<Probe>, counters: Arc<Counters>, shared: bool) -> Self {
        probe.since.get_or_init(Instant::now);
        Self { probe: Arc::clone(probe), counters, shared, slow: AtomicBool::new(true) }
    }

    #[inline]
    fn add(&self, counter: &AtomicU64, count: u64) -> u64 {
        if self.shared {
            counter.fetch_add(count, Relaxed).wrapping_add(count)
        } else {
            // one writer: no other store can come between
            let new = counter.load(Relaxed).wrapping_add(count);
            counter.store(new, Relaxed);
            new
        }
    }

    /// Items that went in and out without being looked at.
    #[inline]
    pub(crate) fn pass(&self, items: u64) {
        self.add(&self.counters.entered, items);
        self.add(&self.counters.left, items);
    }

    /// Whether its items should be looked at one by one.
    #[inline]
    pub(crate) fn is_notable(&self) -> bool {
        self.slow.load(Relaxed) || self.probe.is_watched()
    }

    /// An item enters; what is given goes to [`leave`](Self::leave).
    #[inline]
    pub(crate) fn enter(&self, index: u64) -> Option<Started> {
        let entered = self.add(&self.counters.entered, 1);
        if self.is_notable() {
            Some(self.start(index, 1))
        } else if entered.is_multiple_of(SAMPLE) {
            Some(self.start(index, SAMPLE))
        } else {
            None
        }
    }

    /// An item enters that stands for so many.
    pub(crate) fn observe(&self, index: u64, weight: u64) -> Started {
        self.add(&self.counters.entered, 1);
        self.start(index, weight)
    }

    /// So many items enter a stage that only keeps them for a while.
    pub(crate) fn enter_many(&self, items: u64) {
        self.add(&self.counters.entered, items);
    }

    /// An item enters that is not looked at, and does not come to its end.
    pub(crate) fn enter_unseen(&self) {
        self.add(&self.counters.entered, 1);
    }

    #[cold]
    fn start(&self, index: u64, weight: u64) -> Started {
        self.probe.emit(Some(index), EventKind::Started);
        Started { at: Instant::now(), weight }
    }

    /// An item leaves; an error gets the node's name.
    #[inline]
    pub(crate) fn leave<T>(
        &self,
        index: u64,
        started: Option<Started>,
        outcome: Result<T, BoxError>,
    ) -> Result<T, ItemError> {
        let took = started.map(|started| self.time(started));
        match outcome {
            Ok(value) => {
                self.give(1);
                if let Some(took) = took {
                    self.probe.emit(Some(index), EventKind::Finished { took });
                }
                Ok(value)
            }
            Err(cause) => Err(self.fail(index, cause)),
        }
    }

    /// A batch enters; what is given goes to [`leave_batch`](Self::leave_batch).
    pub(crate) fn enter_batch(
        &self,
        indexes: impl Iterator<Item = u64>,
        size: usize,
        full: bool,
    ) -> Option<Started> {
        let entering = size as u64;
        let entered = self.add(&self.counters.entered, entering);
        let each = self.is_notable();
        if self.probe.is_watched() {
            for index in indexes {
                self.probe.emit(Some(index), EventKind::Started);
            }
            self.probe.emit(None, EventKind::BatchFlushed { size, full });
        }
        let notable = each || entered / SAMPLE != entered.wrapping_sub(entering) / SAMPLE;
        let weight = if each { 1 } else { (SAMPLE / entering.max(1)).max(1) };
        notable.then(|| Started { at: Instant::now(), weight })
    }

    /// A batch's function has answered: each of its items took that long.
    pub(crate) fn leave_batch(&self, started: Started, size: usize) -> Duration {
        self.time_of(started, size as u64)
    }

    /// An item of a batch comes out.
    #[inline]
    pub(crate) fn finished(&self, index: u64, took: Option<Duration>) {
        if let Some(took) = took {
            self.probe.emit(Some(index), EventKind::Finished { took });
        }
    }

    /// This many values come out.
    #[inline]
    pub(crate) fn give(&self, count: u64) {
        self.add(&self.counters.left, count);
    }

    /// An item failed.
    #[cold]
    pub(crate) fn fail(&self, index: u64, cause: BoxError) -> ItemError {
        self.add(&self.counters.failed, 1);
        let error = ItemError::new(self.probe.name(), index, cause);
        self.probe.emit(Some(index), EventKind::Failed { error: error.clone() });
        error
    }

    /// Ends the timing of an item.
    #[cold]
    pub(crate) fn time(&self, started: Started) -> Duration {
        self.time_of(started, 1)
    }

    fn time_of(&self, started: Started, items: u64) -> Duration {
        let took = started.at.elapsed();
        self.slow.store(took >= SLOW, Relaxed);
        if !self.probe.times_itself.load(Relaxed) {
            self.add(&self.counters.busy_nanos, nanos(took).saturating_mul(started.weight));
            self.probe.record(took, items);
        }
        took
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if !self.shared {
            let mut runs = locked(&self.probe.runs);
            runs.retain(|run| !Arc::ptr_eq(run, &self.counters));
            self.probe.counters.take_in(&self.counters);
        }
    }
}

fn nanos(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

/// What nodes count themselves. All callers of a node share these counters.
impl Probe {
    /// The node worked for so long on one item.
    #[cfg(feature = "compute")]
    pub(crate) fn worked(&self, took: Duration) {
        self.counters.busy_nanos.fetch_add(nanos(took), Relaxed);
        self.record(took, 1);
    }

    /// An item is tried again.
    pub(crate) fn retried(&self, attempt: usize, delay: Duration) {
        self.counters.retries.fetch_add(1, Relaxed);
        self.emit(None, EventKind::Retried { attempt, delay });
    }

    /// A cache answered, or did not.
    #[cfg(feature = "cache")]
    pub(crate) fn cache(&self, hit: bool) {
        if hit {
            self.counters.cache_hits.fetch_add(1, Relaxed);
            self.emit(None, EventKind::Cached);
        } else {
            self.counters.cache_misses.fetch_add(1, Relaxed);
        }
    }
}
