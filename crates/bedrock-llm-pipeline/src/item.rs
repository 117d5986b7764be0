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

/// What tests ask of the items of a whole run.
#[cfg(test)]
pub(crate) mod testing {
    use std::collections::BTreeMap;

    use super::{Item, Value};

    /// Each of the inputs from 0 on is closed once, by its final element; `ordered`: elements of an index are together
    /// and indexes ascend.
    pub(crate) fn assert_closed_once<T>(items: &[Item<T>], inputs: u64, ordered: bool) {
        let mut open: BTreeMap<u64, bool> = (0..inputs).map(|index| (index, true)).collect();
        let mut before = 0;
        for Item { index, last, .. } in items {
            assert_eq!(
                open.get(index),
                Some(&true),
                "an element of input {index}, which is closed or never was"
            );
            if *last {
                open.insert(*index, false);
            }
            assert!(!ordered || before <= *index, "input {index} comes after {before}");
            before = *index;
        }
        let left: Vec<_> = open.into_iter().filter(|(_, open)| *open).map(|(index, _)| index).collect();
        assert!(left.is_empty(), "never closed: {left:?}");
    }

    /// The good values, and the indexes of the failed.
    pub(crate) fn parted<T>(items: Vec<Item<T>>) -> (Vec<T>, Vec<u64>) {
        let mut good = Vec::new();
        let mut failed = Vec::new();
        for item in items {
            match item.value {
                Value::Good(value) => good.push(value),
                Value::Failed(_) => failed.push(item.index),
                Value::Gone => {}
            }
        }
        (good, failed)
    }
}
