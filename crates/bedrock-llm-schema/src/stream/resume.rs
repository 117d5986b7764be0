//! What can be done about a stream that broke.

use super::{Accumulator, ContentBlockDelta, Ending, StreamEvent};
use crate::model::ModelProfile;
use crate::normalize::reasons;
use crate::response::Usage;
use crate::{ChatRequest, ChatResponse, Error, ErrorKind, Message, Role, tokens};

/// How a stream ended: [`ChatStream::conclude`](super::ChatStream::conclude).
#[derive(Debug)]
#[non_exhaustive]
pub struct Conclusion {
    /// Whether the answer is whole, and if not, why.
    pub ending: Ending,
    /// The answer; as far as it came where it is not whole.
    pub response: ChatResponse,
    /// What broke the stream.
    pub error: Option<Error>,
    answer: Accumulator,
}

impl Conclusion {
    pub(super) fn new(answer: Accumulator, response: ChatResponse, error: Option<Error>) -> Self {
        let ending = match &error {
            None => answer.ending(),
            Some(error) => match error.kind() {
                ErrorKind::StreamTruncated => Ending::Truncated,
                ErrorKind::StreamStalled => Ending::Stalled,
                _ => Ending::Failed,
            },
        };
        Self { ending, response, error, answer }
    }

    /// What the call used, as far as the service said it: usage comes last, so that a broken stream has none. What
    /// came of the answer was paid for all the same.
    #[must_use]
    pub fn usage(&self) -> Option<&Usage> {
        self.answer.usage()
    }

    /// What can be done now. `request` is the one that was sent.
    #[must_use]
    pub fn resume(&self, request: &ChatRequest, profile: &ModelProfile) -> ResumePlan {
        match &self.error {
            None if self.ending == Ending::Complete => ResumePlan::Done,
            Some(error) if !may_pass(error) => ResumePlan::GiveUp,
            _ => ResumePlan::of(&self.answer, request, profile),
        }
    }
}

/// Whether a stream that broke so may come out whole another time.
fn may_pass(error: &Error) -> bool {
    error.is_retryable() || matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Decode)
}

/// What can be done about a stream that broke.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ResumePlan {
    /// Nothing has to be: the answer is whole.
    Done,
    /// Sending this request makes the model go on where the text broke off; [`Splice`] joins both.
    Continue(Box<ChatRequest>, Splice),
    /// Sending the same request again, and discarding what came; why the model cannot go on.
    Restart(&'static str),
    /// Nothing: the same request would fail again.
    GiveUp,
}

impl ResumePlan {
    /// The plan for an answer that broke off, whatever broke it.
    ///
    /// A model can go on only where its profile says that it takes a turn of the assistant's as a beginning
    /// (`features.assistant_prefill`), and only from text: a tool call's arguments and signed reasoning cannot be
    /// joined from two pieces.
    #[must_use]
    pub fn of(answer: &Accumulator, request: &ChatRequest, profile: &ModelProfile) -> Self {
        if profile.features.assistant_prefill != Some(true) {
            return Self::Restart("the model is not known to go on from a beginning");
        }
        if reasons(request, profile) {
            return Self::Restart("a model that reasons does not go on from a beginning");
        }
        let Some((block, text)) = answer.only_open_text() else {
            return Self::Restart("something else than one open text has come");
        };
        // what ends in white space is refused as a beginning
        let prefill = text.trim_end();
        if prefill.is_empty() {
            return Self::Restart("no text has come");
        }
        let tail = text.get(prefill.len()..).unwrap_or_default().to_owned();
        let mut next = request.clone();
        match next.messages.last_mut() {
            // the caller had given a beginning already
            Some(last) if last.role == Role::Assistant => last.content.push(prefill.into()),
            _ => next.messages.push(Message::assistant(prefill)),
        }
        if let Some(limit) = next.inference_config.as_mut().and_then(|config| config.max_tokens.as_mut()) {
            let spent = u32::try_from(tokens::of_text(prefill)).unwrap_or(u32::MAX);
            *limit = limit.saturating_sub(spent).max(1);
        }
        Self::Continue(Box::new(next), Splice { block, tail, state: State::Before })
    }
}

/// Joins the events of a continuation to those of the stream that broke, so that a reader sees one answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Splice {
    /// The block that was open.
    block: u32,
    /// White space at its end, which the model may say again.
    tail: String,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Nothing of the continuation's first block has come.
    Before,
    /// The first block goes on with the open one; later blocks follow it.
    Joined,
    /// The open block was closed; the first block of the continuation follows it.
    Beside,
}

impl Splice {
    /// The event as the joined answer has it: none, itself under another index, or after the end of the open block.
    pub fn map(&mut self, mut event: StreamEvent) -> impl Iterator<Item = StreamEvent> + use<> {
        if matches!(event, StreamEvent::MessageStart(_)) {
            return [None, None].into_iter().flatten();
        }
        let mut closing = None;
        if self.state == State::Before {
            match &mut event {
                StreamEvent::ContentBlockDelta(delta) => match &mut delta.delta {
                    ContentBlockDelta::Text(text) => self.drop_what_was_said(text),
                    _ => closing = self.close(),
                },
                StreamEvent::ContentBlockStart(_) => closing = self.close(),
                _ => {}
            }
        }
        let shift = self.block.saturating_add(u32::from(self.state == State::Beside));
        match &mut event {
            StreamEvent::ContentBlockStart(start) => shift_by(&mut start.content_block_index, shift),
            StreamEvent::ContentBlockDelta(delta) => shift_by(&mut delta.content_block_index, shift),
            StreamEvent::ContentBlockStop(stop) => shift_by(&mut stop.content_block_index, shift),
            _ => {}
        }
        [closing, Some(event)].into_iter().flatten()
    }

    /// The continuation begins with something else than text.
    fn close(&mut self) -> Option<StreamEvent> {
        self.state = State::Beside;
        Some(StreamEvent::block_stop(self.block))
    }

    /// Takes from the beginning of the continuation the white space that the reader has already.
    fn drop_what_was_said(&mut self, text: &mut String) {
        let same = self.tail.chars().zip(text.chars()).take_while(|(tail, said)| tail == said);
        let length: usize = same.map(|(said, _)| said.len_utf8()).sum();
        let is_all = length == text.len();
        text.drain(..length);
        self.tail.drain(..length);
        // a delta of white space alone may be followed by more of it
        if !is_all || self.tail.is_empty() {
            self.state = State::Joined;
        }
    }
}

fn shift_by(index: &mut u32, shift: u32) {
    *index = index.saturating_add(shift);
}

#[cfg(test)]
mod tests;
