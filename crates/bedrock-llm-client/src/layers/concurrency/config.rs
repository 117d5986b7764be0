//! How many calls at a time, and how many may wait.

use std::time::Duration;

use bedrock_llm_schema::Error;
use serde::{Deserialize, Serialize};

use crate::layers::setting::cannot_work;

/// How many calls at a time, and how many may wait.
///
/// ```
/// use std::time::Duration;
/// use bedrock_llm_client::layers::ConcurrencyConfig;
///
/// let config = ConcurrencyConfig::new().max_concurrency(20).max_queue(200).age(Duration::from_secs(5));
/// config.validate()?;
/// # Ok::<(), bedrock_llm_schema::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ConcurrencyConfig {
    /// The most calls at a time, streams until they end: at least 1. Default 64.
    pub max_concurrency: usize,
    /// The most calls that wait for a place. Zero lets none wait. Default 1024.
    pub max_queue: usize,
    /// After how long a waiting call counts as one priority higher, and again one higher after as long again: above
    /// zero. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub age: Duration,
    /// How long a call may wait for a place; `None` waits as long as the call's deadline allows. Default none.
    #[serde(with = "humantime_serde")]
    pub max_wait: Option<Duration>,
}

impl Default for ConcurrencyConfig {
    fn default() -> Self {
        Self { max_concurrency: 64, max_queue: 1024, age: Duration::from_secs(10), max_wait: None }
    }
}

impl ConcurrencyConfig {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the most calls at a time.
    #[must_use]
    pub fn max_concurrency(mut self, calls: usize) -> Self {
        self.max_concurrency = calls;
        self
    }

    /// Sets the most calls that wait for a place.
    #[must_use]
    pub fn max_queue(mut self, calls: usize) -> Self {
        self.max_queue = calls;
        self
    }

    /// Sets after how long a waiting call counts as one priority higher.
    #[must_use]
    pub fn age(mut self, interval: Duration) -> Self {
        self.age = interval;
        self
    }

    /// Sets how long a call may wait for a place; `None` waits as long as its deadline allows.
    #[must_use]
    pub fn max_wait(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.max_wait = limit.into();
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Config`](bedrock_llm_schema::ErrorKind::Config) names the first setting that cannot work.
    pub fn validate(&self) -> Result<(), Error> {
        if self.max_concurrency == 0 {
            return Err(cannot_work("max_concurrency", "zero lets nothing through"));
        }
        if self.age.is_zero() {
            return Err(cannot_work("age", "zero would make all priorities one"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_that_cannot_work_is_named() {
        let named = |config: ConcurrencyConfig| config.validate().unwrap_err().message().to_owned();
        assert!(named(ConcurrencyConfig::new().max_concurrency(0)).contains("`max_concurrency`"));
        assert!(named(ConcurrencyConfig::new().age(Duration::ZERO)).contains("`age`"));
        ConcurrencyConfig::new().max_queue(0).validate().unwrap();
    }

    #[test]
    fn it_is_read_from_text() {
        let read = serde_json::from_value::<ConcurrencyConfig>;
        let config = read(json!({"max_concurrency": 3, "age": "2s", "max_wait": "1m"})).unwrap();
        let wanted = ConcurrencyConfig::new().max_concurrency(3).age(Duration::from_secs(2));
        assert_eq!(config, wanted.max_wait(Duration::from_secs(60)));
        assert!(read(json!({"max_concurency": 3})).is_err());
    }
}
