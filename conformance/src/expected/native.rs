//! Native bodies of every family, told apart by their shape.

use serde_json::{Value, json};

use super::{citation, converse, count, items, text};
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
    } else if body["text"].is_string() || body["tool_calls"].is_array() {
        let mut answer = said(&body["text"], &body["finish_reason"]);
        for call in items(&body["tool_calls"]) {
            // the format gives calls no ids; ours are made up and not compared
            answer.tool_use("", text(&call["name"]), &call["parameters"]);
        }
        let has_calls = !answer.tool_uses.is_empty();
        cohere_stop(&mut answer, &body["finish_reason"], has_calls);
        answer.citations.extend(items(&body["citations"]).map(citation::cohere));
        cohere_usage(&mut answer, body);
        answer
    } else {
        return None;
    };
    answer.input_tokens = answer.input_tokens.or_else(|| header("x-amzn-bedrock-input-token-count"));
    answer.output_tokens = answer.output_tokens.or_else(|| header("x-amzn-bedrock-output-token-count"));
    answer.cache_read = answer.cache_read.or_else(|| header("x-amzn-bedrock-cache-read-input-token-count"));
    answer.cache_write =
        answer.cache_write.or_else(|| header("x-amzn-bedrock-cache-write-input-token-count"));
    Some(answer)
}

/// That there are calls is a reason to stop where `COMPLETE` is the one given.
pub(super) fn cohere_stop(answer: &mut Answer, why: &Value, has_calls: bool) {
    if why == "COMPLETE" && has_calls {
        answer.stop_reason = Some("tool_use".to_owned());
    }
}

/// What is paid, as Bedrock's headers count.
pub(super) fn cohere_usage(answer: &mut Answer, body: &Value) {
    let billed = &body["meta"]["billed_units"];
    answer.input_tokens = count(&billed["input_tokens"]);
    answer.output_tokens = count(&billed["output_tokens"]);
}

fn said(what: &Value, why: &Value) -> Answer {
    Answer { text: text(what).to_owned(), stop_reason: why.as_str().map(stop_reason), ..Answer::default() }
}

fn anthropic(body: &Value) -> Answer {
    let mut answer =
        Answer { stop_reason: body["stop_reason"].as_str().map(stop_reason), ..Answer::default() };
    for block in items(&body["content"]) {
        match text(&block["type"]) {
            "text" => {
                answer.text.push_str(text(&block["text"]));
                answer.citations.extend(items(&block["citations"]).map(citation::anthropic));
            }
            "thinking" => {
                answer.reasoning.push_str(text(&block["thinking"]));
                answer.signature.push_str(text(&block["signature"]));
            }
            "redacted_thinking" => answer.redacted.push(text(&block["data"]).to_owned()),
            "tool_use" | "server_tool_use" => {
                answer.tool_use(text(&block["id"]), text(&block["name"]), &block["input"]);
            }
            _ => {}
        }
    }
    anthropic_usage(&mut answer, &body["usage"]);
    answer
}

/// Later counts of a stream replace earlier ones.
pub(super) fn anthropic_usage(answer: &mut Answer, usage: &Value) {
    let later = |old: Option<u64>, name: &str| count(&usage[name]).or(old);
    answer.input_tokens = later(answer.input_tokens, "input_tokens");
    answer.output_tokens = later(answer.output_tokens, "output_tokens");
    answer.cache_read = later(answer.cache_read, "cache_read_input_tokens");
    answer.cache_write = later(answer.cache_write, "cache_creation_input_tokens");
}

fn openai(body: &Value, choice: &Value) -> Answer {
    let mut answer = Answer::default();
    message(&mut answer, choice);
    split_reasoning(&mut answer);
    for call in items(&choice["message"]["tool_calls"]) {
        let arguments = arguments(call);
        let input = match arguments.trim() {
            "" => json!({}),
            trimmed => serde_json::from_str(trimmed).unwrap_or(Value::String(arguments)),
        };
        answer.tool_use(call_id(call), text(&call["function"]["name"]), &input);
    }
    openai_usage(&mut answer, &body["usage"]);
    answer
}

/// What a choice says, of a body or of a chunk: its text, its reasoning, why it ended.
pub(super) fn message(answer: &mut Answer, choice: &Value) {
    for message in [&choice["message"], &choice["delta"]] {
        answer.text.push_str(text(&message["content"]));
        for part in items(&message["content"]) {
            answer.text.push_str(text(&part["text"]));
        }
        answer.reasoning.push_str(text(&message["reasoning_content"]));
        if message["reasoning_content"].is_null() {
            answer.reasoning.push_str(text(&message["reasoning"]));
        }
    }
    answer.text.push_str(text(&choice["text"]));
    // Servers built on vLLM name the stop sequence beside a `finish_reason` of `stop`; DeepSeek and Mistral have the
    // reason itself there.
    let why = match (choice["finish_reason"].as_str(), choice["stop_reason"].as_str()) {
        (Some("stop"), Some(sequence)) if !sequence.is_empty() && sequence != "stop" => "stop_sequence",
        (Some(why), _) | (None, Some(why)) => why,
        (None, None) => return,
    };
    answer.stop_reason = Some(stop_reason(why));
}

/// What the cache had is among the tokens of the prompt.
pub(super) fn openai_usage(answer: &mut Answer, usage: &Value) {
    let cached = count(&usage["prompt_tokens_details"]["cached_tokens"]).filter(|cached| *cached > 0);
    let fresh = |tokens: u64| tokens.saturating_sub(cached.unwrap_or_default());
    answer.input_tokens = count(&usage["prompt_tokens"]).map(fresh).or(answer.input_tokens);
    answer.output_tokens = count(&usage["completion_tokens"]).or(answer.output_tokens);
    answer.cache_read = cached.or(answer.cache_read);
}

/// A call's arguments: JSON in a text, an object with some.
pub(super) fn arguments(call: &Value) -> String {
    match &call["function"]["arguments"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        json => json.to_string(),
    }
}

/// A call's id; older Mistral models say `"null"`.
pub(super) fn call_id(call: &Value) -> &str {
    Some(text(&call["id"])).filter(|id| *id != "null").unwrap_or_default()
}

/// gpt-oss puts its reasoning before the text, between tags; the last may be cut off.
pub(super) fn split_reasoning(answer: &mut Answer) {
    while let Some(rest) = answer.text.strip_prefix("<reasoning>") {
        let (reasoning, rest) = rest.split_once("</reasoning>").unwrap_or((rest, ""));
        answer.reasoning.push_str(reasoning);
        answer.text = rest.to_owned();
    }
}

/// Converse's word for a family's reason to stop.
pub(super) fn stop_reason(native: &str) -> String {
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
