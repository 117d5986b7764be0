//! Scripts and faults over a real socket. Time is paused: no test waits.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use bedrock_llm_local::{Exception, LocalBedrock, Reply, Script};
use bedrock_llm_schema::{Operation, StopReason, StreamEvent, Usage};
use common::{CLAUDE, converse, converse_stream, post, send, user};
use hyper::Method;
use serde_json::json;
use tokio::time::{Instant, timeout};

async fn with(reply: Reply) -> LocalBedrock {
    LocalBedrock::builder().reply(reply).start().await.unwrap()
}

#[tokio::test]
async fn replies_go_to_the_first_request_they_fit() {
    let script = Script::new()
        .reply(Reply::exception("ThrottlingException").header("retry-after", "2").times(2))
        .reply(Reply::text("for nova").model("amazon.nova-lite-v1:0"))
        .reply(Reply::text("streamed").on(Operation::ConverseStream))
        .reply(
            Reply::text("pears")
                .when(|request| request.body.windows(4).any(|part| part == b"pear"))
                .forever(),
        )
        .reply(Reply::text("left over"));
    let local = LocalBedrock::builder().script(script).start().await.unwrap();
    for _ in 0..2 {
        let got = converse(&local, CLAUDE, "hi").await;
        assert_eq!((got.status, got.header("retry-after")), (429, Some("2")));
    }
    let text = async |model: &str, text: &str| {
        converse(&local, model, text).await.json()["output"]["message"]["content"][0]["text"].clone()
    };
    assert_eq!(text("amazon.nova-lite-v1%3A0", "hi").await, "for nova");
    assert_eq!(text(CLAUDE, "pear").await, "pears");
    assert_eq!(text(CLAUDE, "pear tree").await, "pears");
    let pending = local.pending();
    assert_eq!(pending.len(), 2, "{pending:?}");
    assert!(pending[0].contains("reply 2 (ConverseStream): used 0 of 1"), "{pending:?}");
    assert_eq!(text(CLAUDE, "apple").await, "left over");
    converse_stream(&local, CLAUDE, "hi").await;
    local.assert_done();
    local.add_reply(Reply::text("more"));
    assert_eq!(text(CLAUDE, "apple").await, "more");
}

#[tokio::test]
#[should_panic(expected = "reply 0 (any operation of m): used 0 of 1 times")]
async fn what_is_left_over_is_named() {
    with(Reply::text("x").model("m")).await.assert_done();
}

#[tokio::test]
async fn content_comes_in_the_form_that_was_asked_for() {
    let reply = || {
        let call = bedrock_llm_schema::ToolUseBlock::new("t1", "get_weather", json!({"city": "Paris"}));
        Reply::reasoning("Hm.", "c2ln").with("Let me look.").with(call).usage(Usage::new(1, 2))
    };
    let local = with(reply().times(2)).await;
    let body = converse(&local, CLAUDE, "hi").await.json();
    assert_eq!(body["stopReason"], "tool_use");
    assert_eq!(body["usage"]["totalTokens"], 3);
    assert_eq!(
        body["output"]["message"]["content"][0]["reasoningContent"]["reasoningText"]["signature"],
        "c2ln"
    );
    let frames = converse_stream(&local, CLAUDE, "hi").await.frames().unwrap();
    let input: String =
        frames.iter().filter_map(|frame| frame.payload["delta"]["toolUse"]["input"].as_str()).collect();
    assert_eq!(input, r#"{"city":"Paris"}"#);
    assert!(frames.iter().filter(|frame| frame.payload["delta"]["toolUse"].is_object()).count() > 1);

    local.add_reply(
        Reply::events([StreamEvent::text(0, "a"), StreamEvent::message_stop(StopReason::EndTurn)]).times(2),
    );
    assert_eq!(converse_stream(&local, CLAUDE, "hi").await.kinds(), ["contentBlockDelta", "messageStop"]);
    assert_eq!(converse(&local, CLAUDE, "hi").await.json()["output"]["message"]["content"][0]["text"], "a");

    local.add_reply(Reply::json(json!({"any": "thing"})).status(201).times(2));
    let got = post(&local, "/model/x.y/invoke", &json!({})).await;
    assert_eq!((got.status, got.json()), (201, json!({"any": "thing"})));
    let got = post(&local, "/model/x.y/invoke-with-response-stream", &json!({})).await;
    assert_eq!(got.chunks(), [json!({"any": "thing"})]);
    local.add_reply(Reply::chunks([json!(1), json!(2)]));
    assert_eq!(
        post(&local, "/model/x.y/invoke-with-response-stream", &json!({})).await.chunks(),
        [json!(1), json!(2)]
    );
    local.add_reply(Reply::bytes("text/html", "<h1>Bad gateway</h1>").status(502));
    let got = converse(&local, CLAUDE, "hi").await;
    assert_eq!((got.status, &got.body[..4]), (502, b"<h1>".as_slice()));
    local.add_reply(Reply::text("x"));
    let got = post(&local, "/model/x.y/count-tokens", &json!({})).await;
    assert!(got.error().2.contains("Reply::json"), "{got:?}");
}

#[tokio::test(start_paused = true)]
async fn pauses_are_of_tokios_clock() {
    let reply = Reply::text("one two three").delay(Duration::from_secs(60)).pace(Duration::from_secs(10));
    let local = with(reply).await;
    let started = Instant::now();
    let got = converse_stream(&local, CLAUDE, "hi").await;
    assert_eq!(got.kinds().len(), 7);
    assert_eq!(started.elapsed().as_secs(), 60 + 6 * 10);
}

#[tokio::test(start_paused = true)]
async fn streams_stall() {
    for reply in [Reply::text("one two three").stall_after(2), Reply::text("x").stall_after(99)] {
        let local = with(reply).await;
        assert!(timeout(Duration::from_secs(3600), converse_stream(&local, CLAUDE, "hi")).await.is_err());
    }
}

#[tokio::test]
async fn connections_are_cut() {
    let local = with(Reply::text("one two three").cut_after(2)).await;
    let got = converse_stream(&local, CLAUDE, "hi").await;
    assert_eq!((got.kinds().len(), got.broken.is_some()), (2, true));

    let local = with(Reply::text("one two three").cut_inside(2)).await;
    let got = converse_stream(&local, CLAUDE, "hi").await;
    let whole: usize = 2;
    assert_eq!((got.frames().unwrap().len(), got.broken.is_some()), (whole, true));
    let shorter = with(Reply::text("one two three").cut_after(2)).await;
    assert!(got.body.len() > converse_stream(&shorter, CLAUDE, "hi").await.body.len(), "half a frame more");

    let local = with(Reply::text("one two three").cut_inside(0)).await;
    let got = converse(&local, CLAUDE, "hi").await;
    assert!(got.status == 200 && got.broken.is_some() && !got.body.is_empty());

    let local = with(Reply::hang_up()).await;
    let body = user("hi").to_string();
    assert!(send(&local, Method::POST, "/model/a.b/converse", body).await.is_err());
}

#[tokio::test]
async fn frames_are_spoilt_and_exceptions_come_inside() {
    let local = with(Reply::text("one two three").corrupt_after(1)).await;
    let got = converse_stream(&local, CLAUDE, "hi").await;
    assert!(got.broken.is_none());
    assert!(got.frames().unwrap_err().contains("checksum"), "{:?}", got.frames());

    let exception =
        Exception::new("ModelStreamErrorException").message("broke").member("originalStatusCode", 500);
    let local = with(Reply::text("one two three").exception_after(2, exception)).await;
    let frames = converse_stream(&local, CLAUDE, "hi").await.frames().unwrap();
    let last = frames.last().unwrap();
    assert_eq!(
        (frames.len(), last.message_type.as_str(), last.kind.as_str()),
        (3, "exception", "modelStreamErrorException")
    );
    assert_eq!(last.payload, json!({"message": "broke", "originalStatusCode": 500}));
}

#[tokio::test]
async fn without_the_responder_only_the_script_answers() {
    let local = LocalBedrock::builder().offline_responder(false).start().await.unwrap();
    let (code, status, message) = converse(&local, CLAUDE, "hi").await.error();
    assert_eq!((code.as_str(), status), ("ResourceNotFoundException", 404));
    assert!(message.contains("no scripted reply"), "{message}");
}
