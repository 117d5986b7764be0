//! The vectors that are kept, and who is on the way to get one.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bedrock_llm_schema::{Error, ErrorKind};
use moka::sync::Cache;
use tokio::sync::watch;

use super::{EmbedCacheConfig, Key};

/// One vector, a `Vec` of the numbers; keys of different types of number are different.
pub(crate) type Kept = Arc<dyn Any + Send + Sync>;

/// What all clones of a cache share.
///
/// It is moka's cache for threads, with flights of our own: an embedder packs what it has to fetch for many keys into few
/// calls, so that what a key waits for is no future of its own.
pub(super) struct Store {
    pub(super) config: EmbedCacheConfig,
    vectors: Cache<Key, Entry>,
    flights: Mutex<HashMap<Key, watch::Receiver<Landing>>>,
    pub(super) counts: Counts,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) shared: AtomicU64,
}

#[derive(Clone)]
struct Entry {
    kept: Kept,
    bytes: u32,
}

/// How it stands with a flight.
#[derive(Clone)]
pub(crate) enum Landing {
    Calling,
    Kept(Kept),
    Failed(Arc<Error>),
}

/// What is there for a key.
pub(crate) enum Found {
    Vector(Kept),
    /// Another is on the way.
    Flight(watch::Receiver<Landing>),
    /// Nobody is: whoever asked goes.
    Nothing(Ticket),
}

impl Store {
    pub(super) fn new(config: EmbedCacheConfig) -> Self {
        let mut vectors =
            Cache::builder().max_capacity(config.max_bytes).weigher(|_, entry: &Entry| entry.bytes);
        if let Some(ttl) = config.ttl {
            vectors = vectors.time_to_live(ttl);
        }
        if let Some(tti) = config.tti {
            vectors = vectors.time_to_idle(tti);
        }
        Self { config, vectors: vectors.build(), flights: Mutex::default(), counts: Counts::default() }
    }

    pub(super) fn find(self: &Arc<Self>, key: Key) -> Found {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.vectors.get(&key) {
            count(&self.counts.hits);
            return Found::Vector(entry.kept);
        }
        let mut flights = self.flights();
        // it may have landed since
        if let Some(entry) = self.vectors.get(&key) {
            count(&self.counts.hits);
            return Found::Vector(entry.kept);
        }
        if let Some(flight) = flights.get(&key) {
            return Found::Flight(flight.clone());
        }
        count(&self.counts.misses);
        let (landing, flight) = watch::channel(Landing::Calling);
        flights.insert(key, flight);
        Found::Nothing(Ticket { store: Arc::clone(self), key, landing })
    }

    pub(super) fn clear(&self) {
        self.vectors.invalidate_all();
    }

    /// How many vectors there are, and how many bytes they take.
    pub(super) fn size(&self) -> (u64, u64) {
        self.vectors.run_pending_tasks();
        (self.vectors.entry_count(), self.vectors.weighted_size())
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Landing>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The duty to get one vector. Dropped before it lands it is given up, and one of those who wait goes.
pub(crate) struct Ticket {
    store: Arc<Store>,
    key: Key,
    landing: watch::Sender<Landing>,
}

impl Ticket {
    /// Keeps the vector and hands it to all who wait.
    pub(crate) fn land<T: Clone + Send + Sync + 'static>(self, vector: &[T]) {
        let kept: Kept = Arc::new(vector.to_vec());
        let bytes = size_of_val(vector) + size_of::<Entry>() + size_of::<Key>() + size_of::<Vec<T>>();
        let entry = Entry { kept: Arc::clone(&kept), bytes: u32::try_from(bytes).unwrap_or(u32::MAX) };
        self.store.vectors.insert(self.key, entry);
        self.landing.send_replace(Landing::Kept(kept));
    }

    /// Tells all who wait why there is no vector. What only says how long and how urgently this caller asked is nothing to
    /// them: one of them goes.
    pub(crate) fn fail(self, error: &Error) {
        if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Overloaded) {
            return;
        }
        self.landing.send_replace(Landing::Failed(Arc::new(error.duplicate())));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.store.flights().remove(&self.key);
    }
}

impl super::EmbedCache {
    /// Counts an input that another's call served.
    pub(crate) fn count_shared(&self) {
        self.store.counts.shared.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits for a flight. `None` when it was given up.
pub(crate) async fn wait(mut flight: watch::Receiver<Landing>) -> Option<Result<Kept, Error>> {
    loop {
        match &*flight.borrow_and_update() {
            Landing::Kept(kept) => return Some(Ok(Arc::clone(kept))),
            Landing::Failed(error) => return Some(Err(error.duplicate())),
            Landing::Calling => {}
        }
        flight.changed().await.ok()?;
    }
}
