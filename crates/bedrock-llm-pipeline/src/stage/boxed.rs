//! Pipelines of one type, whatever is inside.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use futures_core::future::BoxFuture;

use super::{BoxItems, Item, One, RunContext, Stage};
use crate::ItemError;

/// Any stage from `In` to `Out`: costs one virtual call an item.
pub struct BoxStage<In, Out>(Arc<dyn DynStage<In, Out>>);

/// Any one-to-one stage from `In` to `Out`: costs one virtual call an item.
pub struct BoxOne<In, Out>(Arc<dyn DynOne<In, Out>>);

trait DynStage<In, Out>: Send + Sync {
    fn attach(&self, input: BoxItems<In>, run: &RunContext) -> BoxItems<Out>;
}

trait DynOne<In, Out>: DynStage<In, Out> {
    fn call(&self, input: In) -> BoxFuture<'_, Result<Out, ItemError>>;
}

struct Erased<S>(S);

impl<In: Send + 'static, Out: Send + 'static, S: Stage<In, Out>> DynStage<In, Out> for Erased<S> {
    fn attach(&self, input: BoxItems<In>, run: &RunContext) -> BoxItems<Out> {
        Box::pin(self.0.attach(input, run))
    }
}

impl<In: Send + 'static, Out: Send + 'static, S: One<In, Out>> DynOne<In, Out> for Erased<S> {
    fn call(&self, input: In) -> BoxFuture<'_, Result<Out, ItemError>> {
        Box::pin(self.0.call(input))
    }
}

impl<In: Send + 'static, Out: Send + 'static> BoxStage<In, Out> {
    pub(crate) fn new(stage: impl Stage<In, Out>) -> Self {
        Self(Arc::new(Erased(stage)))
    }
}

impl<In: Send + 'static, Out: Send + 'static> BoxOne<In, Out> {
    pub(crate) fn new(stage: impl One<In, Out>) -> Self {
        Self(Arc::new(Erased(stage)))
    }
}

impl<In: Send + 'static, Out: Send + 'static> Stage<In, Out> for BoxStage<In, Out> {
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Out>> + Send + 'static + use<In, Out, S>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        self.0.attach(Box::pin(input), run)
    }
}

impl<In: Send + 'static, Out: Send + 'static> Stage<In, Out> for BoxOne<In, Out> {
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Out>> + Send + 'static + use<In, Out, S>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        let input: Pin<Box<dyn Stream<Item = Item<In>> + Send>> = Box::pin(input);
        self.0.attach(input, run)
    }
}

impl<In: Send + 'static, Out: Send + 'static> One<In, Out> for BoxOne<In, Out> {
    fn call(&self, input: In) -> impl Future<Output = Result<Out, ItemError>> + Send {
        self.0.call(input)
    }
}

impl<In, Out> Clone for BoxStage<In, Out> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<In, Out> fmt::Debug for BoxStage<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxStage").finish_non_exhaustive()
    }
}

impl<In, Out> Clone for BoxOne<In, Out> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<In, Out> fmt::Debug for BoxOne<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxOne").finish_non_exhaustive()
    }
}
