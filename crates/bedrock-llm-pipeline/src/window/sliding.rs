//! Windows that share items.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;

use async_stream::stream;
use futures_core::Stream;
use futures_util::StreamExt as _;

use crate::BoxError;
use crate::item::{Item, Value};
use crate::probe::{Probe, Tally};
use crate::stage::{RunContext, Stage, attempt};

/// Windows that share items; see [`Pipeline::sliding_window`](crate::Pipeline::sliding_window).
#[derive(Debug)]
pub struct Sliding<A, T> {
    pub(super) before: A,
    pub(super) probe: Arc<Probe>,
    pub(super) size: usize,
    pub(super) step: usize,
    pub(super) types: PhantomData<fn() -> T>,
}

impl<A, In, T> Stage<In, Vec<T>> for Sliding<A, T>
where
    A: Stage<In, T>,
    In: Send + 'static,
    T: Clone + Send + 'static,
{
    fn attach<S>(
        &self,
        input: S,
        run: &RunContext,
    ) -> impl Stream<Item = Item<Vec<T>>> + Send + 'static + use<A, S, In, T>
    where
        S: Stream<Item = Item<In>> + Send + 'static,
    {
        let input = self.before.attach(input, run);
        let tally = Tally::of_run(&self.probe);
        let mut slider = Slider::new(self.size, self.step);
        stream! {
            let mut input = pin!(input);
            let mut ended = false;
            while !ended {
                match input.next().await {
                    Some(item) => slider.take(item, &tally),
                    None => ended = true,
                }
                while let Some(element) = slider.next(ended, &tally) {
                    yield element;
                }
            }
        }
    }
}

/// What is in the windows that are open, in order.
struct Slider<T> {
    size: usize,
    step: usize,
    elements: VecDeque<Element<T>>,
    /// How many of the elements are items.
    held: usize,
    /// Whether one of them was in no window yet.
    is_fresh: bool,
    /// How many items are still to go before the next window begins.
    leaving: usize,
}

enum Element<T> {
    Item {
        index: u64,
        last: bool,
        value: T,
    },
    Passing(Item<Vec<T>>),
    /// The inputs of so many indexes, from the first, are closed.
    Gone {
        first: u64,
        count: u64,
    },
}

impl<T: Clone> Slider<T> {
    fn new(size: usize, step: usize) -> Self {
        Self { size, step, elements: VecDeque::new(), held: 0, is_fresh: false, leaving: 0 }
    }

    fn take(&mut self, item: Item<T>, tally: &Tally) {
        match item {
            Item { index, last, value: Value::Good(value) } => {
                tally.enter_many(1);
                self.held += 1;
                self.is_fresh = true;
                self.elements.push_back(Element::Item { index, last, value });
            }
            // says nothing
            Item { last: false, value: Value::Gone, .. } => {}
            Item { index, value: Value::Gone, .. } => match self.elements.back_mut() {
                Some(Element::Gone { first, count }) if first.checked_add(*count) == Some(index) => {
                    *count += 1;
                }
                _ => self.elements.push_back(Element::Gone { first: index, count: 1 }),
            },
            Item { index, last, value: Value::Failed(error) } => {
                self.elements.push_back(Element::Passing(Item { index, last, value: Value::Failed(error) }));
            }
        }
    }

    /// What can go on.
    fn next(&mut self, ended: bool, tally: &Tally) -> Option<Item<Vec<T>>> {
        loop {
            let starts = self.leaving == 0 && matches!(self.elements.front(), Some(Element::Item { .. }));
            let is_due = self.held >= self.size || ended && self.is_fresh;
            let window = if starts && is_due {
                Some(self.window())
            } else if starts && !ended {
                return None;
            } else {
                None
            };
            match self.elements.pop_front()? {
                Element::Passing(item) => return Some(item),
                Element::Gone { first, count } => {
                    if count > 1 {
                        let first = first.saturating_add(1);
                        self.elements.push_front(Element::Gone { first, count: count - 1 });
                    }
                    return Some(Item::gone(first, true));
                }
                Element::Item { index, last, value } => {
                    drop(value);
                    self.held -= 1;
                    self.leaving = self.leaving.saturating_sub(1);
                    match window {
                        Some(window) => {
                            self.leaving = self.step - 1;
                            let outcome = match window {
                                Ok(window) => {
                                    tally.give(1);
                                    Ok(window)
                                }
                                Err(cause) => Err(tally.fail(index, cause)),
                            };
                            return Some(Item::<Vec<T>>::with(index, last, outcome));
                        }
                        None if last => return Some(Item::gone(index, true)),
                        None => {}
                    }
                }
            }
        }
    }

    /// The items of the window that begins with the first.
    fn window(&mut self) -> Result<Vec<T>, BoxError> {
        let items = self.elements.iter().filter_map(|element| match element {
            Element::Item { value, .. } => Some(value),
            Element::Passing(_) | Element::Gone { .. } => None,
        });
        // it goes out as soon as it is full, so these are all there are
        self.is_fresh = false;
        attempt(|| items.cloned().collect())
    }
}
