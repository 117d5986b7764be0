//! What is seen of a node while it works: counts, times, queues and events.

mod events;
mod stats;
mod tally;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::broadcast;
use tokio::time::Instant;

pub use events::{Event, EventKind, Events};
pub use stats::{NodeStats, PipelineStats, StatsHandle};
pub(crate) use tally::{SAMPLE, Started, Tally};

/// The numbers of one node. Those of a run have one writer, see [`Tally`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) entered: AtomicU64,
    pub(crate) left: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) cache_hits: AtomicU64,
    pub(crate) cache_misses: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) busy_nanos: AtomicU64,
}

impl Counters {
    fn all(&self) -> [&AtomicU64; 7] {
        [
            &self.entered,
            &self.left,
            &self.failed,
            &self.cache_hits,
            &self.cache_misses,
            &self.retries,
            &self.busy_nanos,
        ]
    }

    fn take_in(&self, other: &Self) {
        for (mine, theirs) in self.all().into_iter().zip(other.all()) {
            mine.fetch_add(theirs.load(Relaxed), Relaxed);
        }
    }
}

/// One node's name and everything that is measured of it, over all runs and calls of its pipeline.
pub struct Probe {
    kind: &'static str,
    default_name: Arc<str>,
    given_name: OnceLock<Arc<str>>,
    /// Single calls, and runs that have ended.
    counters: Arc<Counters>,
    /// Runs under way.
    runs: Mutex<Vec<Arc<Counters>>>,
    /// Times an item took.
    times: Mutex<Option<Histogram<u64>>>,
    /// How many items may be in it at once.
    width: AtomicU64,
    /// Whether the node says itself how long it worked, because items wait in it before it begins.
    times_itself: AtomicBool,
    since: OnceLock<Instant>,
    queues: Mutex<Vec<Weak<dyn Queue>>>,
    watched: AtomicBool,
    watchers: Mutex<Vec<broadcast::Sender<Event>>>,
}

/// A queue behind a node.
pub(crate) trait Queue: Send + Sync {
    /// How many items wait in it.
    fn depth(&self) -> usize;
}

impl Probe {
    pub(crate) fn new(kind: &'static str, default_name: String) -> Arc<Self> {
        Arc::new(Self {
            kind,
            default_name: default_name.into(),
            given_name: OnceLock::new(),
            counters: Arc::default(),
            runs: Mutex::default(),
            times: Mutex::new(None),
            width: AtomicU64::new(1),
            times_itself: AtomicBool::new(false),
            since: OnceLock::new(),
            queues: Mutex::default(),
            watched: AtomicBool::new(false),
            watchers: Mutex::default(),
        })
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        self.given_name.get().unwrap_or(&self.default_name)
    }

    /// Names it; a second name is not taken.
    pub(crate) fn set_name(&self, name: Arc<str>) {
        drop(self.given_name.set(name));
    }

    pub(crate) fn set_width(&self, width: usize) {
        self.width.store(width as u64, Relaxed);
    }

    /// The node will tell by [`worked`](Self::worked) how long it was at work.
    #[cfg(feature = "compute")]
    pub(crate) fn set_times_itself(&self) {
        self.times_itself.store(true, Relaxed);
    }

    /// A queue behind this node, for as long as it lives.
    pub(crate) fn watch_queue(&self, queue: Weak<dyn Queue>) {
        let mut queues = locked(&self.queues);
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(queue);
    }

    fn queued(&self) -> usize {
        locked(&self.queues).iter().filter_map(Weak::upgrade).map(|queue| queue.depth()).sum()
    }

    /// This many items took that long.
    fn record(&self, took: Duration, items: u64) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let mut times = locked(&self.times);
        // two significant digits: 1 % is enough for a quantile, and keeps it small
        let times = times.get_or_insert_with(|| match Histogram::new(2) {
            Ok(times) => times,
            Err(error) => unreachable!("two significant digits are within 0 to 5: {error}"),
        });
        // it grows to what it is given, up to the largest number
        if let Err(error) = times.record_n(nanos.max(1), items) {
            unreachable!("a histogram that grows holds any number: {error}");
        }
    }

    /// Whether anyone asked for events.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Relaxed)
    }

    /// Sends an event to whoever asked for events.
    pub(crate) fn emit(&self, index: Option<u64>, kind: EventKind) {
        if !self.is_watched() {
            return;
        }
        let mut watchers = locked(&self.watchers);
        let event = Event { node: Arc::clone(self.name()), index, kind };
        watchers.retain(|watcher| watcher.send(event.clone()).is_ok());
        if watchers.is_empty() {
            self.watched.store(false, Relaxed);
        }
    }

    pub(crate) fn subscribe(&self, watcher: broadcast::Sender<Event>) {
        locked(&self.watchers).push(watcher);
        self.watched.store(true, Relaxed);
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe").field("name", self.name()).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A lock whose data is whole after any panic: nothing that can panic runs while one is held.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
