//! Streams that a chat gives: of events, of text.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::preceded::Preceded;
use super::{Accumulator, Conclusion, Ending, StreamEvent};
use crate::error::{Error, ErrorKind};
use crate::response::{AnsweredBy, End, EndHooks, Outcome, Response};
use crate::{Change, ChatResponse, Operation, Usage};

type Events = Pin<Box<dyn Stream<Item = Result<StreamEvent, Error>> + Send>>;

/// A streamed answer: `Stream<Item = Result<StreamEvent, Error>>`.
///
/// The stream is whole only if `messageStop` came. If it ends before, or breaks, its last item is an error
/// that holds the answer so far ([`Error::partial`]); a connection lost after `messageStop` only loses the usage.
/// Dropping it closes the connection.
pub struct ChatStream {
    events: Events,
    /// The first item, where it was waited for and nobody has taken it yet.
    first: Option<Result<StreamEvent, Error>>,
    begun: bool,
    answer: Accumulator,
    request_id: Option<String>,
    changes: Vec<Change>,
    answered_by: Option<Box<AnsweredBy>>,
    end_hooks: EndHooks,
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
            first: None,
            begun: false,
            answer: Accumulator::new(),
            request_id,
            changes: Vec::new(),
            answered_by: None,
            end_hooks: EndHooks::default(),
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
    pub fn with_changes(mut self, changes: Vec<Change>) -> Self {
        self.changes = changes;
        self
    }

    /// Says more of what was changed in its request.
    pub fn add_changes(&mut self, changes: Vec<Change>) {
        self.changes.extend(changes);
    }

    /// Who answers, where the call could have gone to several.
    #[must_use]
    pub fn answered_by(&self) -> Option<&AnsweredBy> {
        self.answered_by.as_deref()
    }

    /// The answer so far.
    #[must_use]
    pub fn response(&self) -> ChatResponse {
        let (changes, answered_by) = (self.changes.clone(), self.answered_by.clone());
        ChatResponse { request_id: self.request_id.clone(), changes, answered_by, ..self.answer.response() }
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

    /// Waits for the end, whatever it is, and says what can be done about it. Nothing that came is lost.
    ///
    /// ```no_run
    /// use bedrock_llm_schema::model::ModelProfile;
    /// use bedrock_llm_schema::stream::{ChatStream, Ending, ResumePlan};
    /// use bedrock_llm_schema::ChatRequest;
    ///
    /// # async fn run(stream: ChatStream, request: ChatRequest, profile: ModelProfile) {
    /// let end = stream.conclude().await;
    /// if end.ending != Ending::Complete {
    ///     println!("{:?} after {:?}", end.ending, end.response.text());
    ///     match end.resume(&request, &profile) {
    ///         ResumePlan::Continue(next, _) => println!("send {next:?}, and append what comes"),
    ///         ResumePlan::Restart(why) => println!("send it again: {why}"),
    ///         _ => println!("{:?}", end.error),
    ///     }
    /// }
    /// # }
    /// ```
    pub async fn conclude(mut self) -> Conclusion {
        let mut error = None;
        while let Some(item) = self.next().await {
            error = item.err();
        }
        let response = self.response();
        Conclusion::new(std::mem::take(&mut self.answer), response, error)
    }

    /// Only the text, piece by piece.
    #[must_use]
    pub fn text(self) -> TextStream {
        TextStream { events: self }
    }

    /// The same stream with its events passed through `wrap`, as a layer does that watches or times them.
    #[must_use]
    pub fn map_events<S>(mut self, wrap: impl FnOnce(Events) -> S) -> Self
    where
        S: Stream<Item = Result<StreamEvent, Error>> + Send + 'static,
    {
        self.wrap_events(wrap);
        self
    }

    /// [`map_events`](Self::map_events) in place.
    pub fn wrap_events<S>(&mut self, wrap: impl FnOnce(Events) -> S)
    where
        S: Stream<Item = Result<StreamEvent, Error>> + Send + 'static,
    {
        let mut events = std::mem::replace(&mut self.events, Box::pin(Nothing));
        if let Some(first) = self.first.take() {
            events = Box::pin(Preceded { first: Some(first), rest: events });
            self.begun = false;
        }
        self.events = Box::pin(wrap(events));
    }

    fn explain(&self, error: Error) -> Error {
        let error = error.with_operation_if_none(Operation::ConverseStream).with_partial(self.response());
        match &self.request_id {
            Some(id) => error.with_request_id_if_none(id),
            None => error,
        }
    }

    /// Takes note of an item, and of the end if it is the last.
    fn pass(&mut self, item: Option<Result<StreamEvent, Error>>) -> Option<Result<StreamEvent, Error>> {
        let item = match item {
            Some(Ok(event)) => {
                self.answer.push(&event);
                return Some(Ok(event));
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
        let outcome = match &item {
            Some(Err(error)) => Outcome::Failed(error),
            _ => Outcome::Completed,
        };
        self.end_hooks.tell(&End::new(outcome, self.answer.usage()));
        item
    }
}

impl Stream for ChatStream {
    type Item = Result<StreamEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        let item = match self.first.take() {
            Some(first) => Some(first),
            None => ready!(self.events.as_mut().poll_next(cx)),
        };
        self.begun = true;
        Poll::Ready(self.pass(item))
    }
}

impl Response for ChatStream {
    fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.begun {
            return Poll::Ready(Ok(()));
        }
        let first = ready!(self.events.as_mut().poll_next(cx));
        self.begun = true;
        match first {
            Some(Ok(event)) => {
                self.first = Some(Ok(event));
                Poll::Ready(Ok(()))
            }
            broken => match self.pass(broken) {
                Some(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(())),
            },
        }
    }

    fn usage(&self) -> Option<Usage> {
        self.answer.usage().cloned()
    }

    fn on_end(&mut self, hook: impl FnOnce(&End<'_>) + Send + 'static) {
        if self.done {
            hook(&End::new(Outcome::Completed, self.answer.usage()));
        } else {
            self.end_hooks.add(hook);
        }
    }

    fn chat_stream_mut(&mut self) -> Option<&mut ChatStream> {
        Some(self)
    }

    fn set_answered_by(&mut self, who: AnsweredBy) {
        self.answered_by = Some(Box::new(who));
    }
}

/// A stream that nobody reads to its end is one that is over: whoever counts on the end is told.
impl Drop for ChatStream {
    fn drop(&mut self) {
        if self.done || self.end_hooks.is_empty() {
            return;
        }
        let outcome = match self.answer.ending() {
            Ending::Truncated => Outcome::Abandoned,
            _ => Outcome::Completed,
        };
        self.end_hooks.tell(&End::new(outcome, self.answer.usage()));
    }
}

/// What stands for a stream while it is being wrapped.
struct Nothing;

impl Stream for Nothing {
    type Item = Result<StreamEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
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

    /// How a stream ended, for one who asked to be told.
    fn told(stream: &mut ChatStream) -> std::sync::Arc<std::sync::Mutex<Vec<String>>> {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let note = std::sync::Arc::clone(&seen);
        stream.on_end(move |end| {
            let outcome = match end.outcome {
                Outcome::Completed => "completed",
                Outcome::Failed(_) => "failed",
                Outcome::Abandoned => "abandoned",
            };
            note.lock().unwrap().push(format!("{outcome} {:?}", end.usage.map(Usage::total)));
        });
        seen
    }

    #[test]
    fn the_end_of_a_stream_is_told_once() {
        let whole = [
            Ok(StreamEvent::text(0, "Hi")),
            Ok(StreamEvent::message_stop(StopReason::EndTurn)),
            Ok(StreamEvent::metadata(Usage::new(1, 2), 3)),
        ];
        let mut stream = ChatStream::new(Items(Vec::from(whole).into_iter()), None);
        let seen = told(&mut stream);
        drop(drain(stream));
        assert_eq!(*seen.lock().unwrap(), ["completed Some(3)"]);

        let mut stream = ChatStream::new(Items(vec![Ok(StreamEvent::text(0, "Hi"))].into_iter()), None);
        let seen = told(&mut stream);
        drop(drain(stream));
        assert_eq!(*seen.lock().unwrap(), ["failed None"]);

        let mut stream = ChatStream::new(Items(vec![Ok(StreamEvent::text(0, "Hi"))].into_iter()), None);
        let seen = told(&mut stream);
        drop(stream);
        assert_eq!(*seen.lock().unwrap(), ["abandoned None"]);
    }

    #[test]
    fn a_stream_can_be_waited_for_until_it_begins() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut stream = ChatStream::new(Items(vec![Ok(StreamEvent::text(0, "Hi"))].into_iter()), None);
        assert!(matches!(stream.poll_begun(&mut cx), Poll::Ready(Ok(()))));
        assert!(matches!(stream.poll_begun(&mut cx), Poll::Ready(Ok(()))));
        assert!(matches!(Pin::new(&mut stream).poll_next(&mut cx), Poll::Ready(Some(Ok(_)))));
        let broken = vec![Err(Error::new(ErrorKind::Internal, "x"))];
        let mut stream = ChatStream::new(Items(broken.into_iter()), None);
        let seen = told(&mut stream);
        assert!(matches!(stream.poll_begun(&mut cx), Poll::Ready(Err(_))));
        assert_eq!(*seen.lock().unwrap(), ["failed None"]);
    }

    #[test]
    fn a_restart_discards_what_came() {
        let events = [
            Ok(StreamEvent::message_start()),
            Ok(StreamEvent::text(0, "Hel")),
            Ok(StreamEvent::message_restart()),
            Ok(StreamEvent::text(0, "Hello")),
            Ok(StreamEvent::message_stop(StopReason::EndTurn)),
        ];
        let (stream, error) = run(Vec::from(events));
        assert!(error.is_none());
        assert_eq!(stream.response().text(), "Hello");
        assert!(stream.response().extra.is_empty());
    }
}
