//! The events of one stream, and of those that go on with it.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bedrock_llm_schema::stream::{Ending, ResumePlan, Splice};
use bedrock_llm_schema::{
    Accumulator, Catalog, ChatStream, Error, ErrorKind, ModelId, Request, Response, StreamEvent,
    StreamRecovery,
};
use futures_core::Stream;
use tower::{Service, ServiceExt as _};

type Events = Pin<Box<dyn Stream<Item = Result<StreamEvent, Error>> + Send>>;
type Opening<A> = Pin<Box<dyn Future<Output = Result<A, Error>> + Send>>;

/// What a new request is made of.
#[allow(unreachable_pub, reason = "it stands in the name of a public future")]
pub struct Source<S, R> {
    pub(super) service: S,
    pub(super) request: R,
    pub(super) choice: StreamRecovery,
    /// How often it may still be sent.
    pub(super) left: u32,
    pub(super) catalog: Option<Arc<Catalog>>,
}

/// Neither the request's content nor the service.
impl<S, R> fmt::Debug for Source<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("choice", &self.choice)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Events without an end before the answer's, as long as a new request can bring them.
pub(super) struct Recovering<S, R: Request> {
    source: Source<S, R>,
    answer: Accumulator,
    state: State<R>,
    /// Events that are due before the next is asked for.
    owed: VecDeque<StreamEvent>,
}

enum State<R: Request> {
    Reading(Events, Join),
    /// A new request is under way; the error is given out if it cannot be had either.
    Opening(Opening<R::Response>, Join),
    Over,
}

/// How events of the stream that is read belong to the answer.
enum Join {
    /// They are the answer's.
    Whole,
    /// They begin it anew; what says that they begin was said already.
    Anew,
    /// They go on with an open text.
    Spliced(Splice),
}

/// Nothing in it is pinned in place.
impl<S, R: Request> Unpin for Recovering<S, R> {}

impl<S, R> Recovering<S, R>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error, Future: Send> + Clone + Send + 'static,
{
    pub(super) fn new(events: Events, source: Source<S, R>) -> Self {
        let state = State::Reading(events, Join::Whole);
        Self { source, answer: Accumulator::new(), state, owed: VecDeque::new() }
    }

    /// Goes on after a break, or gives the error back.
    fn go_on(&mut self, error: Error) -> Result<(), Error> {
        let may_pass = error.is_retryable() || error.kind() == &ErrorKind::Decode;
        if self.answer.ending() != Ending::Truncated || !may_pass || self.source.left == 0 {
            return Err(error);
        }
        self.source.left -= 1;
        let kind = error.kind().as_str();
        let model = self.source.request.model().cloned().unwrap_or_default();
        let mut request = self.source.request.clone();
        let join = match self.plan(&model) {
            ResumePlan::Continue(next, splice) => {
                tracing::debug!(model = model.as_str(), kind, "a broken stream is continued");
                if let Some(chat) = request.chat_mut() {
                    *chat = *next;
                }
                Join::Spliced(splice)
            }
            _ => {
                tracing::debug!(model = model.as_str(), kind, "a broken stream is started anew");
                Join::Anew
            }
        };
        // boxed: the service's future has no name here, and it lives as long as the stream may
        self.state = State::Opening(Box::pin(self.source.service.clone().oneshot(request)), join);
        Ok(())
    }

    fn plan(&self, model: &ModelId) -> ResumePlan {
        match (self.source.choice, self.source.request.chat()) {
            (StreamRecovery::Continue, Some(chat)) => {
                let catalog = self.source.catalog.as_deref().unwrap_or_else(|| Catalog::builtin());
                ResumePlan::of(&self.answer, chat, &catalog.profile(model))
            }
            _ => ResumePlan::Restart("as asked"),
        }
    }

    /// The events of an answer to a new request.
    fn read(&mut self, mut answer: R::Response, join: Join) {
        let Some(stream) = answer.chat_stream_mut() else {
            self.state = State::Over;
            return;
        };
        let events = std::mem::replace(stream, ChatStream::new(futures_util::stream::empty(), None));
        if matches!(join, Join::Anew) {
            let restart = StreamEvent::message_restart();
            self.answer.push(&restart);
            self.owed.push_back(restart);
        }
        self.state = State::Reading(Box::pin(events), join);
    }
}

impl<S, R> Stream for Recovering<S, R>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error, Future: Send> + Clone + Send + 'static,
{
    type Item = Result<StreamEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.owed.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            let failure = match std::mem::replace(&mut this.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Opening(mut opening, join) => match opening.as_mut().poll(cx) {
                    Poll::Pending => {
                        this.state = State::Opening(opening, join);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(answer)) => {
                        this.read(answer, join);
                        continue;
                    }
                    // what is inside has tried all it can
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                },
                State::Reading(mut events, mut join) => match events.as_mut().poll_next(cx) {
                    Poll::Pending => {
                        this.state = State::Reading(events, join);
                        return Poll::Pending;
                    }
                    Poll::Ready(Some(Ok(event))) => {
                        match &mut join {
                            Join::Whole => this.owed.push_back(event),
                            Join::Anew if matches!(event, StreamEvent::MessageStart(_)) => {}
                            Join::Anew => this.owed.push_back(event),
                            Join::Spliced(splice) => this.owed.extend(splice.map(event)),
                        }
                        this.owed.iter().for_each(|event| this.answer.push(event));
                        this.state = State::Reading(events, join);
                        continue;
                    }
                    Poll::Ready(Some(Err(error))) => error,
                    Poll::Ready(None) if this.answer.ending() == Ending::Truncated => {
                        Error::new(ErrorKind::StreamTruncated, "the stream ended before the answer was whole")
                    }
                    Poll::Ready(None) => return Poll::Ready(None),
                },
            };
            if let Err(error) = this.go_on(failure) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}
