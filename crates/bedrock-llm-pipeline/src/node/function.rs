//! Nodes of functions.

use std::future::ready;

use crate::{BoxError, Node};

/// A node of an async function or closure; see [`node_fn`].
#[derive(Clone, Copy, Debug)]
pub struct FnNode<F>(F);

/// A node of a function that cannot fail; see [`map_fn`].
#[derive(Clone, Copy, Debug)]
pub struct MapNode<F>(F);

/// A node of a function that may fail; see [`try_map_fn`].
#[derive(Clone, Copy, Debug)]
pub struct TryMapNode<F>(F);

/// A node of an async function: `Fn(In) -> impl Future<Output = Result<Out, E>>`.
pub const fn node_fn<F>(function: F) -> FnNode<F> {
    FnNode(function)
}

/// A node of a quick function that cannot fail: `Fn(In) -> Out`. It runs on the async worker.
pub const fn map_fn<F>(function: F) -> MapNode<F> {
    MapNode(function)
}

/// A node of a quick function that may fail: `Fn(In) -> Result<Out, E>`. It runs on the async worker.
pub const fn try_map_fn<F>(function: F) -> TryMapNode<F> {
    TryMapNode(function)
}

impl<In, Out, E, F, Fut> Node<In, Out> for FnNode<F>
where
    F: Fn(In) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Out, E>> + Send,
    E: Into<BoxError>,
    In: Send,
{
    async fn call(&self, input: In) -> Result<Out, BoxError> {
        (self.0)(input).await.map_err(Into::into)
    }
}

impl<In, Out, F> Node<In, Out> for MapNode<F>
where
    F: Fn(In) -> Out + Send + Sync + 'static,
    Out: Send,
{
    fn call(&self, input: In) -> impl Future<Output = Result<Out, BoxError>> + Send {
        ready(Ok((self.0)(input)))
    }
}

impl<In, Out, E, F> Node<In, Out> for TryMapNode<F>
where
    F: Fn(In) -> Result<Out, E> + Send + Sync + 'static,
    E: Into<BoxError>,
    Out: Send,
{
    fn call(&self, input: In) -> impl Future<Output = Result<Out, BoxError>> + Send {
        ready((self.0)(input).map_err(Into::into))
    }
}
