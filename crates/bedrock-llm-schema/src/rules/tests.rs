//! Tests of the rules that hold for every model.

use serde_json::json;

use super::*;
use crate::content::tool::ToolUseBlock;
use crate::{ContentBlock, GuardrailConfig, Message, Role, ToolResultBlock, ToolSpec};

/// The tool that `call` calls.
fn tool() -> ToolSpec {
    ToolSpec::new("t", "d", json!({"type": "object"}))
}

fn rules(request: &ChatRequest) -> Vec<(&'static str, String)> {
    let found = request.validate().err().map(|violations| violations.0).unwrap_or_default();
    found.into_iter().map(|violation| (violation.rule, violation.path)).collect()
}

fn call(id: &str) -> ContentBlock {
    ToolUseBlock::new(id, "t", json!({})).into()
}

fn ask() -> ChatRequest {
    ChatRequest::new("m").message("hi")
}

#[test]
fn a_plain_request_keeps_all_rules() {
    let request = ask().tool(tool()).message(Message::assistant(call("a")).with(call("b")));
    let request =
        request.message(Message::user(ToolResultBlock::text("b", "1")).with(ToolResultBlock::text("a", "2")));
    assert_eq!(rules(&request), []);
}

#[test]
fn each_broken_rule_names_its_place() {
    let at = |rule, path: &str| (rule, path.to_owned());
    let cases = [
        (ChatRequest::new("m"), at("R-MESSAGES", "messages")),
        (ChatRequest::new("m").message(Message::assistant("x")), at("R-FIRST-TURN", "messages[0].role")),
        (
            ask().message(Message::new(Role::Assistant, Vec::<ContentBlock>::new())),
            at("R-CONTENT", "messages[1].content"),
        ),
        (ask().message(" \n"), at("R-BLANK-TEXT", "messages[1].content[0].text")),
        (
            ask().message(Message::user("a").with("\n").with("")),
            at("R-BLANK-TEXT", "messages[1].content[2].text"),
        ),
        (ask().system(""), at("R-BLANK-TEXT", "system[0].text")),
        (
            ask().tool(tool()).message(ToolResultBlock::text("x", "1")),
            at("R-TOOL-PAIR", "messages[1].content[0].toolResult"),
        ),
        (
            ask().tool(tool()).message(Message::assistant(call("a"))).message("and?"),
            at("R-TOOL-PAIR", "messages[2].content"),
        ),
        (
            ask()
                .tool(tool())
                .message(Message::assistant(call("a")).with(call("a")))
                .message(ToolResultBlock::text("a", "1")),
            at("R-TOOL-ID", "messages[1].content[1].toolUse.toolUseId"),
        ),
        (ask().max_tokens(0), at("R-RANGE", "inferenceConfig.maxTokens")),
        (ask().temperature(1.5), at("R-RANGE", "inferenceConfig.temperature")),
        (ask().top_p(f64::NAN), at("R-RANGE", "inferenceConfig.topP")),
        (ask().stop_sequence(""), at("R-RANGE", "inferenceConfig.stopSequences[0]")),
        (ask().tool_choice(crate::ToolChoice::any()), at("R-TOOLS", "toolConfig.tools")),
    ];
    for (request, wanted) in cases {
        assert_eq!(rules(&request), [wanted]);
    }
    let mut results = ask().tool(tool()).message(Message::assistant(call("a")));
    results =
        results.message(Message::user(ToolResultBlock::text("a", "1")).with(ToolResultBlock::text("a", "2")));
    assert_eq!(rules(&results), [at("R-TOOL-ID", "messages[2].content[1].toolResult")]);
}

#[test]
fn stream_settings_are_for_streams() {
    let mut guardrail = GuardrailConfig::new("g", "1");
    guardrail.stream_processing_mode = Some("sync".into());
    let request = ask().guardrail(guardrail);
    assert_eq!(rules(&request)[0].0, "R-STREAM-MODE");
    assert!(request.streaming().validate().is_ok());
}

#[test]
fn the_error_names_every_place() {
    let error = Error::from(ChatRequest::new("m").max_tokens(0).validate().unwrap_err());
    let text = error.to_string();
    assert!(
        text.contains("messages: ")
            && text.contains("inferenceConfig.maxTokens: 0 is below 1; ask for at least 1 [R-RANGE]"),
        "{text}"
    );
    assert!(!error.is_retryable());
}
