//! Tests of frames.

use std::collections::VecDeque;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue};
use http_body::Frame;

use super::*;

enum Step {
    Data(Bytes),
    Cut,
}

/// A body that does what it is told.
struct Scripted {
    steps: VecDeque<Step>,
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(match self.steps.pop_front() {
            None => None,
            Some(Step::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Step::Cut) => Some(Err("reset by peer".into())),
        })
    }
}

fn frames(steps: impl IntoIterator<Item = Step>) -> Frames<Scripted> {
    Frames::new(Scripted { steps: steps.into_iter().collect() })
}

fn frame(payload: &str) -> Bytes {
    let header = Header::new(":message-type", HeaderValue::String("event".into()));
    let mut bytes = Vec::new();
    write_message_to(&Message::new_from_parts(vec![header], payload.to_owned()), &mut bytes).unwrap();
    bytes.into()
}

async fn next(frames: &mut Frames<Scripted>) -> Option<Result<String, ErrorKind>> {
    let item = std::future::poll_fn(|cx| Pin::new(&mut *frames).poll_next(cx)).await?;
    Some(match item {
        Ok(message) => Ok(String::from_utf8(message.payload().to_vec()).unwrap()),
        Err(error) => Err(error.kind().clone()),
    })
}

#[tokio::test]
async fn any_split_of_the_bytes_gives_the_same_frames() {
    let whole: Vec<u8> = ["one", "", "three"].iter().flat_map(|text| frame(text)).collect();
    for size in 1..=whole.len() {
        let pieces = whole.chunks(size).map(|piece| Step::Data(Bytes::copy_from_slice(piece)));
        let mut frames = frames(pieces);
        for text in ["one", "", "three"] {
            assert_eq!(next(&mut frames).await, Some(Ok(text.to_owned())), "pieces of {size}");
        }
        assert_eq!(next(&mut frames).await, None);
        assert_eq!(next(&mut frames).await, None);
    }
}

#[tokio::test]
async fn every_single_damaged_byte_is_noticed() {
    let whole = frame("payload");
    for place in 0..whole.len() {
        let mut bytes = whole.to_vec();
        bytes[place] ^= 0x41;
        let mut frames = frames([Step::Data(bytes.into())]);
        assert_eq!(next(&mut frames).await, Some(Err(ErrorKind::Decode)), "byte {place}");
        assert_eq!(next(&mut frames).await, None);
    }
}

#[tokio::test]
async fn a_cut_comes_after_what_came() {
    let half = frame("two").slice(..9);
    let mut ended = frames([Step::Data(frame("one")), Step::Data(half.clone())]);
    let mut reset = frames([Step::Data(frame("one")), Step::Data(half), Step::Cut]);
    for frames in [&mut ended, &mut reset] {
        assert_eq!(next(frames).await, Some(Ok("one".to_owned())));
        assert_eq!(next(frames).await, Some(Err(ErrorKind::StreamTruncated)));
        assert_eq!(next(frames).await, None);
    }
}
