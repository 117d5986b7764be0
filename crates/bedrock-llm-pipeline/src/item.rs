//! What flows between stages: a value, and which input it came from.

use crate::ItemError;

/// One element between two stages.
///
/// Every input of a run closes exactly once: by the one element of its index with `last`, which is the final one of
/// that index. So whoever writes results knows when an input is done with, whatever became of it: nothing, one value
/// or many.
#[derive(Debug)]
pub struct Item<T> {
    pub(crate) index: u64,
    pub(crate) last: bool,
    pub(crate) value: Value<T>,
}

/// What became of an input so far.
#[derive(Debug)]
pub(crate) enum Value<T> {
    Good(T),
    Failed(ItemError),
    /// Nothing: a filter took it, or its values went on as another's.
    Gone,
}

impl<T> Item<T> {
    pub(crate) fn input(index: u64, value: T) -> Self {
        Self { index, last: true, value: Value::Good(value) }
    }

    pub(crate) fn with<U>(index: u64, last: bool, outcome: Result<U, ItemError>) -> Item<U> {
        let value = match outcome {
            Ok(value) => Value::Good(value),
            Err(error) => Value::Failed(error),
        };
        Item { index, last, value }
    }

    pub(crate) fn gone(index: u64, last: bool) -> Self {
        Self { index, last, value: Value::Gone }
    }

    /// The value, to work on; or what passes by, as it is.
    pub(crate) fn split<U>(self) -> Result<(u64, bool, T), Item<U>> {
        let Self { index, last, value } = self;
        match value {
            Value::Good(value) => Ok((index, last, value)),
            Value::Failed(error) => Err(Item { index, last, value: Value::Failed(error) }),
            Value::Gone => Err(Item::gone(index, last)),
        }
    }
}
