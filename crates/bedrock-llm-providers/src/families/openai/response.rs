//! Answers.

use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{
    ChatResponse, ContentBlock, Message, ReasoningContentBlock, ReasoningTextBlock, Role, StopReason, Usage,
};
use bytes::Bytes;
use serde_json::{Value, json};

use super::reasoning::{Piece, Splitter, tagged};
use super::wire::{Answer, Choice, Content, PromptDetails, Turn, WireUsage};
use super::{Dialect, messages};
use crate::families::common::answer::respond;
use crate::families::common::{cannot_answer, told};
use crate::families::nulls;
use crate::{CodecError, InvocationMetrics, json};

pub(super) fn decode(
    body: &[u8],
    dialect: Dialect,
    metrics: &InvocationMetrics,
) -> Result<ChatResponse, CodecError> {
    let mut body: Answer = json::read(dialect.name(), "response", body)?;
    let mut choices = body.choices.take().unwrap_or_default().into_iter();
    let Some(mut choice) = choices.next() else {
        return Err(nulls::malformed(dialect.name(), "response", "choices", "no choice"));
    };
    let stop = stop_reason(&mut choice);
    let usage = body.usage.unwrap_or_default();
    let mut response =
        respond(message(&mut choice), stop, (usage.uncached(), usage.completion_tokens), metrics);
    if let Some(cached) = usage.cached() {
        response.usage.cache_read_input_tokens = Some(cached);
        response.usage.total_tokens = response.usage.total();
    }
    response.usage.extra = told(usage.extra);
    response.extra = told(body.extra);
    response.extra.extend(told(choice.extra));
    response.extra.shift_remove("object");
    Ok(response)
}

/// The model's turn. What its members have no name for in Converse joins the choice's `extra`.
fn message(choice: &mut Choice) -> Message {
    let mut content = Vec::new();
    let mut turn = choice.message.take().unwrap_or_default();
    content.extend(reasoning(&mut turn).map(reasoning_block));
    let text = match turn.content.take() {
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => texts(&parts),
        None => choice.text.take().unwrap_or_default(),
    };
    let mut splitter = Splitter::default();
    let pieces = splitter.feed(&text);
    let (mut thought, mut said) = (String::new(), String::new());
    for piece in pieces.into_iter().chain(splitter.finish()) {
        match piece {
            Piece::Reasoning(more) => thought.push_str(&more),
            Piece::Text(more) => said.push_str(&more),
        }
    }
    content.extend((!thought.is_empty()).then(|| reasoning_block(thought)));
    content.extend((!said.is_empty()).then(|| ContentBlock::Text(said)));
    content.extend(turn.tool_calls.into_iter().flatten().map(messages::tool_use));
    choice.extra.extend(turn.extra);
    let role = turn.role.as_deref().map_or(Role::Assistant, Role::from);
    Message { role, content, extra: Extra::new() }
}

/// Reasoning beside the content, by either of its names.
pub(super) fn reasoning(turn: &mut Turn) -> Option<String> {
    let other = match turn.extra.shift_remove("reasoning") {
        Some(Value::String(text)) => Some(text),
        Some(value) => {
            turn.extra.insert("reasoning".to_owned(), value);
            None
        }
        None => None,
    };
    turn.reasoning_content.take().or(other).filter(|text| !text.is_empty())
}

fn reasoning_block(text: String) -> ContentBlock {
    ReasoningContentBlock::from(ReasoningTextBlock::new(text)).into()
}

/// The texts of parts, joined.
pub(super) fn texts(parts: &[Extra]) -> String {
    parts.iter().filter_map(|part| part.get("text")?.as_str()).collect()
}

/// Why the model stopped. Servers built on vLLM say which stop sequence it was (or a token's number).
pub(super) fn stop_reason(choice: &mut Choice) -> Option<StopReason> {
    let said = choice.extra.get("stop_reason").and_then(Value::as_str).map(str::to_owned);
    if said.as_deref() == Some("") {
        choice.extra.shift_remove("stop_reason");
    }
    // DeepSeek's page in the Bedrock user guide has the reason itself in `stop_reason`, and no `finish_reason`
    let reason = choice.finish_reason.take().or_else(|| {
        choice.extra.shift_remove("stop_reason");
        said.clone()
    });
    Some(match reason?.as_str() {
        "stop" if said.as_deref().is_some_and(|said| said != "stop") => StopReason::StopSequence,
        "stop" => StopReason::EndTurn,
        "length" => StopReason::MaxTokens,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        "content_filter" => StopReason::ContentFiltered,
        other => StopReason::Unknown(other.to_owned()),
    })
}

/// The same the other way: `finish_reason`, and `stop_reason` where that alone tells.
pub(super) fn finish(reason: &StopReason, extra: &Extra) -> Extra {
    let text = match reason {
        StopReason::EndTurn | StopReason::StopSequence => "stop",
        StopReason::MaxTokens => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::ContentFiltered => "content_filter",
        other => other.as_str(),
    };
    let mut members = Extra::from_iter([("finish_reason".to_owned(), Value::from(text))]);
    if *reason == StopReason::StopSequence {
        let sequence = extra.get("stop_reason").cloned().unwrap_or_else(|| "".into());
        members.insert("stop_reason".to_owned(), sequence);
    }
    members
}

pub(super) fn wire_usage(usage: &Usage) -> WireUsage {
    let details = |tokens| PromptDetails { cached_tokens: Some(tokens), ..PromptDetails::default() };
    WireUsage {
        prompt_tokens: Some(usage.total_input()),
        completion_tokens: Some(usage.output_tokens),
        total_tokens: Some(usage.total()),
        prompt_tokens_details: usage.cache_read_input_tokens.filter(|tokens| *tokens > 0).map(details),
        extra: usage.extra.clone(),
    }
}

pub(super) fn encode(
    response: &ChatResponse,
    dialect: Dialect,
    is_prompt: bool,
) -> Result<Bytes, CodecError> {
    let name = dialect.name();
    let mut text = String::new();
    let mut reasoning = String::new();
    let mut calls = Vec::new();
    for (index, block) in response.message.content.iter().enumerate() {
        match block {
            ContentBlock::ToolUse(call) if !is_prompt => calls.push(messages::tool_call(call)),
            ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(block))
                if dialect.has_reasoning() && !is_prompt =>
            {
                reasoning.push_str(&block.text);
            }
            block => match block.as_text() {
                Some(said) => text.push_str(&said),
                None => {
                    return Err(cannot_answer(name, block.tag(), format!("output.message.content[{index}]")));
                }
            },
        }
    }
    let mut choice = Extra::from_iter([("index".to_owned(), json!(0))]);
    if is_prompt {
        choice.insert("text".to_owned(), text.into());
    } else {
        let mut message = json!({"role": "assistant"});
        if !reasoning.is_empty() && dialect == Dialect::GptOss {
            text.insert_str(0, &tagged(&reasoning));
        } else if let (false, Value::Object(message)) = (reasoning.is_empty(), &mut message) {
            message.insert("reasoning_content".to_owned(), reasoning.into());
        }
        if let Value::Object(message) = &mut message {
            let content = if text.is_empty() && !calls.is_empty() { Value::Null } else { text.into() };
            message.insert("content".to_owned(), content);
            if !calls.is_empty() {
                message.insert("tool_calls".to_owned(), nulls::to_value(name, "response", &calls)?);
            }
        }
        choice.insert("message".to_owned(), message);
    }
    choice.extend(finish(&response.stop_reason, &response.extra));
    let object = if is_prompt { "text_completion" } else { "chat.completion" };
    let usage = nulls::to_value(name, "response", &wire_usage(&response.usage))?;
    let mut body = json!({"id": "chatcmpl-0", "object": object, "choices": [choice], "usage": usage});
    if let Value::Object(body) = &mut body {
        body.extend(response.extra.clone());
        if response.stop_reason == StopReason::StopSequence {
            body.shift_remove("stop_reason"); // it stands in the choice
        }
    }
    json::write(name, "response", &body)
}
