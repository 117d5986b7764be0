//! Batches as nodes of their own.

use std::fmt;
use std::sync::Arc;

use super::BatchConfig;
use super::collector::Collector;
use super::function::{BatchFunction, Each, Whole};
use crate::plan::Plan;
use crate::probe::Probe;
use crate::{BoxError, ConfigError, Node};

/// A node whose callers at the same time share batches; see [`batch_fn`].
pub struct BatchNode<F, In, Out>(Arc<Collector<F, In, Out>>);

/// A node of a function of batches, for graphs and branches, and where a cache or several callers stand before it.
///
/// Each item is a call of its own, so it needs several at once to fill a batch: `.node(batch_fn(…)?).parallel(64)`.
/// In a row of nodes, [`Pipeline::batch`](crate::Pipeline::batch) is quicker and needs no more than its input. In
/// statistics and events it has a node `batch` inside, which has the numbers of the function.
///
/// # Errors
///
/// A setting that cannot be.
pub fn batch_fn<F, Fut, In, Out, E>(
    config: impl Into<BatchConfig>,
    function: F,
) -> Result<BatchNode<Whole<F>, In, Out>, ConfigError>
where
    F: Fn(Vec<In>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<Out>, E>> + Send,
    E: Into<BoxError>,
{
    BatchNode::new(config.into(), Whole(function))
}

/// The same with a function that gives a value or an error for each item, so that a bad one does not fail its batch.
///
/// # Errors
///
/// A setting that cannot be.
pub fn batch_each_fn<F, Fut, In, Out, E>(
    config: impl Into<BatchConfig>,
    function: F,
) -> Result<BatchNode<Each<F>, In, Out>, ConfigError>
where
    F: Fn(Vec<In>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Result<Out, E>>> + Send,
    E: Into<BoxError>,
{
    BatchNode::new(config.into(), Each(function))
}

impl<F, In, Out> BatchNode<F, In, Out> {
    fn new(config: BatchConfig, function: F) -> Result<Self, ConfigError> {
        let probe = Probe::new("batch", "batch".to_owned());
        Ok(Self(Arc::new(Collector::new(function, config.checked()?, probe))))
    }
}

impl<F, In, Out> Node<In, Out> for BatchNode<F, In, Out>
where
    F: BatchFunction<In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    async fn call(&self, input: In) -> Result<Out, BoxError> {
        self.0.call(input).await.map_err(Into::into)
    }

    fn inside(&self) -> Vec<Plan> {
        let mut plan = Plan::default();
        plan.push(Arc::clone(&self.0.probe), Vec::new());
        vec![plan]
    }

    fn kind(&self) -> &'static str {
        "batch"
    }
}

impl<F, In, Out> Clone for BatchNode<F, In, Out> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F, In, Out> fmt::Debug for BatchNode<F, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BatchNode").field(&self.0).finish()
    }
}
