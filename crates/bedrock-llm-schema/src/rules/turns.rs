//! Rules about turns and what they say.

use super::rule::{RuleReport, Subject};
use crate::model::ModelIdKind;
use crate::{ContentBlock, Role, SystemContentBlock};

pub(super) fn messages(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let request = subject.request;
    if request.messages.is_empty() && request.model.kind() != ModelIdKind::Prompt {
        report.add("messages", "no messages", "add the user's turn");
    }
}

pub(super) fn first(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let first = subject.request.messages.first();
    if first.is_some_and(|first| first.role == Role::Assistant)
        && subject.profile.turns.first_assistant != Some(true)
    {
        report.add("messages[0].role", "the first turn is the model's", "begin with the user's");
    }
}

pub(super) fn content(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (turn, message) in subject.request.messages.iter().enumerate() {
        if message.content.is_empty() {
            report.add_with(
                format!("messages[{turn}].content"),
                "no content",
                "add a block or drop the turn",
                &[("turn", &turn.to_string())],
            );
        }
    }
}

/// Blank text passes beside other content (recording 08327e4d4f6c: "\n" between document and cache point).
pub(super) fn blank_text(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (block, content) in subject.request.system.iter().flatten().enumerate() {
        if matches!(content, SystemContentBlock::Text(text) if text.trim().is_empty()) {
            let place = format!("system.{block}");
            report.add_with(
                format!("system[{block}].text"),
                "blank text",
                "drop the block",
                &[("place", &place)],
            );
        }
    }
    for (turn, message) in subject.request.messages.iter().enumerate() {
        let alone = message.content.iter().all(is_blank);
        for (block, content) in message.content.iter().enumerate().filter(|(_, content)| is_blank(content)) {
            if alone || matches!(content, ContentBlock::Text(text) if text.is_empty()) {
                report.add_with(
                    format!("messages[{turn}].content[{block}].text"),
                    "blank text",
                    "drop the block",
                    &[("place", &format!("messages.{turn}.content.{block}"))],
                );
            }
        }
    }
}

fn is_blank(content: &ContentBlock) -> bool {
    matches!(content, ContentBlock::Text(text) if text.trim().is_empty())
}
