//! How much may be asked of each model, and how long a call may wait for it.

use std::time::Duration;

use bedrock_llm_schema::{Error, ModelId};
use serde::{Deserialize, Serialize};

use crate::layers::setting::cannot_work;

/// The longest wait that can be set.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How much may be asked of each model, and how long a call may wait for it.
///
/// As text, with the limits of all models at the top and those of single models in tables:
///
/// ```toml
/// requests_per_minute = 200
/// max_wait = "20s"
///
/// [[limits]]
/// model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
/// requests_per_minute = 50
/// tokens_per_minute = 200000
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RateLimitConfig {
    /// Requests per minute of every model without limits of its own: at least 1. Default none.
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute of every model without limits of its own: at least 1. Default none.
    pub tokens_per_minute: Option<u32>,
    /// Limits of single models.
    pub limits: Vec<ModelLimits>,
    /// Whether a model that throttles is asked less, and then slowly more again. Default `true`.
    pub adaptive: bool,
    /// How long a call may wait for its turn. Zero lets none wait, a day is the most. Default 60 s.
    #[serde(with = "humantime_serde")]
    pub max_wait: Duration,
}

/// The limits of one model. What an entry does not say is unlimited: it stands in the place of the limits for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelLimits {
    /// The model or inference profile, as calls name it: an account has a quota of its own for each.
    pub model: ModelId,
    /// The region the limits are for, as calls name it; `None` is every region that has no entry of its own.
    #[serde(default)]
    pub region: Option<String>,
    /// Requests per minute: at least 1.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute: at least 1.
    #[serde(default)]
    pub tokens_per_minute: Option<u32>,
    /// How many tokens of the quota one output token burns; `None` takes it from the model's profile
    /// (`quota.output_burndown`).
    #[serde(default)]
    pub output_burndown: Option<u32>,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self {
            requests_per_minute: None,
            tokens_per_minute: None,
            limits: Vec::new(),
            adaptive: true,
            max_wait: Duration::from_secs(60),
        }
    }
}

impl RateLimitConfig {
    /// The defaults: no limit, and adaptive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the requests per minute of every model without limits of its own.
    #[must_use]
    pub fn requests_per_minute(mut self, requests: u32) -> Self {
        self.requests_per_minute = Some(requests);
        self
    }

    /// Sets the tokens per minute of every model without limits of its own.
    #[must_use]
    pub fn tokens_per_minute(mut self, tokens: u32) -> Self {
        self.tokens_per_minute = Some(tokens);
        self
    }

    /// Adds the limits of one model.
    #[must_use]
    pub fn limit(mut self, limits: ModelLimits) -> Self {
        self.limits.push(limits);
        self
    }

    /// Sets whether a model that throttles is asked less.
    #[must_use]
    pub fn adaptive(mut self, adaptive: bool) -> Self {
        self.adaptive = adaptive;
        self
    }

    /// Sets how long a call may wait for its turn.
    #[must_use]
    pub fn max_wait(mut self, limit: Duration) -> Self {
        self.max_wait = limit;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Config`](bedrock_llm_schema::ErrorKind::Config) names the first setting that cannot work.
    pub fn validate(&self) -> Result<(), Error> {
        check("", self.requests_per_minute, self.tokens_per_minute)?;
        if self.max_wait > LONGEST {
            return Err(cannot_work("max_wait", "a wait is at most a day"));
        }
        for (number, limits) in self.limits.iter().enumerate() {
            let prefix = format!("limits[{number}].");
            if limits.model.is_empty() {
                return Err(cannot_work(&format!("{prefix}model"), "it names no model"));
            }
            check(&prefix, limits.requests_per_minute, limits.tokens_per_minute)?;
            if limits.output_burndown == Some(0) {
                return Err(cannot_work(&format!("{prefix}output_burndown"), "no output token is free"));
            }
            let same = |other: &ModelLimits| other.model == limits.model && other.region == limits.region;
            if self.limits.iter().take(number).any(same) {
                return Err(cannot_work(&format!("{prefix}model"), "it has an entry already"));
            }
        }
        Ok(())
    }

    /// The limits of a model in a region.
    pub(super) fn of(&self, model: &ModelId, region: Option<&str>) -> ModelLimits {
        let entries = || self.limits.iter().filter(|limits| limits.model == *model);
        let exact = entries().find(|limits| limits.region.as_deref() == region);
        let own = exact.or_else(|| entries().find(|limits| limits.region.is_none()));
        own.cloned().unwrap_or_else(|| ModelLimits {
            model: model.clone(),
            region: None,
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
            output_burndown: None,
        })
    }
}

impl ModelLimits {
    /// A model without limits.
    #[must_use]
    pub fn new(model: impl Into<ModelId>) -> Self {
        Self {
            model: model.into(),
            region: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            output_burndown: None,
        }
    }

    /// Sets the region the limits are for.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sets the requests per minute.
    #[must_use]
    pub fn requests_per_minute(mut self, requests: u32) -> Self {
        self.requests_per_minute = Some(requests);
        self
    }

    /// Sets the tokens per minute.
    #[must_use]
    pub fn tokens_per_minute(mut self, tokens: u32) -> Self {
        self.tokens_per_minute = Some(tokens);
        self
    }

    /// Sets how many tokens of the quota one output token burns.
    #[must_use]
    pub fn output_burndown(mut self, tokens: u32) -> Self {
        self.output_burndown = Some(tokens);
        self
    }
}

fn check(prefix: &str, requests: Option<u32>, tokens: Option<u32>) -> Result<(), Error> {
    for (name, limit) in [("requests_per_minute", requests), ("tokens_per_minute", tokens)] {
        if limit == Some(0) {
            return Err(cannot_work(&format!("{prefix}{name}"), "zero lets nothing through"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_entry_for_the_region_comes_before_the_one_for_all() {
        let config = RateLimitConfig::new()
            .requests_per_minute(9)
            .limit(ModelLimits::new("m").requests_per_minute(1))
            .limit(ModelLimits::new("m").region("eu-west-1").tokens_per_minute(2));
        let of = |model: &str, region| {
            let limits = config.of(&model.into(), region);
            (limits.requests_per_minute, limits.tokens_per_minute)
        };
        assert_eq!(of("m", Some("eu-west-1")), (None, Some(2)));
        assert_eq!(of("m", Some("us-east-1")), (Some(1), None));
        assert_eq!(of("m", None), (Some(1), None));
        assert_eq!(of("n", None), (Some(9), None));
    }

    #[test]
    fn a_setting_that_cannot_work_is_named() {
        for (config, name) in [
            (RateLimitConfig::new().requests_per_minute(0), "`requests_per_minute`"),
            (RateLimitConfig::new().max_wait(Duration::MAX), "`max_wait`"),
            (
                RateLimitConfig::new().limit(ModelLimits::new("m").tokens_per_minute(0)),
                "`limits[0].tokens_per_minute`",
            ),
            (RateLimitConfig::new().limit(ModelLimits::new("")), "`limits[0].model`"),
            (
                RateLimitConfig::new().limit(ModelLimits::new("m").output_burndown(0)),
                "`limits[0].output_burndown`",
            ),
            (
                RateLimitConfig::new().limit(ModelLimits::new("m")).limit(ModelLimits::new("m")),
                "`limits[1].model`",
            ),
        ] {
            let error = config.validate().unwrap_err();
            assert!(error.message().contains(name), "{name}: {error}");
        }
    }

    #[test]
    fn it_is_read_from_text() {
        let read = serde_json::from_value::<RateLimitConfig>;
        let config =
            read(json!({"max_wait": "5s", "limits": [{"model": "m", "tokens_per_minute": 5}]})).unwrap();
        let wanted = RateLimitConfig::new()
            .max_wait(Duration::from_secs(5))
            .limit(ModelLimits::new("m").tokens_per_minute(5));
        assert_eq!(config, wanted);
        assert!(read(json!({"limits": [{"model": "m", "tpm": 5}]})).is_err());
    }
}
