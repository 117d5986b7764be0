//! An agent on a local endpoint.
#![allow(dead_code, reason = "not every test file uses all of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use bedrock_llm_agent::agent::AgentBuilder;
use bedrock_llm_agent::{Agent, AgentEvent, Tool, ToolResult, tool_fn};
use bedrock_llm_client::layers::RetryConfig;
use bedrock_llm_client::{Client, ClientBuilder};
use bedrock_llm_local::{Builder, LocalBedrock, Reply};
use bedrock_llm_schema::{ToolUseBlock, Usage};
use serde_json::{Value, json};

pub(crate) const NOVA: &str = "us.amazon.nova-lite-v1:0";
pub(crate) const CLAUDE: &str = "anthropic.claude-3-haiku-20240307-v1:0";
/// A model that can be made to call a certain tool.
pub(crate) const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
/// A model that takes no tools.
pub(crate) const NO_TOOLS: &str = "us.deepseek.r1-v1:0";

/// A client builder that reads no environment and whose client tries once.
pub(crate) fn client(endpoint: &str) -> ClientBuilder {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .build();
    Client::builder()
        .sdk_config(&config)
        .credentials("AKIDLOCAL", "secret", None)
        .endpoint_url(endpoint)
        .retry(RetryConfig::default().max_attempts(1))
}

/// An endpoint with this script, and an agent on it that has a model.
pub(crate) async fn start(script: Builder) -> (LocalBedrock, AgentBuilder) {
    let local = script.start().await.unwrap();
    let client = client(&local.endpoint()).build().await.unwrap();
    (local, Agent::builder(client).model(NOVA))
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct Pair {
    pub(crate) a: i64,
    pub(crate) b: i64,
}

/// Adds two numbers.
pub(crate) fn add() -> impl Tool {
    tool_fn("add", "Adds two numbers.", |pair: Pair, _| async move { ToolResult::Ok(pair.a + pair.b) })
}

/// A tool of this name that counts how often it ran.
pub(crate) fn counting(name: &str) -> (impl Tool + use<>, Arc<AtomicUsize>) {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Anything {}
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let tool = tool_fn(name, "Counts.", move |_: Anything, _| {
        let count = counter.fetch_add(1, Ordering::SeqCst) + 1;
        async move { ToolResult::Ok(count) }
    });
    (tool, count)
}

/// An answer that calls these tools.
pub(crate) fn calls(calls: &[(&str, &str, Value)]) -> Reply {
    let blocks = calls.iter().map(|(id, name, input)| ToolUseBlock::new(*id, *name, input.clone()));
    Reply::content(blocks).usage(Usage::new(10, 5))
}

pub(crate) fn add_call(id: &str, a: i64, b: i64) -> (&str, &'static str, Value) {
    (id, "add", json!({"a": a, "b": b}))
}

/// The kinds of events, in order, with what is short enough to read.
pub(crate) fn told(event: &AgentEvent) -> String {
    match event {
        AgentEvent::Iteration(number) => format!("iteration {number}"),
        AgentEvent::Text(text) => format!("text {text}"),
        AgentEvent::Reasoning(text) => format!("reasoning {text}"),
        AgentEvent::ToolRequested(call) => format!("requested {}", call.id()),
        AgentEvent::ToolStarted(call) => format!("started {}", call.id()),
        AgentEvent::ToolFinished(call) => format!("{} {}", call.state().as_str(), call.id()),
        AgentEvent::ApprovalRequested(call) => format!("ask {}", call.id()),
        AgentEvent::Done(response) => format!("done {:?}", response.stop),
        other => format!("{other:?}"),
    }
}
