//! The messages of a chat body, which answers have too.

use bedrock_llm_schema::content::media::MediaSource;
use bedrock_llm_schema::content::tool::{ToolResultContentBlock, ToolResultStatus};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{
    Blob, ContentBlock, ImageBlock, ImageFormat, Message, ReasoningContentBlock, ReasoningTextBlock, Role,
    ToolResultBlock, ToolUseBlock,
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
    #[serde(flatten)]
    pub(super) extra: Extra,
}

impl Content {
    /// The parts as blocks, by what makes a block of a part.
    fn into_blocks(self, block: impl Fn(Extra) -> ContentBlock) -> Vec<ContentBlock> {
        match self {
            Self::Text(text) if text.is_empty() => Vec::new(),
            Self::Text(text) => vec![text.into()],
            Self::Parts(parts) => parts.into_iter().map(block).collect(),
        }
    }
}

/// A part of a turn of `role`: a block if [`lower`] gives it back, or else kept whole.
fn turn_block(part: Extra, role: &Role) -> ContentBlock {
    if *role == Role::Assistant
        && let Some(text) = thinking(&part).filter(|text| thinking_part(text) == part)
    {
        return reasoning(text);
    }
    match part_block(part.clone()) {
        ContentBlock::Image(_) if *role != Role::User => ContentBlock::Unknown(part),
        block => block,
    }
}

/// A part of an answer.
fn answer_block(part: Extra) -> ContentBlock {
    match thinking(&part) {
        Some(text) => reasoning(text),
        None => part_block(part),
    }
}

/// What a part of reasoning says: text, or a list of texts.
fn thinking(part: &Extra) -> Option<String> {
    if part.get("type")? != "thinking" {
        return None;
    }
    match part.get("thinking")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()),
        _ => None,
    }
}

fn thinking_part(text: &str) -> Extra {
    Extra::from_iter([
        ("type".to_owned(), "thinking".into()),
        ("thinking".to_owned(), json!([{"type": "text", "text": text}])),
    ])
}

fn reasoning(text: String) -> ContentBlock {
    ReasoningContentBlock::from(ReasoningTextBlock::new(text)).into()
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
    /// A turn of a request: what it says, then the tools it asks for. Members that [`lower`] would not give
    /// back stay among the message's own.
    pub(super) fn into_message(mut self, role: Role) -> Message {
        let mut content = self
            .content
            .take()
            .map(|content| content.into_blocks(|part| turn_block(part, &role)))
            .unwrap_or_default();
        if role == Role::Assistant {
            let calls = self.tool_calls.take();
            content.extend(calls.into_iter().flatten().map(|call| ContentBlock::ToolUse(tool_use(call))));
        }
        let extra = self.into_extra();
        Message { extra, ..Message::new(role, content) }
    }

    /// The members that are no part of a block.
    fn into_extra(self) -> Extra {
        let mut extra = self.extra;
        let calls = self.tool_calls.and_then(|calls| serde_json::to_value(calls).ok());
        extra.extend(calls.map(|calls| ("tool_calls".to_owned(), calls)));
        extra.extend(self.tool_call_id.map(|id| ("tool_call_id".to_owned(), id.into())));
        extra
    }

    /// The blocks of an answer, or of a piece of one: reasoning, text, then the tools it asks for.
    pub(super) fn into_answer(mut self) -> Vec<ContentBlock> {
        let mut blocks: Vec<_> = self.take_reasoning().map(reasoning).into_iter().collect();
        blocks.extend(self.content.into_iter().flat_map(|content| content.into_blocks(answer_block)));
        for (place, call) in self.tool_calls.into_iter().flatten().enumerate() {
            let mut block = tool_use(call);
            if block.tool_use_id.is_empty() {
                block.tool_use_id = format!("call_{place}");
            }
            blocks.push(block.into());
        }
        blocks
    }

    /// Reasoning beside the content, by either of its names.
    pub(super) fn take_reasoning(&mut self) -> Option<String> {
        let mut found = None;
        for name in ["reasoning_content", "reasoning"] {
            if let Some(text) = self.extra.get(name).and_then(Value::as_str).map(str::to_owned) {
                self.extra.shift_remove(name);
                found = found.or(Some(text).filter(|text| !text.is_empty()));
            }
        }
        found
    }

    /// The tool result that a message of role `tool` is.
    pub(super) fn into_tool_result(mut self) -> ToolResultBlock {
        // texts have a form that `tool_message` gives back; other parts stay whole
        let piece = |part: Extra| match part_block(part.clone()) {
            ContentBlock::Text(text) => ToolResultContentBlock::Text(text),
            _ => ToolResultContentBlock::Unknown(part),
        };
        let content = match self.content.take() {
            None => Vec::new(),
            Some(Content::Text(text)) if text.is_empty() => Vec::new(),
            Some(Content::Text(text)) => vec![text.into()],
            Some(Content::Parts(parts)) => parts.into_iter().map(piece).collect(),
        };
        let tool_use_id = self.tool_call_id.take().unwrap_or_default();
        ToolResultBlock { tool_use_id, content, extra: self.into_extra(), ..ToolResultBlock::default() }
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

/// A tool call in Converse's form. What the family's has beside goes to `extra`: the function's own unknown
/// members under `function`.
fn tool_use(call: ToolCall) -> ToolUseBlock {
    let ToolCall { id, function, mut extra } = call;
    if extra.get("type").is_some_and(|kind| kind == "function") {
        extra.shift_remove("type");
    }
    if !function.extra.is_empty() {
        extra.insert("function".to_owned(), function.extra.into());
    }
    let (name, input) = (function.name.unwrap_or_default(), arguments(function.arguments));
    ToolUseBlock { extra, ..ToolUseBlock::new(id.unwrap_or_default(), name, input) }
}

/// A tool call in the family's form.
pub(super) fn tool_call(block: &ToolUseBlock) -> ToolCall {
    let arguments = match &block.input {
        Value::String(text) => text.clone(),
        input => input.to_string(),
    };
    let mut extra = Extra::from_iter([("type".to_owned(), "function".into())]);
    extra.extend(block.extra.clone());
    let beside = match extra.shift_remove("function") {
        Some(Value::Object(beside)) => beside,
        _ => Extra::new(),
    };
    let name = Some(block.name.clone());
    let function = Function { name, arguments: Some(arguments.into()), extra: beside };
    ToolCall { id: Some(block.tool_use_id.clone()).filter(|id| !id.is_empty()), function, extra }
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
            ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(text))
                if message.role == Role::Assistant =>
            {
                lowering.refuse(text.signature.as_ref(), &format!("{path}.reasoningText.signature"))?;
                parts.push(thinking_part(&text.text));
            }
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
        tool_call_id: Some(result.tool_use_id.clone()).filter(|id| !id.is_empty()),
        extra: result.extra.clone(),
    })
}
