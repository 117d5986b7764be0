//! The messages of a chat body, which answers have too.

use bedrock_llm_schema::content::media::MediaSource;
use bedrock_llm_schema::content::tool::{ToolResultContentBlock, ToolResultStatus};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{
    Blob, ContentBlock, ImageBlock, ImageFormat, Message, Role, ToolResultBlock, ToolUseBlock,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::CodecError;
use crate::json::Lowering;

/// A message.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ChatMessage {
    pub(super) role: Option<String>,
    pub(super) content: Option<Content>,
    pub(super) tool_calls: Option<Vec<ToolCall>>,
    pub(super) tool_call_id: Option<String>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

/// Text, or a list of parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Extra>),
}

/// A tool the model asks for.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ToolCall {
    pub(super) id: Option<String>,
    pub(super) function: Function,
    /// `type`, and in streams `index`.
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    /// JSON text; an object with some clients.
    pub(super) arguments: Option<Value>,
}

impl Content {
    /// The parts as blocks; a part that Converse has no block for is kept whole.
    fn into_blocks(self) -> Vec<ContentBlock> {
        match self {
            Self::Text(text) if text.is_empty() => Vec::new(),
            Self::Text(text) => vec![text.into()],
            Self::Parts(parts) => parts.into_iter().map(part_block).collect(),
        }
    }
}

fn part_block(part: Extra) -> ContentBlock {
    let text_of = |name: &str| part.get(name).and_then(Value::as_str);
    let block = match (text_of("type"), part.len()) {
        (Some("text"), 2) => text_of("text").map(ContentBlock::from),
        (Some("image_url"), 2) => {
            part.get("image_url").and_then(url).and_then(data_url).map(ContentBlock::Image)
        }
        _ => None,
    };
    block.unwrap_or(ContentBlock::Unknown(part))
}

/// The address of an image: a string, or an object with nothing else.
fn url(image: &Value) -> Option<&str> {
    image.as_str().or_else(|| image.as_object().filter(|image| image.len() == 1)?.get("url")?.as_str())
}

/// An image inside a data URL, if it is written as we would write it.
fn data_url(url: &str) -> Option<ImageBlock> {
    let (format, data) = url.strip_prefix("data:image/")?.split_once(";base64,")?;
    let format = ImageFormat::from(format);
    let bytes = Blob::from_base64(data).ok().filter(|bytes| bytes.to_base64() == data)?;
    (!matches!(format, ImageFormat::Unknown(_))).then(|| ImageBlock::new(format, bytes))
}

impl ChatMessage {
    /// The blocks of a message of the model: text, then the tools it asks for.
    pub(super) fn into_blocks(self) -> Vec<ContentBlock> {
        let mut blocks = self.content.map(Content::into_blocks).unwrap_or_default();
        for (place, call) in self.tool_calls.into_iter().flatten().enumerate() {
            let id = call.id.unwrap_or_else(|| format!("call_{place}"));
            let input = arguments(call.function.arguments);
            blocks.push(ToolUseBlock::new(id, call.function.name.unwrap_or_default(), input).into());
        }
        blocks
    }

    /// The tool result that a message of role `tool` is.
    pub(super) fn into_tool_result(self) -> ToolResultBlock {
        let blocks = self.content.map(Content::into_blocks).unwrap_or_default();
        let content = blocks.into_iter().map(|block| match block {
            ContentBlock::Text(text) => ToolResultContentBlock::Text(text),
            ContentBlock::Image(image) => ToolResultContentBlock::Image(image),
            ContentBlock::Unknown(part) => ToolResultContentBlock::Unknown(part),
            other => ToolResultContentBlock::Json(serde_json::to_value(other).unwrap_or_default()),
        });
        let tool_use_id = self.tool_call_id.unwrap_or_default();
        ToolResultBlock {
            tool_use_id,
            content: content.collect(),
            extra: self.extra,
            ..ToolResultBlock::default()
        }
    }
}

/// A tool's input from its JSON text; text that is no JSON stays text.
fn arguments(arguments: Option<Value>) -> Value {
    match arguments {
        None => json!({}),
        Some(Value::String(text)) if text.trim().is_empty() => json!({}),
        Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        Some(value) => value,
    }
}

/// Whether two spellings of a message's member say the same: arguments as text or object, a URL alone or in
/// an object.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(text), other @ Value::Object(_)) | (other @ Value::Object(_), Value::String(text)) => {
            *other == json!({"url": text}) || arguments(Some(text.as_str().into())) == *other
        }
        (Value::String(left), Value::String(right)) => {
            [left, right].iter().any(|text| text.trim().is_empty())
                && [left, right].iter().any(|text| **text == "{}")
        }
        _ => false,
    }
}

/// A tool call in the family's form.
pub(super) fn tool_call(block: &ToolUseBlock) -> ToolCall {
    let arguments = match &block.input {
        Value::String(text) => text.clone(),
        input => input.to_string(),
    };
    let function = Function { name: Some(block.name.clone()), arguments: Some(arguments.into()) };
    let extra = Extra::from_iter([("type".to_owned(), "function".into())]);
    ToolCall { id: Some(block.tool_use_id.clone()), function, extra }
}

/// The family's messages for a message: tool results are messages of their own.
pub(super) fn lower(
    message: &Message,
    path: &str,
    lowering: &mut Lowering,
    out: &mut Vec<ChatMessage>,
) -> Result<(), CodecError> {
    let mut parts = Vec::new();
    let mut calls = Vec::new();
    for (place, block) in message.content.iter().enumerate() {
        let path = format!("{path}.content[{place}].{}", block.tag());
        match block {
            ContentBlock::Text(text) => parts.push(text_part(text)),
            ContentBlock::Image(image) if message.role == Role::User => match image_part(image) {
                Some(part) => parts.push(part),
                None => lowering.unsupported(path, "an image that is not in the request itself")?,
            },
            ContentBlock::ToolUse(block) if message.role == Role::Assistant => calls.push(tool_call(block)),
            ContentBlock::ToolResult(result) if message.role == Role::User => {
                if !parts.is_empty() {
                    out.push(chat_message(message, std::mem::take(&mut parts)));
                }
                out.push(tool_message(result, &path, lowering)?);
            }
            ContentBlock::Unknown(part) => parts.push(part.clone()),
            other => lowering.unsupported(path, other.tag())?,
        }
    }
    let has_results = message.tool_results().next().is_some();
    if !parts.is_empty() || !calls.is_empty() || !has_results {
        let mut last = chat_message(message, parts);
        last.tool_calls = (!calls.is_empty()).then_some(calls);
        out.push(last);
    }
    Ok(())
}

fn chat_message(message: &Message, parts: Vec<Extra>) -> ChatMessage {
    ChatMessage {
        role: Some(message.role.as_str().to_owned()),
        content: Some(content(parts)),
        extra: message.extra.clone(),
        ..ChatMessage::default()
    }
}

/// One text alone as a string, anything else as parts.
fn content(parts: Vec<Extra>) -> Content {
    match parts.as_slice() {
        [] => Content::Text(String::new()),
        [part] => match part_block(part.clone()) {
            ContentBlock::Text(text) => Content::Text(text),
            _ => Content::Parts(parts),
        },
        _ => Content::Parts(parts),
    }
}

fn text_part(text: &str) -> Extra {
    Extra::from_iter([("type".to_owned(), "text".into()), ("text".to_owned(), text.into())])
}

fn image_part(image: &ImageBlock) -> Option<Extra> {
    let MediaSource::Bytes(bytes) = &image.source else { return None };
    let url = format!("data:image/{};base64,{}", image.format, bytes.to_base64());
    Some(Extra::from_iter([
        ("type".to_owned(), "image_url".into()),
        ("image_url".to_owned(), json!({"url": url})),
    ]))
}

fn tool_message(
    result: &ToolResultBlock,
    path: &str,
    lowering: &mut Lowering,
) -> Result<ChatMessage, CodecError> {
    if result.status == Some(ToolResultStatus::Error) {
        lowering.unsupported(format!("{path}.status"), "a tool result's status")?;
    }
    let mut parts = Vec::new();
    for (place, block) in result.content.iter().enumerate() {
        match block {
            ToolResultContentBlock::Text(text) => parts.push(text_part(text)),
            ToolResultContentBlock::Json(value) => parts.push(text_part(&value.to_string())),
            ToolResultContentBlock::Unknown(part) => parts.push(part.clone()),
            other => lowering.unsupported(format!("{path}.content[{place}].{}", other.tag()), other.tag())?,
        }
    }
    Ok(ChatMessage {
        role: Some("tool".to_owned()),
        content: Some(content(parts)),
        tool_calls: None,
        tool_call_id: Some(result.tool_use_id.clone()),
        extra: result.extra.clone(),
    })
}
