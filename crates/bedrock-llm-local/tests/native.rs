//! Native bodies of every family, whole and streamed, from the offline responder and from scripts.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_providers::{InvocationMetrics, Registry};
use bedrock_llm_schema::{Accumulator, ModelId};
use common::{Got, post};
use serde_json::{Value, json};

fn bodies() -> Vec<(&'static str, Value)> {
    let llama = "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n";
    let messages = json!([{"role": "user", "content": "Hello"}]);
    vec![
        (
            "anthropic.claude-3-5-sonnet-20240620-v1:0",
            json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": messages}),
        ),
        (
            "anthropic.claude-v2",
            json!({"prompt": "\n\nHuman: Hello\n\nAssistant:", "max_tokens_to_sample": 64}),
        ),
        (
            "amazon.titan-text-express-v1",
            json!({"inputText": "Hello", "textGenerationConfig": {"maxTokenCount": 64}}),
        ),
        (
            "amazon.nova-lite-v1:0",
            json!({"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "inferenceConfig": {"maxTokens": 64}}),
        ),
        ("cohere.command-r-v1:0", json!({"message": "Hello", "max_tokens": 64})),
        ("cohere.command-text-v14", json!({"prompt": "Hello", "max_tokens": 64})),
        ("meta.llama3-70b-instruct-v1:0", json!({"prompt": llama, "max_gen_len": 64})),
        ("mistral.mistral-7b-instruct-v0:2", json!({"prompt": "<s>[INST] Hello [/INST]", "max_tokens": 64})),
        ("ai21.jamba-1-5-mini-v1:0", json!({"messages": messages, "max_tokens": 64})),
        ("ai21.j2-mid-v1", json!({"prompt": "Hello", "maxTokens": 64})),
        ("openai.gpt-oss-120b-1:0", json!({"messages": messages, "max_completion_tokens": 64})),
    ]
}

/// The text of an answer, as a client of the family reads it.
fn text(model: &str, got: &Got) -> String {
    let provider = Registry::builtin().get(&ModelId::from(model)).unwrap();
    let headers = got.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let response = provider.decode_response(&got.body, &InvocationMetrics::from_headers(headers)).unwrap();
    assert!(
        response.usage.output_tokens > 0 && response.usage.input_tokens > 0,
        "{model}: {:?}",
        response.usage
    );
    response.text()
}

/// The text of a stream, as a client of the family reads it.
fn streamed_text(model: &str, got: &Got) -> String {
    let mut decoder = Registry::builtin().get(&ModelId::from(model)).unwrap().stream_decoder();
    let mut answer = Accumulator::new();
    for chunk in got.chunks() {
        for event in decoder.chunk(chunk.to_string().as_bytes()).unwrap() {
            answer.push(&event);
        }
    }
    decoder.finish().iter().for_each(|event| answer.push(event));
    answer.response().text()
}

async fn both(local: &LocalBedrock, model: &str, body: &Value) -> (String, Option<String>) {
    let got = post(local, &format!("/model/{model}/invoke"), body).await;
    assert_eq!(got.status, 200, "{model}: {:?}", got.body);
    assert!(
        got.header("x-amzn-bedrock-input-token-count").is_some()
            && got.header("x-amzn-bedrock-output-token-count").is_some()
    );
    let whole = text(model, &got);
    if model.starts_with("ai21.j2") {
        return (whole, None); // this family has no streams
    }
    let got = post(local, &format!("/model/{model}/invoke-with-response-stream"), body).await;
    assert_eq!(
        (got.status, got.header("x-amzn-bedrock-content-type")),
        (200, Some("application/json")),
        "{model}: {:?}",
        got.body
    );
    let chunks = got.chunks();
    assert!(chunks.len() > 1, "{model}: {chunks:?}");
    let metrics = &chunks.last().unwrap()["amazon-bedrock-invocationMetrics"];
    assert!(metrics["outputTokenCount"].as_u64().is_some_and(|count| count > 0), "{model}: {chunks:?}");
    (whole, Some(streamed_text(model, &got)))
}

#[tokio::test]
async fn every_family_is_answered_in_its_own_form() {
    let local = LocalBedrock::start().await.unwrap();
    for (model, body) in bodies() {
        let (whole, streamed) = both(&local, model, &body).await;
        assert!(whole.contains("Hello!"), "{model}: {whole}");
        assert_eq!(streamed.unwrap_or_else(|| whole.clone()).trim(), whole.trim(), "{model}");
    }
}

#[tokio::test]
async fn scripts_are_given_in_the_familys_form() {
    let local =
        LocalBedrock::builder().reply(Reply::text("As scripted, in words.").forever()).start().await.unwrap();
    for (model, body) in bodies() {
        let (whole, streamed) = both(&local, model, &body).await;
        assert_eq!(whole.trim(), "As scripted, in words.", "{model}");
        assert_eq!(streamed.unwrap_or(whole).trim(), "As scripted, in words.", "{model}");
    }
}

#[tokio::test]
async fn streams_break_after_three_chunks_in_any_form() {
    let local = LocalBedrock::start().await.unwrap();
    for (model, body) in bodies() {
        if model.starts_with("ai21.j2") {
            continue;
        }
        let got =
            post(&local, "/model/local.stream-error.ThrottlingException/invoke-with-response-stream", &body)
                .await;
        assert_eq!(
            got.kinds(),
            ["chunk", "chunk", "chunk", "throttlingException"],
            "{model}: {:?}",
            got.body
        );
    }
}

#[tokio::test]
async fn models_behind_opaque_ids_are_known_by_their_bodies() {
    let local = LocalBedrock::start().await.unwrap();
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/otnfa2ysixqd";
    for (model, body) in bodies() {
        let got = post(&local, &format!("/model/{arn}/invoke"), &body).await;
        assert_eq!(got.status, 200, "{model}: {:?}", got.body);
    }
}

#[tokio::test]
async fn bodies_of_another_family_are_refused() {
    let local = LocalBedrock::start().await.unwrap();
    for (model, _) in bodies() {
        for body in [json!({"nonsense": true}), json!([]), json!("x"), json!(null)] {
            let got = post(&local, &format!("/model/{model}/invoke"), &body).await;
            assert!(got.status == 400 || got.status == 200, "{model}: {got:?}");
        }
        let got = post(&local, &format!("/model/{model}/invoke"), &json!([1])).await;
        assert_eq!(got.error().0, "ValidationException", "{model}: {got:?}");
    }
}
