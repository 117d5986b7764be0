//! Vectors that are kept.

mod key;
mod store;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use key::{Key, KeyMaker};
use store::Store;
pub(crate) use store::{Flight, Kept, Known, Landed, Ticket, wait};

use crate::EmbedConfigError;

/// Keeps vectors in memory, by what was embedded, with which model and how. Cheap to clone; clones share what is kept.
///
/// - **Found again** is what would come out the same: the key is the SHA-256 of the content, of the model (whichever
///   region or profile it is called by) and of every setting that changes numbers. The content itself is not kept.
/// - **Bounded** by bytes; vectors that are asked for least make room (`TinyLFU`).
/// - **One call for all** who ask for the same at once, within one call of the embedder too. Whoever goes is waited for
///   once its call is under way, and for no longer than the waiting call's own
///   [`timeout`](bedrock_llm_schema::CallOptions::timeout) where the embedder's options have one. When the one who went is
///   cancelled, another goes.
/// - **Errors** are not kept. Those that are about the content are shared by all who waited; after any other, an outage or
///   credentials that do not hold, each goes itself.
/// - **Whose clients.** Models of one id are taken to be the same model: embedders may share a cache over different
///   clients, regions and accounts, but not over a real service and a local stand-in.
///
/// ```
/// use bedrock_llm_embeddings::{EmbedCache, EmbedCacheConfig};
///
/// let cache = EmbedCache::new(EmbedCacheConfig::default().max_bytes(16 << 20))?;
/// assert_eq!(cache.stats().hit_rate(), 0.0);
/// # Ok::<(), bedrock_llm_embeddings::EmbedConfigError>(())
/// ```
#[derive(Clone)]
pub struct EmbedCache {
    store: Arc<Store>,
}

/// How much a cache keeps, and how long.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EmbedCacheConfig {
    /// How many bytes all vectors together may take, with what it takes to find them, some 330 bytes each; 64 MiB, which is
    /// some 15 000 vectors of 1024 floats.
    pub max_bytes: u64,
    /// How long a vector is kept; `None`, the default, as long as there is room: a model's vectors do not change.
    #[serde(with = "humantime_serde")]
    pub ttl: Option<Duration>,
    /// How long a vector is kept that nobody asks for; `None`, the default, as long as any.
    #[serde(with = "humantime_serde")]
    pub tti: Option<Duration>,
}

/// What a cache has done, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EmbedCacheStats {
    /// Inputs whose vectors were there.
    pub hits: u64,
    /// Different inputs that one went for, since nobody was on the way with them: those that broke a rule or were answered
    /// by the client's own cache too.
    pub misses: u64,
    /// Inputs that waited for another's call for the same input, or for that of an equal input of the same run.
    pub shared: u64,
    /// Vectors that are kept.
    pub entries: u64,
    /// The bytes they take, with what it takes to find them: by estimate, see [`EmbedCacheConfig::max_bytes`].
    pub bytes: u64,
}

impl Default for EmbedCacheConfig {
    fn default() -> Self {
        Self { max_bytes: 64 * 1024 * 1024, ttl: None, tti: None }
    }
}

/// The longest that can be asked for, about what the cache underneath takes.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl EmbedCacheConfig {
    /// Sets how many bytes all vectors together may take.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how long a vector is kept, up to a year.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// Sets how long a vector is kept that nobody asks for, up to a year.
    #[must_use]
    pub fn tti(mut self, tti: impl Into<Option<Duration>>) -> Self {
        self.tti = tti.into();
        self
    }
}

impl EmbedCache {
    /// An empty cache.
    ///
    /// # Errors
    /// When a setting is out of range.
    pub fn new(config: EmbedCacheConfig) -> Result<Self, EmbedConfigError> {
        let bad = |setting, range| Err(EmbedConfigError::OutOfRange { setting, range });
        let is_out = |time: Option<Duration>| time.is_some_and(|time| time.is_zero() || time > LONGEST);
        if config.max_bytes == 0 {
            return bad("`cache.max_bytes`", "above 0");
        }
        if is_out(config.ttl) {
            return bad("`cache.ttl`", "above 0 and at most a year");
        }
        if is_out(config.tti) {
            return bad("`cache.tti`", "above 0 and at most a year");
        }
        Ok(Self { store: Arc::new(Store::new(config)) })
    }

    /// What it has done, and what it holds.
    #[must_use]
    pub fn stats(&self) -> EmbedCacheStats {
        let (entries, bytes) = self.store.size();
        let counts = &self.store.counts;
        EmbedCacheStats {
            hits: counts.hits.load(Ordering::Relaxed),
            misses: counts.misses.load(Ordering::Relaxed),
            shared: counts.shared.load(Ordering::Relaxed),
            entries,
            bytes,
        }
    }

    /// Throws all vectors away. What is on the way now will be kept when it comes.
    pub fn invalidate_all(&self) {
        self.store.clear();
    }

    /// What there is for a key.
    pub(crate) fn look(&self, key: Key) -> Option<Known> {
        self.store.look(key)
    }

    /// What there is for a key, or else the duty to fetch it.
    pub(crate) fn claim(&self, key: Key) -> Result<Ticket, Known> {
        self.store.claim(key)
    }

    /// Counts inputs whose vectors were there.
    pub(crate) fn count_hits(&self, inputs: usize) {
        count(&self.store.counts.hits, inputs);
    }

    /// Counts inputs that another's call served, or that of an equal input.
    pub(crate) fn count_shared(&self, inputs: usize) {
        count(&self.store.counts.shared, inputs);
    }
}

fn count(counter: &AtomicU64, inputs: usize) {
    counter.fetch_add(u64::try_from(inputs).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl EmbedCacheStats {
    /// The share of inputs that were not sent, from 0 to 1; 0 while nothing was asked for.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn hit_rate(&self) -> f64 {
        let found = self.hits.saturating_add(self.shared);
        let asked = found.saturating_add(self.misses);
        if asked == 0 { 0.0 } else { found as f64 / asked as f64 }
    }
}

impl fmt::Debug for EmbedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedCache")
            .field("config", &self.store.config)
            .field("stats", &self.stats())
            .finish()
    }
}
