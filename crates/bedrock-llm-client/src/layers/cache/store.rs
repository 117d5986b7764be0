//! The answers that are kept, and who is on the way to get one.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bedrock_llm_schema::response::Replayable;
use moka::sync::Cache;
use tokio::sync::watch;
use tokio::time::Instant;

use super::CacheConfig;
use super::flight::{Flight, Landing};
use super::key::Key;

/// What all services of one layer share.
///
/// The cache is moka's for threads, not its future one: an answer is put in when a stream ends or is dropped, where
/// nothing can be awaited. What it would do for callers of one key, [`Flight`] does, since a stream is handed out before
/// it is whole.
pub(super) struct Store {
    pub(super) config: CacheConfig,
    answers: Cache<Key, Arc<Entry>>,
    flights: Mutex<HashMap<Key, watch::Receiver<Landing>>>,
    pub(super) counts: Counts,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) shared: AtomicU64,
}

/// One answer.
pub(super) struct Entry {
    kept: Arc<dyn Any + Send + Sync>,
    bytes: u32,
    born: Instant,
    /// When it was last asked for, in milliseconds after it was born.
    used: AtomicU64,
}

/// What a caller finds.
pub(super) enum Found {
    Answer(Arc<Entry>),
    /// Another is on the way.
    Flight(watch::Receiver<Landing>),
    /// Nobody is: the caller goes.
    Nothing(Flight),
}

impl Store {
    pub(super) fn new(config: CacheConfig) -> Self {
        let mut answers = Cache::builder()
            .max_capacity(config.max_bytes)
            .weigher(|_, entry: &Arc<Entry>| entry.bytes)
            .time_to_live(config.ttl);
        if let Some(tti) = config.tti {
            answers = answers.time_to_idle(tti);
        }
        Self { config, answers: answers.build(), flights: Mutex::default(), counts: Counts::default() }
    }

    /// An answer that is still good.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        let entry = self.answers.get(key)?;
        // moka keeps time too, but by a clock that tests cannot move
        let age = entry.born.elapsed();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let idle = millis(age).saturating_sub(entry.used.load(Ordering::Relaxed));
        if age >= self.config.ttl || self.config.tti.is_some_and(|tti| idle >= millis(tti)) {
            self.answers.invalidate(key);
            return None;
        }
        entry.used.fetch_max(millis(age), Ordering::Relaxed);
        Some(entry)
    }

    /// An answer, or who is on the way to get it.
    pub(super) fn find(self: &Arc<Self>, key: Key) -> Found {
        let mut flights = self.flights();
        // it may have landed since the caller looked
        if let Some(entry) = self.get(&key) {
            return Found::Answer(entry);
        }
        if let Some(flight) = flights.get(&key) {
            return Found::Flight(flight.clone());
        }
        let (flight, landing) = Flight::new(Arc::clone(self), key);
        flights.insert(key, landing);
        Found::Nothing(flight)
    }

    /// Goes without a look at the answers, and without others waiting for it.
    pub(super) fn alone(self: &Arc<Self>, key: Key) -> Flight {
        Flight::new(Arc::clone(self), key).0
    }

    pub(super) fn put<A: Replayable>(&self, key: Key, kept: A::Kept) -> Arc<Entry> {
        let bytes = size_of::<Entry>() + size_of::<Key>() + A::kept_bytes(&kept);
        let entry = Arc::new(Entry {
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            kept: Arc::new(kept),
            born: Instant::now(),
            used: AtomicU64::new(0),
        });
        self.answers.insert(key, Arc::clone(&entry));
        entry
    }

    /// Forgets who was on the way, unless another is by now.
    pub(super) fn landed(&self, key: &Key, landing: &watch::Receiver<Landing>) {
        let mut flights = self.flights();
        if flights.get(key).is_some_and(|known| known.same_channel(landing)) {
            flights.remove(key);
        }
    }

    pub(super) fn clear(&self) {
        self.answers.invalidate_all();
    }

    /// How many answers there are, and how many bytes they take.
    pub(super) fn size(&self) -> (u64, u64) {
        self.answers.run_pending_tasks();
        (self.answers.entry_count(), self.answers.weighted_size())
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Landing>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// The answer again, where it has this form.
    pub(super) fn replay<A: Replayable>(&self) -> Option<A> {
        A::replay(&Arc::clone(&self.kept).downcast::<A::Kept>().ok()?)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("config", &self.config).finish_non_exhaustive()
    }
}
