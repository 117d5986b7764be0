//! Graphs of nodes that are put together while the program runs.
//!
//! Where a [`Pipeline`](crate::Pipeline) is checked when it compiles, a [`Graph`] is checked when its nodes are connected
//! and when it is built. It may have any shape without circles, and it can be read from a file
//! (feature `toml`: [`Registry`](https://docs.rs/bedrock-llm-pipeline/latest/bedrock_llm_pipeline/graph/struct.Registry.html)).

mod build;
mod connect;
mod error;
mod evaluate;
mod flow;
#[cfg(feature = "toml")]
mod json;
mod parcel;
mod place;
#[cfg(feature = "toml")]
mod registry;
mod step;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub use error::GraphError;
pub use evaluate::UnequalParts;
#[cfg(feature = "toml")]
pub use json::JsonError;
pub use parcel::Parts;
use parcel::{Takes, Type};
pub use place::Placed;
#[cfg(feature = "toml")]
pub use registry::{LoadError, NoSettings, Registered, Registry};
use step::{AnyNode, Condition, Step};

use crate::probe::Probe;
use crate::stage::Concurrency;
use crate::{BoxError, Node};

/// Named nodes and the edges between them.
///
/// Types are checked when two nodes are [connected](Graph::connect), circles are refused there too; loose ends are found
/// when the graph is [built](Graph::build). A built graph is a [`Pipeline`](crate::Pipeline) like any other.
///
/// # How an item goes through
///
/// The input goes to the first node; a node's value goes along every edge that leads away from it, copied where there
/// are several (so values are `Clone`); what several edges bring to a node goes through it one edge after the other, in
/// the order in which they were connected. A [join](Graph::add_join) takes one value of each edge and puts them
/// together. The results are what the last nodes give, in the order in which the nodes were added.
///
/// Nodes side by side work at the same time, and so do several inputs, 16 unless [`concurrency`](Graph::concurrency)
/// says otherwise. A node begins with what one input brings it when all of it is there; so all that comes of one input
/// is held at once. In one node, the values of one input follow each other, unless it is
/// [`parallel`](Placed::parallel). Results come in the order of the inputs and of their values, however long each
/// takes.
///
/// # Failures
///
/// A value that fails is one failure among the results, once and at its own place, whatever becomes of the others; nodes
/// and conditions behind see nothing of it. Where it was to be a part of a join, nothing is joined in its place.
///
/// ```
/// use bedrock_llm_pipeline::{BoxError, Graph, map_fn, node_fn};
/// use std::time::Duration;
///
/// async fn title(text: String) -> Result<String, BoxError> {
///     Ok(text.lines().next().ok_or("no text")?.to_owned())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut graph = Graph::new();
/// graph.add("trim", map_fn(|text: String| text.trim().to_owned()))?;
/// graph.add("title", node_fn(title))?.timeout(Duration::from_secs(5))?.parallel(8);
/// graph.add("words", map_fn(|text: String| text.split_whitespace().count()))?;
/// graph.add_join("card", map_fn(|(title, words): (String, usize)| format!("{title}: {words} words")))?;
/// graph.connect("trim", "title")?.connect("trim", "words")?;
/// graph.connect("title", "card")?.connect("words", "card")?;
///
/// let refused = graph.connect("words", "title").unwrap_err();
/// assert_eq!(refused.to_string(), "`words` gives `usize`, but `title` takes `alloc::string::String`");
///
/// let cards = graph.build::<String, String>()?;
/// assert_eq!(cards.execute_all(" Bees\nBees fly.".to_owned()).await?, ["Bees: 3 words"]);
/// # Ok(())
/// # }
/// ```
pub struct Graph {
    nodes: Vec<GraphNode>,
    edges: Vec<Edge>,
    /// By place, where they were declared.
    inputs: Option<Vec<usize>>,
    outputs: Option<Vec<usize>>,
    concurrency: Concurrency,
}

struct GraphNode {
    probe: Arc<Probe>,
    kind: Cow<'static, str>,
    takes: Takes,
    gives: Type,
    step: Step,
    parallel: Option<usize>,
    /// How many values of one input are in it at once, where it is not `parallel`.
    width: usize,
}

struct Edge {
    from: usize,
    to: usize,
    condition: Option<Arc<Condition>>,
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

impl Graph {
    /// No nodes yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            nodes: Vec::new(),
            edges: Vec::new(),
            inputs: None,
            outputs: None,
            concurrency: Concurrency::new(16),
        }
    }

    /// How many inputs are in the graph at once and whether their results keep their order; 16, in order, unless told
    /// otherwise.
    pub fn concurrency(&mut self, concurrency: impl Into<Concurrency>) -> &mut Self {
        self.concurrency = concurrency.into();
        self
    }

    /// Adds a node: a [`Node`] of your own, a function ([`node_fn`](crate::node_fn), [`map_fn`](crate::map_fn),
    /// [`try_map_fn`](crate::try_map_fn)), or a one-to-one pipeline.
    ///
    /// # Errors
    ///
    /// [`GraphError::Duplicate`] and [`GraphError::Unnamed`].
    pub fn add<In, Out>(
        &mut self,
        name: &str,
        node: impl Node<In, Out>,
    ) -> Result<Placed<'_, In, Out>, GraphError>
    where
        In: Send + 'static,
        Out: Clone + Send + 'static,
    {
        let kind = node.kind();
        let step = Step::Node(AnyNode::new(node));
        self.place(name, kind, Takes::One(Type::of::<In>()), Type::of::<Out>(), step)
    }

    /// Adds a node that lets only those values pass for which the function is true.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_filter<T: Clone + Send + 'static>(
        &mut self,
        name: &str,
        keep: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Result<Placed<'_, T, T>, GraphError> {
        self.place(name, "filter", Takes::One(Type::of::<T>()), Type::of::<T>(), Step::filter(keep))
    }

    /// Adds a node that makes any number of values of one.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_flat_map<In, I>(
        &mut self,
        name: &str,
        function: impl Fn(In) -> I + Send + Sync + 'static,
    ) -> Result<Placed<'_, In, I::Item>, GraphError>
    where
        In: Send + 'static,
        I: IntoIterator<Item: Clone + Send + 'static>,
    {
        let step = Step::flat_map(function);
        self.place(name, "flat_map", Takes::One(Type::of::<In>()), Type::of::<I::Item>(), step)
    }

    /// Adds a node that makes any number of values of one, or fails.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_try_flat_map<In, I, E>(
        &mut self,
        name: &str,
        function: impl Fn(In) -> Result<I, E> + Send + Sync + 'static,
    ) -> Result<Placed<'_, In, I::Item>, GraphError>
    where
        In: Send + 'static,
        I: IntoIterator<Item: Clone + Send + 'static>,
        E: Into<BoxError>,
    {
        let step = Step::try_flat_map(function);
        self.place(name, "flat_map", Takes::One(Type::of::<In>()), Type::of::<I::Item>(), step)
    }

    /// Adds a node that puts together what several nodes give: it takes a tuple of their values, or a `Vec` where they
    /// are of one type and of any number. The parts are in the order in which the nodes are connected to it.
    ///
    /// Values of one input are paired by their places: the first of each node, the second of each, and so on. Where the
    /// nodes give different numbers of values for an input, as behind a filter, that is a failure
    /// ([`UnequalParts`]).
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_join<P, Out>(
        &mut self,
        name: &str,
        node: impl Node<P, Out>,
    ) -> Result<Placed<'_, P, Out>, GraphError>
    where
        P: Parts,
        Out: Clone + Send + 'static,
    {
        self.place(name, "join", P::takes(), Type::of::<Out>(), Step::join(node))
    }

    fn place<In, Out>(
        &mut self,
        name: &str,
        kind: &'static str,
        takes: Takes,
        gives: Type,
        step: Step,
    ) -> Result<Placed<'_, In, Out>, GraphError> {
        let node = GraphNode::new(name, kind, takes, gives, step);
        Ok(Placed::new(self.insert(node)?))
    }

    fn insert(&mut self, node: GraphNode) -> Result<&mut GraphNode, GraphError> {
        let name = node.name();
        if name.is_empty() {
            return Err(GraphError::Unnamed);
        }
        if self.names().any(|known| known == name) {
            return Err(GraphError::Duplicate { name: name.to_owned() });
        }
        self.nodes.push(node);
        self.nodes.last_mut().ok_or(GraphError::Empty)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(GraphNode::name)
    }
}

impl GraphNode {
    fn new(name: &str, kind: &'static str, takes: Takes, gives: Type, step: Step) -> Self {
        let probe = Probe::new(kind, name.to_owned());
        Self { probe, kind: Cow::Borrowed(kind), takes, gives, step, parallel: None, width: 1 }
    }

    fn name(&self) -> &str {
        self.probe.name()
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edges = self
            .edges
            .iter()
            .filter_map(|edge| Some((self.nodes.get(edge.from)?.name(), self.nodes.get(edge.to)?.name())));
        f.debug_struct("Graph")
            .field("nodes", &self.names().collect::<Vec<_>>())
            .field("edges", &edges.collect::<Vec<_>>())
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
