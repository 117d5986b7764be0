//! What the builder was told of layers, made into them when the client is built.

use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_schema::{Catalog, Error, StreamRecovery};

use super::Layers;
use super::settings::bad;
use crate::layers::{
    AttemptTimeoutLayer, DeadlineLayer, RecoveryLayer, RetryConfig, RetryLayer, StreamTimeoutLayer,
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
    pub(super) chat_by_stream: bool,
}

impl LayerSettings {
    /// The layers; none for a bare client.
    pub(super) fn resolve(self, catalog: Option<Arc<Catalog>>) -> Result<Option<Layers>, Error> {
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
        if let Some(catalog) = catalog {
            recovery = recovery.catalog(catalog);
        }
        Ok(Some(Layers {
            deadline: DeadlineLayer::new(self.operation_timeout.unwrap_or(OPERATION_TIMEOUT)),
            recovery,
            retry,
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
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(settings: LayerSettings) -> String {
        settings.resolve(None).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_bad_setting_is_named() {
        assert!(LayerSettings::default().resolve(None).unwrap().is_some());
        let zero =
            LayerSettings { stream_idle_timeout: Some(Some(Duration::ZERO)), ..LayerSettings::default() };
        assert!(complaint(zero).contains("`stream_idle_timeout`"));
        let forever = LayerSettings { stream_idle_timeout: Some(None), ..LayerSettings::default() };
        assert!(forever.resolve(None).is_ok());
        let none = RetryConfig::default().max_attempts(0);
        assert!(
            complaint(LayerSettings { retry: Some(none), ..LayerSettings::default() })
                .contains("max_attempts")
        );
    }

    #[test]
    fn a_bare_client_ignores_no_setting() {
        let bare = || LayerSettings { bare: true, ..LayerSettings::default() };
        assert!(bare().resolve(None).unwrap().is_none());
        let retry = Some(RetryConfig::default());
        assert!(complaint(LayerSettings { retry, ..bare() }).contains("`retry`"));
    }
}
