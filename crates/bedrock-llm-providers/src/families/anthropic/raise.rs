//! The family's blocks to Converse's.
//!
//! In requests a block is only taken where writing it back gives the same block; any other is kept raw, as
//! [`ContentBlock::Unknown`], and goes out as it came.

use bedrock_llm_schema::content::CachePointType;
use bedrock_llm_schema::content::citation::{CitationGeneratedContent, CitationsContentBlock};
use bedrock_llm_schema::content::media::{
    CitationsConfig, DocumentContentBlock, DocumentSource, MediaSource, SearchResultBlock,
    SearchResultContentBlock,
};
use bedrock_llm_schema::content::tool::ToolUseType;
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{
    Blob, CachePointBlock, CacheTtl, ContentBlock, DocumentBlock, DocumentFormat, ImageBlock, ImageFormat,
    ReasoningContentBlock, ReasoningTextBlock, SystemContentBlock, ToolResultBlock, ToolResultContentBlock,
    ToolResultStatus, ToolUseBlock,
};

use super::wire::{
    Block, CacheControl, Citations, Content, Document, Image, Known, Source, ToolResult, ToolUse,
};
use super::{citation, lower};

/// A block of a request, and whether it is a tool result that was written as text alone.
pub(super) fn request_block(block: Block) -> (ContentBlock, bool) {
    let (block, as_text) = match block {
        Block::Known(known) => match *known {
            Known::ToolResult(ToolResult {
                content: Some(Content::Text(text)),
                tool_use_id,
                is_error,
                cache_control,
                extra,
            }) => {
                let content = Some(Content::Blocks(vec![Block::text(text)]));
                (
                    Known::ToolResult(ToolResult { tool_use_id, content, is_error, cache_control, extra })
                        .into(),
                    true,
                )
            }
            known => (known.into(), false),
        },
        other @ Block::Other(_) => (other, false),
    };
    match raise(&block) {
        Some(raised) if lower::exactly(&raised).as_ref() == Some(&block) => (raised, as_text),
        _ => (ContentBlock::Unknown(block.into_raw()), false),
    }
}

/// A block of a response: never raw where it can be read, and `extra` members then give way.
pub(super) fn response_block(mut block: Block) -> ContentBlock {
    if let Block::Known(known) = &mut block
        && let Known::Text(text) = &mut **known
    {
        // a model that may cite sends empty lists for text that rests on nothing
        text.citations = text.citations.take().filter(|citations| !citations.is_empty());
    }
    raise(&block).unwrap_or_else(|| ContentBlock::Unknown(block.into_raw()))
}

/// A block of the system prompt, without its cache control.
pub(super) fn system_block(block: Block) -> SystemContentBlock {
    match block.bare_text() {
        Some(text) => SystemContentBlock::Text(text.to_owned()),
        None => SystemContentBlock::Unknown(block.into_raw()),
    }
}

/// A cache control as the cache point that stands behind the block.
pub(super) fn cache_point(control: CacheControl) -> CachePointBlock {
    let CacheControl { r#type, ttl, extra } = control;
    let r#type =
        if r#type == "ephemeral" { CachePointType::Default } else { CachePointType::Unknown(r#type) };
    CachePointBlock { r#type, ttl: ttl.as_deref().map(CacheTtl::from), extra }
}

fn raise(block: &Block) -> Option<ContentBlock> {
    let Block::Known(known) = block else { return None };
    Some(match &**known {
        Known::Text(text) => match &text.citations {
            None => ContentBlock::Text(text.text.clone()),
            Some(citations) => ContentBlock::CitationsContent(CitationsContentBlock {
                content: Some(vec![CitationGeneratedContent::Text(text.text.clone())]),
                citations: Some(citations.iter().cloned().map(citation::raise).collect()),
                extra: Extra::new(),
            }),
        },
        Known::Image(block) => ContentBlock::Image(image(block)?),
        Known::Document(block) => ContentBlock::Document(document(block)?),
        Known::SearchResult(block) => {
            let piece = |block: &Block| {
                Some(SearchResultContentBlock { text: block.bare_text()?.to_owned(), ..Default::default() })
            };
            ContentBlock::SearchResult(SearchResultBlock {
                source: block.source.clone(),
                title: block.title.clone(),
                content: block.content.iter().map(piece).collect::<Option<_>>()?,
                citations: block.citations.as_ref().map(may_cite),
                extra: block.extra.clone(),
            })
        }
        Known::ToolUse(block) => ContentBlock::ToolUse(tool_use(block, None)),
        Known::ServerToolUse(block) => {
            ContentBlock::ToolUse(tool_use(block, Some(ToolUseType::ServerToolUse)))
        }
        Known::ToolResult(block) => ContentBlock::ToolResult(tool_result(block)),
        Known::Thinking(block) => ReasoningContentBlock::from(ReasoningTextBlock {
            text: block.thinking.clone(),
            signature: block.signature.clone(),
            extra: block.extra.clone(),
        })
        .into(),
        Known::RedactedThinking(block) => ReasoningContentBlock::RedactedContent(base64(&block.data)?).into(),
    })
}

/// Bytes, if the text is the one way to write them that we write back: what is encrypted must go back unchanged.
pub(super) fn base64(data: &str) -> Option<Blob> {
    Blob::from_base64(data).ok().filter(|blob| blob.to_base64() == data)
}

fn image(block: &Image) -> Option<ImageBlock> {
    let format = block.source.media_type.as_deref()?.strip_prefix("image/").map(ImageFormat::from)?;
    let Source { r#type, data: Some(data), .. } = &block.source else { return None };
    if r#type != "base64" || matches!(format, ImageFormat::Unknown(_)) {
        return None;
    }
    let source = MediaSource::Bytes(base64(data)?);
    Some(ImageBlock { format, source, error: None, extra: block.extra.clone() })
}

fn document(block: &Document) -> Option<DocumentBlock> {
    let Source { r#type, media_type, data, content, .. } = &block.source;
    let (format, source) = match (r#type.as_str(), media_type.as_deref(), data, content) {
        ("base64", Some("application/pdf"), Some(data), None) => {
            (Some(DocumentFormat::Pdf), DocumentSource::Bytes(base64(data)?))
        }
        ("text", Some("text/plain"), Some(data), None) => {
            (Some(DocumentFormat::Txt), DocumentSource::Text(data.clone()))
        }
        ("content", None, None, Some(Content::Blocks(blocks))) => {
            let piece = |block: &Block| Some(DocumentContentBlock::Text(block.bare_text()?.to_owned()));
            (None, DocumentSource::Content(blocks.iter().map(piece).collect::<Option<_>>()?))
        }
        _ => return None,
    };
    Some(DocumentBlock {
        format,
        name: block.title.clone().unwrap_or_default(),
        source,
        context: block.context.clone(),
        citations: block.citations.as_ref().map(may_cite),
        extra: block.extra.clone(),
    })
}

fn may_cite(citations: &Citations) -> CitationsConfig {
    CitationsConfig { enabled: citations.enabled, extra: citations.extra.clone() }
}

fn tool_use(block: &ToolUse, r#type: Option<ToolUseType>) -> ToolUseBlock {
    let ToolUse { id, name, input, extra, .. } = block.clone();
    ToolUseBlock { tool_use_id: id, name, input, r#type, extra }
}

fn tool_result(block: &ToolResult) -> ToolResultBlock {
    let piece = |block: &Block| match raise(block) {
        Some(raised) if lower::exactly(&raised).as_ref() == Some(block) => match raised {
            ContentBlock::Text(text) => ToolResultContentBlock::Text(text),
            ContentBlock::Image(image) => ToolResultContentBlock::Image(image),
            ContentBlock::Document(document) => ToolResultContentBlock::Document(document),
            ContentBlock::SearchResult(result) => ToolResultContentBlock::SearchResult(result),
            _ => ToolResultContentBlock::Unknown(block.clone().into_raw()),
        },
        _ => ToolResultContentBlock::Unknown(block.clone().into_raw()),
    };
    let status = |is_error| if is_error { ToolResultStatus::Error } else { ToolResultStatus::Success };
    let blocks = block.content.clone().map(|content| content.into_blocks().0).unwrap_or_default();
    ToolResultBlock {
        tool_use_id: block.tool_use_id.clone(),
        content: blocks.iter().map(piece).collect(),
        status: block.is_error.map(status),
        r#type: None,
        extra: block.extra.clone(),
    }
}
