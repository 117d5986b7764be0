//! Kinds of nodes by name, of which a file declares a graph.

mod error;
mod field;
mod file;
mod load;
mod registered;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Table;

pub use error::LoadError;
use field::OnField;
pub use registered::Registered;

use super::parcel::{Parts, Takes, Type};
use super::step::{AnyNode, Step};
use super::{GraphError, GraphNode};
use crate::{BatchConfig, BoxError, Node, batch_each_fn, batch_fn};

/// Kinds of nodes by name, of which a file declares a [`Graph`](super::Graph).
///
/// A kind is a function from its settings to a node; the settings are what stands under `with`, and any type that serde
/// reads will do. Registering a name again replaces the kind.
///
/// # The file
///
/// ```toml
/// [graph]                       # may be left out, as everything in it
/// concurrency = 16              # inputs at once; without, 16 or the largest batch
/// ordered = true                # results in the order of the inputs
/// inputs = ["split"]            # where several nodes have no `from`
/// outputs = ["embed"]           # where several nodes lead nowhere, or one gives results on the way
///
/// [nodes.split]
/// use = "text.split"            # a kind
/// with = { max_chars = 800 }    # its settings
///
/// [nodes.embed]
/// use = "my.embed"
/// from = ["split"]              # the nodes before it; of a join in the order of its parts
/// parallel = 8                  # values in the node at once
/// timeout = "30s"               # for an attempt
/// rate_limit = { items = 10, per = "1s", burst = 5 }    # attempts
/// retry = { attempts = 3, min_delay = "200ms", max_delay = "10s", factor = 2.0 }
/// cache = { max_items = 10000, time_to_live = "1h", time_to_idle = "10m", cache_errors = "5s" }
/// batch = { size = 32, max_wait = "50ms", min_size = 1 }
/// ```
///
/// Nodes give their results in the order in which they stand in the file. `cache` is for kinds that
/// [have a key](Registered::cached_by), `batch` for [those of batches](Registry::batch); a batch is filled by the values
/// of one input and by those of all inputs under way.
///
/// ```
/// use bedrock_llm_pipeline::graph::{NoSettings, Registry};
/// use bedrock_llm_pipeline::{BoxError, map_fn};
///
/// #[derive(serde::Deserialize)]
/// struct Repeat {
///     times: usize,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut registry = Registry::new();
/// registry
///     .node("repeat", |Repeat { times }| Ok::<_, BoxError>(map_fn(move |text: String| text.repeat(times))))
///     .cached_by(String::clone);
/// registry.filter("long", |NoSettings {}| Ok::<_, BoxError>(|text: &String| text.len() > 3));
///
/// let graph = registry.load(
///     r#"
///     [nodes.twice]
///     use = "repeat"
///     with = { times = 2 }
///     cache = { max_items = 100 }
///
///     [nodes.long]
///     use = "long"
///     from = ["twice"]
///     "#,
/// )?;
/// let pipeline = graph.build::<String, String>()?;
/// assert_eq!(pipeline.execute_all("ab".to_owned()).await?, ["abab"]);
///
/// let error = registry.load("[nodes.a]\nuse = 'repaet'").unwrap_err();
/// assert_eq!(error.to_string(), "`nodes.a.use`: there is no kind `repaet`; did you mean `repeat`?");
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Registry {
    kinds: BTreeMap<String, Kind>,
}

/// For kinds that have no settings.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

struct Kind {
    make: Box<Make>,
    /// Where it is a kind of batches.
    batches: bool,
    /// Puts a cache around a node, where it has a key.
    cache: Option<Box<PutCache>>,
    /// Lets it work on a field of an object.
    on_field: Option<OnField>,
}

/// Makes a node of this name by its settings.
type Make = dyn Fn(&str, Table, BatchConfig) -> Result<GraphNode, Refused> + Send + Sync;
type PutCache = dyn Fn(&mut GraphNode, file::Cache) -> Result<(), GraphError> + Send + Sync;

/// Why there is no node.
enum Refused {
    /// The settings are not those of the kind.
    Field(LoadError),
    /// They are, but it does not take them.
    Settings(BoxError),
}

/// The batches of a kind of batches, where nothing else is said.
const BATCH: usize = 32;

impl Registry {
    /// No kinds yet; for those of JSON see [`Registry::json`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The names of all kinds, sorted.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// Registers a kind of [`Node`].
    pub fn node<S, N, In, Out, E>(
        &mut self,
        kind: &str,
        make: impl Fn(S) -> Result<N, E> + Send + Sync + 'static,
    ) -> Registered<'_, In, Out>
    where
        S: DeserializeOwned,
        N: Node<In, Out>,
        E: Into<BoxError>,
        In: Send + 'static,
        Out: Clone + Send + 'static,
    {
        self.one(kind, "node", move |settings, _| make(settings).map(AnyNode::new).map(Step::Node))
    }

    /// Registers a kind that lets only those values pass for which a function is true.
    pub fn filter<S, F, T, E>(&mut self, kind: &str, make: impl Fn(S) -> Result<F, E> + Send + Sync + 'static)
    where
        S: DeserializeOwned,
        F: Fn(&T) -> bool + Send + Sync + 'static,
        E: Into<BoxError>,
        T: Clone + Send + 'static,
    {
        self.one::<T, T, _, E>(kind, "filter", move |settings, _| Ok(Step::filter(make(settings)?)));
    }

    /// Registers a kind that makes any number of values of one, or fails.
    pub fn flat_map<S, F, In, I, E, F2>(
        &mut self,
        kind: &str,
        make: impl Fn(S) -> Result<F, E> + Send + Sync + 'static,
    ) where
        S: DeserializeOwned,
        F: Fn(In) -> Result<I, F2> + Send + Sync + 'static,
        E: Into<BoxError>,
        F2: Into<BoxError>,
        In: Send + 'static,
        I: IntoIterator<Item: Clone + Send + 'static>,
    {
        let make = move |settings, _| Ok(Step::try_flat_map(make(settings)?));
        self.one::<In, I::Item, _, E>(kind, "flat_map", make);
    }

    /// Registers a kind of node that puts together what several nodes give; see
    /// [`Graph::add_join`](super::Graph::add_join).
    pub fn join<S, N, P, Out, E>(
        &mut self,
        kind: &str,
        make: impl Fn(S) -> Result<N, E> + Send + Sync + 'static,
    ) where
        S: DeserializeOwned,
        N: Node<P, Out>,
        E: Into<BoxError>,
        P: Parts,
        Out: Clone + Send + 'static,
    {
        let make = move |settings, _| Ok(Step::join(make(settings)?));
        self.register::<P, Out, _, E>(kind, "join", P::takes(), make);
    }

    /// Registers a kind of function that takes many values at once and gives one for each, in their order. `batch` in
    /// the file says how many; 32 for at most 50 ms without.
    pub fn batch<S, F, Fut, In, Out, E, F2>(
        &mut self,
        kind: &str,
        make: impl Fn(S) -> Result<F, E> + Send + Sync + 'static,
    ) -> Registered<'_, In, Out>
    where
        S: DeserializeOwned,
        F: Fn(Vec<In>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Out>, F2>> + Send,
        E: Into<BoxError>,
        F2: Into<BoxError>,
        In: Send + 'static,
        Out: Clone + Send + 'static,
    {
        let make = move |settings, batch| {
            let function = make(settings).map_err(Into::into)?;
            Ok::<_, BoxError>(Step::Node(AnyNode::new(batch_fn(batch, function)?)))
        };
        let registered = self.one(kind, "batch", make);
        registered.kind.batches = true;
        registered
    }

    /// The same with a function that gives a value or an error for each, so that a bad one does not fail its batch.
    pub fn batch_each<S, F, Fut, In, Out, E, F2>(
        &mut self,
        kind: &str,
        make: impl Fn(S) -> Result<F, E> + Send + Sync + 'static,
    ) -> Registered<'_, In, Out>
    where
        S: DeserializeOwned,
        F: Fn(Vec<In>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Result<Out, F2>>> + Send,
        E: Into<BoxError>,
        F2: Into<BoxError>,
        In: Send + 'static,
        Out: Clone + Send + 'static,
    {
        let make = move |settings, batch| {
            let function = make(settings).map_err(Into::into)?;
            Ok::<_, BoxError>(Step::Node(AnyNode::new(batch_each_fn(batch, function)?)))
        };
        let registered = self.one(kind, "batch", make);
        registered.kind.batches = true;
        registered
    }

    fn one<In: 'static, Out: 'static, S: DeserializeOwned, E: Into<BoxError>>(
        &mut self,
        kind: &str,
        what: &'static str,
        make: impl Fn(S, BatchConfig) -> Result<Step, E> + Send + Sync + 'static,
    ) -> Registered<'_, In, Out> {
        self.register(kind, what, Takes::One(Type::of::<In>()), make)
    }

    fn register<In, Out: 'static, S: DeserializeOwned, E: Into<BoxError>>(
        &mut self,
        kind: &str,
        what: &'static str,
        takes: Takes,
        make: impl Fn(S, BatchConfig) -> Result<Step, E> + Send + Sync + 'static,
    ) -> Registered<'_, In, Out> {
        let shown = kind.to_owned();
        let make = move |name: &str, table: Table, batch: BatchConfig| {
            let settings = file::read(table, &format!("nodes.{name}.with")).map_err(Refused::Field)?;
            let step = make(settings, batch).map_err(|error| Refused::Settings(error.into()))?;
            let mut node = GraphNode::new(name, what, takes.clone(), Type::of::<Out>(), step);
            node.kind = Cow::Owned(shown.clone());
            Ok(node)
        };
        let made = Kind { make: Box::new(make), batches: false, cache: None, on_field: None };
        let kind = self.kinds.entry(kind.to_owned()).insert_entry(made).into_mut();
        Registered::new(kind)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("kinds", &self.kinds.keys()).finish()
    }
}
