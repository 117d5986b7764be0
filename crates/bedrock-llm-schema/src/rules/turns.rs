//! Rules about turns and what they say.

use super::place;
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
    // a managed prompt may begin the conversation itself
    if first.is_some_and(|first| first.role == Role::Assistant)
        && subject.request.model.kind() != ModelIdKind::Prompt
        && subject.profile.turns.first_assistant != Some(true)
    {
        report.add("messages[0].role", "the first turn is the model's", "begin with the user's");
    }
}

pub(super) fn prefill(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let messages = &subject.request.messages;
    let is_prefilled = messages.last().is_some_and(|last| last.role == Role::Assistant);
    if is_prefilled && subject.profile.features.assistant_prefill == Some(false) {
        let path = format!("messages[{}].role", messages.len().saturating_sub(1));
        let (message, fix) = ("the last turn is the model's", "end with the user's");
        if subject.is_anthropic() {
            report.add(path, message, fix);
        } else {
            report.add_saying(path, message, fix, None);
        }
    }
}

pub(super) fn alternate(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.profile.turns.consecutive != Some(false) {
        return;
    }
    let messages = &subject.request.messages;
    for (turn, (before, message)) in messages.iter().zip(messages.iter().skip(1)).enumerate() {
        if before.role == message.role {
            let path = format!("messages[{}].role", turn + 1);
            report.add(path, format!("a second turn of the {} in a row", message.role), "make them one");
        }
    }
}

pub(super) fn system_role(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.profile.features.mid_conversation_system != Some(false) {
        return;
    }
    for (turn, message) in subject.request.messages.iter().enumerate() {
        if message.role == Role::System {
            let path = format!("messages[{turn}].role");
            report.add(path, "the model takes no system turns", "put it into the system prompt");
        }
    }
}

/// An empty list is fine: many recorded requests have one, to models of all families.
pub(super) fn system(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let is_given = subject.request.system.as_ref().is_some_and(|blocks| !blocks.is_empty());
    if is_given && subject.profile.features.system_messages == Some(false) {
        report.add("system", "the model takes no system prompt", "put it into the first turn");
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
            let path = format!("system[{block}].text");
            report.add_with(path, "blank text", "drop the block", &[("place", &place)]);
        }
    }
    for (place, content) in place::blocks(subject.request).filter(|(_, content)| is_blank(content)) {
        let turn = subject.request.messages.get(place.turn);
        let is_alone = turn.is_some_and(|turn| turn.content.iter().all(is_blank));
        if is_alone || matches!(content, ContentBlock::Text(text) if text.is_empty()) {
            let path = format!("{}.text", place.path());
            report.add_with(path, "blank text", "drop the block", &[("place", &place.dotted())]);
        }
    }
}

fn is_blank(content: &ContentBlock) -> bool {
    matches!(content, ContentBlock::Text(text) if text.trim().is_empty())
}
