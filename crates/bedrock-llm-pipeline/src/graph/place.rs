//! What is said of a node when it is added.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "cache")]
use std::hash::Hash;

use super::step::{AnyNode, Step};
use super::{GraphError, GraphNode};
#[cfg(feature = "cache")]
use crate::{CacheConfig, CachedBy, NodeCache};
use crate::{ConfigError, RateLimit, RateLimited, Retry, RetryConfig, Timeout};

/// A node from `In` to `Out` that was just added, to say more of it.
///
/// The order is what it says: `.timeout(t)?.retry(r)?` gives each attempt this time, `.retry(r)?.timeout(t)?` all
/// attempts and the pauses between them together.
pub struct Placed<'a, In, Out> {
    node: &'a mut GraphNode,
    types: PhantomData<fn(In) -> Out>,
}

impl<'a, In, Out> Placed<'a, In, Out> {
    pub(super) fn new(node: &'a mut GraphNode) -> Self {
        Self { node, types: PhantomData }
    }

    /// How many values may be in the node at once, over all inputs of one run. 0 means 1.
    ///
    /// Without, the values of one input follow each other, so that there are at most as many at once as
    /// [inputs](super::Graph::concurrency).
    #[expect(clippy::must_use_candidate, reason = "the node is in the graph, whatever else is said of it")]
    pub fn parallel(self, values: usize) -> Self {
        self.node.parallel = Some(values.max(1));
        self
    }

    /// Stops the node when it takes longer than this for a value; see [`Pipeline::timeout`](crate::Pipeline::timeout).
    ///
    /// # Errors
    ///
    /// [`GraphError::Setting`] if the time is zero, [`GraphError::Unsuitable`] for a filter or a `flat_map`.
    pub fn timeout(self, after: Duration) -> Result<Self, GraphError> {
        self.node.timeout(after)?;
        Ok(self)
    }

    /// Tries the node again when it fails; see [`Pipeline::retry`](crate::Pipeline::retry).
    ///
    /// # Errors
    ///
    /// [`GraphError::Setting`] if the settings make no sense, [`GraphError::Unsuitable`] for a filter or a `flat_map`.
    pub fn retry(self, config: RetryConfig) -> Result<Self, GraphError> {
        self.node.retry(config)?;
        Ok(self)
    }

    /// Lets the node begin only so many values in a time; see [`Pipeline::rate_limit`](crate::Pipeline::rate_limit).
    ///
    /// # Errors
    ///
    /// [`GraphError::Setting`] if the limit makes no sense, [`GraphError::Unsuitable`] for a filter or a `flat_map`.
    pub fn rate_limit(self, limit: RateLimit) -> Result<Self, GraphError> {
        self.node.rate_limit(limit)?;
        Ok(self)
    }

    /// Keeps what the node gives, by a key of what it takes; see [`Pipeline::cached_by`](crate::Pipeline::cached_by).
    ///
    /// # Errors
    ///
    /// [`GraphError::Setting`] if the settings make no sense, [`GraphError::Unsuitable`] for a filter, a `flat_map` or a
    /// join.
    #[cfg(feature = "cache")]
    pub fn cached_by<K>(
        self,
        config: CacheConfig<K, Out>,
        key: impl Fn(&In) -> K + Send + Sync + 'static,
    ) -> Result<Self, GraphError>
    where
        In: Clone + Send + 'static,
        Out: Clone + Send + Sync + 'static,
        K: Hash + Eq + Clone + Send + Sync + 'static,
    {
        self.node.cached_by(config, key)?;
        Ok(self)
    }
}

impl GraphNode {
    pub(super) fn timeout(&mut self, after: Duration) -> Result<(), GraphError> {
        self.wrap("timeout", |node, _| Ok(AnyNode::around(Timeout::new(node, after)?)))
    }

    pub(super) fn retry(&mut self, config: RetryConfig) -> Result<(), GraphError> {
        self.wrap("retry", |node, probe| Ok(AnyNode::around(Retry::new(node, config, probe)?)))
    }

    pub(super) fn rate_limit(&mut self, limit: RateLimit) -> Result<(), GraphError> {
        self.wrap("rate_limit", |node, _| Ok(AnyNode::around(RateLimited::new(node, limit)?)))
    }

    #[cfg(feature = "cache")]
    pub(super) fn cached_by<In, Out, K>(
        &mut self,
        config: CacheConfig<K, Out>,
        key: impl Fn(&In) -> K + Send + Sync + 'static,
    ) -> Result<(), GraphError>
    where
        In: Clone + Send + 'static,
        Out: Clone + Send + Sync + 'static,
        K: Hash + Eq + Clone + Send + Sync + 'static,
    {
        use super::step::Opened;

        if let Step::Join(_) = self.step {
            return Err(self.cannot("cache", "the parts of a join have no key; cache the nodes before it"));
        }
        self.wrap("cache", |node, probe| {
            let opened = Arc::new(Opened::<In, Out>::new(AnyNode::clone(&node)));
            Ok(AnyNode::new(CachedBy::new(opened, &NodeCache::new(config)?, probe, key)))
        })
    }

    fn wrap(
        &mut self,
        option: &'static str,
        wrapper: impl FnOnce(Arc<AnyNode>, &Arc<crate::probe::Probe>) -> Result<AnyNode, ConfigError>,
    ) -> Result<(), GraphError> {
        match &mut self.step {
            Step::Node(node) | Step::Join(node) => {
                let wrapped = wrapper(Arc::new(node.clone()), &self.probe);
                *node = wrapped
                    .map_err(|error| GraphError::Setting { name: self.probe.name().to_string(), error })?;
                Ok(())
            }
            Step::Expand(_) => {
                Err(self.cannot(option, "it is a quick function to any number of values, not a node"))
            }
        }
    }

    fn cannot(&self, option: &'static str, why: &'static str) -> GraphError {
        GraphError::Unsuitable { name: self.name().to_owned(), option, why }
    }
}

impl<In, Out> fmt::Debug for Placed<'_, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Placed").field(&self.node.name()).finish()
    }
}
