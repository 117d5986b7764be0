//! The layer and what its services share.

use std::sync::Arc;

use bedrock_llm_schema::{Catalog, Error, ModelId};
use tower::Layer;

use super::quota::Quota;
use super::{RateLimit, RateLimitConfig, RateLimitHandle};
use crate::layers::by_target::ByTarget;

/// Lets no more through than the quotas of each model admit, counted as Bedrock counts.
///
/// There are requests per minute and tokens per minute for each model and region. Each is a bucket that holds one minute's
/// quota and refills steadily. What counts, after
/// [How tokens are counted](https://docs.aws.amazon.com/bedrock/latest/userguide/quotas-token-burndown.html):
///
/// - **On entry** a call is charged one request, and its input (estimated) plus `max_tokens`. Where that is not set it is the
///   most output the model's profile names, which is what Bedrock reserves. No factor yet.
/// - **At the end** the charge is settled with the usage: `input + cache writes + output × burndown`; cache reads are free.
///   The burndown is the profile's `quota.output_burndown` (5 for Claude 3.7 and 4, else 1) or
///   [`ModelLimits::output_burndown`](super::ModelLimits::output_burndown). What was charged too much is given back at once,
///   what was used beyond is owed. For a stream the end is its end.
/// - **Without usage**: a call that no model can have worked for (throttled, refused, never connected) gives all tokens back. One
///   that may have been worked for, broke, or was dropped keeps its input and gives the output back: less than was
///   burned, perhaps; adaptive mode makes up for it. The request stays counted in each case.
///
/// Who has to wait does so in turn, and no longer than [`max_wait`](RateLimitConfig::max_wait) and the call's
/// [deadline](super::super::deadline::remaining) allow: a wait that would be longer is
/// [`Overloaded`](bedrock_llm_schema::ErrorKind::Overloaded) at once, with [`Error::retry_after`]. What others give back
/// shortens the wait. A call that asks for more than a minute's quota can never pass and fails at once, permanently. One that
/// reserves more than half of it for its output is warned of once per model.
///
/// **Adaptive**: a throttled call halves the rate (at most once a second, and not for calls that were let through before
/// the last cut) and empties the bucket that ran out. Each second brings 2 % of the full rate back. Where nothing is limited, the first throttled call sets a limit on requests at half of the rate seen then,
/// which is gone again when it has grown to twice that rate. Tokens of the day never come back by waiting and cut nothing.
///
/// Operations that no model answers (CountTokens, ApplyGuardrail) pass untouched; they have quotas of their own. Goes
/// *inside* retry, since every attempt is counted, and a call asleep in backoff takes nothing. Does not cover
/// readiness. Cancellation: who waits and is dropped leaves no trace. A future that is kept and not polled when its
/// turn comes holds up those behind it. At most 1024 models are kept apart: the longest unused with nothing to remember
/// gives way, and where there is none the newcomer is not limited.
///
/// Why not `governor`: its limiters cannot give back, be overdrawn, change their rate or tell the wait behind a queue.
///
/// ```
/// use bedrock_llm_client::layers::{ModelLimits, RateLimitConfig, RateLimitLayer};
/// use tower::ServiceBuilder;
///
/// let sonnet = ModelLimits::new("us.anthropic.claude-sonnet-4-5-20250929-v1:0")
///     .requests_per_minute(50)
///     .tokens_per_minute(200_000);
/// let limit = RateLimitLayer::new(RateLimitConfig::new().limit(sonnet))?;
/// let handle = limit.handle();
/// let builder = ServiceBuilder::new().layer(limit);
/// assert!(handle.statuses().is_empty(), "nothing was called yet");
/// # Ok::<(), bedrock_llm_schema::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RateLimitLayer {
    shared: Arc<Shared>,
}

/// What the services of one layer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: RateLimitConfig,
    catalog: Option<Arc<Catalog>>,
    pub(super) quotas: ByTarget<Quota>,
}

impl Shared {
    pub(super) fn quota(&self, model: &ModelId, region: Option<&str>) -> Option<Arc<Quota>> {
        let make = |region: Option<Arc<str>>| {
            let catalog = self.catalog.as_deref().unwrap_or_else(|| Catalog::builtin());
            let limits = self.config.of(model, region.as_deref());
            Quota::new(model.clone(), region, &limits, &catalog.profile(model), self.config.adaptive)
        };
        self.quotas.get_or_make(model, region, make)
    }
}

impl RateLimitLayer {
    /// With these settings, and models as the built-in catalog knows them.
    ///
    /// # Errors
    /// See [`RateLimitConfig::validate`].
    pub fn new(config: RateLimitConfig) -> Result<Self, Error> {
        config.validate()?;
        Ok(Self { shared: Arc::new(Shared { config, catalog: None, quotas: ByTarget::new() }) })
    }

    /// The same settings, with models as this catalog knows them and nothing counted yet.
    #[must_use]
    pub fn catalog(self, catalog: impl Into<Arc<Catalog>>) -> Self {
        let config = self.shared.config.clone();
        Self { shared: Arc::new(Shared { config, catalog: Some(catalog.into()), quotas: ByTarget::new() }) }
    }

    /// Reads the limits of all services this layer makes.
    #[must_use]
    pub fn handle(&self) -> RateLimitHandle {
        RateLimitHandle { shared: Arc::clone(&self.shared) }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit { inner, shared: Arc::clone(&self.shared) }
    }
}
