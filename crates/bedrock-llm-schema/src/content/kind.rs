//! What kind of content a block is, for tables of what may stand where.

use serde::{Deserialize, Serialize};

use super::tool::ToolResultContentBlock;
use super::{ContentBlock, SystemContentBlock};

/// The kind of a block, by its name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the content block, or the piece of a tool result, of its name")]
pub enum ContentKind {
    Text,
    Json,
    Image,
    Document,
    Video,
    Audio,
    ToolUse,
    ToolResult,
    GuardContent,
    CachePoint,
    ReasoningContent,
    CitationsContent,
    SearchResult,
    ToolAddition,
    ToolRemoval,
    /// A block this version does not know.
    Unknown,
}

impl ContentKind {
    /// The name on the wire, such as `toolUse`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Image => "image",
            Self::Document => "document",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::ToolUse => "toolUse",
            Self::ToolResult => "toolResult",
            Self::GuardContent => "guardContent",
            Self::CachePoint => "cachePoint",
            Self::ReasoningContent => "reasoningContent",
            Self::CitationsContent => "citationsContent",
            Self::SearchResult => "searchResult",
            Self::ToolAddition => "toolAddition",
            Self::ToolRemoval => "toolRemoval",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for ContentKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! kinds {
    ($block:ident: $($variant:ident),*) => {
        impl $block {
            /// What kind of content this is.
            #[must_use]
            pub fn kind(&self) -> ContentKind {
                match self {
                    $( Self::$variant(_) => ContentKind::$variant, )*
                    Self::Unknown(_) => ContentKind::Unknown,
                }
            }
        }
    };
}

kinds!(ContentBlock: Text, Image, Document, Video, Audio, ToolUse, ToolResult, GuardContent, CachePoint,
    ReasoningContent, CitationsContent, SearchResult, ToolAddition, ToolRemoval);
kinds!(ToolResultContentBlock: Json, Text, Image, Document, Video, SearchResult);
kinds!(SystemContentBlock: Text, GuardContent, CachePoint);
