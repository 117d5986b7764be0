//! The layer and what its services share.

use std::sync::Arc;

use bedrock_llm_schema::{Error, ModelId};
use tower::Layer;

use super::breaker::Breaker;
use super::{CircuitBreaker, CircuitBreakerConfig, CircuitBreakerHandle};
use crate::layers::by_target::ByTarget;

/// Refuses calls to a model that fails, until a few probes have succeeded.
///
/// There is one circuit for each model and region. What it does:
///
/// - **Closed**: calls pass. It looks back on the latest calls, and opens when there are enough of them and the share
///   of those that failed, or were slow, is reached ([`CircuitBreakerConfig`]).
/// - **Open**: calls fail at once with [`CircuitOpen`](bedrock_llm_schema::ErrorKind::CircuitOpen), which says in how long
///   to come again ([`Error::retry_after`]).
/// - **Half-open**, after that time: a few probes pass, the rest is refused. When enough have succeeded the circuit
///   closes; when one fails, is slow, or is throttled where that counts, it opens again. A probe that has not ended after
///   [`open_for`](CircuitBreakerConfig::open_for) gives its place to another.
///
/// What counts:
///
/// - **Failures** are those of the model, the service and the way there: `Internal`, `Unavailable`, `ModelNotReady`,
///   `ModelTimeout`, `ModelStreamError`, `Connect`, `Tls`, `Timeout`, `StreamStalled`, `StreamTruncated`.
/// - **Throttled** calls count for nothing, since a model that throttles is alive; with
///   [`throttle_rate`](CircuitBreakerConfig::throttle_rate) they have a share of their own.
/// - **Everything else** counts for nothing either: what is wrong with the request, with credentials or quotas, what
///   another layer refuses, and a call that is dropped.
/// - **Streams** count when they end: read to the end they have succeeded, broken they have failed, dropped they count
///   for nothing. They are slow when they *open* late.
/// - A call that began before the circuit last changed tells nothing about it now.
/// - Operations that no model answers (CountTokens, ApplyGuardrail) pass untouched.
///
/// Goes *inside* retry, so that every attempt counts and none is sent to a circuit that has opened meanwhile, and
/// inside failover, which moves on at once then. *Outside* it a whole failover would count as one call. Does not cover
/// readiness; calls that wait further in when it opens, for a place or for quota, still go. Cancellation: a dropped call gives its probe's place back. At most 1024 circuits are kept: the longest unused
/// that has nothing to look back on gives way, and where there is none the newcomer's calls pass uncounted.
///
/// Why not a crate: `failsafe` and `tower-resilience-circuitbreaker` have one circuit for all keys, and neither waits
/// for a stream's end.
///
/// ```
/// use bedrock_llm_client::layers::{CircuitBreakerConfig, CircuitBreakerLayer, CircuitState};
/// use tower::ServiceBuilder;
///
/// let breaker = CircuitBreakerLayer::new(CircuitBreakerConfig::new().failure_rate(0.4))?;
/// let handle = breaker.handle();
/// let builder = ServiceBuilder::new().layer(breaker);
/// assert_eq!(handle.state(&"amazon.nova-lite-v1:0".into(), None), CircuitState::Closed);
/// # Ok::<(), bedrock_llm_schema::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CircuitBreakerLayer {
    shared: Arc<Shared>,
}

/// What the services of one layer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Arc<CircuitBreakerConfig>,
    pub(super) circuits: ByTarget<Breaker>,
}

impl Shared {
    pub(super) fn breaker(&self, model: &ModelId, region: Option<&str>) -> Option<Arc<Breaker>> {
        let make = |region| Breaker::new(model.clone(), region, Arc::clone(&self.config));
        self.circuits.get_or_make(model, region, make)
    }
}

impl CircuitBreakerLayer {
    /// With these settings.
    ///
    /// # Errors
    /// See [`CircuitBreakerConfig::validate`].
    pub fn new(config: CircuitBreakerConfig) -> Result<Self, Error> {
        config.validate()?;
        Ok(Self { shared: Arc::new(Shared { config: Arc::new(config), circuits: ByTarget::new() }) })
    }

    /// Reads and forces the circuits of all services this layer makes.
    #[must_use]
    pub fn handle(&self) -> CircuitBreakerHandle {
        CircuitBreakerHandle { shared: Arc::clone(&self.shared) }
    }
}

impl<S> Layer<S> for CircuitBreakerLayer {
    type Service = CircuitBreaker<S>;

    fn layer(&self, inner: S) -> CircuitBreaker<S> {
        CircuitBreaker { inner, shared: Arc::clone(&self.shared) }
    }
}
