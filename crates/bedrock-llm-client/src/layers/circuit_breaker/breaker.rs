//! The circuit of one model in one region, shared by the calls that go there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bedrock_llm_schema::{Error, ErrorKind, ModelId};
use tokio::time::Instant;
use tracing::{info, warn};

use super::circuit::{Change, Circuit, Pass};
use super::window::Outcome;
use super::{CircuitBreakerConfig, CircuitState, CircuitStatus};
use crate::layers::by_target::Idle;

/// The circuit of one model in one region.
#[derive(Debug)]
pub(super) struct Breaker {
    model: ModelId,
    region: Option<Arc<str>>,
    config: Arc<CircuitBreakerConfig>,
    circuit: Mutex<Circuit>,
}

impl Breaker {
    pub(super) fn new(model: ModelId, region: Option<Arc<str>>, config: Arc<CircuitBreakerConfig>) -> Self {
        Self { model, region, config, circuit: Mutex::new(Circuit::new()) }
    }

    pub(super) fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> CircuitStatus {
        let now = Instant::now();
        let mut circuit = self.circuit();
        let counts = circuit.counts(now, &self.config);
        CircuitStatus {
            model: self.model.clone(),
            region: self.region.as_deref().map(str::to_owned),
            state: circuit.state(now),
            calls: counts.calls,
            failed: counts.failed,
            slow: counts.slow,
            throttled: counts.throttled,
        }
    }

    /// Leave to call.
    pub(super) fn admit(self: Arc<Self>) -> Result<Ticket, Error> {
        let now = Instant::now();
        let admission = self.circuit().admit(now, &self.config);
        match admission {
            Ok(pass) => Ok(Ticket { breaker: self, pass: Some(pass), began: now, slow: false }),
            Err(wait) => Err(self.refusal(wait)),
        }
    }

    fn refusal(&self, wait: Option<Duration>) -> Error {
        let place = self.region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default();
        let error = |message| Error::new(ErrorKind::CircuitOpen, message).with_model_if_none(&self.model);
        match wait {
            Some(wait) => error(format!(
                "too many of the latest calls{place} failed; the next probe goes in {wait:.1?}"
            ))
            .with_retry_after(wait)
            .with_hint("wait, or ask another model or region"),
            None => error(format!("the circuit{place} was opened by hand"))
                .with_hint("reset it through the `CircuitBreakerHandle`"),
        }
    }

    fn tell(&self, change: Change) {
        let (model, region) = (self.model.as_str(), self.region.as_deref());
        match change {
            Change::Opened(counts) => warn!(
                model,
                region,
                calls = counts.calls,
                failed = counts.failed,
                slow = counts.slow,
                throttled = counts.throttled,
                open_for = ?self.config.open_for,
                "circuit opened"
            ),
            Change::ReOpened => {
                warn!(model, region, open_for = ?self.config.open_for, "circuit opened again: a probe failed");
            }
            Change::Closed => info!(model, region, "circuit closed: the probes succeeded"),
        }
    }
}

impl Idle for Breaker {
    fn is_idle(&self) -> bool {
        let now = Instant::now();
        let mut circuit = self.circuit();
        circuit.state(now) == CircuitState::Closed && circuit.counts(now, &self.config).calls == 0
    }
}

/// A call under way. Dropped without an outcome it gives a probe's place back and counts for nothing.
#[derive(Debug)]
pub(super) struct Ticket {
    breaker: Arc<Breaker>,
    pass: Option<Pass>,
    began: Instant,
    slow: bool,
}

impl Ticket {
    /// The answer is there, or its stream is open, or it failed before that.
    pub(super) fn answered(&mut self) {
        self.slow = self.breaker.config.slow_call.is_some_and(|limit| self.began.elapsed() >= limit);
    }

    pub(super) fn succeeded(self) {
        self.settle(Outcome::Succeeded);
    }

    pub(super) fn failed(self, error: &Error) {
        match judge(error.kind()) {
            // throttles that count for nothing do so in a half-open circuit as well
            Some(Outcome::Throttled) if self.breaker.config.throttle_rate.is_none() => {}
            Some(outcome) => self.settle(outcome),
            None => {}
        }
    }

    fn settle(mut self, outcome: Outcome) {
        let Some(pass) = self.pass.take() else { return };
        let config = &self.breaker.config;
        let change = self.breaker.circuit().settle(pass, outcome, self.slow, Instant::now(), config);
        if let Some(change) = change {
            self.breaker.tell(change);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.breaker.circuit().release(pass);
        }
    }
}

/// What an error says of the model's health; `None` where it says nothing.
fn judge(kind: &ErrorKind) -> Option<Outcome> {
    match kind {
        ErrorKind::Throttled(_) => Some(Outcome::Throttled),
        ErrorKind::ModelNotReady
        | ErrorKind::ModelTimeout
        | ErrorKind::ModelStreamError
        | ErrorKind::Internal
        | ErrorKind::Unavailable
        | ErrorKind::Connect
        | ErrorKind::Tls
        | ErrorKind::Timeout
        | ErrorKind::StreamStalled
        | ErrorKind::StreamTruncated => Some(Outcome::Failed),
        _ => None,
    }
}
