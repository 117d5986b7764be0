//! The stream that a native call gives.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use serde::Deserialize;

use super::preceded::Preceded;
use crate::Usage;
use crate::error::Error;
use crate::response::{AnsweredBy, End, EndHooks, Outcome, Response};

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// The native chunks of a streamed answer: `Stream<Item = Result<Bytes, Error>>`, each the JSON of one chunk.
///
/// It ends after its first error. Dropping it closes the connection.
pub struct InvokeStream {
    chunks: Chunks,
    /// The first item, where it was waited for and nobody has taken it yet.
    first: Option<Result<Bytes, Error>>,
    begun: bool,
    /// The latest chunk; the last one of all says what the call used.
    latest: Bytes,
    request_id: Option<String>,
    answered_by: Option<Box<AnsweredBy>>,
    end_hooks: EndHooks,
    is_replayed: bool,
    done: bool,
}

impl InvokeStream {
    /// A stream over chunks as a transport gives them.
    pub fn new(
        chunks: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
        request_id: Option<String>,
    ) -> Self {
        Self {
            chunks: Box::pin(chunks),
            first: None,
            begun: false,
            latest: Bytes::new(),
            request_id,
            answered_by: None,
            end_hooks: EndHooks::default(),
            is_replayed: false,
            done: false,
        }
    }

    /// A stream that was paid for before.
    pub(super) fn replayed(
        chunks: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
        request_id: Option<String>,
    ) -> Self {
        let mut stream = Self::new(chunks, request_id);
        stream.is_replayed = true;
        stream
    }

    /// The service's id for this call.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Who answers, where the call could have gone to several.
    #[must_use]
    pub fn answered_by(&self) -> Option<&AnsweredBy> {
        self.answered_by.as_deref()
    }

    /// The next chunk.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Passes its chunks through `wrap`, as a layer does that watches or times them.
    pub fn wrap_chunks<S>(&mut self, wrap: impl FnOnce(Chunks) -> S)
    where
        S: Stream<Item = Result<Bytes, Error>> + Send + 'static,
    {
        let mut chunks = std::mem::replace(&mut self.chunks, Box::pin(Nothing));
        if let Some(first) = self.first.take() {
            chunks = Box::pin(Preceded { first: Some(first), rest: chunks });
            self.begun = false;
        }
        self.chunks = Box::pin(wrap(chunks));
    }

    /// Takes note of an item, and of the end if it is the last.
    fn pass(&mut self, item: Option<Result<Bytes, Error>>) -> Option<Result<Bytes, Error>> {
        let outcome = match &item {
            Some(Ok(chunk)) => {
                self.latest = chunk.clone();
                return item;
            }
            Some(Err(error)) => Outcome::Failed(error),
            None => Outcome::Completed,
        };
        self.done = true;
        if !self.end_hooks.is_empty() {
            let usage = self.usage();
            self.end_hooks.tell(&End::new(outcome, usage.as_ref()));
        }
        item
    }
}

impl Stream for InvokeStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        let item = match self.first.take() {
            Some(first) => Some(first),
            None => ready!(self.chunks.as_mut().poll_next(cx)),
        };
        self.begun = true;
        Poll::Ready(self.pass(item))
    }
}

impl Response for InvokeStream {
    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.begun {
            return Poll::Ready(Ok(()));
        }
        let first = ready!(self.chunks.as_mut().poll_next(cx));
        self.begun = true;
        match first {
            Some(Ok(chunk)) => {
                self.first = Some(Ok(chunk));
                Poll::Ready(Ok(()))
            }
            broken => match self.pass(broken) {
                Some(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(())),
            },
        }
    }

    fn usage(&self) -> Option<Usage> {
        let usage = reported_usage(&self.latest)?;
        Some(Usage { is_replayed: self.is_replayed, ..usage })
    }

    fn on_end(&mut self, hook: impl FnOnce(&End<'_>) + Send + 'static) {
        if self.done {
            hook(&End::new(Outcome::Completed, self.usage().as_ref()));
        } else {
            self.end_hooks.add(hook);
        }
    }

    fn invoke_stream_mut(&mut self) -> Option<&mut InvokeStream> {
        Some(self)
    }

    fn set_answered_by(&mut self, who: AnsweredBy) {
        self.answered_by = Some(Box::new(who));
    }
}

impl Drop for InvokeStream {
    fn drop(&mut self) {
        if !self.done && !self.end_hooks.is_empty() {
            let usage = self.usage();
            self.end_hooks.tell(&End::new(Outcome::Abandoned, usage.as_ref()));
        }
    }
}

impl fmt::Debug for InvokeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvokeStream").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// What the service adds to the last chunk of every family's stream.
fn reported_usage(chunk: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Last {
        #[serde(rename = "amazon-bedrock-invocationMetrics")]
        metrics: Metrics,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    #[derive(Default)]
    struct Metrics {
        input_token_count: u64,
        output_token_count: u64,
        cache_read_input_token_count: Option<u64>,
        cache_write_input_token_count: Option<u64>,
    }
    let Metrics {
        input_token_count,
        output_token_count,
        cache_read_input_token_count,
        cache_write_input_token_count,
    } = serde_json::from_slice::<Last>(chunk).ok()?.metrics;
    Some(Usage {
        cache_read_input_tokens: cache_read_input_token_count,
        cache_write_input_tokens: cache_write_input_token_count,
        ..Usage::new(input_token_count, output_token_count)
    })
}

/// What stands for a stream while it is being wrapped.
struct Nothing;

impl Stream for Nothing {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::task::Waker;

    use super::*;

    struct Items(std::vec::IntoIter<Result<Bytes, Error>>);

    impl Stream for Items {
        type Item = Result<Bytes, Error>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.next())
        }
    }

    #[test]
    fn the_last_chunk_says_what_was_used() {
        let last = br#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3,"outputTokenCount":5,"invocationLatency":9,"firstByteLatency":2}}"#;
        let items = vec![Ok(Bytes::from_static(b"{}")), Ok(Bytes::from_static(last))];
        let mut stream = InvokeStream::new(Items(items.into_iter()), None);
        let seen = Arc::new(Mutex::new(None));
        let told = Arc::clone(&seen);
        stream.on_end(move |end| {
            *told.lock().unwrap() = Some((end.usage.cloned(), end.outcome.is_completed()));
        });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(stream.poll_begun(&mut cx), Poll::Ready(Ok(()))));
        let mut count = 0;
        while let Poll::Ready(Some(_)) = Pin::new(&mut stream).poll_next(&mut cx) {
            count += 1;
        }
        assert_eq!(count, 2);
        assert_eq!(*seen.lock().unwrap(), Some((Some(Usage::new(3, 5)), true)));
    }

    #[test]
    fn a_dropped_stream_is_abandoned() {
        let mut stream = InvokeStream::new(Items(vec![Ok(Bytes::from_static(b"{}"))].into_iter()), None);
        let seen = Arc::new(Mutex::new(None));
        let told = Arc::clone(&seen);
        stream.on_end(move |end| *told.lock().unwrap() = Some(matches!(end.outcome, Outcome::Abandoned)));
        drop(stream);
        assert_eq!(*seen.lock().unwrap(), Some(true));
    }
}
