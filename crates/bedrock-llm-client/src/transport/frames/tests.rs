//! Tests of frames and the watchdog.

use std::collections::VecDeque;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue};
use http_body::Frame;

use super::*;

enum Step {
    Data(Bytes),
    Wait(Duration),
    Cut,
}

/// A body that does what it is told; a wait begins when it is reached.
struct Scripted {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            return Poll::Ready(match self.steps.pop_front() {
                None => None,
                Some(Step::Data(data)) => Some(Ok(Frame::data(data))),
                Some(Step::Cut) => Some(Err("reset by peer".into())),
                Some(Step::Wait(time)) => {
                    self.waiting = Some(Box::pin(sleep(time)));
                    continue;
                }
            });
        }
    }
}

fn frames(steps: impl IntoIterator<Item = Step>, idle: u64) -> Frames<Scripted> {
    let idle = (idle > 0).then(|| Duration::from_secs(idle));
    Frames::new(Scripted { steps: steps.into_iter().collect(), waiting: None }, idle)
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
        let mut frames = frames(pieces, 0);
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
        let mut frames = frames([Step::Data(bytes.into())], 0);
        assert_eq!(next(&mut frames).await, Some(Err(ErrorKind::Decode)), "byte {place}");
        assert_eq!(next(&mut frames).await, None);
    }
}

#[tokio::test]
async fn a_cut_comes_after_what_came() {
    let half = frame("two").slice(..9);
    let mut ended = frames([Step::Data(frame("one")), Step::Data(half.clone())], 0);
    let mut reset = frames([Step::Data(frame("one")), Step::Data(half), Step::Cut], 0);
    for frames in [&mut ended, &mut reset] {
        assert_eq!(next(frames).await, Some(Ok("one".to_owned())));
        assert_eq!(next(frames).await, Some(Err(ErrorKind::StreamTruncated)));
        assert_eq!(next(frames).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_measured_from_the_last_word() {
    let wait = |seconds| Step::Wait(Duration::from_secs(seconds));
    let steps = [
        wait(119),
        Step::Data(frame("a")),
        wait(119),
        Step::Data(frame("b")),
        wait(500),
        Step::Data(frame("c")),
    ];
    let mut frames = frames(steps, 120);
    let started = Instant::now();
    assert_eq!(next(&mut frames).await, Some(Ok("a".to_owned())));
    assert_eq!(next(&mut frames).await, Some(Ok("b".to_owned())));
    assert_eq!(next(&mut frames).await, Some(Err(ErrorKind::StreamStalled)));
    assert_eq!(started.elapsed().as_secs(), 119 + 119 + 120);
    assert_eq!(next(&mut frames).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_who_sleeps_is_no_silence() {
    let wait = |seconds| Step::Wait(Duration::from_secs(seconds));
    let mut frames = frames([Step::Data(frame("a")), wait(60), Step::Data(frame("b"))], 120);
    assert_eq!(next(&mut frames).await, Some(Ok("a".to_owned())));
    sleep(Duration::from_secs(1000)).await;
    assert_eq!(next(&mut frames).await, Some(Ok("b".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_silence_is_borne() {
    let mut frames = frames([Step::Wait(Duration::from_secs(100_000)), Step::Data(frame("a"))], 0);
    assert_eq!(next(&mut frames).await, Some(Ok("a".to_owned())));
}
