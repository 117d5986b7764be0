//! Strategies made of others.

use std::fmt;

use bedrock_llm_schema::conversation::Measure;
use bedrock_llm_schema::{Error, Message};

use super::draft::Pin;
use super::{Draft, MemoryContext, Strategy};

/// One strategy, and another on what it leaves: [`Strategy::then`].
#[derive(Debug, Clone)]
pub struct Then<A, B> {
    first: A,
    next: B,
}

impl<A, B> Then<A, B> {
    pub(super) fn new(first: A, next: B) -> Self {
        Self { first, next }
    }
}

impl<A: Strategy, B: Strategy> Strategy for Then<A, B> {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        self.first.plan(draft, context).await?;
        self.next.plan(draft, context).await
    }
}

/// A strategy that keeps some units whatever else it does: [`Strategy::pin`], [`Strategy::keep_first`].
///
/// What is pinned is not counted by a [`Window`](super::Window). It is by a [`TokenBudget`](super::TokenBudget), since the
/// model has to read it. A memory is only as small as what is pinned.
#[derive(Clone)]
pub struct Pinned<S> {
    inner: S,
    pin: Pin,
}

impl<S> Pinned<S> {
    pub(super) fn turns(inner: S, is_pinned: impl Fn(&Message) -> bool + Send + Sync + 'static) -> Self {
        Self { inner, pin: Pin::Turns(Measure::by(move |message| u64::from(is_pinned(message)))) }
    }

    pub(super) fn first(inner: S, units: usize) -> Self {
        Self { inner, pin: Pin::First(units) }
    }
}

impl<S: Strategy> Strategy for Pinned<S> {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        draft.push_pin(self.pin.clone());
        let planned = self.inner.plan(draft, context).await;
        draft.pop_pin();
        planned
    }
}

impl<S: fmt::Debug> fmt::Debug for Pinned<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// Nothing goes where there is none.
impl<S: Strategy> Strategy for Option<S> {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        match self {
            Some(strategy) => strategy.plan(draft, context).await,
            None => Ok(()),
        }
    }
}
