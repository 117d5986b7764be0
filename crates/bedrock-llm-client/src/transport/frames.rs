//! Event-stream frames out of a body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use bedrock_llm_schema::{BoxError, Error, ErrorKind};
use bytes::{Buf as _, Bytes, BytesMut};
use futures_core::Stream;
use http_body::Body;

/// A prelude, no headers, no payload, and the checksum of it all.
const SMALLEST: usize = 16;
/// The format's limits are 16 MiB of payload and 128 KiB of headers; some services go up to 24 MiB.
const LARGEST: usize = 25 << 20;

/// The frames of a body: `Stream<Item = Result<Message, Error>>`. Ends after its first error, and lets go of the
/// connection then.
pub(super) struct Frames<B> {
    body: Option<Pin<Box<B>>>,
    buffer: BytesMut,
}

impl<B> Frames<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body: Some(Box::pin(body)), buffer: BytesMut::new() }
    }

    /// The next whole frame in the buffer.
    fn take_frame(buffer: &mut BytesMut) -> Result<Option<Message>, Error> {
        let Some((length, rest)) = buffer.split_first_chunk::<4>() else { return Ok(None) };
        let Some((headers, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let Some(checksum) = rest.first_chunk::<4>() else { return Ok(None) };
        // now, not when the frame is whole: a wrong length would have us wait for bytes that never come
        let mut computed = crc32fast::Hasher::new();
        computed.update(length);
        computed.update(headers);
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if computed.finalize() != u32::from_be_bytes(*checksum) || !(SMALLEST..=LARGEST).contains(&length) {
            return Err(damaged(None));
        }
        let Some(frame) = buffer.get(..length) else {
            buffer.reserve(length.saturating_sub(buffer.len()));
            return Ok(None);
        };
        let message = read_message_from(frame).map_err(|error| damaged(Some(error.into())))?;
        buffer.advance(length);
        Ok(Some(message))
    }
}

impl<B> Stream for Frames<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let failure = loop {
            let Some(body) = this.body.as_mut() else { return Poll::Ready(None) };
            // what has come is given out before it is asked how it ends
            match Self::take_frame(&mut this.buffer) {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(error) => break error,
            }
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        this.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => break cut("the connection was cut", Some(error.into())),
                None if this.buffer.is_empty() => {
                    this.body = None;
                    return Poll::Ready(None);
                }
                None => break cut("the stream ended in the middle of a frame", None),
            }
        };
        this.body = None;
        Poll::Ready(Some(Err(failure)))
    }
}

fn damaged(source: Option<BoxError>) -> Error {
    let error = Error::new(ErrorKind::Decode, "a frame of the stream is damaged (length or checksum)");
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}

fn cut(what: &str, source: Option<BoxError>) -> Error {
    let error = Error::new(ErrorKind::StreamTruncated, what);
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}

#[cfg(test)]
mod tests;
