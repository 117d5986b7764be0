//! What stands in a file that declares a graph.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::LoadError;
use crate::{BatchConfig, CacheConfig, RateLimit, RetryConfig};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) graph: Table,
    #[serde(default)]
    pub(super) nodes: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) concurrency: Option<NonZeroUsize>,
    #[serde(default = "yes")]
    pub(super) ordered: bool,
    pub(super) inputs: Option<Vec<String>>,
    pub(super) outputs: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declared {
    pub(super) r#use: String,
    #[serde(default)]
    pub(super) with: Table,
    #[serde(default)]
    pub(super) from: Vec<String>,
    pub(super) parallel: Option<NonZeroUsize>,
    #[serde(default, with = "humantime_serde")]
    pub(super) timeout: Option<Duration>,
    pub(super) rate_limit: Option<Rate>,
    pub(super) retry: Option<Retry>,
    pub(super) cache: Option<Cache>,
    pub(super) batch: Option<Batch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rate {
    items: u32,
    #[serde(with = "humantime_serde")]
    per: Duration,
    burst: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    attempts: usize,
    #[serde(default, with = "humantime_serde")]
    min_delay: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    max_delay: Option<Duration>,
    factor: Option<f32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cache {
    max_items: u64,
    #[serde(default, with = "humantime_serde")]
    time_to_live: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    time_to_idle: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    cache_errors: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    size: usize,
    #[serde(default, with = "humantime_serde")]
    max_wait: Option<Duration>,
    min_size: Option<usize>,
}

impl From<Rate> for RateLimit {
    fn from(Rate { items, per, burst }: Rate) -> Self {
        let limit = Self::new(items, per);
        match burst {
            Some(burst) => limit.burst(burst),
            None => limit,
        }
    }
}

impl From<Retry> for RetryConfig {
    fn from(Retry { attempts, min_delay, max_delay, factor }: Retry) -> Self {
        let mut config = Self::attempts(attempts);
        if let Some(delay) = min_delay {
            config = config.min_delay(delay);
        }
        if let Some(delay) = max_delay {
            config = config.max_delay(delay);
        }
        match factor {
            Some(factor) => config.factor(factor),
            None => config,
        }
    }
}

impl<K, V> From<Cache> for CacheConfig<K, V> {
    fn from(Cache { max_items, time_to_live, time_to_idle, cache_errors }: Cache) -> Self {
        let mut config = Self::max_items(max_items);
        if let Some(time) = time_to_live {
            config = config.time_to_live(time);
        }
        if let Some(time) = time_to_idle {
            config = config.time_to_idle(time);
        }
        match cache_errors {
            Some(time) => config.cache_errors(time),
            None => config,
        }
    }
}

impl From<Batch> for BatchConfig {
    fn from(Batch { size, max_wait, min_size }: Batch) -> Self {
        let mut config = Self::new(size);
        if let Some(wait) = max_wait {
            config = config.max_wait(wait);
        }
        match min_size {
            Some(size) => config.min_batch_size(size),
            None => config,
        }
    }
}

/// Reads a table of the file. Fields that nothing reads are refused, whatever the type says of unknown ones.
pub(super) fn read<T: DeserializeOwned>(table: Table, at: &str) -> Result<T, LoadError> {
    let place = |inner: &str| match (at.is_empty(), inner) {
        (_, "" | ".") => at.to_owned(),
        (true, inner) => inner.to_owned(),
        (false, inner) => format!("{at}.{inner}"),
    };
    let mut track = serde_path_to_error::Track::new();
    let mut unknown = Vec::new();
    let tracked = serde_path_to_error::Deserializer::new(Value::Table(table), &mut track);
    let read = serde_ignored::deserialize(tracked, |path| unknown.push(path.to_string()));
    match (read, unknown.first()) {
        (Ok(value), None) => Ok(value),
        (Ok(_), Some(unknown)) => {
            Err(LoadError::Field { at: place(unknown), message: "there is no such setting".to_owned() })
        }
        (Err(error), _) => {
            let at = place(&track.path().to_string());
            Err(LoadError::Field { at, message: error.message().to_owned() })
        }
    }
}
