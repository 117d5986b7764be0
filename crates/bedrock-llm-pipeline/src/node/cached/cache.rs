//! What nodes made, kept and shared.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use moka::sync::Cache;

use super::CacheConfig;
use super::config::Size;
use super::flight::Flights;
use crate::error::{SharedError, root_of};
use crate::probe::Probe;
use crate::stage::{attempt, guarded};
use crate::{BoxError, ConfigError, Panicked};

/// A cache of a node's results, for [`cached_with`](crate::Pipeline::cached_with). Cheap to clone.
///
/// ```
/// use bedrock_llm_pipeline::{BoxError, CacheConfig, NodeCache, Pipeline};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = NodeCache::new(CacheConfig::max_items(10_000))?;
/// let length = async |text: String| Ok::<_, BoxError>(text.len());
/// let one = Pipeline::new().then(length).cached_with(&cache);
/// let other = Pipeline::new().then(length).cached_with(&cache).map(|length| length * 2);
/// assert_eq!(one.execute("tea".to_owned()).await?, 3);
/// assert_eq!(other.execute("tea".to_owned()).await?, 6);
/// assert_eq!((cache.stats().hits, cache.stats().misses), (1, 1));
/// # Ok(())
/// # }
/// ```
pub struct NodeCache<K, V>(Arc<Inner<K, V>>);

struct Inner<K, V> {
    kept: Cache<K, Entry<V>>,
    size: Option<Size<K, V>>,
    keeps_errors: bool,
    flights: Flights<K, Result<V, SharedError>>,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: Arc<AtomicU64>,
}

/// What the cache holds for a key.
#[derive(Clone)]
pub(super) struct Entry<V> {
    pub(super) kept: Kept<V>,
    /// What it takes of the cache's bound.
    pub(super) weight: u32,
}

#[derive(Clone)]
pub(super) enum Kept<V> {
    Value(V),
    Error(SharedError),
}

/// The numbers of a cache, since it was made.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CacheStats {
    /// How many were answered without a call: by what was kept, or by a call that another had begun.
    pub hits: u64,
    /// How many calls were begun.
    pub misses: u64,
    /// How many entries there are. It is told a little late, by some hundred entries or half a second.
    pub entries: u64,
    /// How many entries made room for others or were too old.
    pub evictions: u64,
}

impl<V> Kept<V> {
    fn outcome(self) -> Result<V, SharedError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Error(cause) => Err(cause),
        }
    }
}

impl<K, V> NodeCache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// An empty cache.
    ///
    /// # Errors
    ///
    /// If it is to hold nothing, or for no time, or for over 1000 years.
    pub fn new(config: CacheConfig<K, V>) -> Result<Self, ConfigError> {
        let keeps_errors = config.keeps_errors();
        let evictions = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&evictions);
        let (builder, size) = config.builder()?;
        let kept = builder
            .eviction_listener(move |_, _, cause| {
                if cause.was_evicted() {
                    count.fetch_add(1, Relaxed);
                }
            })
            .build();
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        let flights = Flights::default();
        Ok(Self(Arc::new(Inner { kept, size, keeps_errors, flights, hits, misses, evictions })))
    }

    /// Its numbers.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.0.hits.load(Relaxed),
            misses: self.0.misses.load(Relaxed),
            entries: self.0.kept.entry_count(),
            evictions: self.0.evictions.load(Relaxed),
        }
    }

    /// Forgets one entry. What is being made for it now is not kept.
    pub fn invalidate(&self, key: &K) {
        self.0.flights.forget(key, || self.0.kept.invalidate(key));
    }

    /// Forgets all entries. What is being made now is not kept.
    pub fn clear(&self) {
        self.0.flights.forget_all(|| self.0.kept.invalidate_all());
    }

    /// What is kept for a key.
    #[inline]
    pub(super) fn get(&self, key: &K, probe: &Probe) -> Option<Result<V, BoxError>> {
        let entry = self.0.kept.get(key)?;
        self.hit(probe);
        Some(entry.kept.outcome().map_err(Into::into))
    }

    /// Does the work for a key, unless it is being done already; then this waits for what becomes of that.
    pub(super) async fn make(
        &self,
        key: K,
        probe: &Arc<Probe>,
        work: impl Future<Output = Result<V, BoxError>> + Send + 'static,
    ) -> Result<V, BoxError> {
        let mut is_ours = false;
        let flight = self.0.flights.join(key, |key, ticket| {
            is_ours = true;
            let (cache, probe) = (self.clone(), Arc::clone(probe));
            async move {
                let landing = Landing { cache, key, ticket };
                landing.fly(&probe, work).await
            }
        });
        let outcome = flight.await;
        if !is_ours {
            self.hit(probe);
        }
        outcome.map_err(Into::into)
    }

    #[inline]
    fn hit(&self, probe: &Probe) {
        self.0.hits.fetch_add(1, Relaxed);
        probe.cache(true);
    }
}

/// A flight of ours, which is open until this is dropped.
struct Landing<K: Hash + Eq, V> {
    cache: NodeCache<K, V>,
    key: K,
    ticket: u64,
}

impl<K, V> Landing<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    async fn fly(
        self,
        probe: &Probe,
        work: impl Future<Output = Result<V, BoxError>> + Send,
    ) -> Result<V, SharedError> {
        let cache = &self.cache.0;
        // another may have landed between our look at the cache and our start
        if let Some(entry) = cache.kept.get(&self.key) {
            self.cache.hit(probe);
            return entry.kept.outcome();
        }
        cache.misses.fetch_add(1, Relaxed);
        probe.cache(false);
        let kept = match guarded(work).await {
            Ok(value) => Kept::Value(value),
            Err(cause) => {
                let keeps = cache.keeps_errors && !root_of(&cause).is::<Panicked>();
                let cause = SharedError::new(cause);
                if !keeps {
                    return Err(cause);
                }
                Kept::Error(cause)
            }
        };
        let weight = self.weight(&kept)?;
        let entry = Entry { kept: kept.clone(), weight };
        cache.flights.land(&self.key, self.ticket, || cache.kept.insert(self.key.clone(), entry));
        kept.outcome()
    }

    /// What it takes of the bound. The user's function is asked here, where its panic is an error of the item.
    fn weight(&self, kept: &Kept<V>) -> Result<u32, SharedError> {
        let bytes = match (&self.cache.0.size, kept) {
            (None, _) => 1,
            (Some(size), Kept::Value(value)) => {
                attempt(|| size(&self.key, value)).map_err(SharedError::new)?
            }
            (Some(_), Kept::Error(cause)) => size_of_val(&self.key) + cause.to_string().len(),
        };
        Ok(u32::try_from(bytes).unwrap_or(u32::MAX).max(1))
    }
}

impl<K: Hash + Eq, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.cache.0.flights.land(&self.key, self.ticket, || {});
    }
}

impl<K, V> Clone for NodeCache<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> fmt::Debug for NodeCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCache")
            .field("hits", &self.0.hits)
            .field("misses", &self.0.misses)
            .finish_non_exhaustive()
    }
}
