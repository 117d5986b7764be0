//! Streams that fall silent.

use bedrock_llm_schema::{ChatRequest, ChatStream, ChatStreamRequest, StreamEvent};
use futures_util::stream;
use tower::ServiceExt as _;

use super::*;
use crate::layers::probe::Probe;

/// A service whose stream says these after these pauses, in seconds; the first pause is before the head of the answer.
fn service(head: u64, said: &'static [(u64, &'static str)]) -> Probe<ChatStreamRequest> {
    Probe::new(move |_, _| async move {
        sleep(Duration::from_secs(head)).await;
        let events = stream::unfold(said.iter(), |mut left| async move {
            let (pause, text) = left.next()?;
            sleep(Duration::from_secs(*pause)).await;
            Some((Ok(StreamEvent::text(0, *text)), left))
        });
        Ok(ChatStream::new(events, None))
    })
}

async fn open(
    layer: StreamTimeoutLayer,
    head: u64,
    said: &'static [(u64, &'static str)],
) -> Result<ChatStream, Error> {
    layer.layer(service(head, said)).oneshot(ChatRequest::new("m").streaming()).await
}

fn idle(seconds: u64) -> StreamTimeoutLayer {
    StreamTimeoutLayer::new().idle(Duration::from_secs(seconds))
}

async fn next(stream: &mut ChatStream) -> Result<String, ErrorKind> {
    let item = stream.next().await.unwrap_or_else(|| Ok(StreamEvent::text(0, "end")));
    item.map(|event| event.as_text().unwrap_or_default().to_owned()).map_err(|error| error.kind().clone())
}

#[tokio::test(start_paused = true)]
async fn silence_is_measured_from_the_last_word() {
    let mut stream = open(idle(120), 0, &[(119, "a"), (119, "b"), (500, "c")]).await.unwrap();
    let started = Instant::now();
    assert_eq!(next(&mut stream).await, Ok("a".to_owned()));
    assert_eq!(next(&mut stream).await, Ok("b".to_owned()));
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::StreamStalled);
    assert_eq!(error.partial().unwrap().text(), "ab");
    assert_eq!(started.elapsed().as_secs(), 119 + 119 + 120);
    assert_eq!(next(&mut stream).await, Ok("end".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_consumer_who_sleeps_is_no_silence() {
    let mut stream = open(idle(120), 0, &[(0, "a"), (60, "b")]).await.unwrap();
    assert_eq!(next(&mut stream).await, Ok("a".to_owned()));
    sleep(Duration::from_secs(1000)).await;
    assert_eq!(next(&mut stream).await, Ok("b".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_silence_is_borne() {
    let mut stream = open(StreamTimeoutLayer::new(), 0, &[(100_000, "a")]).await.unwrap();
    assert_eq!(next(&mut stream).await, Ok("a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_first_event_has_a_limit_of_its_own() {
    let layer = idle(120).first_event(Duration::from_secs(10));
    let started = Instant::now();
    let mut stream = open(layer, 4, &[(5, "a"), (100, "b")]).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 9, "the call waits for the first event");
    assert_eq!(next(&mut stream).await, Ok("a".to_owned()));
    assert_eq!(next(&mut stream).await, Ok("b".to_owned()), "what comes later is not held to it");

    let started = Instant::now();
    let error = open(layer, 4, &[(60, "a")]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (&ErrorKind::Timeout, true));
    assert_eq!(started.elapsed().as_secs(), 10, "head and first event share it");
}
