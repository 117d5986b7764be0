//! The Messages API's JSON: requests, content blocks, usage. Members the types do not know stay in `extra`.

use bedrock_llm_schema::wire::Extra;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::json::count;

/// A request. The members that are plain `Value`s have several forms; each is read where it is converted.
#[serde_with::skip_serializing_none]
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) anthropic_version: Option<String>,
    pub(super) max_tokens: Option<Number>,
    pub(super) system: Option<Content>,
    pub(super) messages: Vec<Turn>,
    pub(super) temperature: Option<Number>,
    pub(super) top_p: Option<Number>,
    pub(super) stop_sequences: Option<Vec<String>>,
    pub(super) tools: Option<Vec<Extra>>,
    pub(super) tool_choice: Option<Value>,
    pub(super) output_config: Option<Value>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Turn {
    pub(super) role: String,
    pub(super) content: Content,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

/// Text alone, or blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

/// A block of a known type and form, or any other object as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Block {
    Known(Box<Known>),
    Other(Extra),
}

/// Blocks are equal if their JSON is.
impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(this), Self::Known(other)) => this == other,
            (Self::Other(this), Self::Other(other)) => this == other,
            (this, other) => this.clone().into_raw() == other.clone().into_raw(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Known {
    Text(Text),
    Image(Image),
    Document(Document),
    SearchResult(SearchResult),
    ToolUse(ToolUse),
    ServerToolUse(ToolUse),
    ToolResult(ToolResult),
    Thinking(Thinking),
    RedactedThinking(RedactedThinking),
}

macro_rules! blocks {
    ($($name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        #[serde_with::skip_serializing_none]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub(super) struct $name {
            $(pub(super) $field: $type,)*
            #[serde(flatten)]
            pub(super) extra: Extra,
        }
    )*};
}

blocks! {
    Text { text: String, citations: Option<Vec<Extra>>, cache_control: Option<CacheControl> }
    Image { source: Source, cache_control: Option<CacheControl> }
    Document {
        source: Source, title: Option<String>, context: Option<String>, citations: Option<Citations>,
        cache_control: Option<CacheControl>,
    }
    SearchResult {
        source: String, title: String, content: Vec<Block>, citations: Option<Citations>,
        cache_control: Option<CacheControl>,
    }
    ToolUse { id: String, name: String, input: Value, cache_control: Option<CacheControl> }
    ToolResult {
        tool_use_id: String, content: Option<Content>, is_error: Option<bool>, cache_control: Option<CacheControl>,
    }
    Thinking { thinking: String, signature: Option<String> }
    RedactedThinking { data: String }
    // `base64` and `text` have `media_type` and `data`, `content` has `content`; `url` and `file` are in `extra`
    Source { r#type: String, media_type: Option<String>, data: Option<String>, content: Option<Content> }
    Citations { enabled: bool }
    CacheControl { r#type: String, ttl: Option<String> }
}

/// Token counts, of a response or so far in a stream.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default, deserialize_with = "count")]
    pub(super) input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) cache_creation_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) cache_read_input_tokens: Option<u64>,
    pub(super) cache_creation: Option<CacheCreation>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

/// Cache writes by how long they live.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct CacheCreation {
    #[serde(default, deserialize_with = "count")]
    pub(super) ephemeral_5m_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) ephemeral_1h_input_tokens: Option<u64>,
}

impl From<Known> for Block {
    fn from(block: Known) -> Self {
        Self::Known(Box::new(block))
    }
}

impl Block {
    /// A block of text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Known::Text(Text { text: text.into(), citations: None, cache_control: None, extra: Extra::new() })
            .into()
    }

    /// Its text, if it is text and nothing else.
    pub(super) fn bare_text(&self) -> Option<&str> {
        match self {
            Self::Known(block) => match &**block {
                Known::Text(Text { text, citations: None, cache_control: None, extra })
                    if extra.is_empty() =>
                {
                    Some(text)
                }
                _ => None,
            },
            Self::Other(_) => None,
        }
    }

    /// Where its cache control stands; `None` for blocks that the family does not cache at.
    pub(super) fn cache_control(&mut self) -> Option<&mut Option<CacheControl>> {
        let Self::Known(block) = self else { return None };
        Some(match &mut **block {
            Known::Text(block) => &mut block.cache_control,
            Known::Image(block) => &mut block.cache_control,
            Known::Document(block) => &mut block.cache_control,
            Known::SearchResult(block) => &mut block.cache_control,
            Known::ToolUse(block) | Known::ServerToolUse(block) => &mut block.cache_control,
            Known::ToolResult(block) => &mut block.cache_control,
            Known::Thinking(_) | Known::RedactedThinking(_) => return None,
        })
    }

    /// The block as it stands in JSON.
    pub(super) fn into_raw(self) -> Extra {
        match self {
            Self::Other(raw) => raw,
            Self::Known(block) => match serde_json::to_value(block) {
                Ok(Value::Object(raw)) => raw,
                _ => Extra::new(), // cannot be: every block is an object of plain JSON
            },
        }
    }
}

impl Content {
    /// Its blocks, and whether it was text alone.
    pub(super) fn into_blocks(self) -> (Vec<Block>, bool) {
        match self {
            Self::Text(text) => (vec![Block::text(text)], true),
            Self::Blocks(blocks) => (blocks, false),
        }
    }

    /// Blocks, or text alone where that is asked for and the blocks are no more than that.
    pub(super) fn new(blocks: Vec<Block>, as_text: bool) -> Self {
        match blocks.as_slice() {
            [only] if as_text => match only.bare_text() {
                Some(text) => Self::Text(text.to_owned()),
                None => Self::Blocks(blocks),
            },
            _ => Self::Blocks(blocks),
        }
    }
}
