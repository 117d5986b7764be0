//! A value that grows.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bedrock_llm_schema::stream::{ContentBlockDelta, ContentBlockStart};
use bedrock_llm_schema::{ChatResponse, ChatStream, Error, StreamEvent};
use futures_core::Stream;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::road::Road;
use super::shape::Shape;

/// Texts up to this many bytes are read at every piece.
const SHORT: usize = 1024;
/// Longer ones when they have grown by this part, or so many times the last reading's time has passed since: that keeps
/// the work for a long answer in proportion to its length, and its value moving.
const SHARE: u32 = 8;
const PAUSE: u32 = 20;

/// A value as far as it has come.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Partial<T> {
    /// All that has come: a text may be cut, numbers are whole.
    pub json: Value,
    /// The same as a value of the type, where it can be one already; give members `Option` or `#[serde(default)]` to
    /// see it early. Always there in the last item.
    pub value: Option<T>,
    /// Whether this is the last item: the value is whole and checked.
    pub is_final: bool,
}

/// Shows no content.
impl<T> fmt::Debug for Partial<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partial")
            .field("has_value", &self.value.is_some())
            .field("is_final", &self.is_final)
            .finish_non_exhaustive()
    }
}

/// A typed answer as it grows: `Stream<Item = Result<Partial<T>, Error>>`. It ends after the final item or the first
/// error.
pub struct ExtractStream<T> {
    events: ChatStream,
    road: Road,
    shape: Shape,
    /// The answer's JSON so far.
    text: String,
    /// The block of our tool's call.
    call: Option<u32>,
    last: Option<Value>,
    /// How long the text was when it was last read, and when it is to be read again at the latest.
    read: usize,
    read_again: Option<Instant>,
    done: bool,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> ExtractStream<T> {
    pub(super) fn new(events: ChatStream, road: Road, shape: Shape) -> Self {
        Self {
            events,
            road,
            shape,
            text: String::new(),
            call: None,
            last: None,
            read: 0,
            read_again: None,
            done: false,
            of: PhantomData,
        }
    }

    /// The road by which the answer comes.
    #[must_use]
    pub fn road(&self) -> Road {
        self.road
    }

    /// The answer so far, with its usage when it is whole.
    #[must_use]
    pub fn response(&self) -> ChatResponse {
        self.events.response()
    }

    /// The next state of the value; `None` after the final one.
    pub async fn next(&mut self) -> Option<Result<Partial<T>, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Waits for the final value.
    ///
    /// # Errors
    /// What broke the stream, or why the answer does not fit.
    pub async fn collect(mut self) -> Result<T, Error> {
        while let Some(partial) = self.next().await {
            if let Partial { value: Some(value), is_final: true, .. } = partial? {
                return Ok(value);
            }
        }
        Err(Error::new(bedrock_llm_schema::ErrorKind::StreamTruncated, "the stream has been read to its end"))
    }

    /// Takes an event's part of the answer; whether there is one.
    fn take(&mut self, event: &StreamEvent) -> bool {
        match event {
            StreamEvent::ContentBlockStart(start) => {
                if let ContentBlockStart::ToolUse(call) = &start.start
                    && call.name == self.shape.name
                    && self.call.is_none()
                {
                    self.call = Some(start.content_block_index);
                    self.text.clear();
                }
                false
            }
            StreamEvent::ContentBlockDelta(delta) => match &delta.delta {
                // words before a call are not the answer; where they take its place, they are read at the end
                ContentBlockDelta::Text(text) if self.road != Road::Tool && self.call.is_none() => {
                    self.text.push_str(text);
                    true
                }
                ContentBlockDelta::ToolUse(piece) if self.call == Some(delta.content_block_index) => {
                    self.text.push_str(&piece.input);
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether reading the text again is worth its price.
    fn is_due(&self) -> bool {
        let length = self.text.len();
        length <= SHORT
            || length - self.read.min(length) >= length / SHARE as usize
            || self.read_again.is_none_or(|at| Instant::now() >= at)
    }

    /// The value so far, if it has grown.
    fn grown(&mut self) -> Option<Partial<T>> {
        let started = Instant::now();
        let partial = self.read();
        self.read = self.text.len();
        self.read_again = Some(started + started.elapsed() * PAUSE);
        partial
    }

    fn read(&mut self) -> Option<Partial<T>> {
        let json = self.shape.partial(&self.text)?;
        if self.last.as_ref() == Some(&json) {
            return None;
        }
        self.last = Some(json.clone());
        Some(Partial { value: T::deserialize(&json).ok(), json, is_final: false })
    }

    fn finish(&mut self) -> Result<Partial<T>, Error> {
        let response = self.events.response();
        match self.shape.judge(&response) {
            Ok((json, value)) => Ok(Partial { json, value: Some(value), is_final: true }),
            Err(unfit) => {
                let usage = response.usage.clone();
                Err(unfit.into_error(1, usage, response))
            }
        }
    }
}

impl<T: DeserializeOwned> Stream for ExtractStream<T> {
    type Item = Result<Partial<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.done {
            match ready!(Pin::new(&mut self.events).poll_next(cx)) {
                Some(Ok(event)) => {
                    if self.take(&event)
                        && self.is_due()
                        && let Some(partial) = self.grown()
                    {
                        return Poll::Ready(Some(Ok(partial)));
                    }
                }
                Some(Err(error)) => {
                    self.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.done = true;
                    return Poll::Ready(Some(self.finish()));
                }
            }
        }
        Poll::Ready(None)
    }
}

impl<T> fmt::Debug for ExtractStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtractStream")
            .field("events", &self.events)
            .field("road", &self.road)
            .finish_non_exhaustive()
    }
}
