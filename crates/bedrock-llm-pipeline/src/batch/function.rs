//! Functions of whole batches, and what becomes of the items when they answer.

use std::panic::AssertUnwindSafe;
use std::vec;

use futures_util::FutureExt as _;

use crate::error::SharedError;
use crate::probe::{Started, Tally};
use crate::{BatchError, BoxError, ItemError, Panicked};

/// A function of a batch.
pub trait BatchFunction<In, Out>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, items: Vec<In>) -> impl Future<Output = Answer<Out>> + Send;
}

/// What a batch's function answers.
#[derive(Debug)]
pub enum Answer<Out> {
    /// A value for each item.
    All(Vec<Out>),
    /// A value or an error for each item.
    Each(Vec<Result<Out, BoxError>>),
    /// One error for all.
    Failed(BoxError),
}

/// A function that answers for the whole batch.
#[derive(Debug)]
pub struct Whole<F>(pub(super) F);

/// A function that answers for each item of the batch.
#[derive(Debug)]
pub struct Each<F>(pub(super) F);

impl<F, Fut, E, In, Out> BatchFunction<In, Out> for Whole<F>
where
    F: Fn(Vec<In>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<Out>, E>> + Send,
    E: Into<BoxError>,
    In: Send,
{
    async fn call(&self, items: Vec<In>) -> Answer<Out> {
        match (self.0)(items).await {
            Ok(values) => Answer::All(values),
            Err(cause) => Answer::Failed(cause.into()),
        }
    }
}

impl<F, Fut, E, In, Out> BatchFunction<In, Out> for Each<F>
where
    F: Fn(Vec<In>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Result<Out, E>>> + Send,
    E: Into<BoxError>,
    In: Send,
{
    async fn call(&self, items: Vec<In>) -> Answer<Out> {
        Answer::Each((self.0)(items).await.into_iter().map(|outcome| outcome.map_err(Into::into)).collect())
    }
}

/// Asks the function. It answers for as many as it was asked for, or with an error.
pub(super) async fn answer<F, In, Out>(function: &F, items: Vec<In>) -> Answer<Out>
where
    F: BatchFunction<In, Out>,
{
    let asked = items.len();
    let answer = match AssertUnwindSafe(async { function.call(items).await }).catch_unwind().await {
        Ok(answer) => answer,
        Err(payload) => return Answer::Failed(Panicked::new(&*payload).into()),
    };
    let given = match &answer {
        Answer::All(values) => values.len(),
        Answer::Each(outcomes) => outcomes.len(),
        Answer::Failed(_) => return answer,
    };
    if given == asked {
        answer
    } else {
        Answer::Failed(BatchError::WrongLength { given, items: asked }.into())
    }
}

/// What became of the items of a batch, in order.
#[derive(Debug)]
pub(super) enum Outcomes<Out> {
    Good(vec::IntoIter<Out>),
    Mixed(vec::IntoIter<Result<Out, ItemError>>),
}

impl<Out> Outcomes<Out> {
    pub(super) fn none() -> Self {
        Self::Good(Vec::new().into_iter())
    }
}

impl<Out> Iterator for Outcomes<Out> {
    type Item = Result<Out, ItemError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Good(values) => values.next().map(Ok),
            Self::Mixed(outcomes) => outcomes.next(),
        }
    }
}

/// Counts a checked answer for the items of these indexes.
pub(super) fn outcomes<Out>(
    tally: &Tally,
    started: Option<Started>,
    size: usize,
    indexes: impl Iterator<Item = u64>,
    answer: Answer<Out>,
) -> Outcomes<Out> {
    let took = started.map(|started| tally.leave_batch(started, size));
    match answer {
        Answer::All(values) => {
            tally.give(size as u64);
            if took.is_some() {
                indexes.for_each(|index| tally.finished(index, took));
            }
            Outcomes::Good(values.into_iter())
        }
        Answer::Each(given) => {
            let count = |(outcome, index): (Result<Out, BoxError>, u64)| match outcome {
                Ok(value) => {
                    tally.give(1);
                    tally.finished(index, took);
                    Ok(value)
                }
                Err(cause) => Err(tally.fail(index, cause)),
            };
            Outcomes::Mixed(given.into_iter().zip(indexes).map(count).collect::<Vec<_>>().into_iter())
        }
        Answer::Failed(cause) => {
            let cause = SharedError::new(cause);
            let fail = |index| Err(tally.fail(index, Box::new(cause.clone())));
            Outcomes::Mixed(indexes.map(fail).collect::<Vec<_>>().into_iter())
        }
    }
}
