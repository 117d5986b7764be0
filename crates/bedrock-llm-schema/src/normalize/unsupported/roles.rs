//! Who may speak: the system, at the beginning and later, and the assistant last.

use super::Settler;
use crate::content::Message;
use crate::{ChatRequest, ContentBlock, Role, SystemContentBlock};

/// What the user says after an answer that the model cannot be made to continue.
const CONTINUE: &str = "Continue exactly where you stopped.";

/// Lets the user say what the system cannot.
pub(super) fn settle(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    if settler.profile.features.mid_conversation_system == Some(false) {
        for (turn, message) in request.messages.iter_mut().enumerate().filter(|(_, m)| m.role == Role::System)
        {
            let path = format!("messages[{turn}].role");
            let cannot = "the model takes no system turns";
            if settler.degrades("R-SYSTEM-ROLE", path, cannot, "the user says it") {
                message.role = Role::User;
            }
        }
    }
    let has_prompt = request.system.as_ref().is_some_and(|blocks| !blocks.is_empty());
    if settler.profile.features.system_messages == Some(false)
        && has_prompt
        && settler.degrades(
            "R-SYSTEM",
            "system",
            "the model takes no system prompt",
            "the user says it first",
        )
    {
        let blocks = request.system.take().into_iter().flatten().map(in_turn);
        if request.messages.first().is_none_or(|first| first.role != Role::User) {
            request.messages.insert(0, Message::new(Role::User, Vec::<ContentBlock>::new()));
        }
        if let Some(first) = request.messages.first_mut() {
            first.content.splice(0..0, blocks);
        }
    }
}

fn in_turn(block: SystemContentBlock) -> ContentBlock {
    match block {
        SystemContentBlock::Text(text) => ContentBlock::Text(text),
        SystemContentBlock::GuardContent(content) => ContentBlock::GuardContent(content),
        SystemContentBlock::CachePoint(point) => ContentBlock::CachePoint(point),
        SystemContentBlock::Unknown(block) => ContentBlock::Unknown(block),
    }
}

/// The beginning of an answer that the model cannot continue stays, and the user asks for the rest: that loses
/// nothing, where dropping the turn would lose its words.
pub(super) fn prefill(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    let last = request.messages.last().map(|last| &last.role);
    let path = || format!("messages[{}]", request.messages.len().saturating_sub(1));
    if settler.profile.features.assistant_prefill == Some(false)
        && last == Some(&Role::Assistant)
        && settler.degrades(
            "R-PREFILL",
            path(),
            "the model continues no turn of its own",
            "the user asks for it",
        )
    {
        request.messages.push(Message::user(CONTINUE));
    }
}
