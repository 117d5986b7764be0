//! What any conversation must be like.

use std::collections::BTreeSet;

use super::Violation;
use crate::content::tool::ToolUseBlock;
use crate::model::ModelIdKind;
use crate::{ChatRequest, ContentBlock, Message, Role, SystemContentBlock};

pub(super) fn check(request: &ChatRequest, streaming: bool) -> Vec<Violation> {
    let mut report = Report::default();
    turns(request, &mut report);
    tool_pairs(&request.messages, &mut report);
    system(request, &mut report);
    settings(request, streaming, &mut report);
    report.0
}

#[derive(Default)]
struct Report(Vec<Violation>);

impl Report {
    fn add(&mut self, rule: &'static str, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Violation { rule, path: path.into(), message: message.into() });
    }
}

fn turns(request: &ChatRequest, report: &mut Report) {
    if request.messages.is_empty() && request.model.kind() != ModelIdKind::Prompt {
        report.add("R-MESSAGES", "messages", "no messages; add the user's turn");
    }
    if request.messages.first().is_some_and(|first| first.role == Role::Assistant) {
        report.add(
            "R-FIRST-TURN",
            "messages[0].role",
            "the first turn is the model's; begin with the user's",
        );
    }
    for (turn, message) in request.messages.iter().enumerate() {
        if message.content.is_empty() {
            report.add(
                "R-CONTENT",
                format!("messages[{turn}].content"),
                "no content; add a block or drop the turn",
            );
        }
        // Blank text passes beside other content (recording 08327e4d4f6c: "\n" between document and cache point).
        let alone = message.content.iter().all(is_blank);
        for (block, content) in message.content.iter().enumerate().filter(|(_, content)| is_blank(content)) {
            if alone || matches!(content, ContentBlock::Text(text) if text.is_empty()) {
                report.add(
                    "R-BLANK-TEXT",
                    format!("messages[{turn}].content[{block}].text"),
                    "blank text; drop the block",
                );
            }
        }
    }
}

fn is_blank(content: &ContentBlock) -> bool {
    matches!(content, ContentBlock::Text(text) if text.trim().is_empty())
}

/// Every tool call of a turn is answered in the next one, and every answer has its call in the turn before.
fn tool_pairs(messages: &[Message], report: &mut Report) {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (turn, message) in messages.iter().enumerate() {
        let mut answered = BTreeSet::new();
        for (block, content) in message.content.iter().enumerate() {
            let Some(result) = content.as_tool_result() else { continue };
            let (id, path) =
                (result.tool_use_id.as_str(), format!("messages[{turn}].content[{block}].toolResult"));
            if result.r#type.is_some() {
                continue; // the service ran this tool itself: its call and result stand in one turn
            }
            if !answered.insert(id) {
                report.add("R-TOOL-ID", path, format!("second result for tool call {id}; keep one"));
            } else if !open.remove(id) {
                report.add(
                    "R-TOOL-PAIR",
                    path,
                    format!("no tool call {id} in the turn before; add it or drop the result"),
                );
            }
        }
        unanswered(&open, turn, report);
        open.clear();
        for (block, call) in calls(message) {
            if !open.insert(call.tool_use_id.as_str()) {
                let path = format!("messages[{turn}].content[{block}].toolUse.toolUseId");
                report.add(
                    "R-TOOL-ID",
                    path,
                    format!("second tool call {}; give each its own id", call.tool_use_id),
                );
            }
        }
    }
    unanswered(&open, messages.len().saturating_sub(1), report);
}

/// Tool calls that this turn, the one after them or the last, leaves without a result.
fn unanswered(open: &BTreeSet<&str>, turn: usize, report: &mut Report) {
    for id in open {
        let message = format!("no result for tool call {id}; add one in the next turn, an error if need be");
        report.add("R-TOOL-PAIR", format!("messages[{turn}].content"), message);
    }
}

/// The tool calls that the caller answers.
fn calls(message: &Message) -> impl Iterator<Item = (usize, &ToolUseBlock)> {
    let blocks = message
        .content
        .iter()
        .enumerate()
        .filter_map(|(block, content)| Some((block, content.as_tool_use()?)));
    blocks.filter(|(_, call)| !call.is_run_by_service())
}

fn system(request: &ChatRequest, report: &mut Report) {
    for (block, content) in request.system.iter().flatten().enumerate() {
        if matches!(content, SystemContentBlock::Text(text) if text.trim().is_empty()) {
            report.add("R-BLANK-TEXT", format!("system[{block}].text"), "blank text; drop the block");
        }
    }
}

fn settings(request: &ChatRequest, streaming: bool, report: &mut Report) {
    if let Some(config) = &request.inference_config {
        if config.max_tokens == Some(0) {
            report.add("R-RANGE", "inferenceConfig.maxTokens", "0 is below 1");
        }
        for (name, value) in [("temperature", config.temperature), ("topP", config.top_p)] {
            if let Some(value) = value.filter(|value| !(0.0..=1.0).contains(value)) {
                report.add(
                    "R-RANGE",
                    format!("inferenceConfig.{name}"),
                    format!("{value} is outside 0 to 1"),
                );
            }
        }
        let stops = config.stop_sequences.as_deref().unwrap_or_default();
        if stops.len() > 2500 {
            report.add(
                "R-RANGE",
                "inferenceConfig.stopSequences",
                format!("{} are more than 2,500", stops.len()),
            );
        }
        if let Some(place) = stops.iter().position(String::is_empty) {
            report.add(
                "R-BLANK-TEXT",
                format!("inferenceConfig.stopSequences[{place}]"),
                "an empty stop sequence; drop it",
            );
        }
    }
    if let Some(config) = &request.tool_config {
        if config.tools.is_empty() {
            report.add("R-TOOLS", "toolConfig.tools", "no tools; add one or leave toolConfig out");
        }
        let mut names = BTreeSet::new();
        for spec in config.specs() {
            if !names.insert(spec.name.as_str()) {
                report.add(
                    "R-TOOL-NAME",
                    "toolConfig.tools",
                    format!("two tools are named {}; rename one", spec.name),
                );
            }
        }
    }
    if let Some(paths) =
        request.additional_model_response_field_paths.as_ref().filter(|paths| paths.len() > 10)
    {
        let count = paths.len();
        report.add("R-RANGE", "additionalModelResponseFieldPaths", format!("{count} are more than 10"));
    }
    let mode = request.guardrail_config.as_ref().and_then(|config| config.stream_processing_mode.as_ref());
    if mode.is_some() && !streaming {
        let path = "guardrailConfig.streamProcessingMode";
        report.add("R-STREAM-MODE", path, "only streams have it; leave it out or stream");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{GuardrailConfig, ToolResultBlock, ToolSpec};

    fn rules(request: &ChatRequest) -> Vec<(&'static str, String)> {
        check(request, false).into_iter().map(|violation| (violation.rule, violation.path)).collect()
    }

    fn call(id: &str) -> ContentBlock {
        ToolUseBlock::new(id, "t", json!({})).into()
    }

    fn ask() -> ChatRequest {
        ChatRequest::new("m").message("hi")
    }

    #[test]
    fn a_plain_request_keeps_all_rules() {
        let tool = ToolSpec::new("t", "d", json!({"type": "object"}));
        let request = ask().tool(tool).message(Message::assistant(call("a")).with(call("b")));
        let request = request
            .message(Message::user(ToolResultBlock::text("b", "1")).with(ToolResultBlock::text("a", "2")));
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
                ask().message(ToolResultBlock::text("x", "1")),
                at("R-TOOL-PAIR", "messages[1].content[0].toolResult"),
            ),
            (
                ask().message(Message::assistant(call("a"))).message("and?"),
                at("R-TOOL-PAIR", "messages[2].content"),
            ),
            (
                ask()
                    .message(Message::assistant(call("a")).with(call("a")))
                    .message(ToolResultBlock::text("a", "1")),
                at("R-TOOL-ID", "messages[1].content[1].toolUse.toolUseId"),
            ),
            (ask().max_tokens(0), at("R-RANGE", "inferenceConfig.maxTokens")),
            (ask().temperature(1.5), at("R-RANGE", "inferenceConfig.temperature")),
            (ask().top_p(f64::NAN), at("R-RANGE", "inferenceConfig.topP")),
            (ask().stop_sequence(""), at("R-BLANK-TEXT", "inferenceConfig.stopSequences[0]")),
            (ask().tool_choice(crate::ToolChoice::any()), at("R-TOOLS", "toolConfig.tools")),
        ];
        for (request, wanted) in cases {
            assert_eq!(rules(&request), [wanted]);
        }
        let mut results = ask().message(Message::assistant(call("a")));
        results = results
            .message(Message::user(ToolResultBlock::text("a", "1")).with(ToolResultBlock::text("a", "2")));
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
        let error = crate::Error::from(ChatRequest::new("m").max_tokens(0).validate().unwrap_err());
        let text = error.to_string();
        assert!(
            text.contains("messages: ") && text.contains("inferenceConfig.maxTokens: 0 is below 1 [R-RANGE]"),
            "{text}"
        );
        assert!(!error.is_retryable());
    }
}
