//! A whole answer as the events it would have been streamed in.

use super::event::{
    ContentBlockDelta, ContentBlockStart, ImageBlockDelta, ImageBlockStart, MessageStartEvent,
    MessageStopEvent, MetadataEvent, ReasoningDelta, StreamEvent, ToolResultDelta, ToolResultStart,
    ToolUseStart,
};
use crate::content::citation::CitationsContentBlock;
use crate::content::tool::ToolResultContentBlock;
use crate::wire::Extra;
use crate::{ChatResponse, ContentBlock, ReasoningContentBlock, ToolResultBlock};

/// How texts, reasoning and the arguments of tools are cut into deltas; joined they are the whole.
type Cut = fn(&str) -> Vec<&str>;

/// The events in which an answer would have been streamed, its texts cut by `cut`.
///
/// What a stream has no form for, as some blocks that only users send, is left out: an
/// [`Accumulator`](super::Accumulator) makes the same answer of the events where there was no such thing.
#[must_use]
pub fn events_of(response: &ChatResponse, cut: Cut) -> Vec<StreamEvent> {
    let role = response.message.role.clone();
    let mut events = vec![StreamEvent::MessageStart(MessageStartEvent { role, extra: Extra::new() })];
    for (index, block) in (0..).zip(&response.message.content) {
        of_block(index, block, cut, &mut events);
        events.push(StreamEvent::block_stop(index));
    }
    events.push(StreamEvent::MessageStop(MessageStopEvent {
        stop_reason: response.stop_reason.clone(),
        additional_model_response_fields: response.additional_model_response_fields.clone(),
        extra: Extra::new(),
    }));
    events.push(StreamEvent::Metadata(Box::new(MetadataEvent {
        usage: response.usage.clone(),
        metrics: response.metrics.clone(),
        trace: response.trace.clone(),
        performance_config: response.performance_config.clone(),
        service_tier: response.service_tier.clone(),
        extra: response.extra.clone(),
    })));
    events
}

fn of_block(index: u32, block: &ContentBlock, cut: Cut, events: &mut Vec<StreamEvent>) {
    match block {
        ContentBlock::Text(text) => {
            events.extend(cut(text).into_iter().map(|piece| StreamEvent::text(index, piece)));
        }
        ContentBlock::CitationsContent(block) => of_citations(index, block, cut, events),
        ContentBlock::ReasoningContent(block) => of_reasoning(index, block, cut, events),
        ContentBlock::ToolUse(block) => {
            let start = ToolUseStart {
                tool_use_id: block.tool_use_id.clone(),
                name: block.name.clone(),
                r#type: block.r#type.clone(),
                extra: block.extra.clone(),
            };
            events.push(StreamEvent::start(index, ContentBlockStart::ToolUse(start)));
            let input = block.input.to_string();
            events.extend(cut(&input).into_iter().map(|piece| StreamEvent::tool_input(index, piece)));
        }
        ContentBlock::ToolResult(block) => of_tool_result(index, block, events),
        ContentBlock::Image(block) => {
            let start = ImageBlockStart { format: block.format.clone(), extra: block.extra.clone() };
            events.push(StreamEvent::start(index, ContentBlockStart::Image(start)));
            let delta = ImageBlockDelta {
                source: Some(block.source.clone()),
                error: block.error.clone(),
                extra: Extra::new(),
            };
            events.push(StreamEvent::delta(index, ContentBlockDelta::Image(delta)));
        }
        // blocks that answers do not have; a stream has no events for them
        _ => {}
    }
}

fn of_citations(index: u32, block: &CitationsContentBlock, cut: Cut, events: &mut Vec<StreamEvent>) {
    events.extend(cut(&block.text()).into_iter().map(|piece| StreamEvent::text(index, piece)));
    for citation in block.citations.iter().flatten() {
        events.push(StreamEvent::delta(index, ContentBlockDelta::Citation(Box::new(citation.clone()))));
    }
}

fn of_reasoning(index: u32, block: &ReasoningContentBlock, cut: Cut, events: &mut Vec<StreamEvent>) {
    let delta = |delta| StreamEvent::reasoning(index, delta);
    match block {
        ReasoningContentBlock::ReasoningText(block) => {
            let pieces = cut(&block.text).into_iter();
            events.extend(pieces.map(|piece| delta(ReasoningDelta::Text(piece.to_owned()))));
            events
                .extend(block.signature.clone().map(|signature| delta(ReasoningDelta::Signature(signature))));
        }
        ReasoningContentBlock::RedactedContent(bytes) => {
            events.push(delta(ReasoningDelta::RedactedContent(bytes.clone())));
        }
        ReasoningContentBlock::Unknown(_) => {}
    }
}

fn of_tool_result(index: u32, block: &ToolResultBlock, events: &mut Vec<StreamEvent>) {
    let start = ToolResultStart {
        tool_use_id: block.tool_use_id.clone(),
        r#type: block.r#type.clone(),
        status: block.status.clone(),
        extra: block.extra.clone(),
    };
    events.push(StreamEvent::start(index, ContentBlockStart::ToolResult(start)));
    let deltas = block.content.iter().filter_map(|content| match content {
        ToolResultContentBlock::Text(text) => Some(ToolResultDelta::Text(text.clone())),
        ToolResultContentBlock::Json(value) => Some(ToolResultDelta::Json(value.clone())),
        _ => None,
    });
    events.push(StreamEvent::delta(index, ContentBlockDelta::ToolResult(deltas.collect())));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Accumulator, Message, ReasoningTextBlock, StopReason, ToolUseBlock, Usage};

    #[test]
    fn the_events_of_an_answer_make_the_answer() {
        let reasoning = ReasoningContentBlock::from(ReasoningTextBlock::new("Let me see.").signed("c2ln"));
        let message = Message::assistant(reasoning)
            .with("It is 21 degrees, clear.")
            .with("")
            .with(ToolUseBlock::new("t1", "get", json!({"city": "São Paulo", "days": [1, 2]})))
            .with(ToolUseBlock::new("t2", "none", json!({})));
        let mut response = ChatResponse::new(message, StopReason::ToolUse, Usage::new(3, 4));
        response.extra.insert("new".to_owned(), json!(1));
        for (cut, deltas) in [(whole as Cut, 2), (halves, 4)] {
            let events = events_of(&response, cut);
            let mut answer = Accumulator::new();
            events.iter().for_each(|event| answer.push(event));
            assert_eq!(answer.response(), response);
            assert_eq!(events.iter().filter(|event| event.as_text().is_some()).count(), deltas);
        }
    }

    fn whole(text: &str) -> Vec<&str> {
        vec![text]
    }

    fn halves(text: &str) -> Vec<&str> {
        let middle = text.floor_char_boundary(text.len() / 2);
        vec![&text[..middle], &text[middle..]]
    }
}
