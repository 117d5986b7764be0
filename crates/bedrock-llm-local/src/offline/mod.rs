//! The offline responder: fixed rules, no language model.
//!
//! An answer is made whole, streamed piece by piece, and cut where the request's limits say so. What is not
//! streamed is the same events folded, so that both are the same answer.

mod fill;
mod find;
mod guardrail;
mod limits;
mod media;
mod numbers;
mod phrases;
mod pieces;
mod prompt_cache;
mod rank;
mod story;
mod talk;
mod tools;
mod vectors;
mod words;

use std::borrow::Cow;
use std::time::Instant;

use bedrock_llm_schema::content::reasoning::ReasoningTextBlock;
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::response::Trace;
use bedrock_llm_schema::stream::events_of;
use bedrock_llm_schema::{
    ChatRequest, ChatResponse, ContentBlock, Message, ReasoningContentBlock, Role, StopReason, StreamEvent,
    Usage,
};
use serde_json::Value;

pub(crate) use guardrail::apply as apply_guardrail;
pub use guardrail::{GUARDED_WORD, LOCAL_GUARDRAIL};
pub(crate) use pieces::{count_pieces, pieces};
pub(crate) use prompt_cache::PromptCache;
pub(crate) use rank::rerank;
pub(crate) use vectors::embed;

/// An answer as the events it is streamed in: text and arguments piece by piece.
pub(crate) fn streamed(response: &ChatResponse) -> Vec<StreamEvent> {
    events_of(response, |text| pieces(text).collect())
}

/// How many tokens a request is; answers are streamed piece by piece, and `maxTokens` and usage count pieces, too.
pub(crate) fn count(request: &ChatRequest) -> u64 {
    request.estimate_tokens().tokens()
}

/// Answers a request, as events; folded they are the answer in one.
pub(crate) fn respond(
    request: &ChatRequest,
    cache: &PromptCache,
    profile: &ModelProfile,
    started: Instant,
) -> Vec<StreamEvent> {
    let (asked, beginning) = split_beginning(request);
    let said = talk::last_words(&asked);
    if let Some(trace) = guardrail::on_chat(request, &said) {
        let usage = Usage::new(0, 0);
        let message = Message::assistant(guardrail::BLOCKED);
        let mut response = ChatResponse::new(message, StopReason::GuardrailIntervened, usage);
        response.trace = trace.map(|guardrail| Trace { guardrail: Some(guardrail), ..Trace::default() });
        return streamed(&response);
    }
    let mut content: Vec<ContentBlock> = Vec::new();
    if wants_reasoning(request) {
        content.push(reasoning(&said).into());
    }
    let answers_tools = talk::answers_tools(&asked);
    let forced = request.tool_config.as_ref().and_then(|config| config.tool_choice.as_ref());
    let is_forced = forced.is_some_and(|choice| matches!(choice.tag(), "any" | "tool"));
    let words = if said.trim().is_empty() { earlier_words(&asked) } else { said };
    let speaks = (answers_tools && !is_forced) || beginning.is_some();
    let call = if speaks { None } else { tools::call(request, &words) };
    let stop_reason = match call {
        Some(call) => {
            content.push(call.into());
            StopReason::ToolUse
        }
        None => {
            let answer = talk::answer(&asked);
            let rest = beginning.as_deref().and_then(|beginning| answer.strip_prefix(beginning));
            content.push(rest.map(str::to_owned).unwrap_or(answer).into());
            StopReason::EndTurn
        }
    };
    let mut usage = Usage::new(count(request), 0);
    cache.account(request, profile, &mut usage);
    let mut response = ChatResponse::new(Message::new(Role::Assistant, content), stop_reason, usage);
    response.performance_config.clone_from(&request.performance_config);
    response.service_tier.clone_from(&request.service_tier);
    limits::stop(request, &mut response);
    response.metrics.latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    limits::cut(streamed(&response), request.inference_config.as_ref().and_then(|config| config.max_tokens))
}

/// The conversation without the beginning of its own turn that the model was given, and that beginning.
fn split_beginning(request: &ChatRequest) -> (Cow<'_, ChatRequest>, Option<String>) {
    match request.messages.split_last() {
        Some((last, before)) if last.role == Role::Assistant && !before.is_empty() => {
            let asked = ChatRequest { messages: before.to_vec(), ..request.clone() };
            (Cow::Owned(asked), Some(last.text()))
        }
        _ => (Cow::Borrowed(request), None),
    }
}

/// The user's words before the last message, where that has none of its own.
fn earlier_words(request: &ChatRequest) -> String {
    let users = request.messages.iter().rev().filter(|message| message.role == Role::User);
    users.map(Message::text).find(|text| !text.trim().is_empty()).unwrap_or_default()
}

/// Reasoning is there for whoever asks for it, in any family's words.
fn wants_reasoning(request: &ChatRequest) -> bool {
    let Some(fields) = &request.additional_model_request_fields else { return false };
    let mut settings = ["thinking", "reasoning_config", "reasoningConfig", "reasoning_effort"]
        .iter()
        .filter_map(|name| fields.get(*name));
    settings.any(|setting| {
        let kind = setting.get("type").and_then(Value::as_str);
        setting.is_string() || matches!(kind, Some("enabled" | "adaptive"))
    })
}

fn reasoning(said: &str) -> ReasoningContentBlock {
    let about = talk::topic(said).map(|topic| format!(" It is about {topic}.")).unwrap_or_default();
    let text = format!("Let me see what was asked.{about} I look for it in what was given, by fixed rules.");
    // not a proof of anything, but it must travel as one
    let signature = bedrock_llm_schema::Blob::from(format!("offline responder: {about}")).to_base64();
    ReasoningTextBlock::new(text).signed(signature).into()
}

/// The events of the stream that breaks on demand.
pub(crate) fn breaking_events() -> Vec<StreamEvent> {
    let text = "This stream breaks after three pieces, as its model id asks for.";
    streamed(&ChatResponse::new(Message::assistant(text), StopReason::EndTurn, Usage::new(8, 13)))
}

#[cfg(test)]
mod tests;
