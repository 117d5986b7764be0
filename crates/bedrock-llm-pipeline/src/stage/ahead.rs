//! Several futures of a stream at once, like `buffered` and `buffer_unordered`, but free for futures that are ready.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt as _};
use pin_project_lite::pin_project;

use super::Concurrency;

pin_project! {
    /// The outcomes of what `work` makes of each item, with so many under way.
    ///
    /// A future that is ready when it is first polled never goes into a set of futures, which would cost an
    /// allocation and a wake-up each.
    pub(crate) struct Ahead<I, F, Fut>
    where
        Fut: Future,
    {
        #[pin]
        input: I,
        ended: bool,
        work: F,
        width: usize,
        running: Running<Slot<Fut>>,
        // a place for the next future, used again when it was ready at once.
        spare: Option<Slot<Fut>>,
    }
}

/// The futures under way.
enum Running<Fut: Future> {
    Ordered(FuturesOrdered<Fut>),
    AsCompleted(FuturesUnordered<Fut>),
}

/// A future that does not move.
struct Slot<Fut>(Pin<Box<Option<Fut>>>);

impl<I, F, Fut> Ahead<I, F, Fut>
where
    I: Stream,
    F: FnMut(I::Item) -> Fut,
    Fut: Future,
{
    pub(crate) fn new(input: I, concurrency: Concurrency, work: F) -> Self {
        let running = if concurrency.ordered {
            Running::Ordered(FuturesOrdered::new())
        } else {
            Running::AsCompleted(FuturesUnordered::new())
        };
        Self { input, ended: false, work, width: concurrency.width.get(), running, spare: None }
    }
}

impl<I, F, Fut> Stream for Ahead<I, F, Fut>
where
    I: Stream,
    F: FnMut(I::Item) -> Fut,
    Fut: Future,
{
    type Item = Fut::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Fut::Output>> {
        let mut this = self.project();
        while !*this.ended && this.running.len() < *this.width {
            let Poll::Ready(next) = this.input.as_mut().poll_next(cx) else { break };
            let Some(item) = next else {
                *this.ended = true;
                break;
            };
            let mut slot = this.spare.take().unwrap_or_else(|| Slot(Box::pin(None)));
            slot.0.set(Some((this.work)(item)));
            // in order, one that is ready must still wait for those before it
            if this.running.lets_overtake()
                && let Poll::Ready(outcome) = Pin::new(&mut slot).poll(cx)
            {
                *this.spare = Some(slot);
                return Poll::Ready(Some(outcome));
            }
            this.running.push(slot);
        }
        match ready!(this.running.poll_next(cx)) {
            Some(outcome) => Poll::Ready(Some(outcome)),
            None if *this.ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl<Fut: Future> Running<Fut> {
    fn len(&self) -> usize {
        match self {
            Self::Ordered(futures) => futures.len(),
            Self::AsCompleted(futures) => futures.len(),
        }
    }

    fn lets_overtake(&self) -> bool {
        match self {
            Self::Ordered(futures) => futures.is_empty(),
            Self::AsCompleted(_) => true,
        }
    }

    fn push(&mut self, future: Fut) {
        match self {
            Self::Ordered(futures) => futures.push_back(future),
            Self::AsCompleted(futures) => futures.push(future),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Fut::Output>> {
        match self {
            Self::Ordered(futures) => futures.poll_next_unpin(cx),
            Self::AsCompleted(futures) => futures.poll_next_unpin(cx),
        }
    }
}

impl<Fut: Future> Future for Slot<Fut> {
    type Output = Fut::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        let Some(future) = self.0.as_mut().as_pin_mut() else { return Poll::Pending };
        let outcome = ready!(future.poll(cx));
        self.0.set(None);
        Poll::Ready(outcome)
    }
}
