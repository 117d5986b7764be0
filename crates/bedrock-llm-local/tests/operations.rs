//! Every operation and every exception over a real socket.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_local::{Exception, GUARDED_WORD, LocalBedrock, Reply};
use bedrock_llm_schema::{Blob, Operation};
use bytes::Bytes;
use common::{CLAUDE, Got, converse, converse_stream, post, send, user};
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

const EXCEPTIONS: [(&str, u16); 12] = [
    ("AccessDeniedException", 403),
    ("ConflictException", 409),
    ("InternalServerException", 500),
    ("ModelErrorException", 424),
    ("ModelNotReadyException", 429),
    ("ModelStreamErrorException", 424),
    ("ModelTimeoutException", 408),
    ("ResourceNotFoundException", 404),
    ("ServiceQuotaExceededException", 400),
    ("ServiceUnavailableException", 503),
    ("ThrottlingException", 429),
    ("ValidationException", 400),
];

fn native() -> Value {
    json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]})
}

#[tokio::test]
async fn converse_answers_and_is_seen() {
    let local = LocalBedrock::start().await.unwrap();
    let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{CLAUDE}");
    for id in [
        CLAUDE.to_owned(),
        CLAUDE.replace(':', "%3A"),
        arn.clone(),
        arn.replace(':', "%3A").replace('/', "%2F"),
    ] {
        let got = converse(&local, &id, "Say hello to Ada.").await;
        assert_eq!(
            (got.status, got.header("content-type")),
            (200, Some("application/json")),
            "{id}: {got:?}"
        );
        assert!(got.header("x-amzn-requestid").is_some_and(|id| id.len() == 36));
        let body = got.json();
        assert_eq!(body["output"]["message"]["content"][0]["text"], "Hello, Ada!");
        assert_eq!(body["stopReason"], "end_turn");
        assert_eq!(
            body["usage"]["totalTokens"].as_u64(),
            Some(
                body["usage"]["inputTokens"].as_u64().unwrap()
                    + body["usage"]["outputTokens"].as_u64().unwrap()
            )
        );
    }
    let received = local.received();
    let ids: Vec<_> = received.iter().map(|request| request.model_id.as_str()).collect();
    assert_eq!(ids, [CLAUDE, CLAUDE, &arn, &arn]);
    let first = received.first().unwrap();
    assert_eq!(
        (first.operation, first.path.as_str()),
        (Some(Operation::Converse), format!("/model/{CLAUDE}/converse").as_str())
    );
    assert_eq!((first.header("x-test"), &first.json), (Some("yes"), &user("Say hello to Ada.")));
    assert_eq!(first.chat().unwrap().messages[0].text(), "Say hello to Ada.");
}

#[tokio::test]
async fn the_latest_requests_are_kept() {
    let local = LocalBedrock::builder().keep_received(2).start().await.unwrap();
    for text in ["one", "two", "three"] {
        assert_eq!(converse(&local, CLAUDE, text).await.status, 200);
    }
    let kept: Vec<_> = local.received().iter().map(|request| request.json.clone()).collect();
    assert_eq!(kept, [user("two"), user("three")]);
    let local = LocalBedrock::builder().keep_received(0).start().await.unwrap();
    assert_eq!(converse(&local, CLAUDE, "one").await.status, 200);
    assert!(local.received().is_empty());
}

#[tokio::test]
async fn documents_of_one_name_are_refused() {
    let local = LocalBedrock::start().await.unwrap();
    let document =
        |name: &str| json!({"document": {"format": "txt", "name": name, "source": {"bytes": "aGk="}}});
    let body = |first: &str, second: &str| {
        json!({"messages": [
            {"role": "user", "content": [{"text": "Read."}, document(first)]},
            {"role": "assistant", "content": [{"text": "Done."}]},
            {"role": "user", "content": [{"text": "Read."}, document(second)]},
        ]})
    };
    for path in ["converse", "converse-stream"] {
        let path = format!("/model/{CLAUDE}/{path}");
        assert_eq!(post(&local, &path, &body("notes", "report")).await.status, 200);
        let (name, status, message) = post(&local, &path, &body("notes", "notes")).await.error();
        assert_eq!((name.as_str(), status), ("ValidationException", 400));
        assert!(message.contains("duplicate document names"), "{message}");
    }
}

#[tokio::test]
async fn streams_say_the_same_as_answers_in_one() {
    let local = LocalBedrock::start().await.unwrap();
    let text = "Count from one to five.";
    let got = converse_stream(&local, CLAUDE, text).await;
    assert_eq!(got.header("content-type"), Some("application/vnd.amazon.eventstream"));
    let frames = got.frames().unwrap();
    let kinds = got.kinds();
    assert_eq!(kinds.first().map(String::as_str), Some("messageStart"));
    assert!(kinds.ends_with(&["messageStop".into(), "metadata".into()]), "{kinds:?}");
    let streamed: String =
        frames.iter().filter_map(|frame| frame.payload["delta"]["text"].as_str()).collect();
    let whole = converse(&local, CLAUDE, text).await.json();
    assert_eq!(whole["output"]["message"]["content"][0]["text"], streamed);
    assert_eq!(frames.last().unwrap().payload["usage"], whole["usage"]);
}

#[tokio::test]
async fn tokens_are_counted_for_foundation_models_only() {
    let local = LocalBedrock::start().await.unwrap();
    let input = json!({"input": {"converse": user("Hello there, how are you?")}});
    let count =
        async |model: &str, body: &Value| post(&local, &format!("/model/{model}/count-tokens"), body).await;
    let got = count("anthropic.claude-sonnet-4-20250514-v1%3A0", &input).await;
    assert!((5..=30).contains(&got.json()["inputTokens"].as_u64().unwrap()));
    let body = Blob::from(native().to_string().into_bytes());
    let got =
        count("anthropic.claude-sonnet-4-20250514-v1:0", &json!({"input": {"invokeModel": {"body": body}}}))
            .await;
    assert!(got.json()["inputTokens"].as_u64().is_some_and(|tokens| tokens > 1), "{got:?}");
    let refused = (
        "ValidationException".to_owned(),
        400,
        "The provided model doesn't support counting tokens.".to_owned(),
    );
    assert_eq!(count(CLAUDE, &input).await.error(), refused);
    assert_eq!(count("anthropic.claude-v2", &json!({"input": {}})).await.status, 400);
}

#[tokio::test]
async fn the_local_guardrail_blocks_one_word() {
    let local = LocalBedrock::start().await.unwrap();
    let body = |text: &str| json!({"source": "INPUT", "content": [{"text": {"text": text}}]});
    let apply = async |id: &str, text: &str| {
        post(&local, &format!("/guardrail/{id}/version/DRAFT/apply"), &body(text)).await.json()
    };
    let calm = apply("local", "hello").await;
    assert_eq!((&calm["action"], &calm["outputs"]), (&json!("NONE"), &json!([])));
    assert!(calm["usage"]["wordPolicyUnits"].is_number() && calm["assessments"].is_array());
    let blocked = apply("local", &format!("so {GUARDED_WORD}!")).await;
    assert_eq!(blocked["action"], "GUARDRAIL_INTERVENED");
    assert!(blocked["outputs"][0]["text"].is_string());
    assert_eq!(blocked["assessments"][0]["wordPolicy"]["customWords"][0]["action"], "BLOCKED");
    assert_eq!(apply("other", GUARDED_WORD).await["action"], "NONE");
    assert_eq!(local.received()[0].guardrail, Some(("local".to_owned(), "DRAFT".to_owned())));
    let empty =
        post(&local, "/guardrail/local/version/1/apply", &json!({"source": "INPUT", "content": []})).await;
    assert_eq!(empty.status, 400);
}

#[tokio::test]
async fn every_exception_comes_on_demand_on_every_operation() {
    let local = LocalBedrock::start().await.unwrap();
    for (name, status) in EXCEPTIONS {
        assert_eq!(Exception::new(name).status(), status);
        for operation in
            ["converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens"]
        {
            let got = post(&local, &format!("/model/local.error.{name}/{operation}"), &user("hi")).await;
            let (code, got_status, message) = got.error();
            assert_eq!((code.as_str(), got_status), (name, status), "{operation}");
            assert!(!message.is_empty() && got.header("x-amzn-requestid").is_some());
        }
        assert_eq!(
            post(&local, &format!("/guardrail/local.error.{name}/version/1/apply"), &json!({}))
                .await
                .error()
                .0,
            name
        );
    }
    let (code, status, message) = converse(&local, "local.error.NoSuchThing", "hi").await.error();
    assert_eq!((code.as_str(), status), ("ValidationException", 400));
    assert!(message.contains("ThrottlingException"), "{message}");
}

#[tokio::test]
async fn streams_break_on_demand_after_three_deltas() {
    let local = LocalBedrock::start().await.unwrap();
    for (name, _) in EXCEPTIONS {
        let model = format!("local.stream-error.{name}");
        let got = converse_stream(&local, &model, "hi").await;
        assert_eq!((got.status, got.broken.is_none()), (200, true));
        let frames = got.frames().unwrap();
        assert_eq!(frames.iter().filter(|frame| frame.kind == "contentBlockDelta").count(), 3);
        let last = frames.last().unwrap();
        assert_eq!(
            (last.message_type.as_str(), last.kind.to_lowercase()),
            ("exception", name.to_lowercase())
        );
        assert!(last.payload["message"].is_string());
    }
    // whatever else it is asked for, it answers
    assert_eq!(converse(&local, "local.stream-error.ThrottlingException", "hi").await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_served_is_said() {
    let local = LocalBedrock::start().await.unwrap();
    let code = |got: &Got| got.error().0;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::POST, "/model/x"),
        (Method::GET, "/model/a.b/converse"),
        (Method::DELETE, "/%ff"),
    ] {
        let got = send(&local, method, path, "").await.unwrap();
        assert_eq!((code(&got).as_str(), got.status), ("UnknownOperationException", 404), "{path}");
    }
    let got = converse(&local, "does-not-exist", "hi").await;
    assert_eq!(
        got.error(),
        ("ValidationException".into(), 400, "The provided model identifier is invalid.".into())
    );
    let path = format!("/model/{CLAUDE}/converse");
    for body in ["{not json", "\u{0}", "[]", "7", r#"{"messages": "many"}"#, r#"{"messages": []}"#, "{}", ""]
    {
        let got = send(&local, Method::POST, &path, body).await.unwrap();
        assert_eq!(got.status, 400, "{body}");
        assert!(["ValidationException", "SerializationException"].contains(&code(&got).as_str()));
        assert!(!got.error().2.is_empty());
    }
    let blank = converse(&local, CLAUDE, "  ").await.error();
    assert!(blank.2.contains("messages.0.content.0 is blank"), "{blank:?}");
    for (model, what) in
        [("stability.sd3-5-large-v1:0", "image"), ("twelvelabs.marengo-embed-2-7-v1:0", "embedding")]
    {
        let got = post(&local, &format!("/model/{model}/invoke"), &json!({"inputText": "x"})).await;
        assert!(got.error().2.contains(what), "{got:?}");
    }
    let got = send(&local, Method::POST, "/model/amazon.nova-lite-v1:0/invoke", "{not json").await.unwrap();
    assert_eq!(code(&got), "ValidationException");
}

#[tokio::test]
async fn http_2_is_spoken_too() {
    let local = LocalBedrock::builder().reply(Reply::text("one two").cut_after(2)).start().await.unwrap();
    let stream = tokio::net::TcpStream::connect(local.address()).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    for is_cut in [true, false] {
        let request = Request::post(format!("{}/model/{CLAUDE}/converse-stream", local.endpoint()));
        let request = request.body(Full::new(Bytes::from(user("Count from 1 to 9").to_string()))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.into_body().collect().await.is_err(), is_cut);
    }
    let path = &local.received()[0].path;
    assert_eq!(*path, format!("/model/{CLAUDE}/converse-stream"));
}

#[tokio::test]
async fn a_stopped_endpoint_frees_its_port() {
    let local = LocalBedrock::start().await.unwrap();
    let port = local.address().port();
    assert_eq!(local.endpoint(), format!("http://127.0.0.1:{port}"));
    converse(&local, CLAUDE, "hi").await;
    local.shutdown().await;
    let again = LocalBedrock::builder().port(port).start().await.unwrap();
    assert!(LocalBedrock::builder().port(port).start().await.is_err());
    drop(again);
}
