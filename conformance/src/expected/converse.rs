//! Converse bodies and events.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{count, items, text};
use crate::answer::Answer;

/// Reads a Converse response body.
pub(crate) fn converse(body: &Value) -> Answer {
    let mut answer =
        Answer { stop_reason: body["stopReason"].as_str().map(str::to_owned), ..Answer::default() };
    content(&mut answer, &body["output"]["message"]["content"]);
    usage(&mut answer, &body["usage"]);
    answer
}

/// Adds a list of Converse content blocks.
pub(super) fn content(answer: &mut Answer, content: &Value) {
    for block in items(content) {
        answer.text.push_str(text(&block["text"]));
        for piece in items(&block["citationsContent"]["content"]) {
            answer.text.push_str(text(&piece["text"]));
        }
        answer.citations.extend(items(&block["citationsContent"]["citations"]).cloned());
        let reasoning = &block["reasoningContent"];
        answer.reasoning.push_str(text(&reasoning["reasoningText"]["text"]));
        answer.signature.push_str(text(&reasoning["reasoningText"]["signature"]));
        answer.redacted.extend(reasoning["redactedContent"].as_str().map(str::to_owned));
        if let Some(call) = block.get("toolUse") {
            answer.tool_use(text(&call["toolUseId"]), text(&call["name"]), &call["input"]);
        }
    }
}

/// Adds a Converse usage; native Nova names its cache counts with `Count` at their end.
pub(super) fn usage(answer: &mut Answer, usage: &Value) {
    answer.input_tokens = count(&usage["inputTokens"]);
    answer.output_tokens = count(&usage["outputTokens"]);
    answer.cache_read = count(&usage["cacheReadInputTokens"]).or(count(&usage["cacheReadInputTokenCount"]));
    answer.cache_write =
        count(&usage["cacheWriteInputTokens"]).or(count(&usage["cacheWriteInputTokenCount"]));
}

/// Reads Converse stream events, each `{type: members}`.
pub(crate) fn converse_stream<'a>(events: impl Iterator<Item = (&'a str, &'a Value)>) -> Answer {
    let (mut answer, mut calls) = (Answer::default(), BTreeMap::<u64, (String, String, String)>::new());
    for (kind, event) in events {
        let index = event["contentBlockIndex"].as_u64().unwrap_or_default();
        let delta = &event["delta"];
        match kind {
            "contentBlockStart" => {
                if let Some(call) = event["start"].get("toolUse") {
                    calls.insert(
                        index,
                        (text(&call["toolUseId"]).into(), text(&call["name"]).into(), String::new()),
                    );
                }
            }
            "contentBlockDelta" => {
                answer.text.push_str(text(&delta["text"]));
                answer.reasoning.push_str(text(&delta["reasoningContent"]["text"]));
                answer.signature.push_str(text(&delta["reasoningContent"]["signature"]));
                answer
                    .redacted
                    .extend(delta["reasoningContent"]["redactedContent"].as_str().map(str::to_owned));
                answer.citations.extend(delta.get("citation").cloned());
                if let (Some(input), Some(call)) = (delta["toolUse"]["input"].as_str(), calls.get_mut(&index))
                {
                    call.2.push_str(input);
                }
            }
            "messageStop" => answer.stop_reason = event["stopReason"].as_str().map(str::to_owned),
            "metadata" => usage(&mut answer, &event["usage"]),
            _ => {}
        }
    }
    for (id, name, input) in calls.into_values() {
        let input =
            if input.is_empty() { json!({}) } else { serde_json::from_str(&input).unwrap_or(Value::Null) };
        answer.tool_use(&id, &name, &input);
    }
    answer
}
