//! What the builder was told of layers, made into them when the client is built.

use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_schema::{Error, StreamRecovery};

use super::Layers;
use super::settings::bad;
use crate::bedrock::Preparation;
use crate::layers::{
    AttemptTimeoutLayer, CacheConfig, CacheLayer, CircuitBreakerConfig, CircuitBreakerLayer,
    ConcurrencyConfig, ConcurrencyLayer, DeadlineLayer, FailoverConfig, FailoverLayer, RateLimitConfig,
    RateLimitLayer, RecoveryLayer, RetryConfig, RetryLayer, StreamTimeoutLayer,
};

/// The longest a call may take. Models that think do so for minutes, and AWS names 60 minutes as the limit for
/// inference with them.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// How long a stream may be silent. Healthy gaps of 57 s have been seen; 60 s is too short.
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(120);

type RetryRule = Arc<dyn Fn(&Error) -> bool + Send + Sync>;

/// Settings of layers; `None` is the default.
#[derive(Clone, Default)]
pub(super) struct LayerSettings {
    /// Whether there are no layers at all.
    pub(super) bare: bool,
    pub(super) operation_timeout: Option<Duration>,
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) first_event_timeout: Option<Duration>,
    pub(super) stream_idle_timeout: Option<Option<Duration>>,
    pub(super) retry: Option<RetryConfig>,
    pub(super) retry_rule: Option<RetryRule>,
    pub(super) recovery: Option<StreamRecovery>,
    pub(super) cache: Option<CacheConfig>,
    pub(super) failover: Option<FailoverConfig>,
    pub(super) circuit_breaker: Option<Option<CircuitBreakerConfig>>,
    pub(super) rate_limit: Option<RateLimitConfig>,
    pub(super) concurrency: Option<ConcurrencyConfig>,
    pub(super) chat_by_stream: bool,
}

impl LayerSettings {
    /// The layers; none for a bare client.
    ///
    /// `home` is the client's region, and what chats are made ready by is the client's, too.
    pub(super) fn resolve(
        self,
        home: Option<&str>,
        preparation: &Preparation,
    ) -> Result<Option<Layers>, Error> {
        if self.bare {
            return match self.first_given() {
                Some(name) => Err(bad(name, "`Client::bare` has no layers; begin with `Client::builder`")),
                None => Ok(None),
            };
        }
        let limits = [
            ("operation_timeout", self.operation_timeout),
            ("attempt_timeout", self.attempt_timeout),
            ("first_event_timeout", self.first_event_timeout),
            ("stream_idle_timeout", self.stream_idle_timeout.flatten()),
        ];
        if let Some((name, _)) = limits.iter().find(|(_, limit)| limit.is_some_and(|limit| limit.is_zero())) {
            return Err(bad(name, "zero would fail every call; leave it out instead"));
        }
        let mut retry = RetryLayer::new(self.retry.unwrap_or_default())?;
        if let Some(rule) = self.retry_rule {
            retry = retry.retry_if(move |error| rule(error));
        }
        let mut recovery = RecoveryLayer::new(self.recovery.unwrap_or_default());
        let mut failover = self.failover.map(|config| failover(config, home, preparation)).transpose()?;
        let mut rate_limit = self.rate_limit.map(RateLimitLayer::new).transpose()?;
        if let Some(catalog) = &preparation.catalog {
            recovery = recovery.catalog(Arc::clone(catalog));
            failover = failover.map(|layer| layer.catalog(Arc::clone(catalog)));
            rate_limit = rate_limit.map(|layer| layer.catalog(Arc::clone(catalog)));
        }
        let circuit_breaker = self.circuit_breaker.unwrap_or_else(|| Some(CircuitBreakerConfig::default()));
        Ok(Some(Layers {
            deadline: DeadlineLayer::new(self.operation_timeout.unwrap_or(OPERATION_TIMEOUT)),
            cache: self.cache.map(CacheLayer::new).transpose()?,
            recovery,
            failover,
            retry,
            circuit_breaker: circuit_breaker.map(CircuitBreakerLayer::new).transpose()?,
            rate_limit,
            concurrency: self.concurrency.map(ConcurrencyLayer::new).transpose()?,
            stream_timeout: StreamTimeoutLayer::new()
                .first_event(self.first_event_timeout)
                .idle(self.stream_idle_timeout.unwrap_or(Some(STREAM_IDLE_TIMEOUT))),
            attempt_timeout: AttemptTimeoutLayer::new(self.attempt_timeout),
        }))
    }

    /// A setting that was given and needs a layer.
    fn first_given(&self) -> Option<&'static str> {
        [
            ("operation_timeout", self.operation_timeout.is_some()),
            ("attempt_timeout", self.attempt_timeout.is_some()),
            ("first_event_timeout", self.first_event_timeout.is_some()),
            ("stream_idle_timeout", self.stream_idle_timeout.is_some()),
            ("retry", self.retry.is_some()),
            ("retry_if", self.retry_rule.is_some()),
            ("stream_recovery", self.recovery.is_some()),
            ("cache", self.cache.is_some()),
            ("failover", self.failover.is_some()),
            ("circuit_breaker", self.circuit_breaker.is_some()),
            ("rate_limit", self.rate_limit.is_some()),
            ("concurrency", self.concurrency.is_some()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }
}

fn failover(
    mut config: FailoverConfig,
    home: Option<&str>,
    preparation: &Preparation,
) -> Result<FailoverLayer, Error> {
    config.home_region = config.home_region.or_else(|| home.map(str::to_owned));
    Ok(FailoverLayer::new(config)?.normalizer(preparation.normalizer.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(settings: LayerSettings) -> Result<Option<Layers>, Error> {
        settings.resolve(Some("us-east-1"), &Preparation::default())
    }

    fn complaint(settings: LayerSettings) -> String {
        resolve(settings).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_bad_setting_is_named() {
        assert!(resolve(LayerSettings::default()).unwrap().is_some());
        let zero =
            LayerSettings { stream_idle_timeout: Some(Some(Duration::ZERO)), ..LayerSettings::default() };
        assert!(complaint(zero).contains("`stream_idle_timeout`"));
        let forever = LayerSettings { stream_idle_timeout: Some(None), ..LayerSettings::default() };
        assert!(resolve(forever).is_ok());
        let none = RetryConfig::default().max_attempts(0);
        assert!(
            complaint(LayerSettings { retry: Some(none), ..LayerSettings::default() })
                .contains("max_attempts")
        );
    }

    #[test]
    fn a_bare_client_ignores_no_setting() {
        let bare = || LayerSettings { bare: true, ..LayerSettings::default() };
        assert!(resolve(bare()).unwrap().is_none());
        let bad = FailoverConfig { failures: 0, ..FailoverConfig::default() };
        assert!(
            complaint(LayerSettings { failover: Some(bad), ..LayerSettings::default() }).contains("failures")
        );
        let retry = Some(RetryConfig::default());
        assert!(complaint(LayerSettings { retry, ..bare() }).contains("`retry`"));
    }
}
