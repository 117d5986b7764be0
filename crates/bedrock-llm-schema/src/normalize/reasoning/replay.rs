//! Reasoning in the history: as it came, or left out.

use crate::ChatRequest;
use crate::content::reasoning::ReasoningContentBlock;
use crate::content::{ContentBlock, Message};
use crate::model::ModelProfile;
use crate::normalize::{Changes, turns};

/// Leaves out the reasoning a model would refuse. What stays is not touched: a changed byte breaks its signature.
pub(in crate::normalize) fn settle(request: &mut ChatRequest, profile: &ModelProfile, changes: &mut Changes) {
    let mut emptied = Vec::new();
    for (turn, message) in request.messages.iter_mut().enumerate() {
        let mut place = 0;
        let mut has_lost = false;
        let began_with_point = begins_with_point(message);
        message.content.retain(|block| {
            let reason = why_not(block, profile);
            if let Some((rule, reason)) = reason {
                changes.mended(rule, format!("messages[{turn}].content[{place}]"), reason);
                has_lost = true;
            }
            place += 1;
            reason.is_none()
        });
        if has_lost && turns::says_nothing(message) {
            emptied.push(turn);
        }
        // a cache point that stood after the reasoning must follow something
        while has_lost && !began_with_point && begins_with_point(message) {
            message.content.remove(0);
            changes.mended(
                "R-CACHE-PLACE",
                format!("messages[{turn}].content[0]"),
                "left out: nothing comes before it",
            );
        }
    }
    if emptied.is_empty() {
        return;
    }
    // no call stands in such a turn, so no result waits for it
    let mut turn = 0;
    request.messages.retain(|_| {
        let stays = !emptied.contains(&turn);
        if !stays {
            changes.mended("R-CONTENT", format!("messages[{turn}]"), "left out: it held reasoning only");
        }
        turn += 1;
        stays
    });
    // what comes next looks at whole turns
    turns::merge(&mut request.messages, profile, changes);
}

fn why_not(block: &ContentBlock, profile: &ModelProfile) -> Option<(&'static str, &'static str)> {
    let ContentBlock::ReasoningContent(reasoning) = block else { return None };
    if profile.reasoning.replay == Some(false) {
        return Some(("R-REASONING-REPLAY", "left out: the model does not take reasoning back"));
    }
    let is_unsigned = match reasoning {
        ReasoningContentBlock::ReasoningText(text) => text.signature.as_deref().is_none_or(str::is_empty),
        _ => false,
    };
    (profile.reasoning.signed == Some(true) && is_unsigned).then_some((
        "R-REASONING-SIGNATURE",
        "left out: it is not signed, as of another model or a stream that was cut off",
    ))
}

fn begins_with_point(message: &Message) -> bool {
    matches!(message.content.first(), Some(ContentBlock::CachePoint(_)))
}
