//! Chunks of native streams, told apart by their shape.

use serde_json::Value;

use super::calls::{Blocks, Call, settle};
use super::native::{
    anthropic_usage, arguments, call_id, cohere_stop, cohere_usage, message, openai_usage, split_reasoning,
    stop_reason,
};
use super::{citation, converse, count, items, text};
use crate::answer::Answer;

/// Reads the chunks of a native stream.
pub(crate) fn native_stream(chunks: &[Value]) -> Answer {
    let has = |name: &str| chunks.iter().any(|chunk| chunk.get(name).is_some());
    let mut answer = if has("messageStart") || has("contentBlockDelta") {
        let events = chunks.iter().flat_map(|chunk| chunk.as_object().into_iter().flatten());
        converse::converse_stream(events.map(|(kind, event)| (kind.as_str(), event)))
    } else if chunks.iter().any(|chunk| chunk["type"] == "message_start") {
        anthropic(chunks)
    } else if has("event_type") {
        cohere(chunks)
    } else if has("choices") {
        choices(chunks)
    } else {
        simple(chunks)
    };
    for metrics in chunks.iter().filter_map(|chunk| chunk.get("amazon-bedrock-invocationMetrics")) {
        trailer(&mut answer, metrics);
    }
    answer
}

/// The trailer is what is paid, so it goes before what the chunks count; but they may tell the same sum more finely,
/// with what the cache had apart.
fn trailer(answer: &mut Answer, metrics: &Value) {
    let (read, write) =
        (count(&metrics["cacheReadInputTokenCount"]), count(&metrics["cacheWriteInputTokenCount"]));
    let sum = answer.input_tokens.map(|tokens| tokens + answer.cache_read.unwrap_or_default());
    let is_coarser = read.is_none() && write.is_none() && sum == count(&metrics["inputTokenCount"]);
    if !is_coarser {
        answer.input_tokens = count(&metrics["inputTokenCount"]).or(answer.input_tokens);
    }
    answer.output_tokens = count(&metrics["outputTokenCount"]).or(answer.output_tokens);
    answer.cache_read = read.or(answer.cache_read);
    answer.cache_write = write.or(answer.cache_write);
}

fn anthropic(chunks: &[Value]) -> Answer {
    let (mut answer, mut blocks, mut why) = (Answer::default(), Blocks::default(), None);
    for chunk in chunks {
        anthropic_usage(&mut answer, &chunk["message"]["usage"]);
        anthropic_usage(&mut answer, &chunk["usage"]);
        let index = &chunk["index"];
        match text(&chunk["type"]) {
            "content_block_start" => {
                let (block, start) = (blocks.at(index), &chunk["content_block"]);
                match text(&start["type"]) {
                    "text" => {
                        block.text.push_str(text(&start["text"]));
                        block.citations.extend(items(&start["citations"]).map(citation::anthropic));
                    }
                    "thinking" => {
                        block.reasoning.push_str(text(&start["thinking"]));
                        block.signature.push_str(text(&start["signature"]));
                    }
                    "redacted_thinking" => block.redact(&start["data"]),
                    "tool_use" | "server_tool_use" => {
                        let call = block.open(&start["id"], &start["name"]);
                        if start["input"].as_object().is_some_and(|input| !input.is_empty()) {
                            call.raw = start["input"].to_string();
                        }
                    }
                    _ => {}
                }
            }
            "content_block_delta" => {
                let (block, delta) = (blocks.at(index), &chunk["delta"]);
                block.text.push_str(text(&delta["text"]));
                block.reasoning.push_str(text(&delta["thinking"]));
                block.signature.push_str(text(&delta["signature"]));
                block.citations.extend(delta.get("citation").map(citation::anthropic));
                block.input(&delta["partial_json"]);
            }
            "content_block_stop" => blocks.at(index).close(),
            "message_delta" => why = chunk["delta"]["stop_reason"].as_str().map(stop_reason).or(why),
            // until then the answer is not whole, whatever it says of why it stops
            "message_stop" => answer.stop_reason = why.clone(),
            _ => {}
        }
    }
    blocks.settle(&mut answer);
    answer
}

/// Command R's events. What `stream-end` has in its `response` was said before, but for calls of some models.
fn cohere(chunks: &[Value]) -> Answer {
    let (mut answer, mut calls, mut why) = (Answer::default(), &Value::Null, &Value::Null);
    for chunk in chunks {
        match text(&chunk["event_type"]) {
            "text-generation" | "tool-calls-chunk" => answer.text.push_str(text(&chunk["text"])),
            "tool-calls-generation" => {
                if answer.text.is_empty() {
                    answer.text.push_str(text(&chunk["text"])); // the plan, if it has not come in pieces
                }
                calls = &chunk["tool_calls"];
            }
            "citation-generation" => {
                answer.citations.extend(items(&chunk["citations"]).map(citation::cohere));
            }
            "stream-end" => {
                let response = &chunk["response"];
                if items(calls).next().is_none() {
                    calls = &response["tool_calls"];
                }
                why = if chunk["finish_reason"].is_string() {
                    &chunk["finish_reason"]
                } else {
                    &response["finish_reason"]
                };
                cohere_usage(&mut answer, response);
            }
            _ => {}
        }
    }
    answer.stop_reason = why.as_str().map(stop_reason);
    let calls: Vec<&Value> = items(calls).collect();
    cohere_stop(&mut answer, why, !calls.is_empty());
    let count = calls.len();
    for (place, call) in (1..).zip(calls) {
        let raw = if call["parameters"].is_null() { String::new() } else { call["parameters"].to_string() };
        let (name, closed) = (text(&call["name"]).to_owned(), place < count);
        settle(&mut answer, &Call { name, raw, closed, ..Call::default() }, place == count);
    }
    answer
}

/// Chat Completions, Mistral's among them.
fn choices(chunks: &[Value]) -> Answer {
    let mut answer = Answer::default();
    let mut calls: Vec<(Option<u64>, Call)> = Vec::new();
    for chunk in chunks {
        openai_usage(&mut answer, &chunk["usage"]);
        // Converse has one answer: of several, the first
        for choice in items(&chunk["choices"]).filter(|choice| choice["index"].as_f64().unwrap_or(0.0) == 0.0)
        {
            message(&mut answer, choice);
            for turn in [&choice["message"], &choice["delta"]] {
                items(&turn["tool_calls"]).for_each(|call| piece(&mut calls, call));
            }
        }
    }
    split_reasoning(&mut answer);
    let count = calls.len();
    for (place, (_, mut call)) in (1..).zip(calls) {
        call.closed = place < count;
        settle(&mut answer, &call, place == count);
    }
    answer
}

/// A piece of a call: of the call with its `index`, unless it has another id; without an index, of the last call,
/// unless it begins one.
fn piece(calls: &mut Vec<(Option<u64>, Call)>, piece: &Value) {
    let (index, id, name) = (piece["index"].as_u64(), call_id(piece), text(&piece["function"]["name"]));
    let known = match index {
        Some(_) => calls.iter_mut().rev().find(|(of, call)| *of == index && (id.is_empty() || id == call.id)),
        None => {
            calls.last_mut().filter(|(_, call)| if id.is_empty() { name.is_empty() } else { id == call.id })
        }
    };
    match known {
        Some((_, call)) => call.raw.push_str(&arguments(piece)),
        None => {
            let (id, name) = (id.to_owned(), name.to_owned());
            calls.push((index, Call { id, name, raw: arguments(piece), closed: false }));
        }
    }
}

/// Families whose chunks are pieces of their response.
fn simple(chunks: &[Value]) -> Answer {
    let mut answer = Answer::default();
    // Command numbers its generations; the first is the answer
    for chunk in chunks.iter().filter(|chunk| count(&chunk["index"]).unwrap_or_default() == 0) {
        let output = &chunk["outputs"][0];
        for piece in [
            &chunk["completion"],
            &chunk["outputText"],
            &chunk["generation"],
            &output["text"],
            &chunk["text"],
        ] {
            answer.text.push_str(text(piece));
        }
        for why in [
            &chunk["stop_reason"],
            &chunk["completionReason"],
            &chunk["finish_reason"],
            &output["stop_reason"],
        ] {
            answer.stop_reason = why.as_str().map(stop_reason).or(answer.stop_reason);
        }
        answer.input_tokens = count(&chunk["inputTextTokenCount"])
            .or(count(&chunk["prompt_token_count"]))
            .or(answer.input_tokens);
        answer.output_tokens = count(&chunk["totalOutputTextTokenCount"])
            .or(count(&chunk["generation_token_count"]))
            .or(answer.output_tokens);
    }
    answer
}
