//! A whole answer as the events it would have been streamed in.

use bedrock_llm_schema::content::citation::CitationsContentBlock;
use bedrock_llm_schema::content::tool::ToolResultContentBlock;
use bedrock_llm_schema::stream::{
    ContentBlockDelta, ContentBlockStart, ImageBlockDelta, ImageBlockStart, MessageStopEvent, MetadataEvent,
    ReasoningDelta, ToolResultDelta, ToolResultStart, ToolUseStart,
};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatResponse, ContentBlock, ReasoningContentBlock, StreamEvent, ToolResultBlock};

use crate::offline::pieces;

/// The events of an answer: text word by word, arguments of tools in fragments.
pub(crate) fn of_response(response: &ChatResponse) -> Vec<StreamEvent> {
    let mut events = vec![StreamEvent::message_start()];
    for (index, block) in (0..).zip(&response.message.content) {
        of_block(index, block, &mut events);
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
        extra: Extra::new(),
    })));
    events
}

fn of_block(index: u32, block: &ContentBlock, events: &mut Vec<StreamEvent>) {
    match block {
        ContentBlock::Text(text) => events.extend(pieces(text).map(|piece| StreamEvent::text(index, piece))),
        ContentBlock::CitationsContent(block) => of_citations(index, block, events),
        ContentBlock::ReasoningContent(block) => of_reasoning(index, block, events),
        ContentBlock::ToolUse(block) => {
            let start = ToolUseStart {
                tool_use_id: block.tool_use_id.clone(),
                name: block.name.clone(),
                r#type: block.r#type.clone(),
                extra: Extra::new(),
            };
            events.push(StreamEvent::start(index, ContentBlockStart::ToolUse(start)));
            let input = block.input.to_string();
            events.extend(pieces(&input).map(|piece| StreamEvent::tool_input(index, piece)));
        }
        ContentBlock::ToolResult(block) => of_tool_result(index, block, events),
        ContentBlock::Image(block) => {
            let start = ImageBlockStart { format: block.format.clone(), extra: Extra::new() };
            events.push(StreamEvent::start(index, ContentBlockStart::Image(start)));
            let delta = ImageBlockDelta {
                source: Some(block.source.clone()),
                error: block.error.clone(),
                extra: Extra::new(),
            };
            events.push(StreamEvent::delta(index, ContentBlockDelta::Image(delta)));
        }
        other => {
            // blocks that answers do not have; a stream has no events for them
            tracing::debug!(block = other.tag(), "left out of the stream");
        }
    }
}

fn of_citations(index: u32, block: &CitationsContentBlock, events: &mut Vec<StreamEvent>) {
    events.extend(pieces(&block.text()).map(|piece| StreamEvent::text(index, piece)));
    for citation in block.citations.iter().flatten() {
        events.push(StreamEvent::delta(index, ContentBlockDelta::Citation(Box::new(citation.clone()))));
    }
}

fn of_reasoning(index: u32, block: &ReasoningContentBlock, events: &mut Vec<StreamEvent>) {
    let delta = |delta| StreamEvent::reasoning(index, delta);
    match block {
        ReasoningContentBlock::ReasoningText(block) => {
            events.extend(pieces(&block.text).map(|piece| delta(ReasoningDelta::Text(piece.to_owned()))));
            events
                .extend(block.signature.clone().map(|signature| delta(ReasoningDelta::Signature(signature))));
        }
        ReasoningContentBlock::RedactedContent(bytes) => {
            events.push(delta(ReasoningDelta::RedactedContent(bytes.clone())));
        }
        other => tracing::debug!(block = other.tag(), "left out of the stream"),
    }
}

fn of_tool_result(index: u32, block: &ToolResultBlock, events: &mut Vec<StreamEvent>) {
    let start = ToolResultStart {
        tool_use_id: block.tool_use_id.clone(),
        r#type: block.r#type.clone(),
        status: block.status.clone(),
        extra: Extra::new(),
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
    use bedrock_llm_schema::content::reasoning::ReasoningTextBlock;
    use bedrock_llm_schema::{Accumulator, Message, StopReason, ToolUseBlock, Usage};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_events_of_an_answer_make_the_answer() {
        let reasoning = ReasoningContentBlock::from(ReasoningTextBlock::new("Let me see.").signed("c2ln"));
        let message = Message::assistant(reasoning)
            .with("It is 21 degrees, clear.")
            .with(ToolUseBlock::new("t1", "get", json!({"city": "São Paulo", "days": [1, 2]})))
            .with(ToolUseBlock::new("t2", "none", json!({})));
        let response = ChatResponse::new(message, StopReason::ToolUse, Usage::new(3, 4));
        let events = of_response(&response);
        let mut answer = Accumulator::new();
        events.iter().for_each(|event| answer.push(event));
        assert_eq!(answer.response(), response);
        assert!(events.iter().filter(|event| event.as_text().is_some()).count() > 5);
    }
}
