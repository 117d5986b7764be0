//! What of an agent's settings is in each request.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::{CachePointBlock, ChatRequest, Tool, ToolChoice, ToolConfig, ToolSpec};
use common::{NOVA, add, add_call, calls, start};
use serde_json::{Value, json};

/// The `toolConfig` of each request of a run with one round, its tools by what they are.
async fn asked(request: ChatRequest, first: Option<ToolChoice>) -> Vec<Value> {
    let script = LocalBedrock::builder().reply(calls(&[add_call("t1", 1, 2)])).reply(Reply::text("3."));
    let (local, agent) = start(script).await;
    let mut agent = agent.request(request).tool(add());
    if let Some(choice) = first {
        agent = agent.tool_choice(choice);
    }
    agent.build().unwrap().run("What is 1 + 2?").await.unwrap();
    local.received().into_iter().map(|request| shape(&request.json["toolConfig"])).collect()
}

fn shape(config: &Value) -> Value {
    let tools = config["tools"].as_array().into_iter().flatten();
    let name = |tool: &Value| match (&tool["toolSpec"]["name"], &tool["systemTool"]["name"]) {
        (Value::String(name), _) | (_, Value::String(name)) => name.clone(),
        _ if tool["cachePoint"].is_object() => "cache point".to_owned(),
        _ => tool.to_string(),
    };
    json!([tools.map(name).collect::<Vec<_>>(), config["toolChoice"]])
}

#[tokio::test]
async fn a_requests_cache_points_and_service_tools_stay_behind_the_agents() {
    let own = || ToolSpec::new("other", "Not the agent's.", json!({"type": "object"})).into();
    let with = |model: &str, tool: Tool| {
        let config = ToolConfig { tools: vec![own(), tool], ..ToolConfig::default() };
        ChatRequest { tool_config: Some(config), ..ChatRequest::new(model) }
    };
    let grounding = serde_json::from_value(json!({"systemTool": {"name": "nova_grounding"}})).unwrap();
    let all = json!([["add", "nova_grounding"], null]);
    assert_eq!(asked(with("us.amazon.nova-premier-v1:0", grounding), None).await, [all.clone(), all]);
    let cached = Tool::CachePoint(CachePointBlock::default());
    let all = json!([["add", "cache point"], null]);
    let sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    assert_eq!(asked(with(sonnet, cached), None).await, [all.clone(), all]);
}

#[tokio::test]
async fn a_requests_tool_choice_holds_and_the_agents_is_for_the_first_answer() {
    let config = ToolConfig { tool_choice: Some(ToolChoice::any()), ..ToolConfig::default() };
    let request = ChatRequest { tool_config: Some(config), ..ChatRequest::new(NOVA) };
    let of = |choice: Value| json!([["add"], choice]);
    let any = of(json!({"any": {}}));
    assert_eq!(asked(request.clone(), None).await, [any.clone(), any.clone()]);
    let named = of(json!({"tool": {"name": "add"}}));
    assert_eq!(asked(request, Some(ToolChoice::tool("add"))).await, [named.clone(), any]);
    assert_eq!(asked(ChatRequest::new(NOVA), Some(ToolChoice::tool("add"))).await, [named, of(Value::Null)]);
}
