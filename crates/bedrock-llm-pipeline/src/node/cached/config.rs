//! How much a cache keeps, and for how long.

use std::fmt;
use std::hash::Hash;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::{Cache, CacheBuilder};

use super::cache::{Entry, Kept};
use crate::ConfigError;

/// What the cache itself does not take: it would panic.
const LONGEST: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);

/// The size of a key and its value, in bytes.
pub(super) type Size<K, V> = Box<dyn Fn(&K, &V) -> usize + Send + Sync>;

/// A cache that is not built yet, and how large what goes in is.
type Unbuilt<K, V> = (CacheBuilder<K, Entry<V>, Cache<K, Entry<V>>>, Option<Size<K, V>>);

/// How much a cache keeps, and for how long.
///
/// It begins with one of two bounds: [`max_items`](Self::max_items) or [`max_bytes`](Self::max_bytes). Beyond it goes
/// what is asked for least: an entry that has not been asked for more often than those it would displace is not kept.
pub struct CacheConfig<K, V> {
    bound: Bound<K, V>,
    time_to_live: Option<Duration>,
    time_to_idle: Option<Duration>,
    errors: Option<Duration>,
}

enum Bound<K, V> {
    Items(u64),
    Bytes(u64, Size<K, V>),
}

impl<K, V> CacheConfig<K, V> {
    fn new(bound: Bound<K, V>) -> Self {
        Self { bound, time_to_live: None, time_to_idle: None, errors: None }
    }

    /// At most so many entries; at least 1.
    #[must_use]
    pub fn max_items(items: u64) -> Self {
        Self::new(Bound::Items(items))
    }

    /// Entries of so many bytes in all, at least 1, by a function that says how many an entry has; one says at least 1,
    /// at most 4 GiB.
    ///
    /// What it takes to find an entry, some 300 bytes, comes on top.
    ///
    /// ```
    /// # use bedrock_llm_pipeline::CacheConfig;
    /// let config = CacheConfig::max_bytes(64 << 20, |text: &String, vector: &Vec<f32>| {
    ///     text.len() + size_of_val(vector.as_slice())
    /// });
    /// ```
    #[must_use]
    pub fn max_bytes(bytes: u64, size: impl Fn(&K, &V) -> usize + Send + Sync + 'static) -> Self {
        Self::new(Bound::Bytes(bytes, Box::new(size)))
    }

    /// Sets how long after it was made an entry is forgotten; never by default.
    #[must_use]
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = Some(time);
        self
    }

    /// Sets how long after it was last asked for an entry is forgotten; never by default.
    #[must_use]
    pub fn time_to_idle(mut self, time: Duration) -> Self {
        self.time_to_idle = Some(time);
        self
    }

    /// Keeps failures too, for this long; those who ask meanwhile get the same cause. By default none is kept, and
    /// panics never are.
    #[must_use]
    pub fn cache_errors(mut self, time: Duration) -> Self {
        self.errors = Some(time);
        self
    }

    pub(super) fn keeps_errors(&self) -> bool {
        self.errors.is_some()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let (field, most) = match self.bound {
            Bound::Items(most) => ("CacheConfig::max_items", most),
            Bound::Bytes(most, _) => ("CacheConfig::max_bytes", most),
        };
        if most == 0 {
            return Err(ConfigError::out_of_range(field, most, "give at least 1, or use no cache"));
        }
        let times = [
            ("CacheConfig::time_to_live", self.time_to_live),
            ("CacheConfig::time_to_idle", self.time_to_idle),
            ("CacheConfig::cache_errors", self.errors),
        ];
        for (field, time) in times {
            if let Some(time) = time.filter(|time| time.is_zero() || *time > LONGEST) {
                return Err(ConfigError::out_of_range(
                    field,
                    time,
                    "give a time over zero and up to 1000 years, or do not set it",
                ));
            }
        }
        Ok(())
    }
}

impl<K, V> CacheConfig<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of these settings, to which the last touches can be given.
    pub(super) fn builder(self) -> Result<Unbuilt<K, V>, ConfigError> {
        self.check()?;
        let (mut builder, size) = match self.bound {
            Bound::Items(most) => (Cache::builder().max_capacity(most), None),
            Bound::Bytes(most, size) => {
                (Cache::builder().max_capacity(most).weigher(|_, entry: &Entry<V>| entry.weight), Some(size))
            }
        };
        if let Some(time) = self.time_to_idle {
            builder = builder.time_to_idle(time);
        }
        let builder = match (self.errors, self.time_to_live) {
            (Some(errors), values) => builder.expire_after(Lives { values, errors }),
            (None, Some(values)) => builder.time_to_live(values),
            (None, None) => builder,
        };
        Ok((builder, size))
    }
}

impl<K, V> fmt::Debug for CacheConfig<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bound, most) = match self.bound {
            Bound::Items(most) => ("max_items", most),
            Bound::Bytes(most, _) => ("max_bytes", most),
        };
        f.debug_struct("CacheConfig")
            .field(bound, &most)
            .field("time_to_live", &self.time_to_live)
            .field("time_to_idle", &self.time_to_idle)
            .field("cache_errors", &self.errors)
            .finish()
    }
}

/// How long values and failures live, where that differs.
struct Lives {
    values: Option<Duration>,
    errors: Duration,
}

impl<K, V> Expiry<K, Entry<V>> for Lives {
    fn expire_after_create(&self, _: &K, entry: &Entry<V>, _: Instant) -> Option<Duration> {
        match entry.kept {
            Kept::Value(_) => self.values,
            Kept::Error(_) => Some(self.errors),
        }
    }

    fn expire_after_update(
        &self,
        key: &K,
        entry: &Entry<V>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, entry, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SharedError;

    #[test]
    fn values_and_failures_live_each_their_time() {
        let lives = Lives { values: None, errors: Duration::from_secs(5) };
        let value = Entry { kept: Kept::Value(1), weight: 1 };
        let error = Entry::<i32> { kept: Kept::Error(SharedError::new("no".into())), weight: 1 };
        let now = Instant::now();
        assert_eq!(lives.expire_after_create(&"k", &value, now), None);
        assert_eq!(lives.expire_after_update(&"k", &error, now, None), Some(Duration::from_secs(5)));
        let lives = Lives { values: Some(Duration::from_secs(9)), ..lives };
        assert_eq!(lives.expire_after_update(&"k", &value, now, None), Some(Duration::from_secs(9)));
    }

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let told = |config: CacheConfig<u8, u8>| config.builder().err().unwrap().to_string();
        assert_eq!(
            told(CacheConfig::max_items(0)),
            "`CacheConfig::max_items` is 0: give at least 1, or use no cache"
        );
        assert!(told(CacheConfig::max_bytes(0, |_, _| 1)).starts_with("`CacheConfig::max_bytes` is 0"));
        let one = || CacheConfig::max_items(1);
        assert!(told(one().time_to_live(Duration::ZERO)).starts_with("`CacheConfig::time_to_live` is 0ns"));
        assert!(told(one().time_to_idle(Duration::MAX)).starts_with("`CacheConfig::time_to_idle` is"));
        assert!(told(one().cache_errors(Duration::ZERO)).starts_with("`CacheConfig::cache_errors` is 0ns"));
    }
}
