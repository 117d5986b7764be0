//! The vectors that are kept, and who is on the way to get one.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bedrock_llm_schema::{Error, ErrorKind};
use moka::sync::Cache;
use tokio::sync::watch;

use super::{EmbedCacheConfig, Key};

/// What it takes to find an entry, beside the entry, in bytes: moka's tables and lists, and how memory is divided. Measured
/// with moka 0.12.16 it is 220 to 320, from a thousand entries to thirty thousand.
const OVERHEAD: usize = 256;

/// One vector, a `Vec` of the numbers; keys of different types of number are different.
pub(crate) type Kept = Arc<dyn Any + Send + Sync>;

/// What all clones of a cache share.
///
/// It is moka's cache for threads, with flights of our own: an embedder packs what it has to fetch for many keys into few
/// calls, so that what a key waits for is no future of its own.
pub(super) struct Store {
    pub(super) config: EmbedCacheConfig,
    vectors: Cache<Key, Entry>,
    flights: Mutex<HashMap<Key, Flight>>,
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

/// Somebody is on the way.
pub(crate) type Flight = watch::Receiver<Landing>;

/// What is there for a key.
pub(crate) enum Known {
    Vector(Kept),
    Flight(Flight),
}

/// How a flight ended.
pub(crate) enum Landed {
    Kept(Kept),
    Failed(Error),
    /// Without a vector, and without an error that is anybody else's.
    GivenUp,
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

    pub(super) fn look(&self, key: Key) -> Option<Known> {
        if let Some(known) = self.vector(key) {
            return Some(known);
        }
        let flights = self.flights();
        // it may have landed since
        self.vector(key).or_else(|| flights.get(&key).cloned().map(Known::Flight))
    }

    pub(super) fn claim(self: &Arc<Self>, key: Key) -> Result<Ticket, Known> {
        let mut flights = self.flights();
        if let Some(known) = self.vector(key).or_else(|| flights.get(&key).cloned().map(Known::Flight)) {
            return Err(known);
        }
        self.counts.misses.fetch_add(1, Ordering::Relaxed);
        let (landing, flight) = watch::channel(Landing::Calling);
        flights.insert(key, flight);
        Ok(Ticket { store: Arc::clone(self), key, landing })
    }

    fn vector(&self, key: Key) -> Option<Known> {
        self.vectors.get(&key).map(|entry| Known::Vector(entry.kept))
    }

    pub(super) fn clear(&self) {
        self.vectors.invalidate_all();
    }

    /// How many vectors there are, and how many bytes they take.
    pub(super) fn size(&self) -> (u64, u64) {
        self.vectors.run_pending_tasks();
        (self.vectors.entry_count(), self.vectors.weighted_size())
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Key, Flight>> {
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
        let own = size_of_val(vector) + size_of::<Entry>() + size_of::<Key>() + size_of::<Vec<T>>();
        let bytes = own + OVERHEAD;
        let entry = Entry { kept: Arc::clone(&kept), bytes: u32::try_from(bytes).unwrap_or(u32::MAX) };
        self.store.vectors.insert(self.key, entry);
        self.landing.send_replace(Landing::Kept(kept));
    }

    /// Tells all who wait why there is no vector, where it is for what is embedded. Anything else may be nothing to them,
    /// whose credentials, limits and haste are their own: one of them goes.
    pub(crate) fn fail(self, error: &Error) {
        if is_of_content(error) {
            self.landing.send_replace(Landing::Failed(Arc::new(error.duplicate())));
        }
    }
}

/// Whether the same input, embedded in the same manner, meets the same error whoever sends it.
fn is_of_content(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Validation
            | ErrorKind::ContextOverflow
            | ErrorKind::InvalidRequest
            | ErrorKind::Unsupported
            | ErrorKind::AnswerInvalid
            | ErrorKind::AnswerRefused
    )
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.store.flights().remove(&self.key);
    }
}

/// Waits for a flight.
pub(crate) async fn wait(mut flight: Flight) -> Landed {
    loop {
        match &*flight.borrow_and_update() {
            Landing::Kept(kept) => return Landed::Kept(Arc::clone(kept)),
            Landing::Failed(error) => return Landed::Failed(error.duplicate()),
            Landing::Calling => {}
        }
        if flight.changed().await.is_err() {
            return Landed::GivenUp;
        }
    }
}
