//! Tool results as a model takes them: their status, and what they may hold.

use serde_json::json;

use super::Settler;
use super::media::in_message;
use super::tools::piece_words;
use crate::content::ContentKind;
use crate::model::ModelProfile;
use crate::{ContentBlock, Message, Role, ToolResultBlock, ToolResultContentBlock, ToolResultStatus};

pub(super) fn settle(messages: &mut [Message], settler: &mut Settler<'_>) {
    if settler.profile.features.tool_use == Some(false) {
        return; // the tools themselves are what is wrong
    }
    for (turn, message) in messages.iter_mut().enumerate() {
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
        let has_document = moved.iter().any(|block| matches!(block, ContentBlock::Document(_)));
        let has_text = message.content.iter().any(|block| matches!(block, ContentBlock::Text(_)));
        if has_document && !has_text && may_stand_beside(settler.profile, ContentKind::Text) {
            // "If you include a ContentBlock with a document field in the array, you must also include a ContentBlock
            // with a text field" (API_runtime_Message)
            moved.insert(0, "Attached by the tool:".into());
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
            settler.mended("R-TOOL-RESULT", path, "left out: it is so anyway");
            result.status = None;
        }
        Some(ToolResultStatus::Error) => {
            settler.mended("R-TOOL-RESULT", path, "put in words: the model takes no status");
            result.content.insert(0, "The tool failed:".into());
            result.status = None;
        }
        _ => {}
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
