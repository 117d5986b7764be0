//! CPU work on threads of its own.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::pipeline::Behind;
use crate::probe::Probe;
use crate::stage::{Chain, Concurrency, Parallel, Segment, attempt};
use crate::{BoxError, ConfigError, Node, Pipeline, Stage};

/// The threads that CPU work is done on. Cheap to clone.
#[derive(Clone)]
pub struct ComputePool(Option<Arc<rayon::ThreadPool>>);

impl ComputePool {
    /// rayon's own pool for the whole program: a thread for each core, unless the program or `RAYON_NUM_THREADS` says
    /// otherwise.
    #[must_use]
    pub fn shared() -> Self {
        Self(None)
    }

    /// A pool of `max_workers` threads of its own, named `pipeline-0` and so on, which end with the last clone.
    ///
    /// # Errors
    ///
    /// If there are to be none, or more than the system gives.
    pub fn new(max_workers: usize) -> Result<Self, ConfigError> {
        const FIELD: &str = "ComputePool::max_workers";
        if max_workers == 0 {
            return Err(ConfigError::out_of_range(FIELD, max_workers, "give at least one thread"));
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(max_workers)
            .thread_name(|number| format!("pipeline-{number}"))
            .build()
            .map_err(|source| ConfigError::Threads {
                field: FIELD,
                given: max_workers,
                source: source.into(),
            })?;
        Ok(Self(Some(Arc::new(pool))))
    }

    /// How many threads it has.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.0.as_ref().map_or_else(rayon::current_num_threads, |pool| pool.current_num_threads())
    }

    /// Does the work on a thread, unless nobody waits for it any more when its turn comes.
    async fn work<T: Send + 'static>(
        &self,
        probe: Option<&Arc<Probe>>,
        work: impl FnOnce() -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, BoxError> {
        let (sender, receiver) = oneshot::channel();
        let probe = probe.cloned();
        let job = move || {
            if sender.is_closed() {
                return;
            }
            let begun = probe.is_some().then(Instant::now);
            let outcome = attempt(work).flatten();
            if let (Some(probe), Some(begun)) = (probe, begun) {
                probe.worked(begun.elapsed());
            }
            drop(sender.send(outcome));
        };
        // once more around all: a panic while something is dropped would end the program from a thread of rayon's
        let job = move || drop(attempt(job));
        match &self.0 {
            Some(pool) => pool.spawn(job),
            None => rayon::spawn(job),
        }
        receiver.await.unwrap_or_else(|_| Err("the item was lost: dropping it panicked".into()))
    }
}

impl fmt::Debug for ComputePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let workers = self.0.as_ref().map(|pool| pool.current_num_threads());
        f.debug_struct("ComputePool").field("own_workers", &workers).finish()
    }
}

/// Where CPU work is done, how many items are held at once, and in which order they leave. A `&ComputePool` is one with
/// the defaults.
#[derive(Clone, Debug)]
pub struct ComputeConfig {
    pool: ComputePool,
    concurrency: Concurrency,
}

impl ComputeConfig {
    /// Work on this pool, in order, of twice as many items at once as it has threads: so that there is more to do when
    /// one is done, and others can go on behind a slow one.
    #[must_use]
    pub fn new(pool: &ComputePool) -> Self {
        let concurrency = Concurrency::new(pool.workers().saturating_mul(2));
        Self { pool: pool.clone(), concurrency }
    }

    /// Sets how many items are held at once, and in which order they leave.
    #[must_use]
    pub fn concurrency(mut self, concurrency: impl Into<Concurrency>) -> Self {
        self.concurrency = concurrency.into();
        self
    }

    /// Items leave as they are done, so that a slow one holds up no other.
    #[must_use]
    pub fn as_completed(mut self) -> Self {
        self.concurrency = self.concurrency.as_completed();
        self
    }
}

impl From<&ComputePool> for ComputeConfig {
    fn from(pool: &ComputePool) -> Self {
        Self::new(pool)
    }
}

/// A node of a function that computes; see [`compute_fn`].
#[derive(Debug)]
pub struct ComputeNode<F> {
    function: Arc<F>,
    pool: ComputePool,
    probe: Option<Arc<Probe>>,
}

/// A node of a function that computes and may fail; see [`try_compute_fn`].
#[derive(Debug)]
pub struct TryComputeNode<F>(ComputeNode<F>);

/// A node of a function `Fn(In) -> Out` that is called on the pool's threads, for branches, graphs and modifiers:
/// `.node(compute_fn(&pool, f)).timeout(limit)?.parallel(4)`. For a step of its own see [`Pipeline::compute`].
pub fn compute_fn<F>(pool: &ComputePool, function: F) -> ComputeNode<F> {
    ComputeNode { function: Arc::new(function), pool: pool.clone(), probe: None }
}

/// The same of a function `Fn(In) -> Result<Out, E>`.
pub fn try_compute_fn<F>(pool: &ComputePool, function: F) -> TryComputeNode<F> {
    TryComputeNode(compute_fn(pool, function))
}

impl<In, Out, F> Node<In, Out> for ComputeNode<F>
where
    F: Fn(In) -> Out + Send + Sync + 'static,
    In: Send + 'static,
    Out: Send + 'static,
{
    fn call(&self, input: In) -> impl Future<Output = Result<Out, BoxError>> + Send {
        let function = Arc::clone(&self.function);
        self.pool.work(self.probe.as_ref(), move || Ok(function(input)))
    }
}

impl<In, Out, E, F> Node<In, Out> for TryComputeNode<F>
where
    F: Fn(In) -> Result<Out, E> + Send + Sync + 'static,
    E: Into<BoxError>,
    In: Send + 'static,
    Out: Send + 'static,
{
    fn call(&self, input: In) -> impl Future<Output = Result<Out, BoxError>> + Send {
        let function = Arc::clone(&self.0.function);
        self.0.pool.work(self.0.probe.as_ref(), move || function(input).map_err(Into::into))
    }
}

/// With a node that computes added behind `S`.
type Computed<In, Out, S, N, Last> = Behind<In, Out, Parallel<S, N, Last>>;

impl<In, Mid, A, C, Out> Pipeline<In, Out, Segment<A, C, Mid>>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    /// Adds a function that computes, on rayon's threads, several items at once: [`ComputePool::shared`] and the
    /// defaults of [`ComputeConfig`]. No async worker waits for it, and it needs no [`parallel`](Pipeline::parallel).
    ///
    /// A panic is its item's error. Of an item that is dropped, work that has not begun is left out.
    ///
    /// ```
    /// use bedrock_llm_pipeline::Pipeline;
    /// use futures_util::{TryStreamExt, stream};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let words = Pipeline::new().compute(|text: &'static str| text.split_whitespace().count());
    /// let counts: Vec<_> = words.run(stream::iter(["one", "one two", ""])).try_collect().await?;
    /// assert_eq!(counts, [1, 2, 0]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn compute<F, Next>(self, function: F) -> Computed<In, Next, Segment<A, C, Mid>, ComputeNode<F>, Out>
    where
        F: Fn(Out) -> Next + Send + Sync + 'static,
        Next: Send + 'static,
    {
        self.compute_on(&ComputePool::shared(), function)
    }

    /// The same of a function that may fail.
    pub fn try_compute<F, Next, E>(
        self,
        function: F,
    ) -> Computed<In, Next, Segment<A, C, Mid>, TryComputeNode<F>, Out>
    where
        F: Fn(Out) -> Result<Next, E> + Send + Sync + 'static,
        E: Into<BoxError>,
        Next: Send + 'static,
    {
        self.try_compute_on(&ComputePool::shared(), function)
    }

    /// [`compute`](Pipeline::compute) on a pool of one's own, `&pool`, or with other settings.
    pub fn compute_on<F, Next>(
        self,
        config: impl Into<ComputeConfig>,
        function: F,
    ) -> Computed<In, Next, Segment<A, C, Mid>, ComputeNode<F>, Out>
    where
        F: Fn(Out) -> Next + Send + Sync + 'static,
        Next: Send + 'static,
    {
        let ComputeConfig { pool, concurrency } = config.into();
        let node = |probe| ComputeNode { probe: Some(probe), ..compute_fn(&pool, function) };
        self.computing("compute", pool.workers(), concurrency, node)
    }

    /// The same of a function that may fail.
    pub fn try_compute_on<F, Next, E>(
        self,
        config: impl Into<ComputeConfig>,
        function: F,
    ) -> Computed<In, Next, Segment<A, C, Mid>, TryComputeNode<F>, Out>
    where
        F: Fn(Out) -> Result<Next, E> + Send + Sync + 'static,
        E: Into<BoxError>,
        Next: Send + 'static,
    {
        let ComputeConfig { pool, concurrency } = config.into();
        let node = |probe| TryComputeNode(ComputeNode { probe: Some(probe), ..compute_fn(&pool, function) });
        self.computing("try_compute", pool.workers(), concurrency, node)
    }

    fn computing<N, Next>(
        self,
        kind: &'static str,
        workers: usize,
        concurrency: Concurrency,
        node: impl FnOnce(Arc<Probe>) -> N,
    ) -> Computed<In, Next, Segment<A, C, Mid>, N, Out>
    where
        N: Node<Out, Next>,
        Next: Send + 'static,
    {
        let mut plan = self.plan;
        let probe = plan.new_probe(kind);
        plan.push(Arc::clone(&probe), Vec::new());
        // items wait for a thread inside the node: its time is what the threads take
        probe.set_width(workers.min(concurrency.width.get()));
        probe.set_times_itself();
        let node = Arc::new(node(Arc::clone(&probe)));
        let stage = Parallel { before: self.stage, node, probe, concurrency, types: PhantomData };
        Pipeline::behind(stage, plan)
    }
}
