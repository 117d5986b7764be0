//! Stop sequences and token limits.

use bedrock_llm_schema::stream::{ContentBlockDelta, ReasoningDelta};
use bedrock_llm_schema::{ChatRequest, ChatResponse, ContentBlock, StopReason, StreamEvent};
use serde_json::json;

/// Ends the text before the first stop sequence, and says which it was to whoever asked for `/stop_sequence`.
pub(super) fn stop(request: &ChatRequest, response: &mut ChatResponse) {
    let stops = request.inference_config.iter().flat_map(|config| config.stop_sequences.iter().flatten());
    let stops: Vec<&String> = stops.filter(|stop| !stop.is_empty()).collect();
    let mut hit: Option<String> = None;
    for block in &mut response.message.content {
        let ContentBlock::Text(text) = block else { continue };
        let first = stops
            .iter()
            .filter_map(|stop| Some((text.find(stop.as_str())?, *stop)))
            .min_by_key(|(at, _)| *at);
        if let Some((at, stop)) = first {
            text.truncate(at);
            response.stop_reason = StopReason::StopSequence;
            hit = Some(stop.clone());
        }
    }
    if request.additional_model_response_field_paths.iter().flatten().any(|path| path == "/stop_sequence") {
        response.additional_model_response_fields = Some(json!({"stop_sequence": hit}));
    }
}

/// Counts the tokens of the answer, and ends it where they reach the limit.
pub(super) fn cut(events: Vec<StreamEvent>, max_tokens: Option<u32>) -> Vec<StreamEvent> {
    let max_tokens = max_tokens.map_or(u64::MAX, u64::from);
    let mut used = 0;
    let mut is_cut = false;
    let mut open = None;
    let mut kept = Vec::with_capacity(events.len());
    for mut event in events {
        match &mut event {
            StreamEvent::ContentBlockStart(start) if !is_cut => open = Some(start.content_block_index),
            StreamEvent::ContentBlockDelta(delta) if !is_cut && counts(&delta.delta) => {
                if used == max_tokens {
                    is_cut = true;
                    continue;
                }
                used += 1;
                open = Some(delta.content_block_index);
            }
            // the block that was cut is closed, those that would have followed do not come
            StreamEvent::ContentBlockStop(stop) if is_cut && open != Some(stop.content_block_index) => {
                continue;
            }
            StreamEvent::ContentBlockStart(_) | StreamEvent::ContentBlockDelta(_) if is_cut => continue,
            StreamEvent::MessageStop(stop) if is_cut => stop.stop_reason = StopReason::MaxTokens,
            StreamEvent::Metadata(metadata) => {
                metadata.usage.output_tokens = used;
                metadata.usage.total_tokens = metadata.usage.total();
            }
            _ => {}
        }
        kept.push(event);
    }
    kept
}

/// Every piece of text, reasoning or arguments is a token; signatures are none.
fn counts(delta: &ContentBlockDelta) -> bool {
    match delta {
        ContentBlockDelta::ReasoningContent(delta) => matches!(delta, ReasoningDelta::Text(_)),
        ContentBlockDelta::Text(_) | ContentBlockDelta::ToolUse(_) => true,
        _ => false,
    }
}
