//! Rules about tools, their calls and results.

use std::collections::BTreeSet;

use super::rule::{RuleReport, Subject};
use crate::{ContentBlock, Message, ToolResultBlock, ToolUseBlock};

/// Every tool call of a turn is answered in the next one, and every answer has its call in the turn before.
pub(super) fn pairs(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let messages = &subject.request.messages;
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (turn, message) in messages.iter().enumerate() {
        let mut answered = BTreeSet::new();
        for (block, result) in results(message) {
            let id = result.tool_use_id.as_str();
            if !answered.contains(id) && !open.contains(id) {
                report.add(
                    format!("messages[{turn}].content[{block}].toolResult"),
                    format!("no tool call {id} in the turn before"),
                    "add it or drop the result",
                );
            }
            open.remove(id);
            answered.insert(id);
        }
        unanswered(&open, turn, report);
        open = calls(message).map(|(_, call)| call.tool_use_id.as_str()).collect();
    }
    unanswered(&open, messages.len().saturating_sub(1), report);
}

/// Tool calls that this turn, the one after them or the last, leaves without a result.
fn unanswered(open: &BTreeSet<&str>, turn: usize, report: &mut RuleReport<'_>) {
    for id in open {
        report.add(
            format!("messages[{turn}].content"),
            format!("no result for tool call {id}"),
            "add one in the next turn, an error if need be",
        );
    }
}

pub(super) fn ids(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (turn, message) in subject.request.messages.iter().enumerate() {
        let (mut called, mut answered) = (BTreeSet::new(), BTreeSet::new());
        for (block, call) in calls(message) {
            if !called.insert(call.tool_use_id.as_str()) {
                report.add(
                    format!("messages[{turn}].content[{block}].toolUse.toolUseId"),
                    format!("second tool call {}", call.tool_use_id),
                    "give each its own id",
                );
            }
        }
        for (block, result) in results(message) {
            if !answered.insert(result.tool_use_id.as_str()) {
                report.add(
                    format!("messages[{turn}].content[{block}].toolResult"),
                    format!("second result for tool call {}", result.tool_use_id),
                    "keep one",
                );
            }
        }
    }
}

pub(super) fn present(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.request.tool_config.as_ref().is_some_and(|config| config.tools.is_empty()) {
        report.add("toolConfig.tools", "no tools", "add one or leave toolConfig out");
    }
}

pub(super) fn names(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let mut names = BTreeSet::new();
    for spec in subject.request.tool_config.iter().flat_map(|config| config.specs()) {
        if !names.insert(spec.name.as_str()) {
            report.add("toolConfig.tools", format!("two tools are named {}", spec.name), "rename one");
        }
    }
}

/// The tool calls that the caller answers.
fn calls(message: &Message) -> impl Iterator<Item = (usize, &ToolUseBlock)> {
    let blocks = message.content.iter().enumerate();
    blocks
        .filter_map(|(block, content)| Some((block, content.as_tool_use()?)))
        .filter(|(_, call)| !call.is_run_by_service())
}

/// The tool results that the caller gives; one of a tool that the service ran stands in one turn with its call.
fn results(message: &Message) -> impl Iterator<Item = (usize, &ToolResultBlock)> {
    let blocks = message.content.iter().enumerate();
    blocks
        .filter_map(|(block, content)| Some((block, ContentBlock::as_tool_result(content)?)))
        .filter(|(_, result)| result.r#type.is_none())
}
