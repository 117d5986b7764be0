//! What a frame means: an event, a chunk, or an exception.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use aws_smithy_types::body::SdkBody;
use aws_smithy_types::event_stream::{HeaderValue, Message};
use bedrock_llm_schema::{Blob, Error, ErrorKind, ServiceError, StreamEvent};
use bytes::Bytes;
use futures_core::Stream;
use serde::Deserialize;

use super::call::{Context, Reply};
use super::frames::Frames;

/// A stream that the service has begun.
pub(crate) struct Opened {
    frames: Frames<SdkBody>,
    pub(crate) context: Context,
}

impl Opened {
    pub(super) fn new(reply: Reply, context: Context) -> Self {
        Self { frames: Frames::new(reply.body), context }
    }

    /// The events of a Converse stream.
    pub(crate) fn events(self) -> Meanings<StreamEvent> {
        Meanings { opened: self, mean: |kind, payload| StreamEvent::from_frame(kind, payload).map(Some) }
    }

    /// The chunks of a native stream.
    pub(crate) fn chunks(self) -> Meanings<Bytes> {
        Meanings { opened: self, mean: chunk }
    }
}

/// What an event of a type stands for; `None` is passed over.
type Mean<T> = fn(&str, &[u8]) -> serde_json::Result<Option<T>>;

fn chunk(kind: &str, payload: &[u8]) -> serde_json::Result<Option<Bytes>> {
    if kind != "chunk" {
        tracing::debug!(kind, "an event that native streams are not known to have");
        return Ok(None);
    }
    serde_json::from_slice(payload).map(|Chunk { bytes }| Some(bytes.0))
}

#[derive(Deserialize)]
struct Chunk {
    bytes: Blob,
}

/// The frames of a stream as what they mean.
pub(crate) struct Meanings<T> {
    opened: Opened,
    mean: Mean<T>,
}

impl<T> Stream for Meanings<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let item = match ready!(Pin::new(&mut this.opened.frames).poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => Err(error),
                Some(Ok(message)) => match event_type(&message) {
                    Err(error) => Err(error),
                    // the envelope of protocols that send headers as an event; holds nothing for us
                    Ok("initial-response") => continue,
                    Ok(kind) => match (this.mean)(kind, message.payload()) {
                        Ok(None) => continue,
                        Ok(Some(meaning)) => Ok(meaning),
                        Err(error) => Err(unreadable(kind).with_source(error)),
                    },
                },
            };
            return Poll::Ready(Some(item.map_err(|error| this.opened.context.explain(error))));
        }
    }
}

/// The event's type, or what the frame says went wrong.
fn event_type(message: &Message) -> Result<&str, Error> {
    let header = |wanted: &str| {
        message.headers().iter().find(|header| header.name().as_str() == wanted).and_then(|header| {
            match header.value() {
                HeaderValue::String(text) => Some(text.as_str()),
                _ => None,
            }
        })
    };
    match header(":message-type") {
        Some("event") => header(":event-type").ok_or_else(|| unreadable("event without a type")),
        Some("exception") => Err(exception(header(":exception-type"), message.payload())),
        Some("error") => Err(Error::from(ServiceError {
            code: header(":error-code"),
            message: header(":error-message").unwrap_or_default(),
            ..ServiceError::default()
        })),
        other => Err(unreadable(other.unwrap_or("frame without a type"))),
    }
}

/// What the service says in an exception's payload.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    #[serde(alias = "Message")]
    message: Option<String>,
    original_status_code: Option<u16>,
    original_message: Option<String>,
}

fn exception(code: Option<&str>, payload: &[u8]) -> Error {
    let said: Said = serde_json::from_slice(payload).unwrap_or_default();
    let mut message = said.message.unwrap_or_default();
    match (said.original_message, said.original_status_code) {
        (Some(original), Some(status)) => {
            message.push_str(&format!(" (the model said {status}: {original})"));
        }
        (Some(original), None) => message.push_str(&format!(" (the model said: {original})")),
        (None, Some(status)) => message.push_str(&format!(" (the model said {status})")),
        (None, None) => {}
    }
    Error::from(ServiceError { code, message: message.trim(), ..ServiceError::default() })
}

fn unreadable(kind: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("the stream has a frame that cannot be read: {kind}"))
}
