//! Rules about the calls of tools and their results.

use super::place::{all_results, blocks, calls, repeated, results};
use super::rule::{RuleReport, Subject};
use super::tools::malformed;
use crate::content::ContentKind;
use crate::{ContentBlock, Family, Message, ToolResultContentBlock, ToolResultStatus};

/// Every tool call of a turn is answered in the next one, and every answer has its call in the turn before.
pub(super) fn pairs(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let messages = &subject.request.messages;
    let nobody = Message::new(crate::Role::Assistant, Vec::<ContentBlock>::new());
    let before = std::iter::once(&nobody).chain(messages);
    for (turn, (before, message)) in before.zip(messages).enumerate() {
        let is_over = results(message).count() > calls(before).count();
        if is_over {
            uncalled(turn, before, message, true, report);
            unanswered(turn, before, message, report);
        } else {
            unanswered(turn, before, message, report);
            uncalled(turn, before, message, false, report);
        }
    }
    if let Some(last) = messages.last() {
        for (_, call) in calls(last) {
            let path = format!("messages[{}].content", messages.len().saturating_sub(1));
            report.add_saying(path, no_result(&call.tool_use_id), ADD_RESULT, None);
        }
    }
}

const ADD_RESULT: &str = "add one in the next turn, an error if need be";

fn no_result(ids: &str) -> String {
    format!("no result for tool call {ids}")
}

/// Calls of the turn before that this one leaves without a result.
fn unanswered(turn: usize, before: &Message, message: &Message, report: &mut RuleReport<'_>) {
    let is_open = |id: &str| !results(message).any(|(_, result)| result.tool_use_id == id);
    let open: Vec<_> =
        calls(before).map(|(_, call)| call.tool_use_id.as_str()).filter(|id| is_open(id)).collect();
    if !open.is_empty() {
        let ids = open.join(", ");
        let (path, values) =
            (format!("messages[{turn}].content"), [("turn", turn.to_string()), ("ids", ids)]);
        let [turn, ids] = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        report.add_with(path, no_result(ids.1), ADD_RESULT, &[turn, ids]);
    }
}

/// Results that the turn before has no call for.
fn uncalled(turn: usize, before: &Message, message: &Message, is_over: bool, report: &mut RuleReport<'_>) {
    for (block, result) in results(message) {
        if calls(before).any(|(_, call)| call.tool_use_id == result.tool_use_id) {
            continue;
        }
        report.add_saying(
            format!("messages[{turn}].content[{block}].toolResult"),
            format!("no tool call {} in the turn before", result.tool_use_id),
            "add it or drop the result",
            is_over.then(|| too_many(turn)),
        );
    }
}

fn too_many(turn: usize) -> String {
    format!(
        "The number of toolResult blocks at messages.{turn}.content exceeds the number of toolUse blocks of previous turn."
    )
}

pub(super) fn ids(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (turn, message) in subject.request.messages.iter().enumerate() {
        let called = calls(message).map(|(block, call)| (block, call.tool_use_id.as_str()));
        for (block, id) in repeated(called) {
            let path = format!("messages[{turn}].content[{block}].toolUse.toolUseId");
            report.add(path, format!("second tool call {id}"), "give each its own id");
        }
        let answered = results(message).map(|(block, result)| (block, result.tool_use_id.as_str()));
        for (block, id) in repeated(answered) {
            let path = format!("messages[{turn}].content[{block}].toolResult");
            report.add_saying(
                path,
                format!("second result for tool call {id}"),
                "keep one",
                Some(too_many(turn)),
            );
        }
    }
    for (place, block) in blocks(subject.request) {
        let (kind, id) = match block {
            ContentBlock::ToolUse(call) => ("toolUse", call.tool_use_id.as_str()),
            ContentBlock::ToolResult(result) => ("toolResult", result.tool_use_id.as_str()),
            _ => continue,
        };
        let is_legal = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        let (message, constraint) = match id {
            "" => ("no id".to_owned(), "have length greater than or equal to 1"),
            id if id.len() > 64 => {
                ("the id is longer than 64 characters".to_owned(), "have length less than or equal to 64")
            }
            id => match id.chars().find(|c| !is_legal(*c)) {
                Some(c) => {
                    (format!("the id has {c:?}"), "satisfy regular expression pattern: [a-zA-Z0-9_.:-]+")
                }
                None => continue,
            },
        };
        let (path, member) =
            (format!("{}.{kind}.toolUseId", place.path()), format!("{}.{kind}.toolUseId", place.member()));
        report.add_constraint(path, message, "give call and result another id", &member, constraint);
    }
}

pub(super) fn result_content(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (place, result) in all_results(subject.request) {
        if result.content.is_empty() && result.status == Some(ToolResultStatus::Error) {
            // github.com/aws-samples/sample-multi-agent-orchestration-chat-on-agentcore/issues/15
            let says = format!(
                "The content field at {}.toolResult cannot be empty when status value is error.",
                place.dotted()
            );
            let path = format!("{}.toolResult.content", place.path());
            report.add_saying(path, "an error without content", "say what went wrong", Some(says));
        }
        for (piece, content) in result.content.iter().enumerate() {
            if matches!(content, ToolResultContentBlock::Json(value) if !value.is_object())
                && result.r#type.is_none()
            {
                // github.com/sigoden/aichat/pull/1550
                let says = format!(
                    "The format of the value at {}.toolResult.content.{piece}.json is invalid. Provide a json object for the field and try again.",
                    place.dotted()
                );
                let path = format!("{}.toolResult.content[{piece}].json", place.path());
                report.add_saying(
                    path,
                    "JSON that is no object",
                    "wrap it in one, or say it as text",
                    Some(says),
                );
            }
        }
        let taken = subject.profile.tools.result_content.as_ref().filter(|_| !subject.takes_no_tools());
        let Some(taken) = taken else { continue };
        for (piece, content) in result.content.iter().enumerate() {
            let kind = content.kind();
            if kind == ContentKind::Unknown || taken.contains(&kind) {
                continue;
            }
            let says = match (subject.family(), kind) {
                (Family::AmazonNova, _) => Some(malformed(
                    &format!("/messages/{}/content/{}", place.turn, place.block),
                    "toolResult",
                )),
                // github.com/can1357/oh-my-pi/pull/11685
                (Family::OpenAi, ContentKind::Image) => {
                    Some("This model doesn't support the image field for user messages.".to_owned())
                }
                _ => None,
            };
            let path = format!("{}.toolResult.content[{piece}].{kind}", place.path());
            let message = format!("the model takes no {kind} in a tool result");
            report.add_saying(path, message, "put it beside the result, or say it in text", says);
        }
    }
}

pub(super) fn result_status(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.takes_no_tools() || subject.profile.tools.result_status != Some(false) {
        return;
    }
    for (place, _) in all_results(subject.request).filter(|(_, result)| result.status.is_some()) {
        let path = format!("{}.toolResult.status", place.path());
        report.add(path, "the model takes no status of a tool result", "leave it out; say it in the text");
    }
}

/// Cache points have rules of their own.
pub(super) fn result_company(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(taken) = &subject.profile.tools.result_company else { return };
    if subject.takes_no_tools() {
        return;
    }
    for (turn, message) in subject.request.messages.iter().enumerate() {
        if results(message).next().is_none() {
            continue;
        }
        for (block, content) in message.content.iter().enumerate() {
            let kind = content.kind();
            let is_apart =
                matches!(kind, ContentKind::ToolResult | ContentKind::CachePoint | ContentKind::Unknown);
            if !is_apart && !taken.contains(&kind) {
                let path = format!("messages[{turn}].content[{block}].{kind}");
                let message = format!("the model takes no {kind} beside a tool result");
                let fix = "put it into another turn or into the result";
                report.add_with(path, message, fix, &[("turn", &turn.to_string())]);
            }
        }
    }
}
