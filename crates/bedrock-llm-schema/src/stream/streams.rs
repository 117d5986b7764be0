//! Streams that a call gives: of events, of text, of native chunks.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use super::{Accumulator, Ending, StreamEvent};
use crate::error::{Error, ErrorKind};
use crate::{Change, ChatResponse, Operation};

type Events = Pin<Box<dyn Stream<Item = Result<StreamEvent, Error>> + Send>>;
type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// A streamed answer: `Stream<Item = Result<StreamEvent, Error>>`.
///
/// The stream is whole only if `messageStop` came. If it ends before, or breaks, its last item is an error
/// that holds the answer so far ([`Error::partial`]); a connection lost after `messageStop` only loses the usage.
/// Dropping it closes the connection.
pub struct ChatStream {
    events: Events,
    answer: Accumulator,
    request_id: Option<String>,
    changes: Vec<Change>,
    done: bool,
}

impl ChatStream {
    /// A stream over events as a transport gives them.
    pub fn new(
        events: impl Stream<Item = Result<StreamEvent, Error>> + Send + 'static,
        request_id: Option<String>,
    ) -> Self {
        Self {
            events: Box::pin(events),
            answer: Accumulator::new(),
            request_id,
            changes: Vec::new(),
            done: false,
        }
    }

    /// The service's id for this call.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// What was changed in the request so that the model takes it.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The same stream with this said of its request.
    #[must_use]
    pub fn with_changes(self, changes: Vec<Change>) -> Self {
        Self { changes, ..self }
    }

    /// The answer so far.
    #[must_use]
    pub fn response(&self) -> ChatResponse {
        let changes = self.changes.clone();
        ChatResponse { request_id: self.request_id.clone(), changes, ..self.answer.response() }
    }

    /// The next event; `None` when the answer is whole.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Waits for the whole answer.
    ///
    /// # Errors
    /// What broke the stream, with the answer so far; [`ErrorKind::ToolInputInvalid`] when a tool call's
    /// arguments are not JSON (its raw text is in the partial answer's `incomplete_tool_uses`).
    pub async fn collect(mut self) -> Result<ChatResponse, Error> {
        while let Some(event) = self.next().await {
            event?;
        }
        match (self.answer.ending(), self.answer.invalid_tool_use()) {
            (Ending::Failed, Some(call)) => {
                let message = format!(
                    "the arguments of tool call {} ({}) are not JSON; their text is in the partial answer's `incomplete_tool_uses`",
                    call.tool_use_id, call.name
                );
                Err(self.explain(Error::new(ErrorKind::ToolInputInvalid, message)))
            }
            _ => Ok(self.response()),
        }
    }

    /// Only the text, piece by piece.
    #[must_use]
    pub fn text(self) -> TextStream {
        TextStream { events: self }
    }

    /// The same stream with its events passed through `wrap`, as a layer does that watches or times them.
    #[must_use]
    pub fn map_events<S>(self, wrap: impl FnOnce(Events) -> S) -> Self
    where
        S: Stream<Item = Result<StreamEvent, Error>> + Send + 'static,
    {
        Self { events: Box::pin(wrap(self.events)), ..self }
    }

    fn explain(&self, error: Error) -> Error {
        let error = error.with_operation_if_none(Operation::ConverseStream).with_partial(self.response());
        match &self.request_id {
            Some(id) => error.with_request_id_if_none(id),
            None => error,
        }
    }
}

impl Stream for ChatStream {
    type Item = Result<StreamEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        let item = match ready!(self.events.as_mut().poll_next(cx)) {
            Some(Ok(event)) => {
                self.answer.push(&event);
                return Poll::Ready(Some(Ok(event)));
            }
            // the answer is whole; that the connection then broke or fell silent takes nothing from it
            Some(Err(error)) if self.answer.ending() != Ending::Truncated && lost_the_connection(&error) => {
                None
            }
            Some(Err(error)) => Some(Err(self.explain(error))),
            None if self.answer.ending() == Ending::Truncated => {
                let message = "the stream ended before the answer was whole (no messageStop)";
                Some(Err(self.explain(Error::new(ErrorKind::StreamTruncated, message))))
            }
            None => None,
        };
        self.done = true;
        Poll::Ready(item)
    }
}

fn lost_the_connection(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::StreamTruncated | ErrorKind::StreamStalled)
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatStream")
            .field("request_id", &self.request_id)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

/// The text of a [`ChatStream`], piece by piece.
#[derive(Debug)]
pub struct TextStream {
    events: ChatStream,
}

impl TextStream {
    /// The next piece; `None` when the answer is whole.
    pub async fn next(&mut self) -> Option<Result<String, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for TextStream {
    type Item = Result<String, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.events).poll_next(cx)) {
                Some(Ok(event)) => {
                    if let Some(text) = event.as_text() {
                        return Poll::Ready(Some(Ok(text.to_owned())));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// The native chunks of a streamed answer: `Stream<Item = Result<Bytes, Error>>`, each the JSON of one chunk.
pub struct InvokeStream {
    chunks: Chunks,
    request_id: Option<String>,
}

impl InvokeStream {
    /// A stream over chunks as a transport gives them.
    pub fn new(
        chunks: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
        request_id: Option<String>,
    ) -> Self {
        Self { chunks: Box::pin(chunks), request_id }
    }

    /// The service's id for this call.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The next chunk.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| self.chunks.as_mut().poll_next(cx)).await
    }
}

impl Stream for InvokeStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for InvokeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvokeStream").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::StopReason;

    struct Items(std::vec::IntoIter<Result<StreamEvent, Error>>);

    impl Stream for Items {
        type Item = Result<StreamEvent, Error>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.next())
        }
    }

    fn run(items: Vec<Result<StreamEvent, Error>>) -> (ChatStream, Option<Error>) {
        drain(ChatStream::new(Items(items.into_iter()), Some("r-1".to_owned())))
    }

    /// Everything a stream gives; nothing here ever waits.
    fn drain(mut stream: ChatStream) -> (ChatStream, Option<Error>) {
        let mut error = None;
        while let Poll::Ready(Some(item)) =
            Pin::new(&mut stream).poll_next(&mut Context::from_waker(Waker::noop()))
        {
            error = item.err();
        }
        (stream, error)
    }

    #[test]
    fn a_stream_without_its_end_is_an_error_that_holds_what_came() {
        let (_, error) = run(vec![Ok(StreamEvent::text(0, "Hel"))]);
        let error = error.unwrap();
        assert_eq!((error.kind(), error.request_id()), (&ErrorKind::StreamTruncated, Some("r-1")));
        assert_eq!(error.partial().unwrap().text(), "Hel");
    }

    #[test]
    fn a_layer_may_wrap_the_events_and_take_the_partial_answer() {
        struct Cut(Events, u32);
        impl Stream for Cut {
            type Item = Result<StreamEvent, Error>;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                self.1 += 1;
                if self.1 == 2 {
                    return Poll::Ready(Some(Err(Error::new(ErrorKind::Timeout, "enough").with_attempts(3))));
                }
                self.0.as_mut().poll_next(cx)
            }
        }
        let events = [Ok(StreamEvent::text(0, "a")), Ok(StreamEvent::text(0, "b"))];
        let stream =
            ChatStream::new(Items(Vec::from(events).into_iter()), None).map_events(|events| Cut(events, 0));
        let mut error = drain(stream).1.unwrap();
        assert_eq!((error.attempts(), error.take_partial().unwrap().text().as_str()), (3, "a"));
        assert!(error.partial().is_none());
    }

    #[test]
    fn a_connection_lost_after_the_end_takes_nothing_away() {
        let whole =
            || vec![Ok(StreamEvent::text(0, "Hello")), Ok(StreamEvent::message_stop(StopReason::EndTurn))];
        let mut items = whole();
        items.push(Err(Error::new(ErrorKind::StreamTruncated, "cut")));
        let (stream, error) = run(items);
        assert!(error.is_none());
        assert_eq!(stream.response().text(), "Hello");
        // what the service itself says is never hidden
        let mut items = whole();
        items.push(Err(Error::new(ErrorKind::Internal, "exception")));
        assert!(run(items).1.is_some());
    }
}
