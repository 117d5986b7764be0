//! What is kept, how much and how long.

use std::time::Duration;

use bedrock_llm_schema::Error;

use crate::layers::setting::cannot_work;

/// What is kept, how much and how long. See [`CacheLayer`](super::CacheLayer) for the rule.
///
/// ```
/// use bedrock_llm_client::layers::{CacheConfig, CachePolicy};
///
/// let config: CacheConfig = toml::from_str("policy = 'on_request'\nmax_bytes = 1048576\nttl = '10m'")?;
/// assert_eq!(config.policy, CachePolicy::OnRequest);
/// assert!(config.validate().is_ok());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheConfig {
    /// Which answers are kept where the call does not say; those that would come out the same again.
    pub policy: CachePolicy,
    /// How many bytes all answers together may take, by what they take in memory; 64 MiB. Answers that are asked for
    /// least make room (`TinyLFU`).
    pub max_bytes: u64,
    /// How long an answer is kept; 1 hour.
    #[serde(with = "humantime_serde")]
    pub ttl: Duration,
    /// How long an answer is kept that nobody asks for; `None`, the default, as long as any.
    #[serde(with = "humantime_serde")]
    pub tti: Option<Duration>,
    /// How long a caller waits for the stream of another that asks the same, once it has begun; 30 s. A stream comes as
    /// fast as its reader reads.
    #[serde(with = "humantime_serde")]
    pub stream_wait: Duration,
}

/// Which answers are kept where the call does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CachePolicy {
    /// Those that would come out the same again ([`Request::is_repeatable`](bedrock_llm_schema::Request::is_repeatable)):
    /// of chats at temperature 0 without tools, counts of tokens.
    #[default]
    Repeatable,
    /// None: each call says so by [`CacheUse::Use`](bedrock_llm_schema::request::CacheUse::Use).
    OnRequest,
    /// All of them.
    Always,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            policy: CachePolicy::Repeatable,
            max_bytes: 64 * 1024 * 1024,
            ttl: Duration::from_secs(3600),
            tti: None,
            stream_wait: Duration::from_secs(30),
        }
    }
}

/// The longest that can be asked for, about what the cache underneath takes.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl CacheConfig {
    /// Sets which answers are kept where the call does not say.
    #[must_use]
    pub fn policy(mut self, policy: CachePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets how many bytes all answers together may take.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how long an answer is kept.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets how long an answer is kept that nobody asks for.
    #[must_use]
    pub fn tti(mut self, tti: impl Into<Option<Duration>>) -> Self {
        self.tti = tti.into();
        self
    }

    /// Sets how long a caller waits for the stream of another that asks the same.
    #[must_use]
    pub fn stream_wait(mut self, wait: Duration) -> Self {
        self.stream_wait = wait;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Config`](bedrock_llm_schema::ErrorKind::Config) names the first that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let bad = |setting: &str, range: &str| {
            Err(cannot_work(&format!("cache.{setting}"), &format!("it must be {range}")))
        };
        let is_out = |time: Duration| time.is_zero() || time > LONGEST;
        if self.max_bytes == 0 {
            return bad("max_bytes", "above 0");
        }
        if is_out(self.ttl) {
            return bad("ttl", "above 0 and at most a year");
        }
        if self.tti.is_some_and(is_out) {
            return bad("tti", "above 0 and at most a year");
        }
        Ok(())
    }
}
