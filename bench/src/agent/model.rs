//! What the model of the benchmark says.

use bedrock_llm_schema::{ChatResponse, ContentBlock, Message, Role, StopReason, ToolUseBlock, Usage};
use serde_json::json;

pub(super) const MODEL: &str = "us.amazon.nova-lite-v1:0";
pub(super) const QUESTION: &str = "What comes of all these numbers?";

/// How many answers a run has.
pub(super) const ITERATIONS: usize = 11;

/// What the tools take.
#[derive(serde::Deserialize, schemars::JsonSchema)]
pub(super) struct Pair {
    /// The first number.
    pub(super) a: i64,
    /// The second number.
    pub(super) b: i64,
}

/// The answers of a run: some words and three calls in each, no two alike, and words alone in the last.
pub(super) fn answers() -> Vec<ChatResponse> {
    let calls = |round: usize| {
        let call = |tool: &str| {
            ContentBlock::from(ToolUseBlock::new(
                format!("tooluse_{tool}_{round}"),
                tool,
                json!({"a": round, "b": 7}),
            ))
        };
        let mut content = vec![ContentBlock::from("Next I put the numbers together in three ways.")];
        content.extend(["add", "less", "times"].map(call));
        ChatResponse::new(Message::new(Role::Assistant, content), StopReason::ToolUse, Usage::new(900, 90))
    };
    let last = Message::assistant("All numbers are together.");
    let last = ChatResponse::new(last, StopReason::EndTurn, Usage::new(2000, 10));
    (1..ITERATIONS).map(calls).chain([last]).collect()
}
