//! A client on a local endpoint.
#![allow(dead_code, reason = "not every test file uses all of it")]

use aws_config::{BehaviorVersion, Region, SdkConfig};
use bedrock_llm_client::layers::RetryConfig;
use bedrock_llm_client::{ApiMode, Client, ClientBuilder};
use bedrock_llm_local::{Builder, LocalBedrock};
use bedrock_llm_schema::guardrail::GuardrailSource;
use bedrock_llm_schema::{
    ApplyGuardrailRequest, ChatRequest, CountTokensRequest, Error, InvokeRequest, InvokeStreamRequest,
};
use serde_json::{Value, json};

pub(crate) const NOVA: &str = "us.amazon.nova-lite-v1:0";
pub(crate) const CLAUDE: &str = "anthropic.claude-3-haiku-20240307-v1:0";

/// A builder that reads no environment and whose client tries once: most tests look at one attempt.
pub(crate) fn builder(endpoint: &str) -> ClientBuilder {
    default_builder(endpoint).retry(RetryConfig::default().max_attempts(1))
}

/// A builder that reads no environment, of a client with the default stack.
pub(crate) fn default_builder(endpoint: &str) -> ClientBuilder {
    Client::builder().sdk_config(&offline()).credentials("AKIDLOCAL", "secret", None).endpoint_url(endpoint)
}

/// A shared configuration of a region and nothing else; no credentials in it.
pub(crate) fn offline() -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .build()
}

/// An endpoint with this script, and a client on it.
pub(crate) async fn start(script: Builder) -> (LocalBedrock, Client) {
    start_in(ApiMode::Auto, script).await
}

pub(crate) async fn start_in(mode: ApiMode, script: Builder) -> (LocalBedrock, Client) {
    let local = script.start().await.unwrap();
    let client = builder(&local.endpoint()).api_mode(mode).build().await.unwrap();
    (local, client)
}

pub(crate) fn chat(model: &str) -> ChatRequest {
    ChatRequest::new(model).message("Why is the sky blue?").max_tokens(100)
}

pub(crate) fn native_body() -> Value {
    json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "max_tokens": 50, "anthropic_version": "bedrock-2023-05-31"})
}

pub(crate) fn invoke(model: &str) -> InvokeRequest {
    InvokeRequest::new(model, native_body().to_string())
}

pub(crate) fn count(model: &str) -> CountTokensRequest {
    chat(model).into()
}

pub(crate) fn guard() -> ApplyGuardrailRequest {
    ApplyGuardrailRequest::new("gr1abcdefghi", "DRAFT", GuardrailSource::Input).text("Hi")
}

/// Runs every operation for a model and gives what went wrong in each; streams are read to their end.
pub(crate) async fn every_operation(client: &Client, model: &str) -> Vec<(&'static str, Result<(), Error>)> {
    let chat_stream = async { client.chat_stream(chat(model)).await?.collect().await.map(drop) };
    let invoke_stream = async {
        let mut stream = client.invoke_stream(InvokeStreamRequest(invoke(model))).await?;
        while let Some(chunk) = stream.next().await {
            chunk?;
        }
        Ok(())
    };
    vec![
        ("Converse", client.chat(chat(model)).await.map(drop)),
        ("ConverseStream", chat_stream.await),
        ("CountTokens", client.count_tokens(count(model)).await.map(drop)),
        ("ApplyGuardrail", client.apply_guardrail(guard()).await.map(drop)),
        ("InvokeModel", client.invoke(invoke(model)).await.map(drop)),
        ("InvokeModelWithResponseStream", invoke_stream.await),
    ]
}
