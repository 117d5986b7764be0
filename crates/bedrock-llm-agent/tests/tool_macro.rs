//! `#[tool]`, as whoever writes tools sees it.

use std::time::Duration;

use bedrock_llm_agent::{
    Context, RegistryError, Tool as _, ToolError, ToolOutput, ToolRegistry, ToolRetry, tool,
};
use bedrock_llm_schema::{ToolResultBlock, ToolUseBlock};
use serde_json::{Value, json};

/// Tells the weather in a city.
///
/// Knows the past only.
#[tool]
async fn get_weather(
    /// The city's name.
    city: String,
    /// Days before today.
    #[serde(default)]
    days: u8,
    unit: Option<Unit>,
) -> Result<String, std::num::ParseIntError> {
    if city == "7" {
        "seven".parse::<u8>()?;
    }
    Ok(format!("{city}, {days} days ago: 20 {unit:?}"))
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Celsius,
}

/// Adds.
#[tool(
    name = "sum",
    timeout = "1m 500ms",
    retries = 2,
    max_concurrency = 3,
    or_else = "get_weather",
    group = "maths",
    idempotent = false
)]
fn add(numbers: Vec<i64>, context: &Context) -> i64 {
    assert_eq!(context.tool(), "sum");
    numbers.iter().sum()
}

/// Forgets.
#[tool]
pub fn forget(context: Context) -> Result<ToolOutput, ToolError> {
    match context.state().remove("secret") {
        Some(_) => Ok(ToolOutput::text("forgotten")),
        None => Err(ToolError::denied("nothing was known")),
    }
}

/// Does nothing.
#[tool(description = "Takes a while.")]
async fn r#loop() {}

fn tools() -> Result<ToolRegistry, RegistryError> {
    let tools = ToolRegistry::new().with(get_weather)?.with(add)?.with(forget)?.with(r#loop)?;
    tools.check()?;
    Ok(tools)
}

async fn result(tools: &ToolRegistry, name: &str, input: Value) -> ToolResultBlock {
    let call = ToolUseBlock::new("call_1", name, input);
    tools.invoke(&call, &Context::new()).await.into_result("call_1")
}

#[test]
fn name_description_and_schema_are_read_off_the_function() {
    let spec = get_weather.spec();
    assert_eq!(spec.name, "get_weather");
    assert_eq!(spec.description.as_deref(), Some("Tells the weather in a city.\n\nKnows the past only."));
    let properties = &spec.schema()["properties"];
    assert_eq!(properties["city"], json!({"description": "The city's name.", "type": "string"}));
    assert_eq!(properties["days"]["description"], json!("Days before today."));
    assert_eq!(spec.schema()["required"], json!(["city"]));
    assert!(forget.spec().schema()["properties"].as_object().unwrap().is_empty(), "a context is no argument");
    let slow = r#loop.spec();
    assert_eq!((slow.name.as_str(), slow.description.as_deref()), ("loop", Some("Takes a while.")));
}

#[test]
fn options_are_the_policy() {
    let policy = add.policy();
    assert_eq!(add.spec().name, "sum");
    assert_eq!(policy.timeout, Some(Duration::from_millis(60_500)));
    assert_eq!(policy.retry, ToolRetry::attempts(3));
    assert_eq!((policy.max_concurrency, policy.is_idempotent), (Some(3), false));
    assert_eq!((policy.fallback.as_deref(), policy.group.as_deref()), (Some("get_weather"), Some("maths")));
}

#[tokio::test]
async fn a_tool_is_run_with_its_arguments() {
    let tools = tools().unwrap();
    let weather = result(&tools, "get_weather", json!({"city": "Paris", "unit": "celsius"})).await;
    assert_eq!(weather, ToolResultBlock::text("call_1", "Paris, 0 days ago: 20 Some(Celsius)"));
    let failed = result(&tools, "get_weather", json!({"city": "7"})).await;
    assert_eq!(failed, ToolResultBlock::error("call_1", "failed: invalid digit found in string"));
    assert_eq!(
        result(&tools, "sum", json!({"numbers": [1, 2]})).await,
        ToolResultBlock::json("call_1", json!({"result": 3}))
    );
    assert_eq!(
        result(&tools, "loop", json!({})).await,
        ToolResultBlock::json("call_1", json!({"result": null}))
    );
    assert_eq!(
        result(&tools, "forget", json!({})).await,
        ToolResultBlock::error("call_1", "denied: nothing was known")
    );
}

#[tokio::test]
async fn the_function_itself_is_still_there() {
    assert_eq!(get_weather::run("Rome".to_owned(), 1, None).await.unwrap(), "Rome, 1 days ago: 20 None");
}

/// The messages point at the argument. Only our own are held here; those of rustc change with it.
#[test]
fn mistakes_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
