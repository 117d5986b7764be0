//! Converse bodies and events.

use serde_json::Value;

use super::calls::Blocks;
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
    let (mut answer, mut blocks) = (Answer::default(), Blocks::default());
    for (kind, event) in events {
        let index = &event["contentBlockIndex"];
        let delta = &event["delta"];
        match kind {
            "contentBlockStart" => {
                if let Some(call) = event["start"].get("toolUse") {
                    blocks.at(index).open(&call["toolUseId"], &call["name"]);
                }
            }
            "contentBlockDelta" => {
                let block = blocks.at(index);
                let reasoning = &delta["reasoningContent"];
                block.text.push_str(text(&delta["text"]));
                block.reasoning.push_str(text(&reasoning["text"]));
                block.signature.push_str(text(&reasoning["signature"]));
                block.redact(&reasoning["redactedContent"]);
                block.citations.extend(delta.get("citation").cloned());
                block.input(&delta["toolUse"]["input"]);
            }
            "contentBlockStop" => blocks.at(index).close(),
            "messageStop" => answer.stop_reason = event["stopReason"].as_str().map(str::to_owned),
            "metadata" => usage(&mut answer, &event["usage"]),
            _ => {}
        }
    }
    blocks.settle(&mut answer);
    answer
}
