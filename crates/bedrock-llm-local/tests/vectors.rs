//! Embeddings and rankings over a real socket.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_local::LocalBedrock;
use common::{Got, post};
use serde_json::{Value, json};

const TITAN: &str = "amazon.titan-embed-text-v2:0";

async fn invoke(local: &LocalBedrock, model: &str, body: &Value) -> Got {
    post(local, &format!("/model/{model}/invoke"), body).await
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn what_is_alike_has_vectors_that_are_alike() {
    let local = LocalBedrock::start().await.unwrap();
    let embed = async |body: Value| {
        let got = invoke(&local, TITAN, &body).await;
        assert_eq!(got.status, 200, "{got:?}");
        assert!(got.header("x-amzn-bedrock-invocation-latency").is_some());
        let body = got.json();
        let tokens = body["inputTextTokenCount"].as_u64().unwrap().to_string();
        assert_eq!(got.header("x-amzn-bedrock-input-token-count"), Some(tokens.as_str()));
        numbers(&body["embedding"])
    };
    let text = async |text: &str| embed(json!({"inputText": text})).await;
    let (cat, near, related) = (
        text("A cat sits on the mat.").await,
        text("The cat sat on a mat").await,
        text("My cat sleeps").await,
    );
    let unrelated = text("Quarterly revenue of the bank").await;
    assert_eq!(cat.len(), 1024);
    assert!((dot(&cat, &cat) - 1.0).abs() < 1e-4);
    assert_eq!(cat, text("A cat sits on the mat.").await);
    let like = [&near, &related, &unrelated].map(|other| dot(&cat, other));
    assert!(like[0] > like[1] && like[1] > like[2], "{like:?}");
    let short = embed(json!({"inputText": "A cat sits on the mat.", "dimensions": 256})).await;
    assert_eq!(short.len(), 256);
    let raw = embed(json!({"inputText": "A cat sits on the mat.", "normalize": false})).await;
    assert!((dot(&raw, &raw) - 1.0).abs() > 0.1);
    assert!((dot(&raw, &cat) / dot(&raw, &raw).sqrt() - 1.0).abs() < 1e-4);
}
