//! Nodes whose results are kept.

mod cache;
mod config;
mod flight;

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

pub use cache::{CacheStats, NodeCache};
pub use config::CacheConfig;

use crate::pipeline::Linked;
use crate::plan::Plan;
use crate::probe::Probe;
use crate::stage::Chain;
use crate::{BoxError, ConfigError, Node, Stage};

/// A node whose results are kept by its input; made by [`Pipeline::cached`](crate::Pipeline::cached).
#[derive(Debug)]
pub struct Cached<N, K, V> {
    node: Arc<N>,
    cache: NodeCache<K, V>,
    probe: Arc<Probe>,
}

/// A node whose results are kept by a key of its input; made by [`Pipeline::cached_by`](crate::Pipeline::cached_by).
pub struct CachedBy<N, K, V, F> {
    inner: Cached<N, K, V>,
    key: F,
}

impl<N, K, V> Cached<N, K, V> {
    pub(crate) fn new(node: Arc<N>, cache: &NodeCache<K, V>, probe: &Arc<Probe>) -> Self {
        Self { node, cache: cache.clone(), probe: Arc::clone(probe) }
    }
}

impl<N, K, V, F> CachedBy<N, K, V, F> {
    pub(crate) fn new(node: Arc<N>, cache: &NodeCache<K, V>, probe: &Arc<Probe>, key: F) -> Self {
        Self { inner: Cached::new(node, cache, probe), key }
    }
}

impl<N, K, V, F> fmt::Debug for CachedBy<N, K, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedBy").field("cache", &self.inner.cache).finish_non_exhaustive()
    }
}

impl<N, K, V> Cached<N, K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Makes what the cache did not have.
    async fn make<In>(&self, key: K, input: In) -> Result<V, BoxError>
    where
        N: Node<In, V>,
        In: Send + 'static,
    {
        let node = Arc::clone(&self.node);
        self.cache.make(key, &self.probe, async move { node.call(input).await }).await
    }
}

impl<N, K, V> Node<K, V> for Cached<N, K, V>
where
    N: Node<K, V>,
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    async fn call(&self, input: K) -> Result<V, BoxError> {
        if let Some(kept) = self.cache.get(&input, &self.probe) {
            return kept;
        }
        self.make(input.clone(), input).await
    }

    fn inside(&self) -> Vec<Plan> {
        self.node.inside()
    }
}

impl<In, N, K, V, F> Node<In, V> for CachedBy<N, K, V, F>
where
    N: Node<In, V>,
    In: Send + 'static,
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: Fn(&In) -> K + Send + Sync + 'static,
{
    async fn call(&self, input: In) -> Result<V, BoxError> {
        let key = (self.key)(&input);
        if let Some(kept) = self.inner.cache.get(&key, &self.inner.probe) {
            return kept;
        }
        self.inner.make(key, input).await
    }

    fn inside(&self) -> Vec<Plan> {
        self.inner.node.inside()
    }
}

/// With the results of the node that was added last kept by its input.
type Kept<In, Out, A, Mid, C, N, Last> = Linked<In, Out, A, Mid, C, Cached<N, Last, Out>, Last>;

/// With the results of the node that was added last kept by a key.
type KeptBy<In, Out, A, Mid, C, N, Last, K, F> = Linked<In, Out, A, Mid, C, CachedBy<N, K, Out, F>, Last>;

/// Unless the settings make no sense.
type OrRefused<In, Out, A, Mid, C, N, Last> = Result<Kept<In, Out, A, Mid, C, N, Last>, ConfigError>;

/// Unless the settings make no sense.
type OrRefusedBy<In, Out, A, Mid, C, N, Last, K, F> =
    Result<KeptBy<In, Out, A, Mid, C, N, Last, K, F>, ConfigError>;

impl<In, Mid, Last, Out, A, C, N> Linked<In, Out, A, Mid, C, N, Last>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Last>,
    N: Node<Last, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Last: Send + 'static,
    Out: Clone + Send + Sync + 'static,
{
    /// Keeps the results of the node that was added last, in a cache of this pipeline and its clones, and does not
    /// call the node for an input that it has.
    ///
    /// Callers who ask for the same at the same time make one call, whichever run they are of, and share what becomes
    /// of it. One that is dropped meanwhile, or is not polled, takes nothing from the others: whoever waits does the
    /// call. When nobody waits any more it is dropped. Failures are not kept unless
    /// [`cache_errors`](CacheConfig::cache_errors) says so, and panics never.
    ///
    /// A hit takes some 100 ns and clones the result: put what is large into an `Arc`.
    ///
    /// ```
    /// use bedrock_llm_pipeline::{BoxError, CacheConfig, Pipeline};
    /// use futures_util::{TryStreamExt, stream};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let embed = Pipeline::new()
    ///     .then(async |text: String| Ok::<_, BoxError>(text.len()))
    ///     .cached(CacheConfig::max_items(10_000))?;
    /// let texts = ["tea", "coffee", "tea"].map(str::to_owned);
    /// let lengths: Vec<_> = embed.run(stream::iter(texts)).try_collect().await?;
    /// assert_eq!(lengths, [3, 6, 3]);
    /// assert_eq!(embed.stats().nodes[0].cache_hits, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the cache is to hold nothing, or for no time, or for over 1000 years.
    pub fn cached(self, config: CacheConfig<Last, Out>) -> OrRefused<In, Out, A, Mid, C, N, Last>
    where
        Last: Hash + Eq + Clone + Sync,
    {
        Ok(self.cached_with(&NodeCache::new(config)?))
    }

    /// The same in a cache that was made first: to look at it, to clear it, and to share it between pipelines.
    ///
    /// Only nodes that make the same of the same may share one.
    pub fn cached_with(self, cache: &NodeCache<Last, Out>) -> Kept<In, Out, A, Mid, C, N, Last>
    where
        Last: Hash + Eq + Clone + Sync,
    {
        self.wrap(|node, probe| Cached::new(node, cache, probe))
    }

    /// [`cached`](crate::Pipeline::cached) by what the function makes of an input: inputs with the same key have the same
    /// result.
    ///
    /// # Errors
    ///
    /// Those of [`cached`](crate::Pipeline::cached).
    pub fn cached_by<K, F>(
        self,
        config: CacheConfig<K, Out>,
        key: F,
    ) -> OrRefusedBy<In, Out, A, Mid, C, N, Last, K, F>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        F: Fn(&Last) -> K + Send + Sync + 'static,
    {
        Ok(self.cached_with_by(&NodeCache::new(config)?, key))
    }

    /// [`cached_with`](crate::Pipeline::cached_with) by a key.
    pub fn cached_with_by<K, F>(
        self,
        cache: &NodeCache<K, Out>,
        key: F,
    ) -> KeptBy<In, Out, A, Mid, C, N, Last, K, F>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        F: Fn(&Last) -> K + Send + Sync + 'static,
    {
        self.wrap(|node, probe| CachedBy::new(node, cache, probe, key))
    }
}
