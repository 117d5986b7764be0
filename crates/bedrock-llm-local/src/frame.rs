//! Frames of `application/vnd.amazon.eventstream`.

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bedrock_llm_schema::{Blob, StreamEvent};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::Exception;

/// What the service fills frames with, so that their length does not tell what the model says.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Payloads are filled up to a multiple of this many bytes.
const BLOCK: usize = 48;

/// A Converse event.
pub(crate) fn event(event: &StreamEvent) -> serde_json::Result<Bytes> {
    let (kind, payload) = event.to_frame()?;
    let payload = match serde_json::from_slice::<Value>(&payload)? {
        Value::Object(mut members) => {
            members.entry("p").or_insert_with(|| padding(payload.len()).into());
            serde_json::to_vec(&members)?
        }
        _ => payload,
    };
    Ok(frame("event", ":event-type", kind, payload))
}

/// A piece of a native answer.
pub(crate) fn chunk(bytes: Bytes) -> Bytes {
    let bytes = Blob(bytes).to_base64();
    let fill = padding(bytes.len());
    frame("event", ":event-type", "chunk", json!({"bytes": bytes, "p": fill}).to_string().into_bytes())
}

/// An exception inside a stream.
pub(crate) fn exception(exception: &Exception) -> Bytes {
    frame("exception", ":exception-type", &exception.event_type(), exception.body())
}

/// The same frame with another payload; what is not a frame stays as it is.
pub(crate) fn with_payload(frame: &Bytes, change: impl Fn(&Bytes) -> Bytes) -> Bytes {
    let Ok(message) = read_message_from(frame.clone()) else { return frame.clone() };
    let changed = Message::new_from_parts(message.headers().to_vec(), change(message.payload()));
    written(&changed)
}

/// A stream's bytes, frame by frame, by the length each begins with; what is no frame comes last, in one piece.
pub(crate) fn split(mut bytes: Bytes) -> Vec<Bytes> {
    let mut frames = Vec::new();
    while let Some(length) = bytes.first_chunk().map(|length| u32::from_be_bytes(*length) as usize) {
        // a frame has at least its lengths and checksums
        if length < 16 || length > bytes.len() {
            break;
        }
        frames.push(bytes.split_to(length));
    }
    if !bytes.is_empty() {
        frames.push(bytes);
    }
    frames
}

fn padding(length: usize) -> &'static str {
    PADDING.get(..BLOCK - length % BLOCK).unwrap_or(PADDING)
}

fn frame(message_type: &'static str, type_header: &'static str, kind: &str, payload: Vec<u8>) -> Bytes {
    let text = |text: &str| HeaderValue::String(text.to_owned().into());
    let message = Message::new(payload)
        .add_header(Header::new(type_header, text(kind)))
        .add_header(Header::new(":content-type", text("application/json")))
        .add_header(Header::new(":message-type", text(message_type)));
    written(&message)
}

fn written(message: &Message) -> Bytes {
    let mut buffer = Vec::new();
    if let Err(error) = write_message_to(message, &mut buffer) {
        // only headers or payloads beyond the format's limits (16 MB) cannot be written
        tracing::error!(%error, "a frame could not be written and is left out");
    }
    buffer.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_can_be_read_again() {
        let said = StreamEvent::text(0, "hi");
        let message = read_message_from(event(&said).unwrap()).unwrap();
        assert_eq!(StreamEvent::from_frame("contentBlockDelta", message.payload()).unwrap(), said);
        let names: Vec<_> =
            message.headers().iter().map(|header| header.name().as_str().to_owned()).collect();
        assert_eq!(names, [":event-type", ":content-type", ":message-type"]);

        let message = read_message_from(exception(&Exception::new("ThrottlingException"))).unwrap();
        let header = message.headers().first().unwrap();
        assert_eq!(header.name().as_str(), ":exception-type");
        assert_eq!(header.value().as_string().unwrap().as_str(), "throttlingException");

        let message = read_message_from(chunk(Bytes::from_static(b"{}"))).unwrap();
        let payload: Value = serde_json::from_slice(message.payload()).unwrap();
        assert_eq!(payload["bytes"], "e30=");
    }

    #[test]
    fn streams_are_split_where_frames_end() {
        let (first, second) =
            (chunk(Bytes::from_static(b"{}")), exception(&Exception::new("ThrottlingException")));
        let whole = [&first[..], &second[..]].concat();
        assert_eq!(split(whole.clone().into()), [first.clone(), second.clone()]);
        let cut = Bytes::from(whole).slice(..first.len() + 20);
        assert_eq!(split(cut), [first, second.slice(..20)]);
    }

    proptest! {
        #[test]
        fn whatever_is_split_is_still_all_there(bytes: Vec<u8>, length in 0_u32..64) {
            let bytes = [&length.to_be_bytes()[..], &bytes].concat();
            prop_assert_eq!(split(bytes.clone().into()).concat(), bytes);
        }
    }

    #[test]
    fn another_payload_has_right_checksums() {
        let changed = with_payload(&chunk(Bytes::from_static(b"{}")), |_| Bytes::from_static(b"no JSON"));
        let message = read_message_from(changed).unwrap();
        assert_eq!((&message.payload()[..], message.headers().len()), (&b"no JSON"[..], 3));
        let no_frame = Bytes::from_static(b"no frame");
        assert_eq!(with_payload(&no_frame, Bytes::clone), no_frame);
    }

    #[test]
    fn padding_hides_lengths() {
        for length in 0..200 {
            assert_eq!((length + padding(length).len()) % BLOCK, 0);
        }
    }
}
