//! Converse's blocks to the family's.

use std::collections::BTreeSet;

use bedrock_llm_schema::content::CachePointType;
use bedrock_llm_schema::content::citation::CitationsContentBlock;
use bedrock_llm_schema::content::media::{
    CitationsConfig, DocumentContentBlock, DocumentSource, MediaSource, SearchResultBlock,
};
use bedrock_llm_schema::content::tool::ToolUseType;
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{
    CachePointBlock, ContentBlock, DocumentBlock, DocumentFormat, ImageBlock, ReasoningContentBlock,
    SystemContentBlock, ToolResultBlock, ToolResultContentBlock, ToolResultStatus, ToolUseBlock,
};

use super::wire::{
    Block, CacheControl, Citations, Content, Document, Image, Known, RedactedThinking, SearchResult, Source,
    Text, Thinking, ToolResult, ToolUse,
};
use super::{NAME, citation};
use crate::json::Lowering;
use crate::{CodecError, EncodeOptions};

type Lowered<T> = Result<Option<T>, CodecError>;

/// The blocks of a turn; cache points become the cache control of the block before them. `as_text` holds the
/// places of tool results to be written as text alone.
pub(super) fn blocks(
    content: &[ContentBlock],
    path: &str,
    as_text: &BTreeSet<usize>,
    lowering: &mut Lowering,
) -> Result<Vec<Block>, CodecError> {
    let mut blocks = Vec::with_capacity(content.len());
    for (index, block) in content.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if let ContentBlock::CachePoint(point) = block {
            cache(point, blocks.last_mut(), &path, lowering)?;
        } else if let Some(mut block) = content_block(block, &path, lowering)? {
            if as_text.contains(&blocks.len()) {
                make_text(&mut block);
            }
            blocks.push(block);
        }
    }
    Ok(blocks)
}

/// The blocks of the system prompt.
pub(super) fn system(
    content: &[SystemContentBlock],
    lowering: &mut Lowering,
) -> Result<Vec<Block>, CodecError> {
    let mut blocks = Vec::with_capacity(content.len());
    for (index, block) in content.iter().enumerate() {
        let path = format!("system[{index}]");
        match block {
            SystemContentBlock::Text(text) => blocks.push(Block::text(text)),
            SystemContentBlock::CachePoint(point) => cache(point, blocks.last_mut(), &path, lowering)?,
            SystemContentBlock::Unknown(raw) if is_native(raw) => blocks.push(Block::Other(raw.clone())),
            other => lowering.unsupported(format!("{path}.{}", other.tag()), other.tag())?,
        }
    }
    Ok(blocks)
}

/// The family's form of a block if it has exactly one.
pub(super) fn exactly(block: &ContentBlock) -> Option<Block> {
    content_block(block, "", &mut Lowering::new(NAME, &EncodeOptions::default())).ok().flatten()
}

/// A cache point as cache control.
pub(super) fn cache_control(point: &CachePointBlock) -> CacheControl {
    let r#type = match &point.r#type {
        CachePointType::Unknown(other) => other.clone(),
        _ => "ephemeral".to_owned(),
    };
    let ttl = point.ttl.as_ref().map(|ttl| ttl.as_str().to_owned());
    CacheControl { r#type, ttl, extra: point.extra.clone() }
}

/// Whether an object that Converse does not know is one of the family's own blocks or tools.
pub(super) fn is_native(raw: &Extra) -> bool {
    raw.get("type").is_some_and(serde_json::Value::is_string)
}

fn cache(
    point: &CachePointBlock,
    block: Option<&mut Block>,
    path: &str,
    lowering: &mut Lowering,
) -> Result<(), CodecError> {
    match block {
        Some(Block::Other(raw)) if !raw.contains_key("cache_control") => {
            let Ok(control) = serde_json::to_value(cache_control(point)) else { return Ok(()) };
            raw.insert("cache_control".to_owned(), control);
            return Ok(());
        }
        Some(block) => {
            if let Some(control @ None) = block.cache_control() {
                *control = Some(cache_control(point));
                return Ok(());
            }
        }
        None => {}
    }
    lowering.unsupported(format!("{path}.cachePoint"), "a cache point here")
}

fn make_text(block: &mut Block) {
    if let Block::Known(known) = block
        && let Known::ToolResult(result) = &mut **known
        && let Some(Content::Blocks(blocks)) = &mut result.content
    {
        result.content = Some(Content::new(std::mem::take(blocks), true));
    }
}

/// One block; `None` where it was dropped.
pub(super) fn content_block(block: &ContentBlock, path: &str, lowering: &mut Lowering) -> Lowered<Block> {
    let known = match block {
        ContentBlock::Text(text) => return Ok(Some(Block::text(text))),
        ContentBlock::Unknown(raw) if is_native(raw) => return Ok(Some(Block::Other(raw.clone()))),
        ContentBlock::CitationsContent(block) => Some(Known::Text(cited_text(block))),
        ContentBlock::Image(block) => image(block, path, lowering)?.map(Known::Image),
        ContentBlock::Document(block) => document(block, path, lowering)?.map(Known::Document),
        ContentBlock::SearchResult(block) => Some(Known::SearchResult(search_result(block))),
        ContentBlock::ToolUse(block) => tool_use(block, path, lowering)?,
        ContentBlock::ToolResult(block) => tool_result(block, path, lowering)?.map(Known::ToolResult),
        ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(block)) => {
            Some(Known::Thinking(Thinking {
                thinking: block.text.clone(),
                signature: block.signature.clone(),
                extra: block.extra.clone(),
            }))
        }
        ContentBlock::ReasoningContent(ReasoningContentBlock::RedactedContent(bytes)) => {
            Some(Known::RedactedThinking(RedactedThinking { data: bytes.to_base64(), extra: Extra::new() }))
        }
        other => return lowering.unsupported(format!("{path}.{}", other.tag()), other.tag()).map(|()| None),
    };
    Ok(known.map(Block::from))
}

fn cited_text(block: &CitationsContentBlock) -> Text {
    let citations = block.citations.as_ref().map(|citations| citations.iter().map(citation::lower).collect());
    Text { text: block.text(), citations, cache_control: None, extra: block.extra.clone() }
}

fn source(
    r#type: &str,
    media_type: Option<String>,
    data: Option<String>,
    content: Option<Content>,
) -> Source {
    Source { r#type: r#type.to_owned(), media_type, data, content, extra: Extra::new() }
}

fn image(block: &ImageBlock, path: &str, lowering: &mut Lowering) -> Lowered<Image> {
    let MediaSource::Bytes(bytes) = &block.source else {
        return lowering
            .unsupported(format!("{path}.image.source"), "an image that is not in the request")
            .map(|()| None);
    };
    let source = source("base64", Some(format!("image/{}", block.format)), Some(bytes.to_base64()), None);
    Ok(Some(Image { source, cache_control: None, extra: block.extra.clone() }))
}

fn document(block: &DocumentBlock, path: &str, lowering: &mut Lowering) -> Lowered<Document> {
    use DocumentFormat::{Csv, Html, Md, Pdf, Txt};
    let plain = |text: String| source("text", Some("text/plain".to_owned()), Some(text), None);
    let source = match (&block.source, &block.format) {
        (DocumentSource::Bytes(bytes), Some(Pdf)) => {
            Some(source("base64", Some("application/pdf".to_owned()), Some(bytes.to_base64()), None))
        }
        // other formats have no native form, but those that are text can be given as text
        (DocumentSource::Bytes(bytes), Some(Txt | Md | Csv | Html)) => {
            std::str::from_utf8(bytes.as_bytes()).ok().map(|text| plain(text.to_owned()))
        }
        (DocumentSource::Text(text), _) => Some(plain(text.clone())),
        (DocumentSource::Content(pieces), _) => {
            let piece = |piece: &DocumentContentBlock| match piece {
                DocumentContentBlock::Text(text) => Some(Block::text(text)),
                _ => None,
            };
            let blocks: Option<Vec<_>> = pieces.iter().map(piece).collect();
            blocks.map(|blocks| source("content", None, None, Some(Content::Blocks(blocks))))
        }
        _ => None,
    };
    let Some(source) = source else {
        let what = "documents other than PDF and text in the request";
        return lowering.unsupported(format!("{path}.document"), what).map(|()| None);
    };
    let title = (!block.name.is_empty()).then(|| block.name.clone());
    let (context, citations) = (block.context.clone(), block.citations.as_ref().map(may_cite));
    Ok(Some(Document { source, title, context, citations, cache_control: None, extra: block.extra.clone() }))
}

fn may_cite(config: &CitationsConfig) -> Citations {
    Citations { enabled: config.enabled, extra: config.extra.clone() }
}

fn search_result(block: &SearchResultBlock) -> SearchResult {
    SearchResult {
        source: block.source.clone(),
        title: block.title.clone(),
        content: block.content.iter().map(|piece| Block::text(&piece.text)).collect(),
        citations: block.citations.as_ref().map(may_cite),
        cache_control: None,
        extra: block.extra.clone(),
    }
}

fn tool_use(block: &ToolUseBlock, path: &str, lowering: &mut Lowering) -> Lowered<Known> {
    let ToolUseBlock { tool_use_id: id, name, input, r#type, extra } = block.clone();
    let tool_use = ToolUse { id, name, input, cache_control: None, extra };
    match r#type {
        None => Ok(Some(Known::ToolUse(tool_use))),
        Some(ToolUseType::ServerToolUse) => Ok(Some(Known::ServerToolUse(tool_use))),
        Some(other) => lowering.unsupported(format!("{path}.toolUse.type"), other.as_str()).map(|()| None),
    }
}

fn tool_result(block: &ToolResultBlock, path: &str, lowering: &mut Lowering) -> Lowered<ToolResult> {
    lowering.refuse(block.r#type.as_ref(), &format!("{path}.toolResult.type"))?;
    let mut blocks = Vec::with_capacity(block.content.len());
    for (index, piece) in block.content.iter().enumerate() {
        let path = format!("{path}.toolResult.content[{index}]");
        let piece = match piece {
            ToolResultContentBlock::Text(text) => ContentBlock::Text(text.clone()),
            // the family's tools answer in text; JSON is text too
            ToolResultContentBlock::Json(value) => ContentBlock::Text(value.to_string()),
            ToolResultContentBlock::Image(image) => ContentBlock::Image(image.clone()),
            ToolResultContentBlock::Document(document) => ContentBlock::Document(document.clone()),
            ToolResultContentBlock::SearchResult(result) => ContentBlock::SearchResult(result.clone()),
            ToolResultContentBlock::Unknown(raw) => ContentBlock::Unknown(raw.clone()),
            other => {
                lowering.unsupported(format!("{path}.{}", other.tag()), other.tag())?;
                continue;
            }
        };
        blocks.extend(content_block(&piece, &path, lowering)?);
    }
    let is_error = match &block.status {
        None => None,
        Some(ToolResultStatus::Success) => Some(false),
        Some(ToolResultStatus::Error) => Some(true),
        Some(other) => {
            lowering.unsupported(format!("{path}.toolResult.status"), other.as_str()).map(|()| None)?
        }
    };
    Ok(Some(ToolResult {
        tool_use_id: block.tool_use_id.clone(),
        content: (!blocks.is_empty()).then_some(Content::Blocks(blocks)),
        is_error,
        cache_control: None,
        extra: block.extra.clone(),
    }))
}
