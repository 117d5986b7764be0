//! What a node of a graph does, whatever its types.

use std::marker::PhantomData;
use std::sync::Arc;

use futures_core::future::BoxFuture;

use super::parcel::{Parcel, Parts};
use crate::plan::Plan;
use crate::stage::attempt;
use crate::{BoxError, ItemError, Node};

/// The work of a node.
#[derive(Clone)]
pub(super) enum Step {
    /// One value of one.
    Node(AnyNode),
    /// Any number of values of one; an error ends them.
    Expand(Arc<Expand>),
    /// One value of one part of each node that leads to it; the node takes them as a parcel of parcels.
    Join(AnyNode),
}

/// A function to any number of values.
pub(super) type Expand = dyn Fn(Parcel) -> Vec<Result<Parcel, BoxError>> + Send + Sync;

/// A node from any type to any type.
#[derive(Clone)]
pub(super) struct AnyNode(Arc<dyn NodeStep>);

trait NodeStep: Send + Sync {
    fn call(&self, input: Parcel) -> BoxFuture<'_, Result<Parcel, BoxError>>;
    fn inside(&self) -> Vec<Plan>;
}

struct Typed<N, In, Out> {
    node: N,
    types: PhantomData<fn(In) -> Out>,
}

impl<N, In, Out> NodeStep for Typed<N, In, Out>
where
    N: Node<In, Out>,
    In: Send + 'static,
    Out: Clone + Send + 'static,
{
    fn call(&self, input: Parcel) -> BoxFuture<'_, Result<Parcel, BoxError>> {
        Box::pin(async move { Ok(Parcel::new(self.node.call(input.open()?).await?)) })
    }

    fn inside(&self) -> Vec<Plan> {
        self.node.inside()
    }
}

/// A node of parts.
struct Joining<N, P> {
    node: N,
    parts: PhantomData<fn(P)>,
}

impl<N: Node<P, Out>, P: Parts, Out: Send> Node<Vec<Parcel>, Out> for Joining<N, P> {
    async fn call(&self, parts: Vec<Parcel>) -> Result<Out, BoxError> {
        self.node.call(P::gather(parts)?).await
    }

    fn inside(&self) -> Vec<Plan> {
        self.node.inside()
    }
}

/// A node of any type as the one of these types that it is, for what must know them.
#[cfg(feature = "cache")]
pub(super) struct Opened<In, Out> {
    node: AnyNode,
    types: PhantomData<fn(In) -> Out>,
}

#[cfg(feature = "cache")]
impl<In, Out> Opened<In, Out> {
    pub(super) fn new(node: AnyNode) -> Self {
        Self { node, types: PhantomData }
    }
}

#[cfg(feature = "cache")]
impl<In: Clone + Send + 'static, Out: Send + 'static> Node<In, Out> for Opened<In, Out> {
    async fn call(&self, input: In) -> Result<Out, BoxError> {
        Ok(self.node.call(Parcel::new(input)).await?.open()?)
    }

    fn inside(&self) -> Vec<Plan> {
        self.node.inside()
    }
}

impl AnyNode {
    pub(super) fn new<In, Out>(node: impl Node<In, Out>) -> Self
    where
        In: Send + 'static,
        Out: Clone + Send + 'static,
    {
        Self(Arc::new(Typed { node, types: PhantomData::<fn(In) -> Out> }))
    }

    pub(super) fn around(node: impl Node<Parcel, Parcel>) -> Self {
        Self(Arc::new(Untyped(node)))
    }
}

/// A node around one of any type, which does not look at the values.
struct Untyped<N>(N);

impl<N: Node<Parcel, Parcel>> NodeStep for Untyped<N> {
    fn call(&self, input: Parcel) -> BoxFuture<'_, Result<Parcel, BoxError>> {
        Box::pin(self.0.call(input))
    }

    fn inside(&self) -> Vec<Plan> {
        self.0.inside()
    }
}

impl Node<Parcel, Parcel> for AnyNode {
    fn call(&self, input: Parcel) -> impl Future<Output = Result<Parcel, BoxError>> + Send {
        self.0.call(input)
    }

    fn inside(&self) -> Vec<Plan> {
        self.0.inside()
    }
}

impl Step {
    pub(super) fn join<P: Parts, Out: Clone + Send + 'static>(node: impl Node<P, Out>) -> Self {
        Self::Join(AnyNode::new(Joining { node, parts: PhantomData }))
    }

    pub(super) fn filter<T: 'static>(keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        Self::Expand(Arc::new(move |parcel| match examine(&parcel, &keep) {
            Ok(true) => vec![Ok(parcel)],
            Ok(false) => Vec::new(),
            Err(error) => vec![Err(error)],
        }))
    }

    pub(super) fn flat_map<In, I>(function: impl Fn(In) -> I + Send + Sync + 'static) -> Self
    where
        In: 'static,
        I: IntoIterator<Item: Clone + Send + 'static>,
    {
        Self::try_flat_map(move |value| Ok::<_, BoxError>(function(value)))
    }

    pub(super) fn try_flat_map<In, I, E>(
        function: impl Fn(In) -> Result<I, E> + Send + Sync + 'static,
    ) -> Self
    where
        In: 'static,
        I: IntoIterator<Item: Clone + Send + 'static>,
        E: Into<BoxError>,
    {
        Self::Expand(Arc::new(move |parcel| {
            let mut values = Vec::new();
            // what came before a panic counts
            let outcome = attempt(|| -> Result<(), BoxError> {
                let iterator = function(parcel.open()?).map_err(Into::into)?.into_iter();
                values.extend(iterator.map(|value| Ok(Parcel::new(value))));
                Ok(())
            });
            if let Err(error) = outcome.and_then(|outcome| outcome) {
                values.push(Err(error));
            }
            values
        }))
    }

    pub(super) fn inside(&self) -> Vec<Plan> {
        match self {
            Self::Node(node) | Self::Join(node) => node.inside(),
            Self::Expand(_) => Vec::new(),
        }
    }
}

/// A question about a value of any type; a panic is an error.
pub(super) fn examine<T: 'static>(parcel: &Parcel, question: &impl Fn(&T) -> bool) -> Result<bool, BoxError> {
    let value = parcel.look()?;
    attempt(|| question(value))
}

/// The condition of an edge.
pub(super) type Condition = dyn Fn(&Parcel) -> Result<bool, BoxError> + Send + Sync;

/// What became of one value on its way through the graph.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    Good(Parcel),
    /// Holds the value's place behind the node that failed, so that joins still pair what belongs together. Several
    /// where the parts of a join failed.
    Failed(Vec<ItemError>),
}
