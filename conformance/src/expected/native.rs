//! Native bodies and chunks of every family, told apart by their shape.

use serde_json::{Value, json};

use super::converse;
use super::{count, items, text};
use crate::answer::Answer;

/// Reads a native response: its body, and the token counts in its headers where the body has none.
pub(crate) fn native(body: &Value, header: impl Fn(&str) -> Option<u64>) -> Option<Answer> {
    let mut answer = if body["output"].is_object() {
        let mut answer = converse(body);
        answer.stop_reason = body["stopReason"].as_str().map(str::to_owned);
        answer
    } else if body["type"] == "message" || body["content"].is_array() {
        anthropic(body)
    } else if body["completion"].is_string() {
        said(&body["completion"], &body["stop_reason"])
    } else if let Some(result) = body["results"].get(0) {
        let mut answer = said(&result["outputText"], &result["completionReason"]);
        answer.input_tokens = count(&body["inputTextTokenCount"]);
        answer.output_tokens = count(&result["tokenCount"]);
        answer
    } else if let Some(generation) = body["generations"].get(0) {
        said(&generation["text"], &generation["finish_reason"])
    } else if body["generation"].is_string() {
        let mut answer = said(&body["generation"], &body["stop_reason"]);
        answer.input_tokens = count(&body["prompt_token_count"]);
        answer.output_tokens = count(&body["generation_token_count"]);
        answer
    } else if let Some(output) = body["outputs"].get(0) {
        said(&output["text"], &output["stop_reason"])
    } else if let Some(completion) = body["completions"].get(0) {
        let mut answer = said(&completion["data"]["text"], &completion["finishReason"]["reason"]);
        if completion["finishReason"]["reason"] == "stop" {
            answer.stop_reason = Some("stop_sequence".to_owned()); // Jurassic's word for having met one
        }
        answer
    } else if let Some(choice) = body["choices"].get(0) {
        openai(body, choice)
    } else if body["text"].is_string() {
        let mut answer = said(&body["text"], &body["finish_reason"]);
        for call in items(&body["tool_calls"]) {
            // the format gives calls no ids; ours are made up and not compared
            answer.tool_use("", text(&call["name"]), &call["parameters"]);
            answer.stop_reason = Some("tool_use".to_owned());
        }
        answer
    } else {
        return None;
    };
    answer.input_tokens = answer.input_tokens.or_else(|| header("x-amzn-bedrock-input-token-count"));
    answer.output_tokens = answer.output_tokens.or_else(|| header("x-amzn-bedrock-output-token-count"));
    Some(answer)
}

fn said(what: &Value, why: &Value) -> Answer {
    Answer { text: text(what).to_owned(), stop_reason: why.as_str().map(stop_reason), ..Answer::default() }
}

fn anthropic(body: &Value) -> Answer {
    let mut answer =
        Answer { stop_reason: body["stop_reason"].as_str().map(stop_reason), ..Answer::default() };
    for block in items(&body["content"]) {
        match text(&block["type"]) {
            "text" => answer.text.push_str(text(&block["text"])),
            "thinking" => {
                answer.reasoning.push_str(text(&block["thinking"]));
                answer.signature.push_str(text(&block["signature"]));
            }
            "redacted_thinking" => answer.redacted.push(text(&block["data"]).to_owned()),
            "tool_use" => answer.tool_use(text(&block["id"]), text(&block["name"]), &block["input"]),
            _ => {}
        }
    }
    let usage = &body["usage"];
    answer.input_tokens = count(&usage["input_tokens"]);
    answer.output_tokens = count(&usage["output_tokens"]);
    answer.cache_read = count(&usage["cache_read_input_tokens"]);
    answer.cache_write = count(&usage["cache_creation_input_tokens"]);
    answer
}

fn openai(body: &Value, choice: &Value) -> Answer {
    let message = &choice["message"];
    let content = if choice["text"].is_string() { &choice["text"] } else { &message["content"] };
    let mut answer = said(content, &choice["finish_reason"]);
    for part in items(content) {
        answer.text.push_str(text(&part["text"]));
    }
    answer.reasoning = text(&message["reasoning_content"]).to_owned();
    split_reasoning(&mut answer);
    stopped_by_sequence(&mut answer, choice);
    for call in items(&message["tool_calls"]) {
        let function = &call["function"];
        let input = serde_json::from_str(text(&function["arguments"])).unwrap_or(json!({}));
        answer.tool_use(text(&call["id"]), text(&function["name"]), &input);
    }
    answer.input_tokens = count(&body["usage"]["prompt_tokens"]);
    answer.output_tokens = count(&body["usage"]["completion_tokens"]);
    answer
}

/// gpt-oss puts its reasoning before the text, between tags.
fn split_reasoning(answer: &mut Answer) {
    if let Some((reasoning, rest)) =
        answer.text.strip_prefix("<reasoning>").and_then(|text| text.split_once("</reasoning>"))
    {
        answer.reasoning.push_str(reasoning);
        answer.text = rest.to_owned();
    }
}

/// Servers built on vLLM name the stop sequence beside a `finish_reason` of `stop`; DeepSeek has the reason there.
fn stopped_by_sequence(answer: &mut Answer, choice: &Value) {
    match (choice["finish_reason"].as_str(), choice["stop_reason"].as_str()) {
        (Some("stop"), Some(sequence)) if !sequence.is_empty() => {
            answer.stop_reason = Some("stop_sequence".to_owned())
        }
        (None, Some(reason)) => answer.stop_reason = Some(stop_reason(reason)),
        _ => {}
    }
}

/// Converse's word for a family's reason to stop.
fn stop_reason(native: &str) -> String {
    let known = match native.to_ascii_lowercase().as_str() {
        "max_tokens" | "length" => "max_tokens",
        "stop_sequence" | "stop_criteria_met" => "stop_sequence",
        "end_turn" | "stop" | "complete" | "finish" | "finished" | "endoftext" => "end_turn",
        "tool_use" | "tool_calls" | "function_call" => "tool_use",
        "content_filtered" | "content_filter" | "error_toxic" => "content_filtered",
        "model_length" | "error_limit" => "model_context_window_exceeded",
        _ => native,
    };
    known.to_owned()
}

/// Reads the chunks of a native stream.
pub(crate) fn native_stream(chunks: &[Value]) -> Answer {
    let mut answer = Answer::default();
    if chunks
        .iter()
        .any(|chunk| chunk.get("messageStart").is_some() || chunk.get("contentBlockDelta").is_some())
    {
        let events = chunks.iter().flat_map(|chunk| chunk.as_object().into_iter().flatten());
        answer = converse::converse_stream(events.map(|(kind, event)| (kind.as_str(), event)));
    } else if chunks.iter().any(|chunk| chunk["type"] == "message_start") {
        answer = anthropic_stream(chunks);
    } else {
        for chunk in chunks {
            simple_chunk(&mut answer, chunk);
        }
        split_reasoning(&mut answer);
        openai_calls(&mut answer, chunks);
    }
    for metrics in chunks.iter().filter_map(|chunk| chunk.get("amazon-bedrock-invocationMetrics")) {
        answer.input_tokens = count(&metrics["inputTokenCount"]);
        answer.output_tokens = count(&metrics["outputTokenCount"]);
        answer.cache_read = count(&metrics["cacheReadInputTokenCount"]).or(answer.cache_read);
        answer.cache_write = count(&metrics["cacheWriteInputTokenCount"]).or(answer.cache_write);
    }
    answer
}

fn anthropic_stream(chunks: &[Value]) -> Answer {
    let (mut answer, mut input) = (Answer::default(), String::new());
    for chunk in chunks {
        match text(&chunk["type"]) {
            "content_block_start" if chunk["content_block"]["type"] == "tool_use" => {
                input.clear();
                let block = &chunk["content_block"];
                answer.tool_use(text(&block["id"]), text(&block["name"]), &json!({}));
            }
            "content_block_start" => {
                answer.text.push_str(text(&chunk["content_block"]["text"]));
                answer.redacted.extend(chunk["content_block"]["data"].as_str().map(str::to_owned));
            }
            "content_block_delta" => {
                let delta = &chunk["delta"];
                answer.text.push_str(text(&delta["text"]));
                answer.reasoning.push_str(text(&delta["thinking"]));
                answer.signature.push_str(text(&delta["signature"]));
                input.push_str(text(&delta["partial_json"]));
            }
            "content_block_stop" if !input.is_empty() => {
                if let Some(call) = answer.tool_uses.last_mut() {
                    call["input"] = serde_json::from_str(&input).unwrap_or_default();
                }
                input.clear();
            }
            "message_delta" => answer.stop_reason = chunk["delta"]["stop_reason"].as_str().map(stop_reason),
            _ => {}
        }
    }
    answer
}

/// The tool calls of Chat Completions chunks: a call begins with its id, its arguments come in pieces.
fn openai_calls(answer: &mut Answer, chunks: &[Value]) {
    let mut arguments: Vec<String> = Vec::new();
    for call in chunks.iter().flat_map(|chunk| items(&chunk["choices"][0]["delta"]["tool_calls"])) {
        if let Some(id) = call["id"].as_str() {
            answer.tool_use(id, text(&call["function"]["name"]), &Value::Null);
            arguments.push(String::new());
        }
        if let Some(last) = arguments.last_mut() {
            last.push_str(text(&call["function"]["arguments"]));
        }
    }
    for (call, arguments) in answer.tool_uses.iter_mut().zip(arguments) {
        call["input"] = serde_json::from_str(&arguments).unwrap_or(json!({}));
    }
}

/// A chunk of a family whose chunks are pieces of its response.
fn simple_chunk(answer: &mut Answer, chunk: &Value) {
    let choice = &chunk["choices"][0];
    let output = &chunk["outputs"][0];
    let last = chunk["event_type"] == "stream-end"; // repeats the whole text
    let first_generation = chunk["index"].as_u64().unwrap_or(0) == 0;
    for piece in [
        &chunk["completion"],
        &chunk["outputText"],
        &chunk["generation"],
        &output["text"],
        &choice["text"],
        &choice["delta"]["content"],
        if last || !first_generation { &Value::Null } else { &chunk["text"] },
    ] {
        answer.text.push_str(text(piece));
    }
    answer.reasoning.push_str(text(&choice["delta"]["reasoning_content"]));
    for why in [
        &chunk["stop_reason"],
        &chunk["completionReason"],
        &chunk["finish_reason"],
        &output["stop_reason"],
        &choice["finish_reason"],
    ] {
        if let Some(why) = why.as_str() {
            answer.stop_reason = Some(stop_reason(why));
        }
    }
    stopped_by_sequence(answer, choice);
    if chunk["event_type"] == "tool-calls-generation" {
        for call in items(&chunk["tool_calls"]) {
            answer.tool_use("", text(&call["name"]), &call["parameters"]);
        }
    }
    if last && !answer.tool_uses.is_empty() {
        answer.stop_reason = Some("tool_use".to_owned());
    }
}
