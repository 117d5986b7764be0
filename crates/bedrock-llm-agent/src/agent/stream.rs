//! A run as a stream of what happens in it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc::{Receiver, channel};

use super::drive::Drive;
use super::{Agent, AgentError, AgentEvent, AgentInput, AgentResponse};

type Working = Pin<Box<dyn Future<Output = Result<AgentResponse, AgentError>> + Send>>;

/// A run as it happens: `Stream<Item = Result<AgentEvent, AgentError>>`. Its last item is
/// [`Done`](AgentEvent::Done) or an error. Whoever pulls it drives the run: it spawns nothing.
#[must_use = "a run does nothing unless it is pulled"]
pub struct AgentStream {
    /// One event at a time: the run goes on when it was taken.
    events: Receiver<AgentEvent>,
    working: Option<Working>,
    ended: Option<Result<AgentResponse, AgentError>>,
}

impl AgentStream {
    pub(super) fn new(agent: Agent, input: AgentInput) -> Self {
        let (sender, events) = channel(1);
        let working: Working = Box::pin(Drive::new(agent, Some(sender)).run(input));
        Self { events, working: Some(working), ended: None }
    }

    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<AgentEvent, AgentError>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Waits for the end, and leaves out what happens until then.
    ///
    /// # Errors
    /// As [`Agent::run`]; also where the stream's end was taken before.
    pub async fn collect(mut self) -> Result<AgentResponse, AgentError> {
        while let Some(event) = self.next().await {
            if let AgentEvent::Done(response) = event? {
                return Ok(*response);
            }
        }
        Err(AgentError::config("collect", "the end of the stream was taken before; it has the response"))
    }
}

impl Stream for AgentStream {
    type Item = Result<AgentEvent, AgentError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(Some(event)) = self.events.poll_recv(cx) {
            return Poll::Ready(Some(Ok(event)));
        }
        if let Some(working) = &mut self.working
            && let Poll::Ready(ended) = working.as_mut().poll(cx)
        {
            self.working = None;
            self.ended = Some(ended);
        }
        match self.events.poll_recv(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(Some(Ok(event))),
            // the sender went with the run
            Poll::Ready(None) => {
                let done = |response| AgentEvent::Done(Box::new(response));
                Poll::Ready(self.ended.take().map(|ended| ended.map(done)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl fmt::Debug for AgentStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentStream").field("is_over", &self.working.is_none()).finish_non_exhaustive()
    }
}
