//! Stages: how a stream of items goes through nodes.
//!
//! Nodes that take one item at a time are fused: an item goes through a whole [`Segment`] of them as one future. A
//! stage that holds several items at once runs in a task of its own, with a bounded queue behind it.

mod ahead;
mod boxed;
mod chain;
mod chunk;
mod expand;
mod gather;
mod guard;
mod merge;
mod overtaking;
mod parallel;
mod queue;
mod segment;
mod sequential;

use std::pin::Pin;

use futures_core::Stream;

pub(crate) use ahead::Ahead;
pub use boxed::{BoxOne, BoxStage};
pub use chain::{Chain, Identity, Link, Observed};
pub(crate) use chunk::{Chunk, Reader, Run, What};
pub use expand::Expand;
pub(crate) use gather::{Gather, Gathered, Until};
pub(crate) use guard::{attempt, guarded};
pub use merge::Merge;
pub(crate) use overtaking::Overtaking;
pub use parallel::{Concurrency, Parallel};
pub(crate) use queue::queued;
pub use segment::Segment;

use crate::ItemError;
pub use crate::item::Item;

/// What a run gives its stages.
#[derive(Clone, Debug)]
pub struct RunContext {
    /// How many items a queue between two tasks holds.
    pub(crate) queue: usize,
}

/// A way of a stream of `In` to a stream of `Out`. Made by the methods of [`Pipeline`](crate::Pipeline).
pub trait Stage<In, Out>: Send + Sync + 'static {
    /// Puts the stage behind a stream.
    #[doc(hidden)]
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Out>> + Send + 'static + use<Self, S, In, Out>
    where
        S: Stream<Item = Item<In>> + Send + 'static;
}

/// A stage that makes one `Out` of each `In`, so that it can be called for a single one.
#[diagnostic::on_unimplemented(
    message = "this pipeline may give none or several results for an item",
    note = "after `filter`, `filter_map`, `flat_map`, `merge` or `window` use `execute_all` or `run`"
)]
pub trait One<In, Out>: Stage<In, Out> {
    /// Takes one item through.
    #[doc(hidden)]
    fn call(&self, input: In) -> impl Future<Output = Result<Out, ItemError>> + Send;
}

/// The beginning of every pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Start;

impl<T: Send + 'static> Stage<T, T> for Start {
    fn attach<S>(&self, input: S, _: &RunContext) -> impl Stream<Item = Item<T>> + Send + 'static + use<T, S>
    where
        S: Stream<Item = Item<T>> + Send + 'static,
    {
        input
    }
}

impl<T: Send + 'static> One<T, T> for Start {
    async fn call(&self, input: T) -> Result<T, ItemError> {
        Ok(input)
    }
}

/// Any stream of items.
pub(crate) type BoxItems<T> = Pin<Box<dyn Stream<Item = Item<T>> + Send>>;
