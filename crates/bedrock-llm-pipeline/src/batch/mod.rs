//! Batches: a function that takes many items at once.
//!
//! In a run they are gathered of the stream ([`Gather`](crate::stage::Gather)); for single items, callers at the same time share them
//! ([`collector`]).

mod collector;
mod config;
mod function;
mod node;
mod stage;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use collector::Collector;
use function::{BatchFunction, Each, Whole};

pub use config::BatchConfig;
pub use node::{BatchNode, batch_each_fn, batch_fn};
pub use stage::Batch;

use crate::pipeline::Behind;
use crate::stage::{Chain, Concurrency, Segment};
use crate::{BoxError, ConfigError, Pipeline, Stage};

/// With a function of batches added behind `S`.
type Batched<In, Out, S, F, Last> = Behind<In, Out, Batch<S, F, Last, Out>>;

/// The same, if the settings can be.
type MaybeBatched<In, Out, A, C, Mid, F, Last> =
    Result<Batched<In, Out, Segment<A, C, Mid>, F, Last>, ConfigError>;

impl<In, Mid, A, C, Out> Pipeline<In, Out, Segment<A, C, Mid>>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    /// Adds an async function that takes many items at once and gives one result for each, in their order. If it
    /// fails, gives another number of results or panics, each item of the batch fails, with the same cause.
    ///
    /// [`BatchConfig`] says when a batch is handed over; a number is its size. In a run, batches are gathered of the
    /// stream in order, and items that failed before keep their places and are in none. One batch
    /// is under way at a time and none is gathered meanwhile, unless [`parallel`](Pipeline::parallel) follows. Single items, by [`execute`](Pipeline::execute) or where
    /// the pipeline is a node in another, are gathered from all callers at the same time: each gets its own result,
    /// one that goes away takes only its own item along, and any number of batches may be under way.
    ///
    /// Without a Tokio runtime, which has the clock, a run hands over what is there as soon as it would have to wait,
    /// and a single item fails with [`BatchError::NoRuntime`](crate::BatchError::NoRuntime).
    ///
    /// ```
    /// use bedrock_llm_pipeline::{BatchConfig, BoxError, Pipeline};
    /// use futures_util::{TryStreamExt, stream};
    /// use std::time::Duration;
    ///
    /// /// One request for many texts.
    /// async fn lengths(texts: Vec<String>) -> Result<Vec<usize>, BoxError> {
    ///     Ok(texts.iter().map(String::len).collect())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = BatchConfig::new(96).max_wait(Duration::from_millis(20));
    /// let pipeline = Pipeline::new().batch(config, lengths)?.parallel(4);
    ///
    /// let texts = stream::iter(["a", "bb", "ccc"].map(String::from));
    /// let found: Vec<usize> = pipeline.run(texts).try_collect().await?;
    /// assert_eq!(found, [1, 2, 3]);
    ///
    /// // callers at the same time share a batch
    /// let (a, b) = tokio::join!(pipeline.execute("four".into()), pipeline.execute("fives".into()));
    /// assert_eq!((a?, b?), (4, 5));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A setting that cannot be.
    pub fn batch<F, Fut, Next, E>(
        self,
        config: impl Into<BatchConfig>,
        function: F,
    ) -> MaybeBatched<In, Next, A, C, Mid, Whole<F>, Out>
    where
        F: Fn(Vec<Out>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Next>, E>> + Send,
        E: Into<BoxError>,
        Next: Send + 'static,
    {
        self.batched(config.into(), Whole(function))
    }

    /// The same with a function that gives a value or an error for each item, so that a bad one does not fail its
    /// batch.
    ///
    /// ```
    /// use bedrock_llm_pipeline::Pipeline;
    /// use futures_util::{StreamExt, stream};
    ///
    /// async fn numbers(texts: Vec<&'static str>) -> Vec<Result<u32, std::num::ParseIntError>> {
    ///     texts.into_iter().map(str::parse).collect()
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pipeline = Pipeline::new().batch_each(32, numbers)?;
    /// let found: Vec<_> = pipeline.run(stream::iter(["1", "two", "3"])).map(Result::ok).collect().await;
    /// assert_eq!(found, [Some(1), None, Some(3)]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A setting that cannot be.
    pub fn batch_each<F, Fut, Next, E>(
        self,
        config: impl Into<BatchConfig>,
        function: F,
    ) -> MaybeBatched<In, Next, A, C, Mid, Each<F>, Out>
    where
        F: Fn(Vec<Out>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Result<Next, E>>> + Send,
        E: Into<BoxError>,
        Next: Send + 'static,
    {
        self.batched(config.into(), Each(function))
    }

    fn batched<F, Next>(self, config: BatchConfig, function: F) -> MaybeBatched<In, Next, A, C, Mid, F, Out>
    where
        F: BatchFunction<Out, Next>,
        Next: Send + 'static,
    {
        let config = config.checked()?;
        let mut plan = self.plan;
        let probe = plan.new_probe("batch");
        plan.push(Arc::clone(&probe), Vec::new());
        let collector = Arc::new(Collector::new(function, config, probe));
        let stage = Batch { before: self.stage, collector, concurrency: Concurrency::new(1) };
        Ok(Pipeline::behind(stage, plan))
    }
}

/// What is said of the batch that was added last.
impl<In, Last, Out, S, F> Batched<In, Out, S, F, Last>
where
    S: Stage<In, Last>,
    F: BatchFunction<Last, Out>,
    In: Send + 'static,
    Last: Send + 'static,
    Out: Send + 'static,
{
    /// Lets several batches be under way at once in a run; see [`Concurrency`], whose items are batches here.
    #[must_use]
    pub fn parallel(mut self, concurrency: impl Into<Concurrency>) -> Self {
        let concurrency = concurrency.into();
        let batch = &mut self.stage.before;
        batch.concurrency = concurrency;
        batch.collector.probe.set_width(concurrency.width.get());
        self
    }
}
