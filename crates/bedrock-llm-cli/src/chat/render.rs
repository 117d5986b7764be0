//! What is printed: answers on standard output, everything about them on standard error.

use std::time::Duration;

use bedrock_llm_schema::stream::{ContentBlockDelta, ContentBlockDeltaEvent, ReasoningDelta};
use bedrock_llm_schema::{ChatResponse, StopReason, StreamEvent, ToolUseBlock};

use crate::print;

/// Prints a piece of an answer as it comes.
pub(crate) fn event(event: &StreamEvent) -> std::io::Result<()> {
    let StreamEvent::ContentBlockDelta(ContentBlockDeltaEvent { delta, .. }) = event else { return Ok(()) };
    match delta {
        ContentBlockDelta::Text(text) => print::piece(text),
        ContentBlockDelta::ReasoningContent(ReasoningDelta::Text(text)) => {
            eprint!("{text}");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Says that a tool runs.
pub(crate) fn tool_call(call: &ToolUseBlock) {
    eprintln!("[tool {} {}]", call.name, call.input);
}

/// The line below an answer.
pub(crate) fn usage(response: &ChatResponse, model: &str, elapsed: Duration) {
    let usage = &response.usage;
    let cached = match (usage.cache_read(), usage.cache_write()) {
        (0, 0) => String::new(),
        (read, write) => format!(" ({read} from cache, {write} to cache)"),
    };
    let stop = match &response.stop_reason {
        StopReason::EndTurn | StopReason::ToolUse => String::new(),
        other => format!(" · stopped by {other}"),
    };
    eprintln!(
        "[{model} · {} tokens in{cached} · {} out · {:.1} s{stop}]",
        usage.total_input(),
        usage.output_tokens,
        elapsed.as_secs_f64()
    );
}
