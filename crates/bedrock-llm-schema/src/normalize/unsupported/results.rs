//! Tool results as a model takes them: their status, and what they may hold.

use serde_json::json;

use super::Settler;
use super::media::in_message;
use super::tools::piece_words;
use crate::content::ContentKind;
use crate::model::ModelProfile;
use crate::normalize::tool_pairs::as_result;
use crate::{ContentBlock, Message, Role, ToolResultBlock, ToolResultContentBlock, ToolResultStatus};

pub(super) fn settle(messages: &mut [Message], settler: &mut Settler<'_>) {
    if settler.profile.features.tool_use == Some(false) {
        return; // the tools themselves are what is wrong
    }
    for (turn, message) in messages.iter_mut().enumerate() {
        company(turn, message, settler);
        let (mut moved, mut end) = (Vec::new(), 0);
        let can_move = message.role == Role::User;
        for (place, block) in message.content.iter_mut().enumerate() {
            let ContentBlock::ToolResult(result) = block else { continue };
            if result.r#type.is_some() {
                continue; // the service ran the tool and wrote the result
            }
            end = place + 1;
            let path = format!("messages[{turn}].content[{place}].toolResult");
            status(result, &path, settler);
            content(result, &path, can_move.then_some(&mut moved), settler);
        }
        message.content.splice(end..end, moved);
    }
}

/// A status that is not taken says nothing new (`success`) or is put in words.
fn status(result: &mut ToolResultBlock, path: &str, settler: &mut Settler<'_>) {
    if settler.profile.tools.result_status != Some(false) {
        return;
    }
    let path = format!("{path}.status");
    match result.status {
        Some(ToolResultStatus::Success) => {
            settler.mended("R-TOOL-STATUS", path, "left out: it is so anyway");
            result.status = None;
        }
        Some(ToolResultStatus::Error) => {
            settler.mended("R-TOOL-STATUS", path, "put in words: the model takes no status");
            result.content.insert(0, "The tool failed:".into());
            result.status = None;
        }
        Some(_) if settler.degrades("R-TOOL-STATUS", path, "the model takes no status", "left out") => {
            result.status = None;
        }
        _ => {}
    }
}

/// What may not stand beside tool results goes into the last of them.
fn company(turn: usize, message: &mut Message, settler: &mut Settler<'_>) {
    let Some(taken) = &settler.profile.tools.result_company else { return };
    let Some(mut last) = message.content.iter().rposition(|block| as_result(block).is_some()) else { return };
    let (mut pieces, mut place) = (Vec::new(), 0);
    while let Some(block) = message.content.get(place) {
        let kind = block.kind();
        let is_apart =
            matches!(kind, ContentKind::ToolResult | ContentKind::CachePoint | ContentKind::Unknown);
        if is_apart || taken.contains(&kind) {
            place += 1;
            continue;
        }
        let path = format!("messages[{turn}].content[{place}].{kind}");
        let cannot = format!("the model takes no {kind} beside a tool result");
        let piece = in_result(block, &cannot);
        if settler.degrades("R-TOOL-COMPANY", path, &cannot, "put into the result") {
            pieces.push(piece);
            message.content.remove(place);
            last -= usize::from(place < last);
        } else {
            place += 1;
        }
    }
    if let Some(ContentBlock::ToolResult(result)) = message.content.get_mut(last) {
        result.content.extend(pieces);
    }
}

/// A block of a turn as a piece of a tool result; a note where it cannot be one.
fn in_result(block: &ContentBlock, cannot: &str) -> ToolResultContentBlock {
    match block.clone() {
        ContentBlock::Text(text) => text.into(),
        ContentBlock::Image(image) => ToolResultContentBlock::Image(image),
        ContentBlock::Document(document) => ToolResultContentBlock::Document(document),
        ContentBlock::Video(video) => ToolResultContentBlock::Video(video),
        ContentBlock::SearchResult(found) => ToolResultContentBlock::SearchResult(found),
        other => format!("[{} left out: {cannot}]", other.kind()).into(),
    }
}

fn content(
    result: &mut ToolResultBlock,
    path: &str,
    mut moved: Option<&mut Vec<ContentBlock>>,
    settler: &mut Settler<'_>,
) {
    let profile = settler.profile;
    let Some(kinds) = &profile.tools.result_content else { return };
    if !kinds.contains(&ContentKind::Text) && !kinds.contains(&ContentKind::Json) {
        return; // nothing else could say what is missing
    }
    for (place, piece) in result.content.iter_mut().enumerate() {
        let kind = piece.kind();
        if kind == ContentKind::Unknown || kinds.contains(&kind) {
            continue;
        }
        let path = format!("{path}.content[{place}].{kind}");
        match kind {
            ContentKind::Json | ContentKind::Text => {
                let form = if kind == ContentKind::Json { "text" } else { "JSON" };
                settler.mended("R-TOOL-RESULT", path, &format!("is {form} now"));
                *piece = said(piece_words(piece), kinds);
            }
            ContentKind::SearchResult => {
                if settler.degrades(
                    "R-TOOL-RESULT",
                    path,
                    "no search results in tool results",
                    "its text stays",
                ) {
                    *piece = said(piece_words(piece), kinds);
                }
            }
            _ => match &mut moved {
                Some(moved) if may_stand_beside(profile, kind) => {
                    settler.mended("R-TOOL-RESULT", path, "stands beside the result now");
                    let note = said(format!("See the attached {kind}."), kinds);
                    moved.extend(in_message(std::mem::replace(piece, note)));
                }
                _ => {
                    let cannot = format!("the model does not take tool results with {kind}");
                    if settler.degrades("R-TOOL-RESULT", path, &cannot, "a note in its place") {
                        *piece = said(format!("[{kind} left out: {cannot}]"), kinds);
                    }
                }
            },
        }
    }
}

/// Where it is not known, it is tried: the service then says what a note in its place would hide.
fn may_stand_beside(profile: &ModelProfile, kind: ContentKind) -> bool {
    profile.tools.result_company.as_ref().is_none_or(|kinds| kinds.contains(&kind))
}

/// Words in the form that a tool result may hold; blank text is refused.
fn said(words: String, kinds: &[ContentKind]) -> ToolResultContentBlock {
    let words = if words.trim().is_empty() { "(empty)".to_owned() } else { words };
    if kinds.contains(&ContentKind::Text) { words.into() } else { json!({"text": words}).into() }
}
