//! The pipeline: nodes put together, one after the other.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_core::Stream;
use futures_util::StreamExt as _;

use crate::node::{FnNode, MapNode, TryMapNode, map_fn, node_fn, try_map_fn};
use crate::plan::Plan;
use crate::probe::{Events, PipelineStats, Probe, StatsHandle};
use crate::stage::{Chain, Concurrency, Expand, Identity, Link, Parallel, Segment, Start};
use crate::{BoxError, BoxOne, BoxStage, ItemError, Node, One, Runner, Running, Stage};

/// Nodes from `In` to `Out`, one after the other; what one gives must be what the next takes, or it does not compile.
///
/// Nothing runs before [`run`](Pipeline::run) or [`execute`](Pipeline::execute); both may be called any number of
/// times, also at once. A pipeline of one-to-one nodes is itself a [`Node`].
///
/// ```
/// use bedrock_llm_pipeline::{BoxError, Pipeline};
/// use futures_util::{StreamExt, TryStreamExt, stream};
///
/// async fn fetch(url: String) -> Result<String, BoxError> {
///     Ok(format!("text of {url}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lengths = Pipeline::new()
///     .filter(|url: &String| url.starts_with("https"))
///     .then(fetch)
///     .parallel(8)
///     .map(|text| text.len());
///
/// let urls = stream::iter(["https://a".to_owned(), "ftp://b".to_owned(), "https://c".to_owned()]);
/// let lengths: Vec<usize> = lengths.run(urls).try_collect().await?;
/// assert_eq!(lengths, [17, 17]);
/// # Ok(())
/// # }
/// ```
pub struct Pipeline<In, Out, S = Bare<BoxOne<In, Out>, Out>> {
    pub(crate) stage: S,
    pub(crate) plan: Plan,
    pub(crate) types: PhantomData<fn(In) -> Out>,
}

/// A stage of any kind, and no nodes yet behind it.
type Bare<B, Out> = Segment<B, Identity, Out>;

/// A pipeline whose nodes are not in its type; it may give none or several results for an item. One that gives exactly
/// one is a `Pipeline<In, Out>`.
pub type AnyPipeline<In, Out> = Pipeline<In, Out, Segment<BoxStage<In, Out>, Identity, Out>>;

/// What `Pipeline::new` begins with.
type Empty<T> = Bare<Start, T>;

/// With the node `N` from `Last` to `Out` added to the chain `C`.
pub(crate) type Linked<In, Out, A, Mid, C, N, Last> = Pipeline<In, Out, Segment<A, Link<C, N, Last>, Mid>>;

/// With a stage added behind `S`, and no nodes yet behind that.
pub(crate) type Behind<In, Out, B> = Pipeline<In, Out, Segment<B, Identity, Out>>;

/// With a node that holds several items at once added behind `S`.
type Paralleled<In, Out, S, N, Last> = Behind<In, Out, Parallel<S, N, Last>>;

/// With a function to any number of items added behind `S`.
type Expanded<In, Out, S, F, Last> = Behind<In, Out, Expand<S, F, Last>>;

impl<T: Send + 'static> Pipeline<T, T, Empty<T>> {
    /// No nodes yet: gives what it takes.
    #[must_use]
    pub fn new() -> Self {
        Self::behind(Start, Plan::default())
    }
}

impl<T: Send + 'static> Default for Pipeline<T, T, Empty<T>> {
    fn default() -> Self {
        Self::new()
    }
}

impl<In, Out, S> Pipeline<In, Out, S> {
    pub(crate) fn from_stage(stage: S, plan: Plan) -> Self {
        Self { stage, plan, types: PhantomData }
    }

    /// Names the node that was added last; without, it is named for what it does: `map`, `then-2`.
    ///
    /// The name is in errors, events, statistics and drawings. A second name for the same node is not taken.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        if let Some(node) = self.plan.nodes.last() {
            node.probe.set_name(name.into());
        }
        self
    }

    /// The numbers of all nodes so far, over all runs and calls.
    #[must_use]
    pub fn stats(&self) -> PipelineStats {
        PipelineStats { nodes: self.plan.stats() }
    }

    /// A drawing of the nodes for [Mermaid](https://mermaid.js.org/syntax/flowchart.html), as GitHub and mdBook show it.
    ///
    /// ```
    /// # use bedrock_llm_pipeline::Pipeline;
    /// let pipeline = Pipeline::new().map(|text: String| text.len()).named("length").filter(|length| *length > 3);
    /// assert_eq!(
    ///     pipeline.to_mermaid(),
    ///     r#"flowchart TD
    ///     input(["input"])
    ///     n0["length<br/>map"]
    ///     n1["filter"]
    ///     output(["output"])
    ///     input --> n0
    ///     n0 --> n1
    ///     n1 --> output
    /// "#
    /// );
    /// ```
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        self.plan.to_mermaid()
    }

    /// A drawing of the nodes for [Graphviz](https://graphviz.org/doc/info/lang.html): `dot -Tsvg`.
    #[must_use]
    pub fn to_dot(&self) -> String {
        self.plan.to_dot()
    }

    /// Reads the numbers while the pipeline is elsewhere.
    #[must_use]
    pub fn stats_handle(&self) -> StatsHandle {
        StatsHandle::new(self.plan.clone())
    }

    /// What happens in the nodes from now on.
    #[must_use]
    pub fn subscribe(&self) -> Events {
        let (sender, events) = Events::new();
        self.plan.each(&mut |_, probe| probe.subscribe(sender.clone()));
        events
    }
}

impl<In, Out, S> Pipeline<In, Out, S>
where
    S: Stage<In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Takes a stream of items through, by the defaults of [`Runner`]: results in order, each failure in its place.
    ///
    /// Nodes with several items at once, and batches, work in tasks of their own with a bounded queue behind each, so
    /// memory does not grow with the input, and a slow reader slows the source. Dropping the stream ends them all.
    /// Outside a Tokio runtime everything works while the stream is read.
    pub fn run<I>(&self, input: I) -> Running<Out>
    where
        I: Stream<Item = In> + Send + 'static,
    {
        self.runner().run(input)
    }

    /// Settings for a run: what to do about failures, and how long queues are.
    pub fn runner(&self) -> Runner<'_, In, Out, S> {
        Runner::new(self)
    }

    /// Takes one item through and gives all that comes of it.
    ///
    /// # Errors
    ///
    /// The first failure.
    pub async fn execute_all(&self, input: In) -> Result<Vec<Out>, ItemError> {
        let mut outcomes = self.run(futures_util::stream::iter([input]));
        let mut values = Vec::new();
        while let Some(outcome) = outcomes.next().await {
            values.push(outcome?);
        }
        Ok(values)
    }

    /// Takes one item through.
    ///
    /// Callers at the same time share the batches and caches of the pipeline.
    ///
    /// # Errors
    ///
    /// The node that failed, and why.
    pub fn execute(&self, input: In) -> impl Future<Output = Result<Out, ItemError>> + Send
    where
        S: One<In, Out>,
    {
        self.stage.call(input)
    }

    /// The same pipeline with a type that can be written down: `Pipeline<In, Out>`. Cheap to clone.
    pub fn boxed(self) -> Pipeline<In, Out>
    where
        S: One<In, Out>,
    {
        Pipeline::behind(BoxOne::new(self.stage), self.plan)
    }

    /// The same for pipelines that may give none or several results for an item: [`AnyPipeline`].
    pub fn boxed_any(self) -> AnyPipeline<In, Out> {
        Pipeline::behind(BoxStage::new(self.stage), self.plan)
    }
}

impl<In, Out, B> Pipeline<In, Out, Segment<B, Identity, Out>> {
    /// Begins a segment behind what there is.
    pub(crate) fn behind(before: B, plan: Plan) -> Self {
        Self::from_stage(Segment { before, chain: Identity, types: PhantomData }, plan)
    }
}

impl<In, Mid, A, C, Out> Pipeline<In, Out, Segment<A, C, Mid>>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    /// Adds a node of an async function that may fail. It has one item at a time, unless
    /// [`parallel`](Pipeline::parallel) follows.
    pub fn then<F, Fut, Next, E>(self, function: F) -> Linked<In, Next, A, Mid, C, FnNode<F>, Out>
    where
        F: Fn(Out) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Next, E>> + Send,
        E: Into<BoxError>,
    {
        self.link("then", node_fn(function))
    }

    /// Adds a [`Node`]: a type that keeps state, or another pipeline.
    pub fn node<N, Next>(self, node: N) -> Linked<In, Next, A, Mid, C, N, Out>
    where
        N: Node<Out, Next>,
    {
        let kind = node.kind();
        self.link(kind, node)
    }

    /// Adds a quick function that cannot fail. For work that takes more than some 10 µs see
    /// [`compute`](Pipeline::compute).
    pub fn map<F, Next>(self, function: F) -> Linked<In, Next, A, Mid, C, MapNode<F>, Out>
    where
        F: Fn(Out) -> Next + Send + Sync + 'static,
        Next: Send + 'static,
    {
        self.link("map", map_fn(function))
    }

    /// Adds a quick function that may fail.
    pub fn try_map<F, Next, E>(self, function: F) -> Linked<In, Next, A, Mid, C, TryMapNode<F>, Out>
    where
        F: Fn(Out) -> Result<Next, E> + Send + Sync + 'static,
        E: Into<BoxError>,
        Next: Send + 'static,
    {
        self.link("try_map", try_map_fn(function))
    }

    /// Shows each item to a function and lets it pass.
    pub fn tap<F>(
        self,
        look: F,
    ) -> Linked<In, Out, A, Mid, C, MapNode<impl Fn(Out) -> Out + Send + Sync + 'static>, Out>
    where
        F: Fn(&Out) + Send + Sync + 'static,
    {
        self.link(
            "tap",
            map_fn(move |item| {
                look(&item);
                item
            }),
        )
    }

    pub(crate) fn link<N, Next>(self, kind: &'static str, node: N) -> Linked<In, Next, A, Mid, C, N, Out>
    where
        N: Node<Out, Next>,
    {
        let Segment { before, chain, types } = self.stage;
        let mut plan = self.plan;
        let probe = plan.new_probe(kind);
        plan.push(Arc::clone(&probe), node.inside());
        let chain = Link { before: chain, node: Arc::new(node), probe, types: PhantomData };
        Pipeline::from_stage(Segment { before, chain, types }, plan)
    }

    /// Lets only those items pass for which the function is true.
    #[expect(clippy::type_complexity, reason = "a closure's type has no name")]
    pub fn filter<F>(
        self,
        keep: F,
    ) -> Expanded<In, Out, Segment<A, C, Mid>, impl Fn(Out) -> Option<Out> + Send + Sync + 'static, Out>
    where
        F: Fn(&Out) -> bool + Send + Sync + 'static,
    {
        self.expand("filter", move |item| keep(&item).then_some(item))
    }

    /// Lets only those items pass of which the function makes something.
    pub fn filter_map<F, Next>(self, function: F) -> Expanded<In, Next, Segment<A, C, Mid>, F, Out>
    where
        F: Fn(Out) -> Option<Next> + Send + Sync + 'static,
        Next: Send + 'static,
    {
        self.expand("filter_map", function)
    }

    /// Makes any number of items of one.
    pub fn flat_map<F, I>(self, function: F) -> Expanded<In, I::Item, Segment<A, C, Mid>, F, Out>
    where
        F: Fn(Out) -> I + Send + Sync + 'static,
        I: IntoIterator<IntoIter: Send, Item: Send + 'static>,
    {
        self.expand("flat_map", function)
    }

    pub(crate) fn expand<F, I>(
        self,
        kind: &'static str,
        function: F,
    ) -> Expanded<In, I::Item, Segment<A, C, Mid>, F, Out>
    where
        F: Fn(Out) -> I + Send + Sync + 'static,
        I: IntoIterator<IntoIter: Send, Item: Send + 'static>,
    {
        let mut plan = self.plan;
        let probe = plan.new_probe(kind);
        plan.push(Arc::clone(&probe), Vec::new());
        let stage = Expand { before: self.stage, function: Arc::new(function), probe, types: PhantomData };
        Pipeline::behind(stage, plan)
    }
}

/// Another node around the last one, unless its settings make no sense.
type Wrapped<In, Out, A, Mid, C, M, Last, E> = Result<Linked<In, Out, A, Mid, C, M, Last>, E>;

/// What is said of the node that was added last.
impl<In, Mid, Last, Out, A, C, N> Linked<In, Out, A, Mid, C, N, Last>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Last>,
    N: Node<Last, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Last: Send + 'static,
    Out: Send + 'static,
{
    /// Lets the node that was added last hold several items at once, for those that wait for something: see
    /// [`Concurrency`]. The bound is that of one run.
    pub fn parallel(
        self,
        concurrency: impl Into<Concurrency>,
    ) -> Paralleled<In, Out, Segment<A, C, Mid>, N, Last> {
        let concurrency = concurrency.into();
        let Segment { before, chain, types } = self.stage;
        let Link { before: chain, node, probe, .. } = chain;
        probe.set_width(concurrency.width.get());
        let before = Segment { before, chain, types };
        let stage = Parallel { before, node, probe, concurrency, types: PhantomData };
        Pipeline::behind(stage, self.plan)
    }

    /// Puts the node that was added last into another, which calls it.
    #[cfg(feature = "cache")]
    pub(crate) fn wrap<M>(
        self,
        wrapper: impl FnOnce(Arc<N>, &Arc<Probe>) -> M,
    ) -> Linked<In, Out, A, Mid, C, M, Last>
    where
        M: Node<Last, Out>,
    {
        match self.try_wrap(|node, probe| Ok::<_, std::convert::Infallible>(wrapper(node, probe))) {
            Ok(wrapped) => wrapped,
        }
    }

    /// The same where the other's settings may be wrong.
    pub(crate) fn try_wrap<M, E>(
        self,
        wrapper: impl FnOnce(Arc<N>, &Arc<Probe>) -> Result<M, E>,
    ) -> Wrapped<In, Out, A, Mid, C, M, Last, E>
    where
        M: Node<Last, Out>,
    {
        let Segment { before, chain, types } = self.stage;
        let Link { before: chain, node, probe, .. } = chain;
        let node = Arc::new(wrapper(node, &probe)?);
        let chain = Link { before: chain, node, probe, types: PhantomData };
        Ok(Pipeline::from_stage(Segment { before, chain, types }, self.plan))
    }
}

impl<In, Out, S> Node<In, Out> for Pipeline<In, Out, S>
where
    S: One<In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    async fn call(&self, input: In) -> Result<Out, BoxError> {
        self.stage.call(input).await.map_err(Into::into)
    }

    fn inside(&self) -> Vec<Plan> {
        vec![self.plan.clone()]
    }
}

impl<In, Out, S: Clone> Clone for Pipeline<In, Out, S> {
    fn clone(&self) -> Self {
        Self::from_stage(self.stage.clone(), self.plan.clone())
    }
}

impl<In, Out, S> fmt::Debug for Pipeline<In, Out, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("plan", &self.plan).finish_non_exhaustive()
    }
}
