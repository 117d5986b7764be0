//! Turns to another model or region when one does not answer.

mod config;
mod fence;
mod fit;
mod handle;
mod health;
mod route;
mod service;
mod table;
mod warmth;

use std::fmt;
use std::sync::Arc;

use bedrock_llm_schema::{Catalog, Error, Normalizer};
use tower::Layer;

pub use config::{FailoverConfig, FailoverTarget};
use fence::Fence;
pub use handle::{FailingPlace, FailoverHandle};
use route::{Memory, Settings};
pub use service::{Failover, FailoverFuture};

/// Turns to another model or region when one does not answer.
///
/// A call begins *at home*, its own model and region. The rule:
///
/// 1. **Who is next.** The targets of [`FailoverConfig::models`] for the call's model, else
///    [`FailoverConfig::targets`], in order. A target is passed over where it is outside the fence, where it is known
///    not to take the request (its window is too small by estimate, or the [rules](bedrock_llm_schema::rules) refuse
///    the request as normalised for it: tools, images, documents, …; what is not known of a model is no lack), and where
///    it cools down. Native bodies and counts of tokens go to the same model elsewhere only.
/// 2. **The fence** holds for moves, not for where the caller sends a call itself. Inside is what a profile's prefix and
///    the region say: `eu.` in `eu-west-1` is in `eu`. A model without a prefix stays in its region. A `global.` profile is
///    inside only where `global` is named. Whatever cannot be told is outside: an application inference profile whose
///    base model is not in the catalog, a model without a prefix in a region that nobody names
///    ([`FailoverConfig::home_region`]).
/// 3. **What moves on.**
///
///    | error | moves on | counts against the place |
///    |---|---|---|
///    | `Throttled`, `Unavailable`, `Internal`, `ModelNotReady`, `ModelTimeout`, `Connect`, a stream that breaks before its first event | yes | yes |
///    | `Throttled` for the day, `QuotaExceeded` | yes | cools down at once |
///    | `CircuitOpen`, `Overloaded`, `ModelError` | yes | no |
///    | `Timeout` before a stream's first event | yes | yes |
///    | other `Timeout`s | with [`timeouts`](FailoverConfig::timeouts), else they may be paid twice | yes |
///    | `AccessDenied`, `NotFound`, `InvalidModelId`, `InferenceProfileRequired` | with [`access`](FailoverConfig::access) | cools down at once |
///    | `ContextOverflow` | with [`context_overflow`](FailoverConfig::context_overflow), to models known to take more | no |
///    | all others: what another would refuse as well, or the caller should see | no | no |
///
///    [`moves_if`](Self::moves_if) overrides it.
/// 4. **Health.** After [`failures`](FailoverConfig::failures) within [`window`](FailoverConfig::window) a model in a
///    region cools down: calls pass it over for [`cooldown`](FailoverConfig::cooldown), also as a home. Then one call
///    probes it; others stay away for another cool-down, or until the probe's answer is whole. An answer clears the count.
///    So calls return home by
///    themselves. Where home cools down and no target is left, home is asked all the same. Counts of tokens have no part
///    in this.
/// 5. **At home while a prompt cache is warm.** Usage tells that a conversation's beginning (its tools, system prompt and
///    first turn) was read from or written to the cache of a model in a region, and for how long it stays. When home
///    is throttled, says `Retry-After` of at most [`home_wait`](FailoverConfig::home_wait), and is still warm then, the
///    call waits there once if
///
///    seconds × [`second_price`](FailoverConfig::second_price) ≤ cached tokens × (price of a cache write − of a cache
///    read)
///
///    at the home model's prices in the catalog; where they are not known, it moves on.
/// 6. **Streams** move on until their first event, for which the call waits. What breaks later ends the stream and counts
///    against the place.
///
/// The answer says who gave it and who did not ([`AnsweredBy`](bedrock_llm_schema::AnsweredBy)); the last error's hint
/// does. Nothing is begun past the call's [deadline](super::deadline).
///
/// Goes *inside* cache and deadline, and *outside* [`PrepareLayer`](super::PrepareLayer), since each model has its own
/// form, and retry, since a home must not be left for what a short pause mends. A request is cloned only where it has
/// somewhere to go: send a [`Call`](bedrock_llm_schema::Call), whose clones share the content; only a `Call` can be sent
/// to another region. Does not cover readiness: a service that is not ready holds a call back wherever it would go.
/// Cancellation: dropping the future ends the attempt or the wait; a probe that is dropped frees its place after a
/// cool-down.
///
/// ```
/// use bedrock_llm_client::layers::{FailoverConfig, FailoverLayer, FailoverTarget, RetryConfig, RetryLayer};
/// use tower::ServiceBuilder;
///
/// let config = FailoverConfig::default()
///     .fence(["eu"])
///     .target(FailoverTarget::region("eu-central-1"))
///     .target(FailoverTarget::model("eu.amazon.nova-pro-v1:0"));
/// let failover = FailoverLayer::new(config)?;
/// let handle = failover.handle();
/// let builder = ServiceBuilder::new().layer(failover).layer(RetryLayer::new(RetryConfig::default())?);
/// assert!(handle.failing().is_empty());
/// # Ok::<(), bedrock_llm_schema::Error>(())
/// ```
#[derive(Clone)]
pub struct FailoverLayer {
    settings: Arc<Settings>,
    memory: Arc<Memory>,
}

impl FailoverLayer {
    /// By this configuration. All services the layer makes share what they remember.
    ///
    /// # Errors
    /// [`Config`](bedrock_llm_schema::ErrorKind::Config) names the setting that is wrong, such as a target that is
    /// outside the fence.
    pub fn new(config: FailoverConfig) -> Result<Self, Error> {
        config.validate()?;
        let fence = Fence::new(&config.fence);
        let normalizer = Normalizer::new();
        let settings = Settings { config, fence, catalog: None, normalizer, rule: None };
        Ok(Self { settings: Arc::new(settings), memory: Arc::default() })
    }

    /// Puts the caller's facts in the place of the built-in ones.
    #[must_use]
    pub fn catalog(mut self, catalog: impl Into<Arc<Catalog>>) -> Self {
        Arc::make_mut(&mut self.settings).catalog = Some(catalog.into());
        self
    }

    /// Sets how a chat would be normalised for a target; what that leaves for the rules to refuse, the target lacks.
    #[must_use]
    pub fn normalizer(mut self, normalizer: Normalizer) -> Self {
        Arc::make_mut(&mut self.settings).normalizer = normalizer;
        self
    }

    /// Overrides which errors move on; `None` leaves it to the table. What the table lets count against a place does so
    /// where the call moves on.
    #[must_use]
    pub fn moves_if(mut self, rule: impl Fn(&Error) -> Option<bool> + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.settings).rule = Some(Arc::new(rule));
        self
    }

    /// What looks at how models in regions have been.
    #[must_use]
    pub fn handle(&self) -> FailoverHandle {
        FailoverHandle::new(Arc::clone(&self.memory))
    }
}

impl fmt::Debug for FailoverLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverLayer").field("config", &self.settings.config).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for FailoverLayer {
    type Service = Failover<S>;

    fn layer(&self, inner: S) -> Failover<S> {
        Failover::new(inner, Arc::clone(&self.settings), Arc::clone(&self.memory))
    }
}

#[cfg(test)]
mod tests;
