//! The real service's recordings, played back over a real socket.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::HashMap;
use std::path::PathBuf;

use bedrock_llm_local::{LocalBedrock, Recording};
use bytes::Bytes;
use common::send;
use hyper::Method;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings");
    std::env::var_os("BEDROCK_LLM_RECORDINGS").map_or_else(default, PathBuf::from)
}

#[tokio::test]
async fn every_recording_is_given_as_it_came() {
    let folder = folder();
    if !folder.is_dir() {
        eprintln!("skipped: no recordings at {}", folder.display());
        return;
    }
    let recordings = Recording::load_dir(&folder).unwrap();
    let local =
        LocalBedrock::builder().replay_dir(&folder).unwrap().offline_responder(false).start().await.unwrap();
    // recordings of one request come in turn, in the order of their paths
    let mut turns: HashMap<(String, String), usize> = HashMap::new();
    for recording in &recordings {
        let body = match &recording.request.body {
            Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        *turns
            .entry((recording.operation.clone(), format!("{:?}{body:?}", recording.model_id)))
            .or_default() += 1;
        let got = send(&local, Method::POST, &recording.request.path, body).await.unwrap();
        let wanted = &recording.response;
        assert_eq!(got.status, wanted.status, "{}: {got:?}", recording.id);
        match (&wanted.body_base64, &wanted.body) {
            (Some(bytes), _) => assert_eq!(got.body, bytes.0, "{}", recording.id),
            (None, Some(body)) => assert_eq!(got.json(), *body, "{}", recording.id),
            (None, None) => {}
        }
        for name in
            ["content-type", "x-amzn-requestid", "x-amzn-errortype", "x-amzn-bedrock-input-token-count"]
        {
            if let Some(value) = wanted.headers.get(name) {
                assert_eq!(got.header(name), Some(value.as_str()), "{}: {name}", recording.id);
            }
        }
        assert!(got.header("x-amzn-requestid").is_some());
    }
    assert!(!recordings.is_empty());
    eprintln!(
        "{} recordings, {} of them share a request",
        recordings.len(),
        turns.values().filter(|n| **n > 1).sum::<usize>()
    );
}

#[tokio::test]
async fn recordings_of_one_request_come_in_turn() {
    let recording = |text: &str| -> Recording {
        serde_json::from_value(json!({
            "id": text, "operation": "Converse", "model_id": "a.b",
            "request": {"method": "POST", "path": "/model/a.b/converse", "body": {"x": 1.0}},
            "response": {"status": 200, "headers": {"transfer-encoding": "chunked"}, "body_text": text},
        }))
        .unwrap()
    };
    let local =
        LocalBedrock::builder().replay(recording("one")).replay(recording("two")).start().await.unwrap();
    for wanted in ["one", "two", "one"] {
        let got = send(&local, Method::POST, "/model/a%2Eb/converse", r#"{"x":1}"#).await.unwrap();
        assert_eq!(got.body, wanted);
    }
    // another body is another request
    assert_eq!(send(&local, Method::POST, "/model/a.b/converse", r#"{"x":2}"#).await.unwrap().status, 400);
}

#[tokio::test]
async fn the_responder_takes_every_recorded_request() {
    let folder = folder();
    if !folder.is_dir() {
        eprintln!("skipped: no recordings at {}", folder.display());
        return;
    }
    let local = LocalBedrock::start().await.unwrap();
    for recording in Recording::load_dir(&folder).unwrap() {
        let body = match &recording.request.body {
            Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        let got = send(&local, Method::POST, &recording.request.path, body).await.unwrap();
        assert!(got.broken.is_none() && matches!(got.status, 200 | 400), "{}: {got:?}", recording.id);
        if got.status != 200 && recording.response.status == 200 {
            let (code, _, message) = got.error();
            let model = recording.model_id.as_deref().unwrap_or_default();
            eprintln!("{} {} of {model}: {code}: {message}", recording.id, recording.operation);
            assert!(
                message.contains("does not serve"),
                "the service took {}, the responder not: {message}",
                recording.id
            );
        }
    }
}
