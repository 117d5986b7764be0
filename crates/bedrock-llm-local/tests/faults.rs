//! Every fault of a plan over a real socket, on answers in one and on streams. Time is paused: no test waits.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use bedrock_llm_local::{Fault, FaultPlan, FaultRule, Latency, LocalBedrock, Recording, Reply};
use bytes::Bytes;
use common::{CLAUDE, Got, converse, converse_stream, io_kind, post, send, until, user};
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const HOUR: Duration = Duration::from_secs(3600);

async fn with(faults: impl IntoIterator<Item = Fault>) -> LocalBedrock {
    planned(faults.into_iter().map(|fault| FaultRule::new(fault).times(1))).await
}

/// The fault, for every request.
async fn always(fault: Fault) -> LocalBedrock {
    planned([FaultRule::new(fault)]).await
}

/// Answers are `one two three`, in seven frames.
async fn planned(rules: impl IntoIterator<Item = FaultRule>) -> LocalBedrock {
    let plan = FaultPlan::new(rules).unwrap();
    LocalBedrock::builder().faults(plan).reply(Reply::text("one two three").forever()).start().await.unwrap()
}

async fn try_both(local: &LocalBedrock) -> [Result<Got, hyper::Error>; 2] {
    let body = user("hi").to_string();
    let path = |operation| format!("/model/{CLAUDE}/{operation}");
    let whole = send(local, Method::POST, &path("converse"), body.clone()).await;
    [whole, send(local, Method::POST, &path("converse-stream"), body).await]
}

async fn both(local: &LocalBedrock) -> [Got; 2] {
    try_both(local).await.map(Result::unwrap)
}

#[tokio::test]
async fn exceptions_have_their_name_status_and_header() {
    for (name, status) in [
        ("ThrottlingException", 429),
        ("InternalServerException", 500),
        ("ServiceUnavailableException", 503),
        ("ModelTimeoutException", 408),
        ("ModelErrorException", 424),
        ("ModelNotReadyException", 429),
        ("AccessDeniedException", 403),
    ] {
        let local = always(Fault::exception(name)).await;
        for got in both(&local).await {
            assert_eq!((got.error().0.as_str(), got.status, got.header("retry-after")), (name, status, None));
        }
    }
    let (name, message) = ("ThrottlingException".to_owned(), Some("Slow down.".to_owned()));
    let local = always(Fault::Exception { name, message, retry_after: Some(3) }).await;
    for got in both(&local).await {
        assert_eq!((got.error().2.as_str(), got.header("retry-after")), ("Slow down.", Some("3")));
    }
}

#[tokio::test]
async fn bare_statuses_are_a_page_of_html() {
    for (status, title) in [(500, "Internal Server Error"), (502, "Bad Gateway"), (504, "Gateway Timeout")] {
        for got in both(&always(Fault::Status(status)).await).await {
            assert_eq!((got.status, got.header("content-type")), (status, Some("text/html")));
            assert!(got.header("x-amzn-errortype").is_none() && got.broken.is_none());
            assert!(String::from_utf8_lossy(&got.body).contains(title), "{got:?}");
        }
    }
}

#[tokio::test]
async fn connections_end_before_the_head() {
    for got in try_both(&always(Fault::HangUp).await).await {
        let error = got.unwrap_err();
        assert!(error.is_incomplete_message() && io_kind(&error).is_none(), "{error:?}");
    }
    let local = always(Fault::ResetBeforeHeaders).await;
    for got in try_both(&local).await {
        assert_eq!(io_kind(&got.unwrap_err()), Some(ErrorKind::ConnectionReset));
    }
    let faults: Vec<_> = local.received().iter().map(|request| request.fault).collect();
    assert_eq!(faults, [Some("reset_before_headers"); 2]);
}

// elsewhere a reset takes away what the client has not read
#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_are_reset_after_the_head() {
    for got in both(&always(Fault::ResetAfterHeaders).await).await {
        assert_eq!((got.status, got.body.len()), (200, 0));
        assert_eq!(io_kind(&got.broken.unwrap()), Some(ErrorKind::ConnectionReset));
    }
}

#[tokio::test(start_paused = true)]
async fn answers_stall_before_the_head_and_inside() {
    let local = always(Fault::StallBeforeHeaders).await;
    assert!(timeout(HOUR, converse(&local, CLAUDE, "hi")).await.is_err());
    assert!(timeout(HOUR, converse_stream(&local, CLAUDE, "hi")).await.is_err());

    for frames in [0, 2, 99] {
        let local = always(Fault::StallAfter(frames)).await;
        for operation in ["converse", "converse-stream"] {
            let (status, body) = until_silent(&local, operation).await;
            assert_eq!(status, "HTTP/1.1 200 OK");
            let sent = match operation {
                "converse" => 0,
                _ => frames.min(7),
            };
            assert_eq!(body.matches(":message-type").count(), sent, "{operation} {frames}");
            assert!(!body.contains("one two three"));
        }
    }
}

/// The status line and the rest of what comes within an hour.
async fn until_silent(local: &LocalBedrock, operation: &str) -> (String, String) {
    let mut stream = ask(local, operation).await;
    let mut bytes = Vec::new();
    let ended = timeout(HOUR, stream.read_to_end(&mut bytes)).await;
    assert!(ended.is_err(), "the connection stays open");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (status, rest) = text.split_once("\r\n").unwrap();
    (status.to_owned(), rest.to_owned())
}

async fn ask(local: &LocalBedrock, operation: &str) -> TcpStream {
    let body = user("hi").to_string();
    let request = format!(
        "POST /model/{CLAUDE}/{operation} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(local.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(start_paused = true)]
async fn headers_come_slowly_after_the_status_line() {
    let pause = Duration::from_secs(30);
    let local = always(Fault::SlowHeaders(pause.into())).await;
    for operation in ["converse", "converse-stream"] {
        let mut stream = ask(&local, operation).await;
        let started = Instant::now();
        let mut first = [0; 1024];
        let read = stream.read(&mut first).await.unwrap();
        assert_eq!(&first[..read], b"HTTP/1.1 200 OK\r\n");
        assert!(started.elapsed() < pause);
        let read = stream.read(&mut first).await.unwrap();
        assert!(
            first[..read].starts_with(b"content-type: ") || first[..read].starts_with(b"x-amzn-requestid: ")
        );
        assert!(started.elapsed() >= pause);
    }
    // the answer is whole, and so is the next of the connection
    for got in both(&local).await {
        assert!(got.status == 200 && got.broken.is_none() && !got.body.is_empty());
    }
}

#[tokio::test]
async fn streams_are_cut_and_so_are_bodies() {
    for (frames, sent) in [(0, 0), (3, 3), (99, 7)] {
        let [whole, stream] = both(&always(Fault::CutAfter(frames)).await).await;
        assert_eq!((stream.kinds().len(), stream.broken.is_some()), (sent, true));
        assert_eq!((whole.status, whole.body.len(), whole.broken.is_some()), (200, 0, true));
    }
    let [whole, stream] = both(&always(Fault::CutInside(3)).await).await;
    let [_, shorter] = both(&always(Fault::CutAfter(3)).await).await;
    assert_eq!((stream.kinds().len(), stream.broken.is_some()), (3, true));
    assert!(stream.body.len() > shorter.body.len(), "half a frame more");
    assert!(whole.body.starts_with(b"{") && whole.broken.is_some());
}

#[tokio::test]
async fn frames_and_bodies_are_spoilt() {
    for frames in [2, 99] {
        let [whole, stream] = both(&always(Fault::CorruptAfter(frames)).await).await;
        assert!(stream.broken.is_none() && whole.broken.is_none());
        assert!(stream.frames().unwrap_err().contains("checksum"), "{:?}", stream.frames());
        assert!(serde_json::from_slice::<serde_json::Value>(&whole.body).is_err());
    }
    for (fault, place) in [
        (Fault::GarbageJsonAfter(2), 2),
        (Fault::GarbageJsonAfter(99), 6),
        (Fault::TruncatedJsonAfter(0), 0),
        (Fault::TruncatedJsonAfter(99), 6),
    ] {
        let [whole, stream] = both(&always(fault).await).await;
        assert_eq!((whole.status, whole.header("content-type")), (200, Some("application/json")));
        assert!(whole.broken.is_none() && serde_json::from_slice::<serde_json::Value>(&whole.body).is_err());
        let payloads = stream.payloads();
        let bad: Vec<_> = (0..payloads.len())
            .filter(|place| serde_json::from_slice::<serde_json::Value>(&payloads[*place]).is_err())
            .collect();
        assert_eq!((payloads.len(), bad), (7, vec![place]), "checksums are right, one payload is not");
    }
}

#[tokio::test]
async fn exceptions_come_inside_streams_only() {
    for (frames, sent) in [(2, 2), (99, 7)] {
        let name = "ModelStreamErrorException".to_owned();
        let local = always(Fault::ExceptionAfter { frames, name, message: Some("Broke.".into()) }).await;
        let [whole, stream] = both(&local).await;
        assert_eq!((whole.status, whole.json()["stopReason"].as_str()), (200, Some("end_turn")));
        let frames = stream.frames().unwrap();
        let last = frames.last().unwrap();
        assert_eq!((frames.len(), last.message_type.as_str()), (sent + 1, "exception"));
        assert_eq!(
            (last.kind.as_str(), &last.payload["message"]),
            ("modelStreamErrorException", &json!("Broke."))
        );
        assert!(stream.broken.is_none());
        // requests that cannot have it are not counted
        assert_eq!(local.faults().rules[0].seen, 1);
    }
}

#[tokio::test]
async fn content_types_are_wrong() {
    for got in both(&always(Fault::ContentType("text/html; charset=utf-8".into())).await).await {
        assert_eq!((got.status, got.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(got.body.starts_with(b"<html>"));
    }
    let local = always(Fault::ContentType("application/json".into())).await;
    let [whole, stream] = both(&local).await;
    assert_eq!(stream.header("content-type"), Some("application/json"));
    assert_eq!(stream.json()["output"], whole.json()["output"]);
    let native = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]});
    let got = post(&local, &format!("/model/{CLAUDE}/invoke-with-response-stream"), &native).await;
    assert_eq!(got.json()["content"][0]["text"], "one two three");
    let [whole, _] = both(&always(Fault::ContentType("text/plain".into())).await).await;
    assert!(whole.header("content-type") == Some("text/plain") && whole.json()["output"].is_object());
}

#[tokio::test(start_paused = true)]
async fn latency_adds_to_faults_and_to_answers() {
    let second = Duration::from_secs(1);
    let plan = FaultPlan::new([
        FaultRule::latency(second * 10),
        FaultRule::new(Fault::exception("ThrottlingException")).with_latency(second * 5).times(1),
    ]);
    let reply = Reply::text("one two three").delay(second).pace(second).forever();
    let local = LocalBedrock::builder().faults(plan.unwrap()).reply(reply).start().await.unwrap();
    let started = Instant::now();
    assert_eq!(converse(&local, CLAUDE, "hi").await.status, 429);
    assert_eq!(started.elapsed().as_secs(), 15);
    let started = Instant::now();
    assert_eq!(converse_stream(&local, CLAUDE, "hi").await.kinds().len(), 7);
    assert_eq!(started.elapsed().as_secs(), 10 + 1 + 6);
    let faults: Vec<_> = local.received().iter().map(|request| request.fault).collect();
    assert_eq!(faults, [Some("exception"), Some("latency")]);

    let drawn = Latency::Uniform { min: second * 20, max: second * 40 };
    local.set_faults(FaultPlan::new([FaultRule::latency(drawn)]).unwrap().seed(5));
    let started = Instant::now();
    converse(&local, CLAUDE, "hi").await;
    assert!((20..=41).contains(&started.elapsed().as_secs()));
    local.clear_faults();
    let started = Instant::now();
    converse(&local, CLAUDE, "hi").await;
    assert_eq!(started.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn a_fault_in_the_place_of_an_answer_uses_up_no_reply() {
    let local =
        with([Fault::exception("ThrottlingException"), Fault::ResetBeforeHeaders, Fault::Status(503)]).await;
    local.add_reply(Reply::text("never asked for"));
    let statuses = [429, 0, 503, 200];
    for status in statuses {
        let got =
            send(&local, Method::POST, &format!("/model/{CLAUDE}/converse"), user("hi").to_string()).await;
        assert_eq!(got.map_or(0, |got| got.status), status);
    }
    assert_eq!(local.pending().len(), 1);
}

#[tokio::test]
async fn recorded_streams_have_faults_frame_by_frame() {
    let source = LocalBedrock::builder().reply(Reply::text("one two three")).start().await.unwrap();
    let recorded = converse_stream(&source, CLAUDE, "hi").await;
    let recording: Recording = serde_json::from_value(json!({
        "id": "0", "source": "local", "license": "MIT", "operation": "ConverseStream", "model_id": CLAUDE,
        "request": {"method": "POST", "path": format!("/model/{CLAUDE}/converse-stream"), "headers": {}, "body": user("hi")},
        "response": {
            "status": 200,
            "headers": {"content-type": "application/vnd.amazon.eventstream"},
            "body_base64": bedrock_llm_schema::Blob::from(recorded.body.to_vec()),
        },
    }))
    .unwrap();
    let plan = FaultPlan::new([FaultRule::new(Fault::CutAfter(3)).times(1)]).unwrap();
    let local = LocalBedrock::builder()
        .replay(recording)
        .offline_responder(false)
        .faults(plan)
        .start()
        .await
        .unwrap();
    let cut = converse_stream(&local, CLAUDE, "hi").await;
    assert_eq!((cut.kinds().len(), cut.broken.is_some()), (3, true));
    assert_eq!(converse_stream(&local, CLAUDE, "hi").await.body, recorded.body);
}

#[tokio::test]
async fn the_same_seed_hits_the_same_requests() {
    let rule = || FaultRule::new(Fault::exception("ThrottlingException")).probability(0.5);
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let local = planned([]).await;
        local.set_faults(FaultPlan::new([rule()]).unwrap().seed(seed));
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(converse(&local, CLAUDE, "hi").await.status);
        }
        let throttled = statuses.iter().filter(|status| **status == 429).count() as u64;
        assert_eq!(local.faults().rules[0].fired, throttled);
        assert_eq!(local.stats().faults.get("exception"), Some(&throttled));
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test(start_paused = true)]
async fn http_2_has_faults_too() {
    let local = with([
        Fault::exception("ThrottlingException"),
        Fault::CutAfter(2),
        Fault::SlowHeaders(Duration::from_secs(30).into()),
        Fault::ResetBeforeHeaders,
    ])
    .await;
    let stream = TcpStream::connect(local.address()).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);
    let ask = async || {
        let request = Request::post(format!("{}/model/{CLAUDE}/converse-stream", local.endpoint()));
        let request = request.body(Full::new(Bytes::from(user("hi").to_string()))).unwrap();
        let response = sender.clone().send_request(request).await?;
        Ok::<_, hyper::Error>((response.status().as_u16(), response.into_body().collect().await.is_ok()))
    };
    assert_eq!(ask().await.unwrap(), (429, true));
    assert_eq!(ask().await.unwrap(), (200, false));
    let started = Instant::now();
    assert_eq!(ask().await.unwrap(), (200, true));
    assert_eq!(started.elapsed().as_secs(), 30);
    assert!(ask().await.is_err());
    assert!(connection.await.unwrap().is_err(), "the whole connection is gone");
    assert_eq!(local.stats().connections, 1);
    until(&local, |stats| stats.open_requests == 0 && stats.open_connections == 0).await;
}
