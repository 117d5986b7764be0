//! How often and how soon.

use std::time::Duration;

use bedrock_llm_schema::{Error, ErrorKind};

/// How often and how soon a request is sent again. See [`RetryLayer`](super::RetryLayer) for the rule.
///
/// ```
/// use bedrock_llm_client::layers::RetryConfig;
///
/// let config: RetryConfig = toml::from_str("max_attempts = 6\nmax_delay = '30s'\nbudget = { percent = 10.0 }")?;
/// assert_eq!(config.max_attempts, 6);
/// assert!(config.validate().is_ok());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryConfig {
    /// The most attempts, the first included; 4. With 1 nothing is tried again.
    pub max_attempts: u32,
    /// The upper end of the first pause; 500 ms. Each further one is twice as long.
    #[serde(with = "humantime_serde")]
    pub base_delay: Duration,
    /// The upper end that no pause passes, but for `Retry-After`; 20 s.
    #[serde(with = "humantime_serde")]
    pub max_delay: Duration,
    /// The longest `Retry-After` that is waited for; 60 s.
    #[serde(with = "humantime_serde")]
    pub max_retry_after: Duration,
    /// Whether an attempt that ran into a time limit of ours is tried again, at the risk of paying twice; `false`.
    pub timeouts: bool,
    /// What all calls together may spend on retries.
    pub budget: RetryBudget,
}

/// What all calls together may spend on retries: tower's
/// [`TpsBudget`](https://docs.rs/tower/latest/tower/retry/budget/struct.TpsBudget.html).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryBudget {
    /// How long a success is remembered, from 1 to 60 s; 10 s.
    #[serde(with = "humantime_serde")]
    pub ttl: Duration,
    /// Retries a second that are always there; 10.
    pub min_per_second: u32,
    /// Retries beside them, in percent of the calls that succeed; 20.
    pub percent: f32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(20),
            max_retry_after: Duration::from_secs(60),
            timeouts: false,
            budget: RetryBudget::default(),
        }
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(10), min_per_second: 10, percent: 20.0 }
    }
}

impl RetryConfig {
    /// Sets the most attempts, the first included.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets the upper end of the first pause.
    #[must_use]
    pub fn base_delay(mut self, delay: Duration) -> Self {
        self.base_delay = delay;
        self
    }

    /// Sets the upper end that no pause passes.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets the longest `Retry-After` that is waited for.
    #[must_use]
    pub fn max_retry_after(mut self, wait: Duration) -> Self {
        self.max_retry_after = wait;
        self
    }

    /// Sets whether an attempt that ran into a time limit of ours is tried again.
    #[must_use]
    pub fn timeouts(mut self, retry: bool) -> Self {
        self.timeouts = retry;
        self
    }

    /// Sets what all calls together may spend on retries.
    #[must_use]
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] names the first that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let bad = |setting: &str, range: &str| {
            Err(Error::new(ErrorKind::Config, format!("setting `retry.{setting}` must be {range}")))
        };
        let ttl = Duration::from_secs(1)..=Duration::from_secs(60);
        if self.max_attempts == 0 {
            return bad("max_attempts", "at least 1");
        }
        if self.max_delay < self.base_delay {
            return bad("max_delay", "no less than `base_delay`");
        }
        if !ttl.contains(&self.budget.ttl) {
            return bad("budget.ttl", "from 1 to 60 s");
        }
        if self.budget.min_per_second > 1_000_000 {
            return bad("budget.min_per_second", "at most 1,000,000");
        }
        if !(0.0..=10_000.0).contains(&self.budget.percent) {
            return bad("budget.percent", "from 0 to 10,000");
        }
        Ok(())
    }
}

impl RetryBudget {
    /// Sets how long a success is remembered, from 1 to 60 s.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets how many retries a second are always there.
    #[must_use]
    pub fn min_per_second(mut self, retries: u32) -> Self {
        self.min_per_second = retries;
        self
    }

    /// Sets how many retries there are beside them, in percent of the calls that succeed.
    #[must_use]
    pub fn percent(mut self, percent: f32) -> Self {
        self.percent = percent;
        self
    }
}
