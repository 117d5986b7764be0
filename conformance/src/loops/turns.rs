//! Turns as Converse JSON, brought to one form.

use bedrock_llm_schema::Message;
use serde_json::{Value, json};

use crate::diff::diff;

/// Where two turns say something else.
pub(super) fn differ(expected: &Message, actual: &Message) -> Option<String> {
    let (mut expected, mut actual) = (json!([expected]), json!([actual]));
    settle(&mut expected);
    settle(&mut actual);
    diff(&expected, &actual)
}

/// Leaves out what need not be said: that a call is the client's to run, and that a tool did its work. And what our loop
/// puts before the words of a tool that failed: what kind of failure it is.
pub(super) fn settle(turns: &mut Value) {
    for block in blocks(turns) {
        if let Some(call) = block.get_mut("toolUse").and_then(Value::as_object_mut)
            && call.get("type").is_some_and(|kind| kind == "tool_use")
        {
            call.remove("type");
        }
        let Some(result) = block.get_mut("toolResult").and_then(Value::as_object_mut) else { continue };
        match result.get("status").and_then(Value::as_str) {
            Some("success") => drop(result.remove("status")),
            Some("error") => {
                let text = result.get_mut("content").and_then(|content| content.get_mut(0)?.get_mut("text"));
                if let Some(Value::String(text)) = text {
                    *text = text.strip_prefix("failed: ").unwrap_or(text).to_owned();
                }
            }
            _ => {}
        }
    }
}

/// Turns without what tools said.
pub(super) fn masked(turns: &Value) -> Value {
    let mut turns = turns.clone();
    settle(&mut turns);
    for block in blocks(&mut turns) {
        if let Some(result) = block.get_mut("toolResult").and_then(Value::as_object_mut) {
            result.remove("content");
            result.remove("status");
        }
    }
    turns
}

/// What turns consist of.
fn blocks(turns: &mut Value) -> impl Iterator<Item = &mut Value> {
    let turns = turns.as_array_mut().into_iter().flatten();
    turns.filter_map(|turn| turn.get_mut("content")?.as_array_mut()).flatten()
}
