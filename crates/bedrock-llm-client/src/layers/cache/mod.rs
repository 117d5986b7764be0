//! Keeps answers, and gives them again to who asks the same.

mod config;
mod flight;
mod future;
mod handle;
mod key;
mod service;
mod store;

use std::sync::Arc;

use bedrock_llm_schema::Error;
use tower::Layer;

pub use config::{CacheConfig, CachePolicy};
pub use future::CacheFuture;
pub use handle::CacheHandle;
pub use service::Cache;
use store::Store;

/// Keeps answers, and gives them again to who asks the same.
///
/// The rule:
///
/// 1. **Which calls.** [`CacheUse::Use`](bedrock_llm_schema::request::CacheUse::Use) asks for it,
///    [`Bypass`](bedrock_llm_schema::request::CacheUse::Bypass) neither reads nor writes; where a call does not say,
///    [`CacheConfig::policy`] does: by default answers that would come out the same again, which are those to chats at
///    temperature 0 without tools, and counts of tokens.
/// 2. **What is the same.** Operation, model, region and content, objects in whatever order; labels
///    (`requestMetadata`) do not count. A chat and a streamed chat are the same, and answer each other. A native body
///    counts byte by byte.
/// 3. **What is kept.** Whole answers whose model came to an end of its own (`end_turn`, `stop_sequence`, `tool_use`), and
///    streams that came to their end, event by event. Never errors, answers that were cut off or blocked, broken or
///    abandoned streams. A native answer is kept as it is, since its body does not tell.
/// 4. **One flight.** While one caller asks, others that ask the same wait for its answer. If it is cancelled, another
///    goes. If it fails, all fail with an error of the same kind, without a call of their own; but a
///    [`Timeout`](bedrock_llm_schema::ErrorKind::Timeout) or [`Overloaded`](bedrock_llm_schema::ErrorKind::Overloaded),
///    which says how long and how urgently that caller asked, lets each go by itself, as does an answer that is not
///    kept. A stream is shared when it is whole: who waits goes by itself when it breaks, is abandoned, or takes longer
///    than [`CacheConfig::stream_wait`] from its beginning.
/// 5. **What says so.** The usage of an answer that was kept has
///    [`is_replayed`](bedrock_llm_schema::Usage::is_replayed), also in a stream's `metadata`, so that cost is not counted
///    twice. It keeps its request id, metrics and list of changes.
///
/// Kept in memory are the answers and SHA-256 hashes of the requests, not the prompts, for [`CacheConfig::ttl`] and in
/// [`CacheConfig::max_bytes`]. There is no thread behind it.
///
/// Goes *inside* the deadline, so that the wait for another caller's answer is bounded, and *outside* all that costs:
/// failover, retry. Inside retry, each attempt would be looked up, and an answer of a model that failover chose would be
/// found for the model that was asked only by luck. A caller who waits for another keeps its own [`timeout`](bedrock_llm_schema::CallOptions::timeout). Does not cover readiness: a call whose
/// answer is kept needs a service that is ready. Cancellation: dropping a future lets another caller go.
///
/// ```
/// use std::time::Duration;
/// use bedrock_llm_client::layers::{CacheConfig, CacheLayer, DeadlineLayer};
/// use tower::ServiceBuilder;
///
/// let cache = CacheLayer::new(CacheConfig::default().ttl(Duration::from_secs(600)))?;
/// let answers = cache.handle();
/// let builder = ServiceBuilder::new().layer(DeadlineLayer::new(Duration::from_secs(60))).layer(cache);
/// assert_eq!((answers.entries(), answers.hits()), (0, 0));
/// # Ok::<(), bedrock_llm_schema::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CacheLayer {
    store: Arc<Store>,
}

impl CacheLayer {
    /// By this configuration. All services the layer makes share their answers.
    ///
    /// # Errors
    /// [`Config`](bedrock_llm_schema::ErrorKind::Config) names the setting that is out of range.
    pub fn new(config: CacheConfig) -> Result<Self, Error> {
        config.validate()?;
        Ok(Self { store: Arc::new(Store::new(config)) })
    }

    /// What looks at the answers and throws them away.
    #[must_use]
    pub fn handle(&self) -> CacheHandle {
        CacheHandle::new(Arc::clone(&self.store))
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cache<S>;

    fn layer(&self, inner: S) -> Cache<S> {
        Cache::new(inner, Arc::clone(&self.store))
    }
}

#[cfg(test)]
mod tests;
