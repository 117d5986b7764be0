//! Folds stream events into an answer.

use std::collections::BTreeMap;

use bytes::BytesMut;
use serde_json::Value;

use super::event::{
    ContentBlockDelta, ContentBlockStart, ImageBlockDelta, ImageBlockStart, MetadataEvent, ReasoningDelta,
    StreamEvent, ToolResultDelta, ToolResultStart, ToolUseStart,
};
use crate::content::citation::{Citation, CitationGeneratedContent, CitationsContentBlock};
use crate::content::media::{ErrorBlock, ImageBlock, MediaSource};
use crate::content::reasoning::{ReasoningContentBlock, ReasoningTextBlock};
use crate::content::tool::{ToolResultBlock, ToolResultContentBlock, ToolUseBlock};
use crate::content::{ContentBlock, Message, Role};
use crate::response::{ChatResponse, IncompleteCause, IncompleteToolUse, StopReason};
use crate::wire::Extra;
use crate::{Blob, Usage};

/// Folds stream events into a [`ChatResponse`]. It can be asked at any point of an unfinished stream.
///
/// ```
/// use bedrock_llm_schema::stream::{Accumulator, Ending};
/// use bedrock_llm_schema::{StopReason, StreamEvent};
///
/// let mut answer = Accumulator::new();
/// answer.push(&StreamEvent::text(0, "Hel"));
/// assert_eq!(answer.response().text(), "Hel");
/// answer.push(&StreamEvent::text(0, "lo"));
/// assert_eq!(answer.ending(), Ending::Truncated);
/// answer.push(&StreamEvent::message_stop(StopReason::EndTurn));
/// assert_eq!((answer.ending(), answer.response().text()), (Ending::Complete, "Hello".to_owned()));
/// ```
#[derive(Clone, Default)]
pub struct Accumulator {
    role: Option<Role>,
    blocks: BTreeMap<u32, Block>,
    stop_reason: Option<StopReason>,
    additional_fields: Option<Value>,
    metadata: Option<Box<MetadataEvent>>,
    extra: Extra,
}

/// How a stream ended, if it ended now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// `messageStop` came: the answer is whole.
    Complete,
    /// The stream ended without `messageStop`: the answer is a part.
    Truncated,
    /// The stream fell silent, and was given up: the answer is a part.
    Stalled,
    /// `messageStop` came, but a tool call's arguments are not JSON though nothing cut them off; or the service or a
    /// layer said that something went wrong.
    Failed,
}

/// A block under way. Deltas of one kind come for it; if several kinds did, each would become a block.
#[derive(Clone, Default)]
struct Block {
    text: Option<String>,
    citations: Vec<Citation>,
    reasoning: Option<String>,
    signature: Option<String>,
    redacted: Option<BytesMut>,
    tool_use: Option<ToolUseStart>,
    tool_input: String,
    tool_result: Option<ToolResultStart>,
    tool_result_content: Vec<ToolResultContentBlock>,
    image: Option<ImageBlockStart>,
    image_bytes: BytesMut,
    image_source: Option<MediaSource>,
    image_error: Option<ErrorBlock>,
    unknown: Vec<Extra>,
    stopped: bool,
}

impl Accumulator {
    /// An empty answer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event. Events of a kind this version does not know change nothing.
    pub fn push(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::MessageStart(start) => {
                if event.is_restart() {
                    *self = Self::new();
                }
                self.role = Some(start.role.clone());
                // the mark of a restart is for who reads along, not a part of the answer
                if !event.is_restart() {
                    self.extra.extend(start.extra.clone());
                }
            }
            StreamEvent::ContentBlockStart(start) => {
                self.block(start.content_block_index).start(&start.start);
            }
            StreamEvent::ContentBlockDelta(delta) => {
                self.block(delta.content_block_index).delta(&delta.delta);
            }
            StreamEvent::ContentBlockStop(stop) => self.block(stop.content_block_index).stopped = true,
            StreamEvent::MessageStop(stop) => {
                self.stop_reason = Some(stop.stop_reason.clone());
                self.additional_fields.clone_from(&stop.additional_model_response_fields);
                self.extra.extend(stop.extra.clone());
            }
            StreamEvent::Metadata(metadata) => self.metadata = Some(metadata.clone()),
            StreamEvent::Unknown(_) => {}
        }
    }

    /// What the call used, once the service has said so.
    #[must_use]
    pub fn usage(&self) -> Option<&Usage> {
        self.metadata.as_ref().map(|metadata| &metadata.usage)
    }

    /// Whether any event has brought content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// How the stream has ended if no event follows.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match &self.stop_reason {
            None => Ending::Truncated,
            Some(_) if self.invalid_tool_use().is_some() => Ending::Failed,
            Some(_) => Ending::Complete,
        }
    }

    /// The first tool call whose arguments are not JSON though nothing cut them off.
    #[must_use]
    pub fn invalid_tool_use(&self) -> Option<IncompleteToolUse> {
        self.tool_uses()
            .filter_map(|(_, call)| call.err())
            .find(|call| matches!(call.cause, IncompleteCause::InvalidJson(_)))
    }

    /// The answer so far. Tool calls whose arguments are not whole stand in
    /// [`incomplete_tool_uses`](ChatResponse::incomplete_tool_uses), not in the message, and reasoning has its
    /// signature once its block is whole. Until `messageStop`
    /// the stop reason is the unknown value `""`.
    #[must_use]
    pub fn response(&self) -> ChatResponse {
        let mut tool_uses: BTreeMap<u32, ToolUseBlock> = BTreeMap::new();
        let mut incomplete_tool_uses = Vec::new();
        for (index, call) in self.tool_uses() {
            match call {
                Ok(block) => drop(tool_uses.insert(index, block)),
                Err(call) => incomplete_tool_uses.push(call),
            }
        }
        let mut content = Vec::with_capacity(self.blocks.len());
        for (index, block) in &self.blocks {
            content.append(&mut block.content(block.stopped || self.stop_reason.is_some()));
            content.extend(tool_uses.remove(index).map(ContentBlock::ToolUse));
        }
        let message =
            Message { role: self.role.clone().unwrap_or(Role::Assistant), content, extra: Extra::new() };
        let stop_reason = self.stop_reason.clone().unwrap_or(StopReason::Unknown(String::new()));
        let mut response = ChatResponse::new(message, stop_reason, Usage::default());
        response.additional_model_response_fields.clone_from(&self.additional_fields);
        response.extra.clone_from(&self.extra);
        if let Some(metadata) = self.metadata.clone() {
            response.usage = metadata.usage;
            response.metrics = metadata.metrics;
            response.trace = metadata.trace;
            response.performance_config = metadata.performance_config;
            response.service_tier = metadata.service_tier;
            response.extra.extend(metadata.extra);
        }
        response.incomplete_tool_uses = incomplete_tool_uses;
        response
    }

    /// Every tool call by the index of its block, whole or cut off.
    fn tool_uses(&self) -> impl Iterator<Item = (u32, Result<ToolUseBlock, IncompleteToolUse>)> {
        let last = self.blocks.keys().next_back().copied();
        self.blocks.iter().filter_map(move |(index, block)| {
            Some((*index, block.tool_use(self.stop_reason.as_ref(), Some(*index) == last)?))
        })
    }

    /// The index and text of the block under way, if it is text and nothing else has come.
    pub(super) fn only_open_text(&self) -> Option<(u32, &str)> {
        let mut blocks = self.blocks.iter();
        let (Some((index, block)), None, None) = (blocks.next(), blocks.next(), &self.stop_reason) else {
            return None;
        };
        let Block { text: Some(text), stopped: false, .. } = block else { return None };
        // nothing but text: the block as text alone is all that it is
        let is_plain =
            block.tool_use.is_none() && matches!(block.content(true).as_slice(), [ContentBlock::Text(_)]);
        is_plain.then_some((*index, text.as_str()))
    }

    fn block(&mut self, index: u32) -> &mut Block {
        self.blocks.entry(index).or_default()
    }
}

impl std::fmt::Debug for Accumulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accumulator")
            .field("blocks", &self.blocks.len())
            .field("stop_reason", &self.stop_reason)
            .finish_non_exhaustive()
    }
}

impl Block {
    fn start(&mut self, start: &ContentBlockStart) {
        match start {
            ContentBlockStart::ToolUse(start) => self.tool_use = Some(start.clone()),
            ContentBlockStart::ToolResult(start) => self.tool_result = Some(start.clone()),
            ContentBlockStart::Image(start) => self.image = Some(start.clone()),
            ContentBlockStart::Unknown(start) if start.is_empty() => {}
            ContentBlockStart::Unknown(start) => self.unknown.push(start.clone()),
        }
    }

    fn delta(&mut self, delta: &ContentBlockDelta) {
        match delta {
            ContentBlockDelta::Text(text) => self.text.get_or_insert_default().push_str(text),
            ContentBlockDelta::ToolUse(delta) => self.tool_input.push_str(&delta.input),
            ContentBlockDelta::ToolResult(deltas) => {
                deltas.iter().for_each(|delta| self.tool_result_delta(delta));
            }
            ContentBlockDelta::ReasoningContent(ReasoningDelta::Text(text)) => {
                self.reasoning.get_or_insert_default().push_str(text);
            }
            ContentBlockDelta::ReasoningContent(ReasoningDelta::Signature(signature)) => {
                self.signature.get_or_insert_default().push_str(signature);
            }
            ContentBlockDelta::ReasoningContent(ReasoningDelta::RedactedContent(bytes)) => {
                self.redacted.get_or_insert_default().extend_from_slice(bytes.as_bytes());
            }
            ContentBlockDelta::Citation(citation) => self.citations.push((**citation).clone()),
            ContentBlockDelta::Image(delta) => self.image_delta(delta),
            ContentBlockDelta::ReasoningContent(ReasoningDelta::Unknown(delta))
            | ContentBlockDelta::Unknown(delta) => {
                self.unknown.push(delta.clone());
            }
        }
    }

    fn tool_result_delta(&mut self, delta: &ToolResultDelta) {
        match (delta, self.tool_result_content.last_mut()) {
            (ToolResultDelta::Text(more), Some(ToolResultContentBlock::Text(text))) => text.push_str(more),
            (ToolResultDelta::Text(text), _) => self.tool_result_content.push(text.as_str().into()),
            (ToolResultDelta::Json(value), _) => self.tool_result_content.push(value.clone().into()),
            (ToolResultDelta::Unknown(map), _) => {
                self.tool_result_content.push(ToolResultContentBlock::Unknown(map.clone()));
            }
        }
    }

    fn image_delta(&mut self, delta: &ImageBlockDelta) {
        match &delta.source {
            Some(MediaSource::Bytes(bytes)) => self.image_bytes.extend_from_slice(bytes.as_bytes()),
            Some(other) => self.image_source = Some(other.clone()),
            None => {}
        }
        if delta.error.is_some() {
            self.image_error.clone_from(&delta.error);
        }
    }

    /// The tool call of this block, if it is one: whole, or cut off and why.
    ///
    /// Arguments of `""` are `{}`, as models send it that have none to give, unless the answer was cut in this
    /// very block.
    fn tool_use(
        &self,
        stop_reason: Option<&StopReason>,
        is_last: bool,
    ) -> Option<Result<ToolUseBlock, IncompleteToolUse>> {
        let start = self.tool_use.as_ref()?;
        let cut = |cause| {
            let (tool_use_id, name) = (start.tool_use_id.clone(), start.name.clone());
            Some(Err(IncompleteToolUse { tool_use_id, name, raw: self.tool_input.clone(), cause }))
        };
        if !self.stopped && stop_reason.is_none() {
            return cut(IncompleteCause::StreamOpen);
        }
        let out_of_tokens = is_last
            && matches!(stop_reason, Some(StopReason::MaxTokens | StopReason::ModelContextWindowExceeded));
        let input = match (self.tool_input.trim(), out_of_tokens) {
            ("", true) => return cut(IncompleteCause::MaxTokens),
            ("", false) => Ok(Value::Object(Extra::new())),
            (text, _) => serde_json::from_str(text),
        };
        match input {
            Ok(input) => Some(Ok(ToolUseBlock {
                tool_use_id: start.tool_use_id.clone(),
                name: start.name.clone(),
                input,
                r#type: start.r#type.clone(),
                extra: start.extra.clone(),
            })),
            Err(_) if out_of_tokens => cut(IncompleteCause::MaxTokens),
            Err(error) => cut(IncompleteCause::InvalidJson(error.to_string())),
        }
    }

    /// What the block is without its tool call.
    ///
    /// A signature or encrypted reasoning that is not whole would be refused when it goes back ("Invalid signature"),
    /// so it is left out until it is.
    fn content(&self, is_whole: bool) -> Vec<ContentBlock> {
        let mut content = Vec::with_capacity(1);
        let signature = self.signature.as_ref().filter(|_| is_whole);
        // some models sign reasoning that they do not show; the signature must go back all the same
        if self.reasoning.is_some() || signature.is_some() {
            let block = ReasoningTextBlock {
                text: self.reasoning.clone().unwrap_or_default(),
                signature: signature.cloned(),
                extra: Extra::new(),
            };
            content.push(ReasoningContentBlock::ReasoningText(block).into());
        }
        if let Some(bytes) = self.redacted.as_ref().filter(|_| is_whole) {
            content.push(ReasoningContentBlock::RedactedContent(Blob(bytes.clone().freeze())).into());
        }
        if !self.citations.is_empty() {
            let text = self.text.clone().unwrap_or_default();
            content.push(ContentBlock::CitationsContent(CitationsContentBlock {
                content: Some(vec![CitationGeneratedContent::Text(text)]),
                citations: Some(self.citations.clone()),
                extra: Extra::new(),
            }));
        } else if let Some(text) = &self.text {
            content.push(text.as_str().into());
        }
        if let Some(start) = &self.tool_result {
            content.push(ContentBlock::ToolResult(ToolResultBlock {
                tool_use_id: start.tool_use_id.clone(),
                content: self.tool_result_content.clone(),
                status: start.status.clone(),
                r#type: start.r#type.clone(),
                extra: start.extra.clone(),
            }));
        }
        if let Some(start) = &self.image {
            let bytes = || MediaSource::Bytes(Blob(self.image_bytes.clone().freeze()));
            content.push(ContentBlock::Image(ImageBlock {
                format: start.format.clone(),
                source: self.image_source.clone().unwrap_or_else(bytes),
                error: self.image_error.clone(),
                extra: start.extra.clone(),
            }));
        }
        content.extend(self.unknown.iter().cloned().map(ContentBlock::Unknown));
        content
    }
}
