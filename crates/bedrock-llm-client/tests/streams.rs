//! Streams that break, stall, are cut, or are let go.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use bedrock_llm_client::ApiMode;
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::{ChatStream, Error, ErrorKind, InvokeRequest};
use common::{CLAUDE, NOVA, builder, chat, start, start_in};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

async fn broken(mut stream: ChatStream) -> Error {
    loop {
        match stream.next().await.expect("it was to break") {
            Ok(_) => {}
            Err(error) => {
                assert!(stream.next().await.is_none(), "it goes on after its error");
                return error;
            }
        }
    }
}

#[tokio::test]
async fn a_cut_stream_is_truncated_and_keeps_what_came() {
    for mode in [ApiMode::Converse, ApiMode::Invoke] {
        for reply in
            [Reply::text("one two three four").cut_after(3), Reply::text("one two three four").cut_inside(3)]
        {
            let (_local, client) = start_in(mode, LocalBedrock::builder().reply(reply)).await;
            let error = broken(client.chat_stream(chat(CLAUDE)).await.unwrap()).await;
            assert_eq!(error.kind(), &ErrorKind::StreamTruncated, "{mode:?} {error:?}");
            assert!(error.is_retryable() && error.request_id().is_some());
            assert!(!error.partial().unwrap().text().is_empty(), "{mode:?}");
        }
    }
}

#[tokio::test]
async fn a_damaged_frame_is_no_answer() {
    let (_local, client) =
        start(LocalBedrock::builder().reply(Reply::text("one two three four").corrupt_after(3))).await;
    let error = broken(client.chat_stream(chat(NOVA)).await.unwrap()).await;
    assert_eq!(error.kind(), &ErrorKind::Decode, "{error:?}");
    assert!(error.partial().is_some());
}

#[tokio::test]
async fn a_silent_stream_is_given_up() {
    let (local, _) =
        start(LocalBedrock::builder().reply(Reply::text("one two three").stall_after(3).times(2))).await;
    let client =
        builder(&local.endpoint()).stream_idle_timeout(Duration::from_millis(150)).build().await.unwrap();
    let error = broken(client.chat_stream(chat(NOVA)).await.unwrap()).await;
    assert_eq!(error.kind(), &ErrorKind::StreamStalled, "{error:?}");
    assert!(error.is_timeout() && !error.partial().unwrap().text().is_empty());
    assert!(error.hint().unwrap().contains("stream_idle_timeout"));
    // and waited for where the caller says so
    let patient = builder(&local.endpoint()).stream_idle_timeout(None).build().await.unwrap();
    let waiting = tokio::time::timeout(
        Duration::from_millis(400),
        broken(patient.chat_stream(chat(NOVA)).await.unwrap()),
    );
    assert!(waiting.await.is_err());
}

#[tokio::test]
async fn a_slow_consumer_is_no_silent_stream() {
    let (local, _) = start(LocalBedrock::builder().reply(Reply::text("one two three four five"))).await;
    let client =
        builder(&local.endpoint()).stream_idle_timeout(Duration::from_millis(100)).build().await.unwrap();
    let mut stream = client.chat_stream(chat(NOVA)).await.unwrap();
    let mut text = String::new();
    while let Some(event) = stream.next().await {
        if let Some(piece) = event.unwrap().as_text() {
            text.push_str(piece);
        }
        tokio::time::sleep(Duration::from_millis(130)).await;
    }
    assert_eq!(text, "one two three four five");
}

/// Serves one stream's head and first bytes, then tells when the client has closed the connection.
async fn watched() -> (String, tokio::task::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let watch = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 8192];
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let read = socket.read(&mut buffer).await.unwrap();
            request.extend_from_slice(&buffer[..read]);
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ntransfer-encoding: chunked\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        // the end of the connection, as the server sees it
        socket.read(&mut buffer).await.unwrap_or(0)
    });
    (url, watch)
}

#[tokio::test]
async fn dropping_a_stream_closes_its_connection() {
    let (url, watch) = watched().await;
    let client = builder(&url).build().await.unwrap();
    let stream = client.chat_stream(chat(NOVA)).await.unwrap();
    assert!(!watch.is_finished());
    drop(stream);
    let left =
        tokio::time::timeout(Duration::from_secs(5), watch).await.expect("the server never saw it").unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn giving_up_on_a_stream_closes_its_connection_though_it_is_held() {
    let (url, watch) = watched().await;
    let client = builder(&url).stream_idle_timeout(Duration::from_millis(50)).build().await.unwrap();
    let mut stream = client.chat_stream(chat(NOVA)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), &ErrorKind::StreamStalled);
    let left =
        tokio::time::timeout(Duration::from_secs(5), watch).await.expect("the server never saw it").unwrap();
    assert_eq!(left, 0);
    drop(stream);
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let (url, watch) = watched().await;
    let client = builder(&url).build().await.unwrap();
    // the head comes, the body does not
    let call = tokio::time::timeout(Duration::from_millis(200), client.chat(chat(NOVA)));
    assert!(call.await.is_err());
    let left =
        tokio::time::timeout(Duration::from_secs(5), watch).await.expect("the server never saw it").unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_whole_stream() {
    let (local, client) = start(LocalBedrock::builder().reply(Reply::text("one two").forever())).await;
    for _ in 0..3 {
        client.chat_stream(chat(NOVA)).await.unwrap().collect().await.unwrap();
    }
    assert_eq!(local.received().len(), 3);
}

#[tokio::test]
async fn a_native_stream_that_is_cut_is_truncated() {
    let reply = Reply::chunks([json!({"a": 1}), json!({"b": 2}), json!({"c": 3})]).cut_inside(2);
    let (_local, client) = start(LocalBedrock::builder().reply(reply)).await;
    let mut stream = client.invoke_stream(InvokeRequest::new(NOVA, "{}").streaming()).await.unwrap();
    let mut chunks = 0;
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(_) => chunks += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), chunks), (&ErrorKind::StreamTruncated, 2), "{error:?}");
    assert!(error.operation().is_some() && error.model().is_some() && error.request_id().is_some());
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn text_alone_is_text_alone() {
    let (_local, client) = start(LocalBedrock::builder().reply(Reply::text("one two three"))).await;
    let mut pieces = client.chat_stream(chat(NOVA)).await.unwrap().text();
    let mut text = String::new();
    while let Some(piece) = pieces.next().await {
        text.push_str(&piece.unwrap());
    }
    assert_eq!(text, "one two three");
}
