//! Turns of a conversation, both ways.

use bedrock_llm_schema::content::media::MediaSource;
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{
    Blob, ChatRequest, ContentBlock, ImageBlock, ImageFormat, Message, ReasoningContentBlock,
    ReasoningTextBlock, Role, SystemContentBlock, ToolResultBlock, ToolResultContentBlock, ToolResultStatus,
    ToolUseBlock,
};
use serde_json::{Value, json};

use super::Dialect;
use super::wire::{Content, Function, ToolCall, Turn};
use crate::CodecError;
use crate::families::common::refuse_members;
use crate::json::Lowering;

/// Reads turns into `request`. The first turns of the system become its system prompt.
pub(super) fn raise(turns: Vec<Turn>, dialect: Dialect, request: &mut ChatRequest) {
    let mut after_tool = false;
    for turn in turns {
        let role = turn.role.as_deref().unwrap_or("user");
        let is_tool = role == "tool" && turn.tool_call_id.is_some();
        match role {
            "system" | "developer"
                if request.messages.is_empty() && turn.extra.is_empty() && only_text(&turn).is_some() =>
            {
                request.system.get_or_insert_default().extend(only_text(&turn).map(SystemContentBlock::from));
            }
            _ if is_tool => {
                // the results of one turn's calls come one by one; Converse has them in one turn
                let block = ContentBlock::ToolResult(tool_result(turn));
                match request.messages.last_mut() {
                    Some(message) if after_tool => message.content.push(block),
                    _ => request.messages.push(Message::user(block)),
                }
            }
            _ => {
                let role = Role::from(if role == "developer" { "system" } else { role });
                request.messages.push(message(role, turn, dialect));
            }
        }
        after_tool = is_tool;
    }
}

fn only_text(turn: &Turn) -> Option<&str> {
    match (&turn.content, &turn.tool_calls) {
        (Some(Content::Text(text)), None) => Some(text),
        (Some(Content::Parts(parts)), None) => match parts.as_slice() {
            [part] if part.len() == 2 && part.get("type")? == "text" => part.get("text")?.as_str(),
            _ => None,
        },
        _ => None,
    }
}

/// A turn in which only that is raised which [`lower`] gives back to this dialect.
fn message(role: Role, turn: Turn, dialect: Dialect) -> Message {
    let mut content = Vec::new();
    let (reasoning, raw) = match turn.reasoning_content {
        Some(text) if dialect.has_reasoning() => (Some(text), None),
        other => (None, other),
    };
    content.extend(reasoning.map(|text| ReasoningContentBlock::from(ReasoningTextBlock::new(text)).into()));
    let part = |raw: Extra| match part(raw.clone()) {
        ContentBlock::Image(_) if !dialect.has_images() => ContentBlock::Unknown(raw),
        block => block,
    };
    match turn.content {
        None => {}
        Some(Content::Text(text)) => content.push(ContentBlock::Text(text)),
        Some(Content::Parts(parts)) => content.extend(parts.into_iter().map(part)),
    }
    content.extend(turn.tool_calls.into_iter().flatten().map(tool_use));
    let mut extra = turn.extra;
    extra.extend(turn.tool_call_id.map(|id| ("tool_call_id".to_owned(), id.into())));
    extra.extend(raw.map(|text| ("reasoning_content".to_owned(), text.into())));
    Message { role, content, extra }
}

/// A call as Converse has it. Arguments that are not JSON stay a text; members of the function that are not known
/// go to `extra` under `function`.
pub(super) fn tool_use(call: ToolCall) -> ContentBlock {
    let text = call.function.arguments_text();
    let input = match text.trim() {
        "" => json!({}),
        trimmed => serde_json::from_str(trimmed).unwrap_or_else(|_| Value::String(text)),
    };
    let mut extra = call.extra;
    extra.extend(call.r#type.filter(|kind| kind != "function").map(|kind| ("type".to_owned(), kind.into())));
    if !call.function.extra.is_empty() {
        extra.insert("function".to_owned(), call.function.extra.into());
    }
    extra.extend(call.index.map(|index| ("index".to_owned(), index.into())));
    ContentBlock::ToolUse(ToolUseBlock {
        tool_use_id: call.id.unwrap_or_default(),
        name: call.function.name.unwrap_or_default(),
        input,
        r#type: None,
        extra,
    })
}

/// A call as the family has it.
pub(super) fn tool_call(block: &ToolUseBlock) -> ToolCall {
    let arguments = match &block.input {
        Value::String(text) => text.clone(),
        input => input.to_string(),
    };
    let mut extra = block.extra.clone();
    let kind = match extra.shift_remove("type") {
        Some(Value::String(kind)) => kind,
        _ => "function".to_owned(),
    };
    let beside = match extra.shift_remove("function") {
        Some(Value::Object(beside)) => beside,
        _ => Extra::new(),
    };
    ToolCall {
        index: extra.shift_remove("index").as_ref().and_then(Value::as_u64),
        id: Some(block.tool_use_id.clone()),
        r#type: Some(kind),
        function: Function {
            name: Some(block.name.clone()),
            arguments: Some(arguments.into()),
            extra: beside,
        },
        extra,
    }
}

fn tool_result(turn: Turn) -> ToolResultBlock {
    // images have no form that `lower_result` gives back
    let piece = |raw: Extra| match part(raw.clone()) {
        ContentBlock::Text(text) => ToolResultContentBlock::Text(text),
        _ => ToolResultContentBlock::Unknown(raw),
    };
    let mut extra = turn.extra;
    extra.extend(turn.reasoning_content.map(|text| ("reasoning_content".to_owned(), text.into())));
    let calls = turn.tool_calls.and_then(|calls| serde_json::to_value(calls).ok());
    extra.extend(calls.map(|calls| ("tool_calls".to_owned(), calls)));
    ToolResultBlock {
        tool_use_id: turn.tool_call_id.unwrap_or_default(),
        content: match turn.content {
            None => Vec::new(),
            Some(Content::Text(text)) => vec![text.into()],
            Some(Content::Parts(parts)) => parts.into_iter().map(piece).collect(),
        },
        status: None,
        r#type: None,
        extra,
    }
}

/// A part of known form, or kept raw.
fn part(raw: Extra) -> ContentBlock {
    let raised = match raw.get("type").and_then(Value::as_str) {
        Some("text") => raw.get("text").and_then(Value::as_str).map(ContentBlock::from),
        Some("image_url") => {
            raw.get("image_url").and_then(|image| image.get("url")?.as_str()).and_then(data_url)
        }
        _ => None,
    };
    match raised {
        Some(block) if lower_part(&block).as_ref() == Some(&raw) => block,
        _ => ContentBlock::Unknown(raw),
    }
}

fn data_url(url: &str) -> Option<ContentBlock> {
    let (format, data) = url.strip_prefix("data:image/")?.split_once(";base64,")?;
    Some(ImageBlock::new(ImageFormat::from(format), Blob::from_base64(data).ok()?).into())
}

fn lower_part(block: &ContentBlock) -> Option<Extra> {
    let raw = match block {
        ContentBlock::Text(text) => json!({"type": "text", "text": text}),
        ContentBlock::Image(image) => {
            let MediaSource::Bytes(bytes) = &image.source else { return None };
            let url = format!("data:image/{};base64,{}", image.format, bytes.to_base64());
            json!({"type": "image_url", "image_url": {"url": url}})
        }
        ContentBlock::Unknown(raw) if raw.get("type").is_some_and(Value::is_string) => {
            return Some(raw.clone());
        }
        _ => return None,
    };
    if let Value::Object(raw) = raw { Some(raw) } else { None }
}

/// Writes the system prompt and the turns.
pub(super) fn lower(
    request: &ChatRequest,
    dialect: Dialect,
    lowering: &mut Lowering,
) -> Result<Vec<Turn>, CodecError> {
    let mut turns = Vec::with_capacity(request.messages.len() + 1);
    for (index, block) in request.system.iter().flatten().enumerate() {
        match block {
            SystemContentBlock::Text(text) => turns.push(turn("system", Some(Content::Text(text.clone())))),
            other => lowering.unsupported(format!("system[{index}].{}", other.tag()), other.tag())?,
        }
    }
    for (index, message) in request.messages.iter().enumerate() {
        lower_message(message, &format!("messages[{index}]"), dialect, lowering, &mut turns)?;
    }
    Ok(turns)
}

fn turn(role: &str, content: Option<Content>) -> Turn {
    Turn { role: Some(role.to_owned()), content, ..Turn::default() }
}

fn lower_message(
    message: &Message,
    path: &str,
    dialect: Dialect,
    lowering: &mut Lowering,
    turns: &mut Vec<Turn>,
) -> Result<(), CodecError> {
    let mut own = turn(message.role.as_str(), None);
    let mut parts = Vec::new();
    let mut reasoning: Option<String> = None;
    let mut calls = Vec::new();
    let mut has_results = false;
    for (index, block) in message.content.iter().enumerate() {
        let path = format!("{path}.content[{index}].{}", block.tag());
        match block {
            ContentBlock::ToolResult(result) => {
                has_results = true;
                turns.push(lower_result(result, &path, dialect, lowering)?);
            }
            ContentBlock::ToolUse(call) if call.r#type.is_none() => calls.push(tool_call(call)),
            ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(text))
                if dialect.has_reasoning() =>
            {
                lowering.refuse(text.signature.as_ref(), &format!("{path}.reasoningText.signature"))?;
                reasoning.get_or_insert_default().push_str(&text.text);
            }
            // sources are the answer's; the next turn needs the words
            ContentBlock::CitationsContent(text) => parts.extend(lower_part(&text.text().into())),
            ContentBlock::Image(_) if !dialect.has_images() => lowering.unsupported(path, block.tag())?,
            block => match lower_part(block) {
                Some(part) => parts.push(part),
                None => lowering.unsupported(path, block.tag())?,
            },
        }
    }
    let is_empty = parts.is_empty() && reasoning.is_none() && calls.is_empty();
    if has_results && is_empty {
        return refuse_members(&message.extra, &format!("{path}."), lowering);
    }
    own.content = if parts.is_empty() && !is_empty { None } else { Some(content(parts, dialect)) };
    own.reasoning_content = reasoning;
    own.tool_calls = (!calls.is_empty()).then_some(calls);
    own.extra = message.extra.clone();
    turns.push(own);
    Ok(())
}

fn lower_result(
    block: &ToolResultBlock,
    path: &str,
    dialect: Dialect,
    lowering: &mut Lowering,
) -> Result<Turn, CodecError> {
    lowering.refuse(block.r#type.as_ref(), &format!("{path}.type"))?;
    match &block.status {
        None | Some(ToolResultStatus::Success) => {}
        // there is no place for it; that the tool failed must be in its words
        Some(status) => lowering.unsupported(format!("{path}.status"), status.as_str())?,
    }
    let mut parts = Vec::with_capacity(block.content.len());
    for (index, piece) in block.content.iter().enumerate() {
        let block = match piece {
            ToolResultContentBlock::Text(text) => ContentBlock::Text(text.clone()),
            ToolResultContentBlock::Json(value) => ContentBlock::Text(value.to_string()),
            ToolResultContentBlock::Unknown(raw) => ContentBlock::Unknown(raw.clone()),
            other => {
                lowering.unsupported(format!("{path}.content[{index}].{}", other.tag()), other.tag())?;
                continue;
            }
        };
        match lower_part(&block) {
            Some(part) => parts.push(part),
            None => lowering.unsupported(format!("{path}.content[{index}].{}", piece.tag()), piece.tag())?,
        }
    }
    let mut turn = turn("tool", Some(content(parts, dialect)));
    turn.tool_call_id = Some(block.tool_use_id.clone());
    turn.extra = block.extra.clone();
    Ok(turn)
}

/// Text alone where it can be: every model takes that, not every one takes parts.
fn content(parts: Vec<Extra>, dialect: Dialect) -> Content {
    let text = |part: &Extra| {
        let is_text = part.len() == 2 && part.get("type").is_some_and(|kind| kind == "text");
        part.get("text")?.as_str().filter(|_| is_text).map(str::to_owned)
    };
    let texts: Option<Vec<String>> = parts.iter().map(text).collect();
    match texts {
        Some(texts) if texts.len() < 2 || !dialect.has_parts() => Content::Text(texts.join("\n\n")),
        _ => Content::Parts(parts),
    }
}
