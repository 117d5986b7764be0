//! The parts of a chat, in tokens.

use serde_json::Value;

use super::Weights;
use super::text::measure;
use super::weights::{Forgets, Schema};
use crate::content::media::DocumentBlock;
use crate::content::tool::ToolResultContentBlock;
use crate::guardrail::GuardContentBlock;
use crate::request::{ConverseTokensRequest, OutputConfig, OutputFormatStructure};
use crate::{
    ChatRequest, ContentBlock, ImageBlock, Message, ReasoningContentBlock, Role, SystemContentBlock, Tool,
    ToolChoice, ToolConfig, ToolResultBlock, ToolUseBlock,
};

/// What a video, a sound, or an image or document of unknown size is: about what recorded images and short PDF files
/// were (recordings 19371e923ad9, 69dc963aa9d2).
pub(super) const PER_MEDIUM: u64 = 600;

/// What the largest image is: larger ones are scaled down.
pub(super) const PER_LARGE_IMAGE: u64 = 1600;

/// What a model reads of reasoning that the service has hidden.
const REDACTED_BYTES_PER_TOKEN: usize = 4;

/// What instructions go with a schema that is [`Explained`](Schema::Explained), and what the schema itself grows to, in
/// percent (recordings 8f1be2a3d166, 8a3d6a1df318, 6b0eb1ffb10a).
const SCHEMA_EXPLAINED: u64 = 88;
const SCHEMA_WRITTEN_OUT: u64 = 160;

/// What of a request has tokens.
#[derive(Clone, Copy)]
pub(crate) struct Prompt<'a> {
    pub(crate) system: &'a [SystemContentBlock],
    pub(crate) messages: &'a [Message],
    pub(crate) tools: Option<&'a ToolConfig>,
    pub(crate) output: Option<&'a OutputConfig>,
    pub(crate) fields: Option<&'a Value>,
}

impl<'a> Prompt<'a> {
    pub(crate) fn of(request: &'a ChatRequest) -> Self {
        Self {
            system: request.system.as_deref().unwrap_or_default(),
            messages: &request.messages,
            tools: request.tool_config.as_ref(),
            output: request.output_config.as_ref(),
            fields: request.additional_model_request_fields.as_ref(),
        }
    }

    pub(super) fn of_converse(request: &'a ConverseTokensRequest) -> Self {
        Self {
            system: request.system.as_deref().unwrap_or_default(),
            messages: &request.messages,
            tools: request.tool_config.as_ref(),
            output: None,
            fields: request.additional_model_request_fields.as_ref(),
        }
    }

    /// Whether the model is told to think.
    fn thinks(&self) -> bool {
        let kind = self.fields.and_then(|fields| fields.pointer("/thinking/type"));
        kind.and_then(Value::as_str) == Some("enabled")
    }
}

impl Weights {
    /// All of it.
    pub(crate) fn prompt(&self, prompt: &Prompt<'_>) -> u64 {
        self.front(prompt) + self.turns(prompt.messages).sum::<u64>()
    }

    /// What stands before the turns, or does not depend on them.
    pub(crate) fn front(&self, prompt: &Prompt<'_>) -> u64 {
        let system: u64 = prompt.system.iter().map(|block| self.system(block)).sum();
        let tools = prompt.tools.map_or(0, |config| self.tool_config(config));
        let schema = prompt.output.map_or(0, |output| self.output(output));
        self.request + system + tools + schema + if prompt.thinks() { self.thinking } else { 0 }
    }

    /// Each turn.
    pub(crate) fn turns<'a>(&'a self, messages: &'a [Message]) -> impl Iterator<Item = u64> + 'a {
        let asks = |message: &Message| message.role == Role::User && message.tool_results().next().is_none();
        let question = messages.iter().rposition(asks).unwrap_or(0);
        messages.iter().enumerate().map(move |(place, message)| {
            if place < question { self.earlier_turn(message) } else { self.turn(message) }
        })
    }

    pub(crate) fn turn(&self, message: &Message) -> u64 {
        self.turn + message.content.iter().map(|block| self.block(block)).sum::<u64>()
    }

    /// A turn from before the user's last question.
    pub(crate) fn earlier_turn(&self, message: &Message) -> u64 {
        if self.forgets == Forgets::Nothing || message.role != Role::Assistant {
            return self.turn(message);
        }
        let tags = self.forgets == Forgets::ReasoningAndTags;
        let end = message.content.iter().rposition(|block| tags && after_thought(block).is_some());
        let blocks = message.content.iter().enumerate().map(|(place, block)| match (block, end) {
            (ContentBlock::ReasoningContent(_), _) => 0,
            (ContentBlock::Text(_), Some(end)) if place < end => 0,
            (block, Some(end)) if place == end => after_thought(block).map_or(0, |said| self.text(said)),
            _ => self.block(block),
        });
        self.turn + blocks.sum::<u64>()
    }

    /// A piece of the system prompt.
    pub(crate) fn system(&self, block: &SystemContentBlock) -> u64 {
        match block {
            SystemContentBlock::Text(text) => self.text(text),
            SystemContentBlock::GuardContent(content) => self.guarded(content),
            SystemContentBlock::CachePoint(_) => 0,
            SystemContentBlock::Unknown(other) => self.text(&json(other)),
        }
    }

    fn tool_config(&self, config: &ToolConfig) -> u64 {
        let forced = matches!(config.tool_choice, Some(ToolChoice::Any(_) | ToolChoice::Tool(_)));
        let instructions = match config.tools.is_empty() {
            true => 0,
            false if forced => self.forced_tools,
            false => self.tools,
        };
        instructions + config.tools.iter().map(|tool| self.tool(tool)).sum::<u64>()
    }

    /// A tool's description and schema.
    pub(crate) fn tool(&self, tool: &Tool) -> u64 {
        match tool {
            Tool::ToolSpec(spec) => self.tool + self.text(&json(spec)),
            Tool::CachePoint(_) => 0,
            other => self.tool + self.text(&json(other)),
        }
    }

    /// A piece of a turn.
    pub(crate) fn block(&self, block: &ContentBlock) -> u64 {
        match block {
            ContentBlock::Text(text) => self.text(text),
            ContentBlock::Image(image) => of_image(image),
            ContentBlock::Video(_) | ContentBlock::Audio(_) => PER_MEDIUM,
            ContentBlock::Document(document) => self.document(document),
            ContentBlock::CachePoint(_) => 0,
            ContentBlock::GuardContent(content) => self.guarded(content),
            ContentBlock::ToolUse(call) => self.tool_use(call),
            ContentBlock::ToolResult(result) => self.tool_result(result),
            // without its signature, which is longer than the text and no token
            ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(reasoning)) => {
                self.text(&reasoning.text)
            }
            ContentBlock::ReasoningContent(ReasoningContentBlock::RedactedContent(bytes)) => {
                u64::try_from(bytes.as_bytes().len() / REDACTED_BYTES_PER_TOKEN).unwrap_or(u64::MAX)
            }
            ContentBlock::CitationsContent(cited) => self.text(&cited.text()),
            other => self.text(&json(other)),
        }
    }

    /// A call, whose id is no text of the model's.
    fn tool_use(&self, call: &ToolUseBlock) -> u64 {
        self.tool_use + self.text(&call.name) + self.text(&json(&call.input))
    }

    fn tool_result(&self, result: &ToolResultBlock) -> u64 {
        let content = result.content.iter().map(|content| match content {
            ToolResultContentBlock::Text(text) => self.text(text),
            ToolResultContentBlock::Json(value) => self.text(&json(value)),
            ToolResultContentBlock::Image(image) => of_image(image),
            ToolResultContentBlock::Document(document) => self.document(document),
            ToolResultContentBlock::Video(_) => PER_MEDIUM,
            other => self.text(&json(other)),
        });
        self.tool_result + content.sum::<u64>()
    }

    fn document(&self, document: &DocumentBlock) -> u64 {
        document.readable_text().map_or(PER_MEDIUM, |text| self.text(&text))
    }

    fn guarded(&self, content: &GuardContentBlock) -> u64 {
        match content {
            GuardContentBlock::Text(guarded) => self.text(&guarded.text),
            _ => PER_MEDIUM,
        }
    }

    fn output(&self, output: &OutputConfig) -> u64 {
        let Some(OutputFormatStructure::JsonSchema(definition)) =
            output.text_format.as_ref().map(|format| &format.structure)
        else {
            return 0;
        };
        match self.schema {
            Schema::Untold => 0,
            Schema::Told => self.text(&definition.schema),
            Schema::Explained => {
                SCHEMA_EXPLAINED + percent(self.text(&definition.schema), SCHEMA_WRITTEN_OUT)
            }
        }
    }

    /// A text.
    pub(super) fn text(&self, text: &str) -> u64 {
        percent(measure(text, self.digits), self.density)
    }
}

/// What Qwen and DeepSeek said after the last thought that they wrote into the text.
fn after_thought(block: &ContentBlock) -> Option<&str> {
    let ContentBlock::Text(text) = block else { return None };
    text.rsplit_once("</think>").map(|(_, said)| said)
}

/// Anthropic documents width × height / 750 (400 × 301 pixels were about 210 tokens more in recording 67c37d0a5c68).
fn of_image(image: &ImageBlock) -> u64 {
    let pixels = image.dimensions().map(|(width, height)| u64::from(width).saturating_mul(u64::from(height)));
    pixels.map_or(PER_MEDIUM, |pixels| (pixels / 750).min(PER_LARGE_IMAGE))
}

pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// So many percent of a number, to the nearest.
fn percent(number: u64, percent: u64) -> u64 {
    number.saturating_mul(percent).saturating_add(50) / 100
}
