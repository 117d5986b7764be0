//! One of several nodes for an item.

use std::fmt;
use std::marker::PhantomData;

use futures_core::future::BoxFuture;

use super::part::Part;
use crate::pipeline::Linked;
use crate::plan::Plan;
use crate::stage::{Chain, Segment, Stage};
use crate::{BoxError, Node, Pipeline};

/// A node that gives an item to one of two others; see [`branch`].
#[derive(Debug)]
pub struct TwoWay<P, Y, N> {
    is_yes: P,
    yes: Part<Y>,
    no: Part<N>,
}

/// A node that gives each item to `yes` if the function is true for it, else to `no`.
///
/// Errors and statistics name them `branch/yes` and `branch/no`. For more than two see [`Branch`].
///
/// ```
/// use bedrock_llm_pipeline::{Pipeline, branch, map_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let halves = branch(|n: &u32| n % 2 == 0, map_fn(|n: u32| n / 2), map_fn(|n: u32| 3 * n + 1));
/// let collatz = Pipeline::new().node(halves);
/// assert_eq!((collatz.execute(10).await?, collatz.execute(5).await?), (5, 16));
/// # Ok(())
/// # }
/// ```
pub fn branch<In, P, Y, N>(is_yes: P, yes: Y, no: N) -> TwoWay<P, Y, N>
where
    P: Fn(&In) -> bool,
{
    TwoWay { is_yes, yes: Part::new(yes, "yes"), no: Part::new(no, "no") }
}

impl<In, Out, P, Y, N> Node<In, Out> for TwoWay<P, Y, N>
where
    P: Fn(&In) -> bool + Send + Sync + 'static,
    Y: Node<In, Out>,
    N: Node<In, Out>,
    In: Send,
    Out: Send,
{
    async fn call(&self, input: In) -> Result<Out, BoxError> {
        if (self.is_yes)(&input) { self.yes.call(input).await } else { self.no.call(input).await }
    }

    fn inside(&self) -> Vec<Plan> {
        vec![self.yes.plan::<In, Out>(), self.no.plan::<In, Out>()]
    }

    fn kind(&self) -> &'static str {
        "branch"
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
    /// Adds two nodes, of which each item has one; see [`branch`]. For more than two add a [`Branch`] as a
    /// [`node`](Pipeline::node).
    pub fn branch<P, Y, N, Next>(
        self,
        is_yes: P,
        yes: Y,
        no: N,
    ) -> Linked<In, Next, A, Mid, C, TwoWay<P, Y, N>, Out>
    where
        P: Fn(&Out) -> bool + Send + Sync + 'static,
        Y: Node<Out, Next>,
        N: Node<Out, Next>,
        Next: Send + 'static,
    {
        self.node(branch(is_yes, yes, no))
    }
}

/// A node that gives each item to the one whose key the item has, else to one for all others.
///
/// The nodes may be of different types, but take and give the same. Of several with the same key the first has the
/// items. Errors and statistics name them `branch/1`, `branch/2` and so on, and `branch/otherwise`.
///
/// ```
/// use bedrock_llm_pipeline::{BoxError, Branch, Pipeline, map_fn, try_map_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let by_unit = Branch::on(|text: &String| text.chars().last())
///     .case(Some('k'), try_map_fn(|text: String| text.trim_end_matches('k').parse().map(|n: u64| n * 1000)))
///     .case(None, map_fn(|_| 0))
///     .otherwise(try_map_fn(|text: String| text.parse::<u64>()));
/// let numbers = Pipeline::new().node(by_unit);
/// assert_eq!(numbers.execute("12k".to_owned()).await?, 12_000);
/// assert_eq!(numbers.execute("12".to_owned()).await?, 12);
/// assert_eq!(numbers.execute(String::new()).await?, 0);
/// assert_eq!(numbers.execute("x".to_owned()).await.unwrap_err().node(), "branch/otherwise");
/// # Ok(())
/// # }
/// ```
pub struct Branch<In, Out, K, F> {
    cases: Cases<In, Out, K, F>,
    otherwise: Box<dyn AnyPart<In, Out>>,
}

/// The cases of a [`Branch`] so far.
pub struct Cases<In, Out, K, F> {
    key: F,
    cases: Vec<(K, Box<dyn AnyPart<In, Out>>)>,
    types: PhantomData<fn(In) -> Out>,
}

impl<In, Out, K, F> Branch<In, Out, K, F>
where
    F: Fn(&In) -> K + Send + Sync + 'static,
    K: PartialEq + Send + Sync + 'static,
    In: Send + 'static,
    Out: Send + 'static,
{
    /// Begins with the function that gives an item's key.
    pub fn on(key: F) -> Cases<In, Out, K, F> {
        Cases { key, cases: Vec::new(), types: PhantomData }
    }
}

impl<In, Out, K, F> Cases<In, Out, K, F>
where
    In: Send + 'static,
    Out: Send + 'static,
{
    /// The node for items with this key.
    #[must_use]
    pub fn case(mut self, key: K, node: impl Node<In, Out>) -> Self {
        let place = self.cases.len() + 1;
        self.cases.push((key, Box::new(Part::new(node, place.to_string()))));
        self
    }

    /// The node for items with any other key. To refuse them, let it fail.
    pub fn otherwise(self, node: impl Node<In, Out>) -> Branch<In, Out, K, F> {
        Branch { cases: self, otherwise: Box::new(Part::new(node, "otherwise")) }
    }
}

impl<In, Out, K, F> Node<In, Out> for Branch<In, Out, K, F>
where
    F: Fn(&In) -> K + Send + Sync + 'static,
    K: PartialEq + Send + Sync + 'static,
    In: Send + 'static,
    Out: Send + 'static,
{
    fn call(&self, input: In) -> impl Future<Output = Result<Out, BoxError>> + Send {
        let key = (self.cases.key)(&input);
        let case = self.cases.cases.iter().find(|(case, _)| *case == key);
        let part = case.map_or(&self.otherwise, |(_, part)| part);
        part.call(input)
    }

    fn inside(&self) -> Vec<Plan> {
        let cases = self.cases.cases.iter().map(|(_, part)| part);
        cases.chain([&self.otherwise]).map(|part| part.plan()).collect()
    }

    fn kind(&self) -> &'static str {
        "branch"
    }
}

/// A part of whatever type.
trait AnyPart<In, Out>: Send + Sync {
    fn call(&self, input: In) -> BoxFuture<'_, Result<Out, BoxError>>;
    fn plan(&self) -> Plan;
}

impl<In, Out, N> AnyPart<In, Out> for Part<N>
where
    N: Node<In, Out>,
    In: Send + 'static,
    Out: Send + 'static,
{
    fn call(&self, input: In) -> BoxFuture<'_, Result<Out, BoxError>> {
        Box::pin(Part::call(self, input))
    }

    fn plan(&self) -> Plan {
        Part::plan::<In, Out>(self)
    }
}

impl<In, Out, K, F> fmt::Debug for Branch<In, Out, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch").field("cases", &self.cases.cases.len()).finish_non_exhaustive()
    }
}

impl<In, Out, K, F> fmt::Debug for Cases<In, Out, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cases").field("cases", &self.cases.len()).finish_non_exhaustive()
    }
}
