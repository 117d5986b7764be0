//! Tools: what the model may call, what it asks for, what it is told.

use serde_json::Value;

use super::media::{DocumentBlock, ImageBlock, SearchResultBlock, VideoBlock};
use super::{CachePointBlock, from_blocks};
use crate::wire::{Extra, wire_enum, wire_struct, wire_union};

wire_enum! {
    /// Who runs the tool.
    pub enum ToolUseType {
        /// The service runs it itself.
        ServerToolUse = "server_tool_use",
    }

    /// Whether a tool did its work.
    pub enum ToolResultStatus {
        /// It did.
        Success = "success",
        /// It failed; the content says how.
        Error = "error",
    }
}

wire_struct! {
    /// The model asks for a tool.
    pub struct ToolUseBlock {
        /// The call's id, 1 to 64 characters; its result carries the same.
        pub tool_use_id: String,
        /// The tool's name, 1 to 64 characters of letters, digits, `_` and `-`.
        pub name: String,
        /// The arguments, by the tool's schema.
        pub input: Value,
        /// Set when the service runs the tool itself.
        pub r#type: Option<ToolUseType>,
    }

    /// What a tool answered.
    #[derive(Default)]
    pub struct ToolResultBlock {
        /// The id of the call it answers.
        pub tool_use_id: String,
        /// The answer.
        pub content: Vec<ToolResultContentBlock>,
        /// Whether the tool did its work. Only some families take it.
        pub status: Option<ToolResultStatus>,
        /// The kind of result, where the service ran the tool.
        pub r#type: Option<String>,
    }

    /// Names a tool that is added or removed in the middle of a conversation.
    #[derive(Default)]
    pub struct ToolReferenceBlock {
        /// The tool.
        pub tool: ToolReference,
    }

    /// A tool by name.
    #[derive(Default)]
    pub struct ToolReference {
        /// The kind of tool, 1 to 64 characters.
        pub r#type: Option<String>,
        /// Its name, 1 to 128 characters.
        pub name: Option<String>,
        /// The server that has it, 1 to 128 characters.
        pub server_name: Option<String>,
    }

    /// The tools a model may call.
    #[derive(Default)]
    pub struct ToolConfig {
        /// The tools; at least one.
        pub tools: Vec<Tool>,
        /// Whether and which the model must call; free choice where nothing is said.
        pub tool_choice: Option<ToolChoice>,
    }

    /// A tool that the caller runs.
    pub struct ToolSpec {
        /// Its name, 1 to 64 characters of letters, digits, `_` and `-`.
        pub name: String,
        /// What it does and when to use it; the model decides by this text.
        pub description: Option<String>,
        /// Its arguments.
        pub input_schema: ToolInputSchema,
        /// Ask for arguments that keep to the schema exactly; only some models take it.
        pub strict: Option<bool>,
    }

    /// A tool that the service runs.
    #[derive(Default)]
    pub struct SystemTool {
        /// Its name, such as `nova_grounding`.
        pub name: String,
    }

    /// The model must call this tool.
    #[derive(Default)]
    pub struct SpecificToolChoice {
        /// The tool's name.
        pub name: String,
    }

    /// An empty object, as tool choices without settings are written.
    #[derive(Default)]
    pub struct Empty {}
}

wire_union! {
    /// A piece of a tool's answer.
    pub enum ToolResultContentBlock {
        /// A JSON value.
        Json(Value) = "json",
        /// Text.
        Text(String) = "text",
        /// An image.
        Image(ImageBlock) = "image",
        /// A document.
        Document(DocumentBlock) = "document",
        /// A video.
        Video(VideoBlock) = "video",
        /// A search result.
        SearchResult(SearchResultBlock) = "searchResult",
    }

    /// A member of the tool list.
    pub enum Tool {
        /// A tool that the caller runs.
        ToolSpec(ToolSpec) = "toolSpec",
        /// A tool that the service runs.
        SystemTool(SystemTool) = "systemTool",
        /// The tools before this point may be cached.
        CachePoint(CachePointBlock) = "cachePoint",
    }

    /// How a tool's arguments are described.
    pub enum ToolInputSchema {
        /// By JSON Schema; its root is an object.
        Json(Value) = "json",
    }

    /// Whether and which tool the model must call.
    pub enum ToolChoice {
        /// The model decides.
        Auto(Empty) = "auto",
        /// The model must call at least one tool.
        Any(Empty) = "any",
        /// The model must call this tool.
        Tool(SpecificToolChoice) = "tool",
    }
}

impl ToolUseBlock {
    /// A call of a tool.
    pub fn new(tool_use_id: impl Into<String>, name: impl Into<String>, input: impl Into<Value>) -> Self {
        Self {
            tool_use_id: tool_use_id.into(),
            name: name.into(),
            input: input.into(),
            r#type: None,
            extra: Extra::new(),
        }
    }

    /// Whether the service runs this tool itself, so that nobody has to answer the call.
    #[must_use]
    pub fn is_run_by_service(&self) -> bool {
        self.r#type == Some(ToolUseType::ServerToolUse)
    }
}

impl ToolResultBlock {
    /// An answer of one block, without a status.
    pub fn new(tool_use_id: impl Into<String>, content: impl Into<ToolResultContentBlock>) -> Self {
        Self { tool_use_id: tool_use_id.into(), content: vec![content.into()], ..Self::default() }
    }

    /// An answer in words.
    pub fn text(tool_use_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(tool_use_id, text.into())
    }

    /// An answer as JSON; the service takes an object at its root.
    pub fn json(tool_use_id: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(tool_use_id, ToolResultContentBlock::Json(value.into()))
    }

    /// A failure, in words that the model can act on.
    pub fn error(tool_use_id: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: Some(ToolResultStatus::Error), ..Self::text(tool_use_id, message) }
    }
}

impl ToolConfig {
    /// The tools that the caller runs.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.tools.iter().filter_map(|tool| if let Tool::ToolSpec(spec) = tool { Some(spec) } else { None })
    }

    /// Whether there is more in the list than cache points.
    pub(crate) fn has_tools(&self) -> bool {
        self.tools.iter().any(|tool| !matches!(tool, Tool::CachePoint(_)))
    }
}

impl ToolSpec {
    /// A tool with the JSON Schema of its arguments.
    pub fn new(name: impl Into<String>, description: impl Into<String>, schema: impl Into<Value>) -> Self {
        Self {
            name: name.into(),
            description: Some(description.into()),
            input_schema: ToolInputSchema::Json(schema.into()),
            strict: None,
            extra: Extra::new(),
        }
    }

    /// The JSON Schema of the arguments; null where the schema is of a kind this version does not know.
    #[must_use]
    pub fn schema(&self) -> &Value {
        match &self.input_schema {
            ToolInputSchema::Json(schema) => schema,
            ToolInputSchema::Unknown(_) => &Value::Null,
        }
    }

    /// The same tool, its arguments bound to the schema exactly.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = Some(strict);
        self
    }
}

impl ToolChoice {
    /// The model decides.
    #[must_use]
    pub fn auto() -> Self {
        Self::Auto(Empty::default())
    }

    /// The model must call at least one tool.
    #[must_use]
    pub fn any() -> Self {
        Self::Any(Empty::default())
    }

    /// The model must call the named tool.
    pub fn tool(name: impl Into<String>) -> Self {
        Self::Tool(SpecificToolChoice { name: name.into(), ..SpecificToolChoice::default() })
    }
}

from_blocks!(ToolResultContentBlock:
    &str => Text, String => Text, Value => Json, ImageBlock => Image, DocumentBlock => Document,
    VideoBlock => Video, SearchResultBlock => SearchResult,
);
from_blocks!(Tool: ToolSpec => ToolSpec, SystemTool => SystemTool, CachePointBlock => CachePoint);
