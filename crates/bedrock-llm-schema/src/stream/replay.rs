//! Streams, and the answers they make, kept and given again.

use std::mem::size_of;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::{Accumulator, ChatStream, Ending, InvokeStream, StreamEvent, events_of};
use crate::response::{AnsweredBy, Replayable, Response as _, json_bytes};
use crate::{Change, ChatResponse, Error, StopReason};

/// A chat's answer that is kept: whole, or as the events it came in.
pub struct KeptChat(Form);

enum Form {
    Whole(Box<ChatResponse>),
    Streamed { events: Vec<StreamEvent>, head: Head },
}

/// What a stream says beside its events.
struct Head {
    request_id: Option<String>,
    changes: Vec<Change>,
    answered_by: Option<Box<AnsweredBy>>,
}

impl std::fmt::Debug for KeptChat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptChat").field("streamed", &matches!(self.0, Form::Streamed { .. })).finish()
    }
}

impl KeptChat {
    fn bytes(&self) -> usize {
        let content = match &self.0 {
            Form::Whole(response) => size_of::<ChatResponse>() + json_bytes(response),
            Form::Streamed { events, .. } => {
                events.iter().map(|event| size_of::<StreamEvent>() + json_bytes(event)).sum()
            }
        };
        size_of::<Self>() + content
    }

    /// The answer, whichever form it is kept in.
    fn response(&self) -> ChatResponse {
        let mut response = match &self.0 {
            Form::Whole(response) => ChatResponse::clone(response),
            Form::Streamed { events, head } => {
                let mut answer = Accumulator::new();
                events.iter().for_each(|event| answer.push(event));
                ChatResponse {
                    request_id: head.request_id.clone(),
                    changes: head.changes.clone(),
                    answered_by: head.answered_by.clone(),
                    ..answer.response()
                }
            }
        };
        response.usage.is_replayed = true;
        response
    }
}

/// Whether the model came to an end of its own. What was cut off (`max_tokens`), blocked or unreadable is not kept:
/// whoever asks again hopes for better.
fn is_finished(stop_reason: &StopReason) -> bool {
    matches!(stop_reason, StopReason::EndTurn | StopReason::StopSequence | StopReason::ToolUse)
}

/// Kept where the model came to an end of its own: `end_turn`, `stop_sequence`, `tool_use`.
impl Replayable for ChatResponse {
    type Kept = KeptChat;

    fn record(self, keep: impl FnOnce(KeptChat) + Send + 'static) -> Self {
        if is_finished(&self.stop_reason) && self.incomplete_tool_uses.is_empty() {
            keep(KeptChat(Form::Whole(Box::new(self.clone()))));
        }
        self
    }

    fn replay(kept: &Arc<KeptChat>) -> Option<Self> {
        Some(kept.response())
    }

    fn kept_bytes(kept: &KeptChat) -> usize {
        kept.bytes()
    }
}

/// Kept where `messageStop` came and says that the model came to an end of its own. The same events come again; of an
/// answer that was kept whole each block comes in one piece.
impl Replayable for ChatStream {
    type Kept = KeptChat;

    fn record(self, keep: impl FnOnce(KeptChat) + Send + 'static) -> Self {
        let head = Head {
            request_id: self.request_id().map(str::to_owned),
            changes: self.changes().to_vec(),
            answered_by: self.answered_by().cloned().map(Box::new),
        };
        let keep = move |events: Vec<StreamEvent>| {
            let mut answer = Accumulator::new();
            events.iter().for_each(|event| answer.push(event));
            if answer.ending() == Ending::Complete && is_finished(&answer.response().stop_reason) {
                keep(KeptChat(Form::Streamed { events, head }));
            }
        };
        self.map_events(|events| Recorder::new(events, keep))
    }

    fn replay(kept: &Arc<KeptChat>) -> Option<Self> {
        let (stream, changes, answered_by) = match &kept.0 {
            Form::Streamed { head: Head { request_id, changes, answered_by }, .. } => {
                let kept = Arc::clone(kept);
                let event = move |place: usize| match &kept.0 {
                    Form::Streamed { events, .. } => events.get(place).cloned().map(paid_before),
                    Form::Whole(_) => None,
                };
                (Self::new(Again { item: event, place: 0 }, request_id.clone()), changes, answered_by)
            }
            Form::Whole(response) => {
                let events = events_of(response, |text| vec![text]);
                if !makes(&events, response) {
                    return None;
                }
                let event = move |place: usize| events.get(place).cloned().map(paid_before);
                let stream = Self::new(Again { item: event, place: 0 }, response.request_id.clone());
                (stream, &response.changes, &response.answered_by)
            }
        };
        let mut stream = stream.with_changes(changes.clone());
        if let Some(who) = answered_by {
            stream.set_answered_by((**who).clone());
        }
        Some(stream)
    }

    fn kept_bytes(kept: &KeptChat) -> usize {
        kept.bytes()
    }
}

/// The same event; what was used is marked.
fn paid_before(mut event: StreamEvent) -> StreamEvent {
    if let StreamEvent::Metadata(metadata) = &mut event {
        metadata.usage.is_replayed = true;
    }
    event
}

/// Whether these events make this answer.
fn makes(events: &[StreamEvent], response: &ChatResponse) -> bool {
    let mut answer = Accumulator::new();
    events.iter().for_each(|event| answer.push(event));
    let made = ChatResponse {
        request_id: response.request_id.clone(),
        changes: response.changes.clone(),
        answered_by: response.answered_by.clone(),
        ..answer.response()
    };
    made == *response
}

/// A native stream that is kept.
pub struct KeptChunks {
    chunks: Vec<Bytes>,
    request_id: Option<String>,
    answered_by: Option<Box<AnsweredBy>>,
}

impl std::fmt::Debug for KeptChunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptChunks").field("chunks", &self.chunks.len()).finish_non_exhaustive()
    }
}

/// Kept where it came to its end. Whether the answer in it was cut off is not told from its chunks.
impl Replayable for InvokeStream {
    type Kept = KeptChunks;

    fn record(mut self, keep: impl FnOnce(KeptChunks) + Send + 'static) -> Self {
        let request_id = self.request_id().map(str::to_owned);
        let answered_by = self.answered_by().cloned().map(Box::new);
        let keep = move |chunks| keep(KeptChunks { chunks, request_id, answered_by });
        self.wrap_chunks(|chunks| Recorder::new(chunks, keep));
        self
    }

    fn replay(kept: &Arc<KeptChunks>) -> Option<Self> {
        let again = Arc::clone(kept);
        let chunk = move |place: usize| again.chunks.get(place).cloned();
        let mut stream = Self::replayed(Again { item: chunk, place: 0 }, kept.request_id.clone());
        if let Some(who) = &kept.answered_by {
            stream.set_answered_by((**who).clone());
        }
        Some(stream)
    }

    fn kept_bytes(kept: &KeptChunks) -> usize {
        size_of::<KeptChunks>()
            + kept.chunks.iter().map(|chunk| size_of::<Bytes>() + chunk.len()).sum::<usize>()
    }
}

/// A piece of a stream that may be its answer's last.
trait Piece: Clone {
    /// Whether the answer is whole with this piece, so that no more need be read.
    fn is_last(&self) -> bool;

    /// Whether the answer begins anew with this piece. It is changed to a plain beginning.
    fn restarts(&mut self) -> bool;
}

impl Piece for StreamEvent {
    fn is_last(&self) -> bool {
        matches!(self, Self::MessageStop(_))
    }

    fn restarts(&mut self) -> bool {
        let is_restart = self.is_restart();
        if is_restart {
            *self = Self::message_start();
        }
        is_restart
    }
}

impl Piece for Bytes {
    fn is_last(&self) -> bool {
        false
    }

    fn restarts(&mut self) -> bool {
        false
    }
}

/// Keeps what passes. Handed over at the stream's end, or when it is dropped after its last piece.
struct Recorder<S, T: Piece> {
    rest: S,
    passed: Vec<T>,
    keep: Option<Box<dyn FnOnce(Vec<T>) + Send>>,
}

impl<S, T: Piece> Recorder<S, T> {
    fn new(rest: S, keep: impl FnOnce(Vec<T>) + Send + 'static) -> Self {
        Self { rest, passed: Vec::new(), keep: Some(Box::new(keep)) }
    }

    fn hand_over(&mut self, is_whole: bool) {
        let passed = std::mem::take(&mut self.passed);
        if let Some(keep) = self.keep.take()
            && (is_whole || passed.iter().rev().any(Piece::is_last))
        {
            keep(passed);
        }
    }
}

impl<S, T> Stream for Recorder<S, T>
where
    S: Stream<Item = Result<T, Error>> + Unpin,
    T: Piece + Unpin,
{
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = std::task::ready!(Pin::new(&mut self.rest).poll_next(cx));
        match &item {
            Some(Ok(piece)) if self.keep.is_some() => {
                let mut piece = piece.clone();
                if piece.restarts() {
                    self.passed.clear();
                }
                self.passed.push(piece);
            }
            Some(Ok(_)) => {}
            Some(Err(_)) => self.keep = None,
            None => self.hand_over(true),
        }
        Poll::Ready(item)
    }
}

impl<S, T: Piece> Drop for Recorder<S, T> {
    fn drop(&mut self) {
        self.hand_over(false);
    }
}

/// Gives the items again, one after the other.
struct Again<I> {
    item: I,
    place: usize,
}

impl<I, T> Stream for Again<I>
where
    I: Fn(usize) -> Option<T> + Unpin,
{
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let place = self.place;
        self.place += 1;
        Poll::Ready((self.item)(place).map(Ok))
    }
}

#[cfg(test)]
mod tests;
