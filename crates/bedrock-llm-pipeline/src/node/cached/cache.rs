//! What nodes made, kept and shared.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use futures_util::future::poll_immediate;
use moka::future::Cache;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::CacheConfig;
use crate::error::{SharedError, root_of};
use crate::probe::Probe;
use crate::stage::guarded;
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
    kept: Cache<K, Kept<V>>,
    keeps_errors: bool,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: Arc<AtomicU64>,
}

/// What the cache holds for a key.
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
    fn outcome(self) -> Result<V, BoxError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Error(cause) => Err(cause.into()),
        }
    }
}

impl<K, V> NodeCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
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
        let kept = config
            .builder()?
            .eviction_listener(move |_, _, cause| {
                if cause.was_evicted() {
                    count.fetch_add(1, Relaxed);
                }
            })
            .build();
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self(Arc::new(Inner { kept, keeps_errors, hits, misses, evictions })))
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

    /// Forgets one entry. A call that is under way for it is kept when it is done.
    pub async fn invalidate(&self, key: &K) {
        self.0.kept.invalidate(key).await;
    }

    /// Forgets all entries. Calls that are under way are kept when they are done.
    pub fn clear(&self) {
        self.0.kept.invalidate_all();
    }

    /// What is kept for a key.
    #[inline]
    pub(super) async fn get(&self, key: &K, probe: &Probe) -> Option<Result<V, BoxError>> {
        let kept = self.0.kept.get(key).await?;
        self.hit(probe);
        Some(kept.outcome())
    }

    /// Does the work for a key, unless another does it already; then this waits for what becomes of that.
    pub(super) async fn make(
        &self,
        key: K,
        probe: &Arc<Probe>,
        work: impl Future<Output = Result<V, BoxError>> + Send + 'static,
    ) -> Result<V, BoxError> {
        let (cache, probe) = (self.clone(), Arc::clone(probe));
        let mut flight = Box::pin(async move { cache.fly(key, &probe, work).await });
        if let Some(outcome) = poll_immediate(flight.as_mut()).await {
            return outcome;
        }
        // others wait for this one: it must go on when its own reader does not read
        let Ok(runtime) = Handle::try_current() else { return flight.await };
        match AbortOnDropHandle::new(runtime.spawn(flight)).await {
            Ok(outcome) => outcome,
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => Err("the runtime was shut down".into()),
        }
    }

    async fn fly(
        &self,
        key: K,
        probe: &Probe,
        work: impl Future<Output = Result<V, BoxError>> + Send,
    ) -> Result<V, BoxError> {
        let mut is_ours = false;
        let outcome = self
            .0
            .kept
            .try_get_with(key, async {
                is_ours = true;
                self.0.misses.fetch_add(1, Relaxed);
                probe.cache(false);
                // a panic is shared by those who wait, as any failure is
                match guarded(work).await {
                    Ok(value) => Ok(Kept::Value(value)),
                    Err(cause) if self.0.keeps_errors && !root_of(&cause).is::<Panicked>() => {
                        Ok(Kept::Error(SharedError::new(cause)))
                    }
                    Err(cause) => Err(SharedError::new(cause)),
                }
            })
            .await;
        if !is_ours {
            self.hit(probe);
        }
        match outcome {
            Ok(kept) => kept.outcome(),
            Err(cause) => Err(SharedError::clone(&cause).into()),
        }
    }

    #[inline]
    fn hit(&self, probe: &Probe) {
        self.0.hits.fetch_add(1, Relaxed);
        probe.cache(true);
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
