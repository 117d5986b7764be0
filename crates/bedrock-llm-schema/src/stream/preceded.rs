//! A stream with one more item before it.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

/// A stream whose first item was waited for and is not taken yet.
pub(super) struct Preceded<S: Stream> {
    pub(super) first: Option<S::Item>,
    pub(super) rest: S,
}

impl<S> Stream for Preceded<S>
where
    S: Stream<Item: Unpin> + Unpin,
{
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_next(cx),
        }
    }
}
