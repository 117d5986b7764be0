//! The model: two rounds of tools, then an answer, whatever was said before.

use bedrock_llm_local::{Builder, LocalBedrock, ReceivedRequest, Reply};
use bedrock_llm_schema::{Role, ToolUseBlock};
use serde_json::json;

/// The calls of each round: id and tool. Ids come again in every run, as models do it.
pub(super) const ROUNDS: [&[(&str, &str)]; 2] =
    [&[("a1", "charge"), ("a2", "look"), ("a3", "charge_off")], &[("b1", "look"), ("b2", "charge")]];

/// What the model says last.
pub(super) const LAST: &str = "All is paid.";

/// An endpoint whose model works so.
pub(super) fn endpoint() -> Builder {
    let calls = |round: usize| {
        let calls = ROUNDS.get(round).copied().unwrap_or_default().iter();
        Reply::content(calls.map(move |(id, tool)| ToolUseBlock::new(*id, *tool, json!({"round": round}))))
            .when(move |request| rounds(request) == round)
            .forever()
    };
    let last = Reply::text(LAST).when(|request| rounds(request) == ROUNDS.len()).forever();
    LocalBedrock::builder().keep_received(0).always_check(true).reply(calls(0)).reply(calls(1)).reply(last)
}

/// How many rounds of tools there were since the user spoke.
fn rounds(request: &ReceivedRequest) -> usize {
    let turns = request.chat().map(|request| request.messages).unwrap_or_default();
    let users = turns.iter().rev().filter(|turn| turn.role == Role::User);
    users.take_while(|turn| turn.tool_results().next().is_some()).count()
}
