//! Reads and forces circuits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_schema::ModelId;
use tokio::time::Instant;

use super::breaker::Breaker;
use super::layer::Shared;

/// What a call to a model would meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CircuitState {
    /// Calls pass.
    Closed,
    /// Calls are refused.
    Open {
        /// Until a probe may pass.
        retry_after: Duration,
    },
    /// A few calls pass, to see whether the model is well again.
    HalfOpen,
    /// Calls are refused until somebody resets it.
    ForcedOpen,
    /// Calls pass whatever comes of them, until somebody resets it.
    ForcedClosed,
}

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half-open",
            Self::ForcedOpen => "forced open",
            Self::ForcedClosed => "forced closed",
        })
    }
}

/// A circuit and what it looks back on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitStatus {
    /// The model.
    pub model: ModelId,
    /// The region; `None` is the client's own.
    pub region: Option<String>,
    /// What a call would meet.
    pub state: CircuitState,
    /// Calls in the window.
    pub calls: u32,
    /// Those of them that failed.
    pub failed: u32,
    /// Those of them that were slow.
    pub slow: u32,
    /// Those of them that were throttled; always 0 where throttled calls count for nothing.
    pub throttled: u32,
}

/// Reads and forces the circuits of a [`CircuitBreakerLayer`](super::CircuitBreakerLayer). Clones are one handle.
#[derive(Debug, Clone)]
pub struct CircuitBreakerHandle {
    pub(super) shared: Arc<Shared>,
}

impl CircuitBreakerHandle {
    /// What a call to a model would meet; `region` as the calls have it, `None` for the client's own. A circuit that
    /// is not known yet is closed.
    #[must_use]
    pub fn state(&self, model: &ModelId, region: Option<&str>) -> CircuitState {
        let known = self.shared.circuits.get(model, region);
        known.map_or(CircuitState::Closed, |breaker| breaker.circuit().state(Instant::now()))
    }

    /// All circuits that are known, by model and region.
    #[must_use]
    pub fn states(&self) -> Vec<CircuitStatus> {
        let mut all: Vec<_> = self.shared.circuits.all().iter().map(|breaker| breaker.status()).collect();
        all.sort_by(|a, b| (&a.model, &a.region).cmp(&(&b.model, &b.region)));
        all
    }

    /// Refuses all calls to a model until [`reset`](Self::reset).
    pub fn force_open(&self, model: &ModelId, region: Option<&str>) {
        self.with(model, region, |breaker| breaker.circuit().force_open());
    }

    /// Lets all calls to a model pass, whatever comes of them, until [`reset`](Self::reset).
    pub fn force_close(&self, model: &ModelId, region: Option<&str>) {
        self.with(model, region, |breaker| breaker.circuit().force_close());
    }

    /// Closes a circuit that begins anew with nothing to look back on.
    pub fn reset(&self, model: &ModelId, region: Option<&str>) {
        if let Some(breaker) = self.shared.circuits.get(model, region) {
            breaker.circuit().reset();
        }
    }

    fn with(&self, model: &ModelId, region: Option<&str>, act: impl FnOnce(&Breaker)) {
        if let Some(breaker) = self.shared.breaker(model, region) {
            act(&breaker);
        }
    }
}
