//! Any number of inputs, some at a time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bedrock_llm_schema::embed::{Element, EmbedInput, EmbedPurpose};
use bedrock_llm_schema::{Error, ErrorKind};
use futures_core::Stream;
use futures_util::future::Either;
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::{EmbedService, Embedder};
use crate::{EmbedError, EmbedOutcome, Embeddings};

/// How many windows are out at once: those that are under way, and those that wait for an earlier one.
const WINDOWS: usize = 4;

/// What became of a window, or, where the runtime took its task away, why nothing did.
type Window<T> = Pin<Box<dyn Future<Output = Result<EmbedOutcome<T>, EmbedOutcome<T>>> + Send>>;

/// The vectors of a stream of inputs, window by window, in order. Made by
/// [`Embedder::embed_stream`](super::Embedder::embed_stream) and
/// [`Embedder::embed_documents_stream`](super::Embedder::embed_documents_stream).
///
/// - **Windows.** Each item has the vectors of the next inputs, and knows where they
///   [start](Embeddings::start). How many, [`EmbedderBuilder::window`](super::EmbedderBuilder::window) says: fewer where the
///   inputs come slowly, since none is held back while nothing else is under way.
/// - **Backpressure.** Four windows are out at most, whatever the length of the input: inputs are taken when there is room,
///   and only while the stream is polled. Calls of one window fill the places that another leaves free.
/// - **Errors** are of one window, with its vectors that came and the inputs that failed. The stream goes on with the next:
///   whoever wants to stop at the first drops it.
/// - **The runtime's end.** When the tokio runtime is shut down under the stream, the window that was under way fails, and
///   the stream ends. A window's inputs are in memory twice, so that they can be given back.
/// - **Cancellation.** Dropping the stream drops the calls under way. Windows that are out are worked on while the stream
///   is not polled, too, in tasks of the tokio runtime it is polled in.
#[must_use = "a stream sends nothing until it is polled"]
pub struct EmbedStream<'a, T, S> {
    embedder: Embedder<T, S>,
    purpose: Option<EmbedPurpose>,
    /// Boxed, so that a stream has a name that does not tell where its inputs come from.
    inputs: Pin<Box<dyn Stream<Item = EmbedInput> + Send + 'a>>,
    is_exhausted: bool,
    /// Taken, and in no window yet.
    gathered: Vec<EmbedInput>,
    /// The index of the first of them.
    next: usize,
    running: FuturesOrdered<Window<T>>,
}

impl<'a, T: Element, S: EmbedService> EmbedStream<'a, T, S> {
    pub(super) fn new(
        embedder: Embedder<T, S>,
        purpose: Option<EmbedPurpose>,
        inputs: Pin<Box<dyn Stream<Item = EmbedInput> + Send + 'a>>,
    ) -> Self {
        Self {
            embedder,
            purpose,
            inputs,
            is_exhausted: false,
            gathered: Vec::new(),
            next: 0,
            running: FuturesOrdered::new(),
        }
    }

    /// Takes inputs while there is room.
    fn gather(&mut self, cx: &mut Context<'_>) {
        while !self.is_exhausted && self.running.len() < WINDOWS {
            match self.inputs.as_mut().poll_next(cx) {
                Poll::Ready(Some(input)) => self.gathered.push(input),
                Poll::Ready(None) => self.is_exhausted = true,
                Poll::Pending => break,
            }
            if self.gathered.len() >= self.embedder.window() {
                self.open();
            }
        }
        // while others are under way, more may come to fill the window
        if !self.gathered.is_empty()
            && (self.running.is_empty() || self.is_exhausted && self.running.len() < WINDOWS)
        {
            self.open();
        }
    }

    fn open(&mut self) {
        let inputs = std::mem::take(&mut self.gathered);
        let start = self.next;
        self.next = start.saturating_add(inputs.len());
        let window = match Handle::try_current() {
            Ok(runtime) => {
                let (embedder, purpose) = (self.embedder.clone(), self.purpose.clone());
                let kept = inputs.clone();
                let work = self.embedder.run(self.purpose.clone()).embed(inputs, start);
                let task = AbortOnDropHandle::new(runtime.spawn(work.in_current_span()));
                Either::Left(async move {
                    match task.await {
                        Ok(outcome) => Ok(outcome),
                        Err(stopped) => match stopped.try_into_panic() {
                            // as if it had been polled here
                            Ok(panic) => std::panic::resume_unwind(panic),
                            Err(stopped) => {
                                let message = "the tokio runtime was shut down before the window was done";
                                let error = Error::new(ErrorKind::ShutDown, message).with_source(stopped);
                                Err(embedder.nothing(kept, start, purpose, error))
                            }
                        },
                    }
                })
            }
            Err(_) => {
                let work = self.embedder.run(self.purpose.clone()).embed(inputs, start);
                Either::Right(async { Ok(work.await) })
            }
        };
        self.running.push_back(Box::pin(window));
    }
}

/// Nothing in it is pinned in place.
impl<T, S> Unpin for EmbedStream<'_, T, S> {}

impl<T: Element, S: EmbedService> Stream for EmbedStream<'_, T, S> {
    type Item = Result<Embeddings<T>, EmbedError<T>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.gather(cx);
        match this.running.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(outcome))) => Poll::Ready(Some(outcome.into_result())),
            Poll::Ready(Some(Err(lost))) => {
                // the others have gone with it
                this.is_exhausted = true;
                this.gathered.clear();
                this.running.clear();
                Poll::Ready(Some(lost.into_result()))
            }
            Poll::Ready(None) if this.is_exhausted => Poll::Ready(None),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl<T, S> fmt::Debug for EmbedStream<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedStream")
            .field("embedder", &self.embedder)
            .field("taken", &self.next)
            .finish_non_exhaustive()
    }
}
