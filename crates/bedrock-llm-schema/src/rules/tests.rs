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

/// Near misses: each is one step from a counter-example, and may be accepted.
#[test]
fn what_may_be_accepted_is_not_refused() {
    let claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let user = |content: serde_json::Value| json!([{"role": "user", "content": content}]);
    let text = json!({"text": "a"});
    let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 1024}});
    let effort = |word: &str| json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": word}});
    let point = |ttl: &str| json!({"cachePoint": {"type": "default", "ttl": ttl}});
    let document = |name: &str| json!({"document": {"format": "txt", "name": name, "source": {"text": "a"}}});
    let video = json!({"video": {"format": "video/mp4", "source": {"bytes": "AAAA"}}});
    let in_s3 = json!({"s3Location": {"uri": "s3://bucket/key"}});
    let result = json!({"toolResult": {"toolUseId": "a", "content": [
        {"document": {"format": "pdf", "name": "Report", "source": in_s3}}]}});
    let called = json!([{"role": "user", "content": [text]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "a", "name": "t", "input": {}}}]},
        {"role": "user", "content": [result]}]);
    let tools = json!({"tools": [{"toolSpec": {"name": "t", "inputSchema": {"json": {"type": "object"}}}}]});
    let budget = json!({"reasoning": {"request": "thinking_budget", "min_budget": 1024, "with_sampling": false,
        "with_forced_tool": false}});
    let nova2 = json!({"reasoning": {"request": "reasoning_config_effort", "efforts": ["low", "high"],
        "with_sampling": false, "with_max_tokens_at_high": false}});
    let hyphened =
        json!({"tools": [{"toolSpec": {"name": "look-up", "inputSchema": {"json": {"type": "object"}}}}]});
    for (request, facts) in [
        // it fails once the model calls the tool, so that normalising gives it an alias
        (
            json!({"messages": user(json!([text])), "toolConfig": hyphened}),
            json!({"tools": {"name_alphabet": "a-zA-Z0-9_", "name_max": 5}}),
        ),
        (json!({"messages": user(json!([text, document("company_policy")]))}), json!({})),
        (json!({"messages": user(json!([text, video]))}), json!({"videos": {"formats": ["mp4"]}})),
        (json!({"messages": called, "toolConfig": tools}), json!({"documents": {"s3": false}})),
        (json!({"messages": user(json!([text, point("1h"), text, point("5m")]))}), json!({})),
        (
            json!({"messages": user(json!([text])), "system": []}),
            json!({"features": {"system_messages": false}}),
        ),
        (
            json!({"messages": user(json!([text])), "inferenceConfig": {"temperature": 1, "topP": 0.95},
                "additionalModelRequestFields": thinking}),
            budget.clone(),
        ),
        (
            json!({"messages": user(json!([text])), "inferenceConfig": {"temperature": 0.2},
                "additionalModelRequestFields": {"thinking": {"type": "disabled"}}}),
            budget,
        ),
        (
            json!({"messages": user(json!([text])), "inferenceConfig": {"temperature": 0.2, "maxTokens": 10},
                "additionalModelRequestFields": effort("low")}),
            nova2,
        ),
        (
            json!({"messages": user(json!([text])), "inferenceConfig": {"maxTokens": 20},
                "additionalModelRequestFields": {"anthropic_beta": ["output-128k-2025-02-19"]}}),
            json!({"max_output_tokens": 10}),
        ),
    ] {
        let profile: ModelProfile = serde_json::from_value(facts.clone()).unwrap();
        let request = ChatRequest { model: claude.into(), ..serde_json::from_value(request).unwrap() };
        assert_eq!(request.check(&profile), Ok(()), "{facts}");
    }
}

#[test]
fn tokens_are_counted_by_the_plain_id_of_a_model_that_is_called_by_a_profile() {
    let mut profile = ModelProfile::default();
    profile.access.on_demand = Some(false);
    let rules = |id: &str, operation| {
        let found = check_model(&id.into(), &profile, operation).err().map(|violations| violations.0);
        found.unwrap_or_default().iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };
    let plain = "anthropic.claude-sonnet-4-20250514-v1:0";
    assert_eq!(rules(plain, Operation::CountTokens), [""; 0]);
    assert_eq!(rules(plain, Operation::InvokeModel), ["R-ON-DEMAND"]);
    for id in [
        format!("us.{plain}"),
        format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{plain}"),
    ] {
        assert_eq!(rules(&id, Operation::CountTokens), ["R-COUNT-ID"]);
        assert_eq!(rules(&id, Operation::InvokeModel), [""; 0]);
    }
    let arn = format!("arn:aws:bedrock:us-east-1::foundation-model/{plain}");
    assert_eq!(rules(&arn, Operation::CountTokens), [""; 0]);
}
