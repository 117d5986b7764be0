//! How many tokens a request is, by an estimate that needs no service.
//!
//! A piece is a word, or eight letters of a longer one, with the white space before it; every other mark is a piece of
//! its own, as is every letter of scripts without spaces. A text is as many tokens as it has pieces, to which come
//! what a family's template adds around turns and tools. Tokenizers differ: for prices, ask the service.

use serde_json::Value;

use crate::content::media::DocumentBlock;
use crate::content::tool::ToolResultContentBlock;
use crate::guardrail::GuardContentBlock;
use crate::request::{ConverseTokensRequest, CountTokensInput, OutputConfig, OutputFormatStructure};
use crate::{
    ChatRequest, ContentBlock, CountTokensRequest, Family, ImageBlock, Message, ModelId,
    ReasoningContentBlock, SystemContentBlock, Tool, ToolConfig,
};

/// A number of tokens, and whether it was counted or estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenCount {
    /// Counted by the service.
    Exact(u64),
    /// Estimated here. Against recordings of text and tools, half of all estimates are within 15 %.
    Estimated(u64),
}

impl TokenCount {
    /// The number, whichever way it came about.
    #[must_use]
    pub fn tokens(self) -> u64 {
        match self {
            Self::Exact(tokens) | Self::Estimated(tokens) => tokens,
        }
    }

    /// Whether it was estimated.
    #[must_use]
    pub fn is_estimated(self) -> bool {
        matches!(self, Self::Estimated(_))
    }
}

impl ChatRequest {
    /// How many input tokens the request is, estimated.
    ///
    /// ```
    /// use bedrock_llm_schema::ChatRequest;
    ///
    /// let request = ChatRequest::new("anthropic.claude-sonnet-4-20250514-v1:0").message("Hello, world!");
    /// let count = request.estimate_tokens();
    /// assert_eq!((count.tokens(), count.is_estimated()), (11, true)); // the service counts 11, too
    /// ```
    #[must_use]
    pub fn estimate_tokens(&self) -> TokenCount {
        self.estimate_tokens_of(&self.model)
    }

    /// [`estimate_tokens`](Self::estimate_tokens), as this model counts.
    #[must_use]
    pub fn estimate_tokens_of(&self, model: &ModelId) -> TokenCount {
        let output = self.output_config.as_ref();
        TokenCount::Estimated(Weights::of(model).request(
            self.tool_config.as_ref(),
            self.system.as_deref().unwrap_or_default(),
            &self.messages,
            output,
        ))
    }
}

impl CountTokensRequest {
    /// The answer, estimated: for models that the service does not count for.
    #[must_use]
    pub fn estimate_tokens(&self) -> TokenCount {
        TokenCount::Estimated(match &self.input {
            CountTokensInput::Converse(ConverseTokensRequest { messages, system, tool_config, .. }) => {
                let system = system.as_deref().unwrap_or_default();
                Weights::of(&self.model).request(tool_config.as_ref(), system, messages, None)
            }
            CountTokensInput::InvokeModel(native) => {
                // a body that is no JSON is one text
                let text = || String::from_utf8_lossy(native.body.as_bytes()).into_owned().into();
                let body: Value = serde_json::from_slice(native.body.as_bytes()).unwrap_or_else(|_| text());
                let weights = Weights::of(&self.model);
                weights.request + weights.message + of_native(&body)
            }
            CountTokensInput::Unknown(_) => 0,
        })
    }
}

/// The most letters of one piece.
const LETTERS: usize = 8;

/// The pieces of a text; joined they are the text.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(piece_length(rest)?);
        rest = after;
        Some(piece)
    })
}

fn piece_length(text: &str) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    let start = text.find(|c: char| !c.is_whitespace()).unwrap_or(text.len());
    let body = text.get(start..).unwrap_or_default();
    let mut letters = body.char_indices().take_while(|(_, c)| c.is_alphanumeric());
    let end = match letters.next() {
        None => body.chars().next().map_or(0, char::len_utf8),
        Some((_, first)) if is_spaceless(first) => first.len_utf8(),
        Some((_, first)) => {
            let more = letters.take(LETTERS - 1).take_while(|(_, c)| !is_spaceless(*c));
            more.last().map_or(first.len_utf8(), |(at, c)| at + c.len_utf8())
        }
    };
    // white space at the end belongs to the piece before it, if there is one
    let end = start + end;
    let tail = text.get(end..).unwrap_or_default();
    // (`trim` would look at all of it from behind)
    Some(if tail.chars().all(char::is_whitespace) { text.len() } else { end })
}

/// Chinese, Japanese and Korean letters.
fn is_spaceless(c: char) -> bool {
    c >= '\u{2e80}'
}

/// How many tokens a text is, estimated.
#[must_use]
pub fn of_text(text: &str) -> u64 {
    pieces(text).fold(0, |count, _| count + 1)
}

/// What a family's template adds, in tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights {
    /// To a request.
    request: u64,
    /// To a turn.
    message: u64,
    /// To a request with tools: the instructions on how to call them.
    tools: u64,
    /// Whether the schema of the answer is told to the model.
    schema: bool,
}

impl Weights {
    /// Fitted to what recorded Converse calls used (`tests/tokens.rs` says how well).
    pub(crate) fn of(model: &ModelId) -> Self {
        let is = |part| model.base().is_some_and(|base| base.contains(part));
        let (request, message, tools) = match model.family() {
            Family::Anthropic if is("-4-5") => (3, 4, 470),
            Family::Anthropic => (3, 4, 346), // as Anthropic's documentation says of Claude 4
            Family::AmazonNova if is("nova-2") => (0, 0, 830),
            Family::AmazonNova => (0, 0, 300),
            Family::AmazonTitan => (3, 0, 0),
            Family::Meta => (26, 4, 55),
            Family::OpenAi => (64, 4, 0),
            Family::Qwen => (6, 4, 0),
            _ => (3, 4, 0),
        };
        Self { request, message, tools, schema: model.family() == Family::Anthropic }
    }

    pub(crate) fn request(
        self,
        tools: Option<&ToolConfig>,
        system: &[SystemContentBlock],
        messages: &[Message],
        output: Option<&OutputConfig>,
    ) -> u64 {
        let instructions = if tools.is_some_and(|config| !config.tools.is_empty()) { self.tools } else { 0 };
        let tools: u64 = tools.iter().flat_map(|config| &config.tools).map(of_tool).sum();
        let system: u64 = system.iter().map(of_system).sum();
        let messages: u64 = messages.iter().map(|message| self.message(message)).sum();
        let schema = if self.schema { output.map_or(0, of_output) } else { 0 };
        self.request + instructions + tools + system + messages + schema
    }

    /// A turn.
    pub(crate) fn message(self, message: &Message) -> u64 {
        self.message + message.content.iter().map(of_block).sum::<u64>()
    }
}

/// A tool's description and schema.
pub(crate) fn of_tool(tool: &Tool) -> u64 {
    match tool {
        Tool::ToolSpec(spec) => of_json(spec),
        Tool::CachePoint(_) => 0,
        other => of_json(other),
    }
}

/// A piece of the system prompt.
pub(crate) fn of_system(block: &SystemContentBlock) -> u64 {
    match block {
        SystemContentBlock::Text(text) => of_text(text),
        SystemContentBlock::GuardContent(content) => of_guarded(content),
        SystemContentBlock::CachePoint(_) => 0,
        SystemContentBlock::Unknown(other) => of_json(other),
    }
}

/// A piece of a turn.
pub(crate) fn of_block(block: &ContentBlock) -> u64 {
    match block {
        ContentBlock::Text(text) => of_text(text),
        ContentBlock::Image(image) => of_image(image),
        ContentBlock::Video(_) | ContentBlock::Audio(_) => PER_MEDIUM,
        ContentBlock::Document(document) => of_document(document),
        ContentBlock::CachePoint(_) => 0,
        ContentBlock::GuardContent(content) => of_guarded(content),
        ContentBlock::ToolResult(result) => result.content.iter().map(of_result).sum(),
        // without its signature, which is longer than the text and no token
        ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(reasoning)) => {
            of_text(&reasoning.text)
        }
        ContentBlock::ReasoningContent(ReasoningContentBlock::RedactedContent(bytes)) => {
            count(bytes.as_bytes().len() / BYTES_PER_TOKEN)
        }
        ContentBlock::CitationsContent(cited) => of_text(&cited.text()),
        other => of_json(other),
    }
}

fn of_result(content: &ToolResultContentBlock) -> u64 {
    match content {
        ToolResultContentBlock::Text(text) => of_text(text),
        ToolResultContentBlock::Json(value) => of_json(value),
        ToolResultContentBlock::Image(image) => of_image(image),
        ToolResultContentBlock::Document(document) => of_document(document),
        ToolResultContentBlock::Video(_) => PER_MEDIUM,
        other => of_json(other),
    }
}

/// What a video, a sound, or an image or document of unknown size is: about what recorded images and short PDF files
/// were (recordings 19371e923ad9, 69dc963aa9d2).
const PER_MEDIUM: u64 = 600;

/// What the largest image is: larger ones are scaled down.
const PER_LARGE_IMAGE: u64 = 1600;

const BYTES_PER_TOKEN: usize = 4;

/// Anthropic documents width × height / 750 (400 × 301 pixels were about 210 tokens more in recording 67c37d0a5c68).
fn of_image(image: &ImageBlock) -> u64 {
    let pixels = image.dimensions().map(|(width, height)| u64::from(width).saturating_mul(u64::from(height)));
    pixels.map_or(PER_MEDIUM, |pixels| (pixels / 750).min(PER_LARGE_IMAGE))
}

fn of_document(document: &DocumentBlock) -> u64 {
    document.readable_text().map_or(PER_MEDIUM, |text| of_text(&text))
}

fn of_guarded(content: &GuardContentBlock) -> u64 {
    match content {
        GuardContentBlock::Text(guarded) => of_text(&guarded.text),
        _ => PER_MEDIUM,
    }
}

fn of_output(output: &OutputConfig) -> u64 {
    match output.text_format.as_ref().map(|format| &format.structure) {
        // with the instructions around it: 2 × (recordings 8f1be2a3d166, 6b0eb1ffb10a)
        Some(OutputFormatStructure::JsonSchema(definition)) => 2 * of_text(&definition.schema),
        _ => 0,
    }
}

/// The texts of a native body; what carries bytes or names a kind of thing is none.
fn of_native(body: &Value) -> u64 {
    const NO_TEXT: [&str; 8] =
        ["anthropic_version", "bytes", "data", "id", "media_type", "role", "signature", "type"];
    match body {
        Value::String(text) => of_text(text),
        Value::Array(parts) => parts.iter().map(of_native).sum(),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !NO_TEXT.contains(&name.as_str()))
            .map(|(name, value)| if name == "tools" { of_json(value) } else { of_native(value) })
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

fn of_json(value: &impl serde::Serialize) -> u64 {
    of_text(&serde_json::to_string(value).unwrap_or_default())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
