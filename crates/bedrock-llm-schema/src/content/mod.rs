//! What a message is made of.

pub mod citation;
mod inspect;
mod kind;
pub mod media;
mod message;
pub mod reasoning;
pub mod tool;

use citation::CitationsContentBlock;
pub use kind::ContentKind;
use media::{AudioBlock, DocumentBlock, ImageBlock, SearchResultBlock, VideoBlock};
pub use message::{Message, Role};
use reasoning::{ReasoningContentBlock, ReasoningTextBlock};
use tool::{ToolReferenceBlock, ToolResultBlock, ToolUseBlock};

use crate::guardrail::GuardContentBlock;
use crate::wire::{Extra, wire_enum, wire_struct, wire_union};

wire_enum! {
    /// What kind of cache point stands here.
    pub enum CachePointType {
        /// The only kind there is.
        Default = "default",
    }

    /// How long a prompt cache entry lives after its last use.
    pub enum CacheTtl {
        /// Five minutes.
        FiveMinutes = "5m",
        /// One hour.
        OneHour = "1h",
    }
}

wire_struct! {
    /// Everything before this point may be cached.
    pub struct CachePointBlock {
        /// The kind of cache point.
        pub r#type: CachePointType,
        /// How long it lives; five minutes where nothing is said.
        pub ttl: Option<CacheTtl>,
    }
}

impl Default for CachePointBlock {
    fn default() -> Self {
        Self { r#type: CachePointType::Default, ttl: None, extra: Extra::new() }
    }
}

impl CachePointBlock {
    /// A cache point that lives for `ttl`.
    #[must_use]
    pub fn with_ttl(ttl: CacheTtl) -> Self {
        Self { ttl: Some(ttl), ..Self::default() }
    }
}

wire_union! {
    /// One piece of a message's content.
    pub enum ContentBlock {
        /// Text.
        Text(String) = "text",
        /// An image.
        Image(ImageBlock) = "image",
        /// A document.
        Document(DocumentBlock) = "document",
        /// A video.
        Video(VideoBlock) = "video",
        /// Sound.
        Audio(AudioBlock) = "audio",
        /// The model asks for a tool.
        ToolUse(ToolUseBlock) = "toolUse",
        /// What a tool answered.
        ToolResult(ToolResultBlock) = "toolResult",
        /// Content that a guardrail should look at.
        GuardContent(GuardContentBlock) = "guardContent",
        /// Everything before this point may be cached.
        CachePoint(CachePointBlock) = "cachePoint",
        /// The model's reasoning.
        ReasoningContent(ReasoningContentBlock) = "reasoningContent",
        /// Text with the sources it rests on.
        CitationsContent(CitationsContentBlock) = "citationsContent",
        /// A search result the model may cite.
        SearchResult(SearchResultBlock) = "searchResult",
        /// A tool becomes available from here on.
        ToolAddition(ToolReferenceBlock) = "toolAddition",
        /// A tool is no longer available from here on.
        ToolRemoval(ToolReferenceBlock) = "toolRemoval",
    }

    /// One piece of the system prompt.
    pub enum SystemContentBlock {
        /// Text.
        Text(String) = "text",
        /// Content that a guardrail should look at.
        GuardContent(GuardContentBlock) = "guardContent",
        /// Everything before this point may be cached.
        CachePoint(CachePointBlock) = "cachePoint",
    }
}

impl ContentBlock {
    /// A cache point of the default kind and life.
    #[must_use]
    pub fn cache_point() -> Self {
        Self::CachePoint(CachePointBlock::default())
    }

    /// The text a reader sees: of a text block, or of text with citations.
    #[must_use]
    pub fn as_text(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(text.into()),
            Self::CitationsContent(block) => Some(block.text().into()),
            _ => None,
        }
    }

    /// The tool use, if this is one.
    #[must_use]
    pub fn as_tool_use(&self) -> Option<&ToolUseBlock> {
        match self {
            Self::ToolUse(block) => Some(block),
            _ => None,
        }
    }

    /// The tool result, if this is one.
    #[must_use]
    pub fn as_tool_result(&self) -> Option<&ToolResultBlock> {
        match self {
            Self::ToolResult(block) => Some(block),
            _ => None,
        }
    }

    /// The reasoning text, if this is reasoning that can be read.
    #[must_use]
    pub fn as_reasoning(&self) -> Option<&ReasoningTextBlock> {
        match self {
            Self::ReasoningContent(ReasoningContentBlock::ReasoningText(block)) => Some(block),
            _ => None,
        }
    }
}

macro_rules! from_blocks {
    ($target:ident: $($source:ty => $variant:ident),* $(,)?) => {$(
        impl From<$source> for $target {
            fn from(value: $source) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
pub(crate) use from_blocks;

from_blocks!(ContentBlock:
    &str => Text, String => Text, ImageBlock => Image, DocumentBlock => Document, VideoBlock => Video,
    AudioBlock => Audio, ToolUseBlock => ToolUse, ToolResultBlock => ToolResult,
    GuardContentBlock => GuardContent, CachePointBlock => CachePoint,
    ReasoningContentBlock => ReasoningContent, CitationsContentBlock => CitationsContent,
    SearchResultBlock => SearchResult,
);
from_blocks!(SystemContentBlock:
    &str => Text, String => Text, GuardContentBlock => GuardContent, CachePointBlock => CachePoint,
);
