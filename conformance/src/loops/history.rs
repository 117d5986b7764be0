//! Whether a history is one that an agent's loop makes, and if not, why.

use bedrock_llm_schema::{
    ChatRequest, ContentBlock, Message, Role, Tool, ToolResultBlock, ToolResultContentBlock,
    ToolResultStatus, ToolUseBlock,
};
use serde_json::Value;

/// The turns in which the user begins a run: those without results. Or why this is the history of no loop.
pub(super) fn starts(request: &ChatRequest) -> Result<Vec<usize>, String> {
    let turns = &request.messages;
    let (mut starts, mut rounds) = (Vec::new(), 0);
    for (place, turn) in turns.iter().enumerate() {
        let expected = if place % 2 == 0 { Role::User } else { Role::Assistant };
        if turn.role != expected {
            return Err(format!("$.messages[{place}]: turns of user and model do not alternate"));
        }
        if turn.role == Role::Assistant {
            answer(request, place, turn)?;
            continue;
        }
        let before = place.checked_sub(1).and_then(|before| turns.get(before));
        let calls: Vec<_> = before.into_iter().flat_map(calls).collect();
        if calls.is_empty() && turn.tool_results().next().is_none() {
            starts.push(place);
        } else {
            results(place, turn, &calls)?;
            rounds += 1;
        }
    }
    match turns.last() {
        Some(last) if last.role == Role::User && rounds > 0 => Ok(starts),
        Some(last) if last.role == Role::User => Err("no tool was run for the model".to_owned()),
        _ => Err("the last turn is the model's own".to_owned()),
    }
}

/// The calls of an answer that are not the service's to run.
pub(super) fn calls(answer: &Message) -> impl Iterator<Item = &ToolUseBlock> {
    answer.tool_uses().filter(|call| !call.is_run_by_service())
}

fn answer(request: &ChatRequest, place: usize, turn: &Message) -> Result<(), String> {
    if turn.content.iter().any(|block| matches!(block, ContentBlock::CachePoint(_))) {
        return Err(format!("$.messages[{place}]: the client put a cache point into the model's turn"));
    }
    for call in calls(turn) {
        let tools = request.tool_config.iter().flat_map(|config| &config.tools);
        let schema = tools.into_iter().find_map(|tool| match tool {
            Tool::ToolSpec(spec) if spec.name == call.name => Some(spec.schema()),
            _ => None,
        });
        let Some(schema) = schema else {
            let name = &call.name;
            return Err(format!("$.messages[{place}]: `{name}` is called, which is no tool of the request"));
        };
        if !fits(schema, &call.input) {
            return Err(format!(
                "$.messages[{place}]: arguments of `{}` do not fit its schema; our loop tells the model so itself",
                call.name
            ));
        }
    }
    Ok(())
}

fn fits(schema: &Value, input: &Value) -> bool {
    schema.is_null() || jsonschema::validator_for(schema).is_ok_and(|schema| schema.is_valid(input))
}

fn results(place: usize, turn: &Message, calls: &[&ToolUseBlock]) -> Result<(), String> {
    let results: Vec<&ToolResultBlock> = turn.tool_results().collect();
    let asked: Vec<_> = calls.iter().map(|call| call.tool_use_id.as_str()).collect();
    let given: Vec<_> = results.iter().map(|result| result.tool_use_id.as_str()).collect();
    if asked != given {
        let (mut asked, mut given) = (asked, given);
        asked.sort_unstable();
        given.sort_unstable();
        let how = if asked == given { "are in another order than" } else { "are not those of" };
        return Err(format!("$.messages[{place}]: the results {how} the calls"));
    }
    let beside = turn.content.iter().find(|block| !matches!(block, ContentBlock::ToolResult(_)));
    if let Some(block) = beside {
        return Err(format!(
            "$.messages[{place}]: beside the results the client says more (`{}`)",
            kind(block)
        ));
    }
    for result in results {
        if result.content.is_empty() {
            return Err(format!("$.messages[{place}]: an empty result; our loop gives `(no output)`"));
        }
        let is_text = matches!(result.content.as_slice(), [ToolResultContentBlock::Text(_)]);
        if result.status == Some(ToolResultStatus::Error) && !is_text {
            return Err(format!(
                "$.messages[{place}]: a failure that is not one text; our tools fail in words"
            ));
        }
    }
    Ok(())
}

/// The member that a block is written as.
fn kind(block: &ContentBlock) -> String {
    let written = serde_json::to_value(block).unwrap_or_default();
    written.as_object().and_then(|block| block.keys().next().cloned()).unwrap_or_default()
}
