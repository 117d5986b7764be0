//! When a circuit opens, and for how long.

use std::time::Duration;

use bedrock_llm_schema::Error;
use serde::{Deserialize, Serialize};

use crate::layers::setting::cannot_work;

/// The most calls a window may hold.
const MOST_CALLS: u32 = 100_000;

/// The longest that any of the times may be.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// When a circuit opens, and for how long. No time in it may be longer than a day.
///
/// ```
/// use std::time::Duration;
/// use bedrock_llm_client::layers::CircuitBreakerConfig;
///
/// let config = CircuitBreakerConfig::new()
///     .failure_rate(0.3)
///     .min_calls(20)
///     .slow_calls(Duration::from_secs(60), 0.8)
///     .open_for(Duration::from_secs(10));
/// config.validate()?;
/// # Ok::<(), bedrock_llm_schema::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CircuitBreakerConfig {
    /// The share of failed calls in the window from which the circuit opens: above 0, at most 1. Default 0.5.
    pub failure_rate: f64,
    /// From when a call is slow: until its answer is whole or its stream opens. Default none: models think for
    /// minutes.
    #[serde(with = "humantime_serde")]
    pub slow_call: Option<Duration>,
    /// The share of slow calls in the window from which the circuit opens: above 0, at most 1. Default 1. Without
    /// [`slow_call`](Self::slow_call) no call is slow.
    pub slow_call_rate: f64,
    /// The share of throttled calls in the window from which the circuit opens: above 0, at most 1. Default none: a
    /// model that throttles is alive, and a throttled call counts for nothing.
    pub throttle_rate: Option<f64>,
    /// How far back the window looks. Default 60 s.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// How many calls the window looks back: 1 to 100,000. Default 100.
    pub window_calls: u32,
    /// The fewest calls in the window for the circuit to open: at least 1, at most
    /// [`window_calls`](Self::window_calls). Default 20.
    pub min_calls: u32,
    /// How long an open circuit refuses every call before it lets probes through. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub open_for: Duration,
    /// How many probes a half-open circuit lets through at a time, and how many must succeed to close it: at least 1.
    /// Default 3.
    pub half_open_probes: u32,
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        Self {
            failure_rate: 0.5,
            slow_call: None,
            slow_call_rate: 1.0,
            throttle_rate: None,
            window: Duration::from_secs(60),
            window_calls: 100,
            min_calls: 20,
            open_for: Duration::from_secs(30),
            half_open_probes: 3,
        }
    }
}

impl CircuitBreakerConfig {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the share of failed calls from which a circuit opens.
    #[must_use]
    pub fn failure_rate(mut self, share: f64) -> Self {
        self.failure_rate = share;
        self
    }

    /// Sets from when a call is slow, and the share of slow calls from which a circuit opens.
    #[must_use]
    pub fn slow_calls(mut self, from: Duration, share: f64) -> Self {
        self.slow_call = Some(from);
        self.slow_call_rate = share;
        self
    }

    /// Sets the share of throttled calls from which a circuit opens; `None` lets throttled calls count for nothing.
    #[must_use]
    pub fn throttle_rate(mut self, share: impl Into<Option<f64>>) -> Self {
        self.throttle_rate = share.into();
        self
    }

    /// Sets how far back the window looks: so long, and so many calls.
    #[must_use]
    pub fn window(mut self, span: Duration, calls: u32) -> Self {
        self.window = span;
        self.window_calls = calls;
        self
    }

    /// Sets the fewest calls in the window for a circuit to open.
    #[must_use]
    pub fn min_calls(mut self, calls: u32) -> Self {
        self.min_calls = calls;
        self
    }

    /// Sets how long an open circuit refuses every call.
    #[must_use]
    pub fn open_for(mut self, time: Duration) -> Self {
        self.open_for = time;
        self
    }

    /// Sets how many probes go through at a time and must succeed.
    #[must_use]
    pub fn half_open_probes(mut self, probes: u32) -> Self {
        self.half_open_probes = probes;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Config`](bedrock_llm_schema::ErrorKind::Config) names the first setting that cannot work.
    pub fn validate(&self) -> Result<(), Error> {
        let shares = [
            ("failure_rate", Some(self.failure_rate)),
            ("slow_call_rate", Some(self.slow_call_rate)),
            ("throttle_rate", self.throttle_rate),
        ];
        // a comparison that NaN fails too
        let is_share = |share: f64| share > 0.0 && share <= 1.0;
        if let Some((name, _)) = shares.iter().find(|(_, share)| share.is_some_and(|s| !is_share(s))) {
            return Err(cannot_work(name, "a share is above 0 and at most 1"));
        }
        let times =
            [("slow_call", self.slow_call), ("window", Some(self.window)), ("open_for", Some(self.open_for))];
        let is_time = |time: Duration| !time.is_zero() && time <= LONGEST;
        if let Some((name, _)) = times.iter().find(|(_, time)| time.is_some_and(|time| !is_time(time))) {
            return Err(cannot_work(name, "a time is above zero and at most a day"));
        }
        if self.window_calls == 0 || self.window_calls > MOST_CALLS {
            return Err(cannot_work("window_calls", "it is 1 to 100,000"));
        }
        if self.min_calls == 0 || self.min_calls > self.window_calls {
            return Err(cannot_work("min_calls", "it is 1 to `window_calls`"));
        }
        if self.half_open_probes == 0 {
            return Err(cannot_work("half_open_probes", "without a probe an open circuit never closes"));
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
        let config = CircuitBreakerConfig::new;
        config().validate().unwrap();
        for (bad, name) in [
            (config().failure_rate(0.0), "failure_rate"),
            (config().failure_rate(f64::NAN), "failure_rate"),
            (config().slow_calls(Duration::from_secs(1), 1.1), "slow_call_rate"),
            (config().slow_calls(Duration::ZERO, 1.0), "slow_call"),
            (config().throttle_rate(-1.0), "throttle_rate"),
            (config().window(Duration::ZERO, 10), "window"),
            (config().open_for(Duration::MAX), "open_for"),
            (config().window(Duration::from_secs(1), 0), "window_calls"),
            (config().window(Duration::from_secs(1), 5), "min_calls"),
            (config().min_calls(0), "min_calls"),
            (config().open_for(Duration::ZERO), "open_for"),
            (config().half_open_probes(0), "half_open_probes"),
        ] {
            let error = bad.validate().unwrap_err();
            assert!(error.message().contains(&format!("`{name}`")), "{name}: {error}");
        }
    }

    #[test]
    fn it_is_read_from_text() {
        let read = serde_json::from_value::<CircuitBreakerConfig>;
        let config = read(json!({"failure_rate": 0.25, "slow_call": "30s", "open_for": "1m"})).unwrap();
        let wanted = CircuitBreakerConfig::new()
            .failure_rate(0.25)
            .slow_calls(Duration::from_secs(30), 1.0)
            .open_for(Duration::from_secs(60));
        assert_eq!(config, wanted);
        assert!(read(json!({"failure_rat": 0.25})).is_err());
    }
}
