//! The response bodies: `outputs` for a prompt, `choices` for a chat.

use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatResponse, ContentBlock, Message, ReasoningContentBlock, Role, StopReason};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FAMILY;
use super::message::{ChatMessage, Content, tool_call};
use crate::families::common::answer::{Answer, Piece, decode as decode_text, respond};
use crate::families::common::{cannot_answer, from_value, told};
use crate::json::{self, count};
use crate::{CodecError, InvocationMetrics};

/// The body of a response to a prompt, or a chunk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Outputs {
    outputs: Vec<Output>,
    #[serde(flatten)]
    extra: Extra,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Output {
    text: Option<String>,
    stop_reason: Option<String>,
    #[serde(flatten)]
    extra: Extra,
}

/// The body of a response in a chat, or a chunk. Newer models say `finish_reason`, and in chunks `delta`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Choices {
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Option<Tokens>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Choice {
    #[serde(default, deserialize_with = "count")]
    pub(super) index: Option<u64>,
    pub(super) message: Option<ChatMessage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<ChatMessage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<String>,
    /// The reason; beside `finish_reason` the stop sequence, or its token's number (vLLM).
    pub(super) stop_reason: Option<Value>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

impl Choice {
    /// Takes out the message, or the piece of it.
    pub(super) fn take_message(&mut self) -> Option<ChatMessage> {
        let delta = self.delta.take();
        self.message.take().or(delta)
    }

    /// The members that are neither the message nor why the model stopped.
    pub(super) fn into_extra(self) -> Extra {
        let mut extra = self.extra;
        if self.finish_reason.is_some() {
            extra.extend(self.stop_reason.map(|sequence| ("stop_reason".to_owned(), sequence)));
        }
        told(extra)
    }

    /// Why the model stopped, by either name.
    pub(super) fn stop(&self) -> Option<StopReason> {
        let reason = self.finish_reason.as_deref().or(self.stop_reason.as_ref().and_then(Value::as_str));
        reason.map(lift_stop)
    }
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tokens {
    #[serde(default, deserialize_with = "count")]
    pub(super) prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) completion_tokens: Option<u64>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

impl Answer for Outputs {
    const FAMILY: &'static str = FAMILY;

    fn into_piece(self) -> Piece {
        let mut outputs = self.outputs.into_iter();
        let mut piece = Piece { extra: self.extra, ..Piece::default() };
        if let Some(first) = outputs.next() {
            piece.text = first.text.unwrap_or_default();
            piece.stop = first.stop_reason.map(|reason| lift_stop(&reason));
            piece.extra.extend(first.extra);
        }
        let rest: Vec<_> = outputs.filter_map(|output| serde_json::to_value(output).ok()).collect();
        if !rest.is_empty() {
            piece.fields.insert("outputs".to_owned(), rest.into());
        }
        piece
    }

    fn from_piece(piece: Piece) -> Self {
        let stop_reason = piece.stop.as_ref().map(lower_stop);
        let output = Output { text: Some(piece.text), stop_reason, extra: Extra::new() };
        Self { outputs: vec![output], extra: piece.extra }
    }
}

pub(super) fn lift_stop(reason: &str) -> StopReason {
    match reason {
        "stop" => StopReason::EndTurn,
        "length" => StopReason::MaxTokens,
        "model_length" => StopReason::ModelContextWindowExceeded,
        "tool_calls" => StopReason::ToolUse,
        "content_filter" => StopReason::ContentFiltered,
        other => StopReason::Unknown(other.to_owned()),
    }
}

pub(super) fn lower_stop(reason: &StopReason) -> String {
    let text = match reason {
        StopReason::EndTurn | StopReason::StopSequence => "stop",
        StopReason::MaxTokens => "length",
        StopReason::ModelContextWindowExceeded => "model_length",
        StopReason::ToolUse => "tool_calls",
        StopReason::ContentFiltered => "content_filter",
        other => other.as_str(),
    };
    text.to_owned()
}

pub(super) fn decode(body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
    let value: Value = json::read(FAMILY, "response", body)?;
    if value.get("choices").is_none() {
        return decode_text::<Outputs>(body, metrics);
    }
    let body: Choices = from_value(FAMILY, "response", value)?;
    let mut choices = body.choices.into_iter();
    let (mut stop, mut blocks, mut extra) = (None, Vec::new(), body.extra);
    if let Some(mut first) = choices.next() {
        stop = first.stop();
        if let Some(mut message) = first.take_message() {
            let reasoning = message.take_reasoning();
            extra.extend(told(std::mem::take(&mut message.extra)));
            message.extra.extend(reasoning.map(|text| ("reasoning".to_owned(), text.into())));
            blocks = message.into_answer();
        }
        extra.extend(first.into_extra());
    }
    let tokens =
        body.usage.as_ref().map_or((None, None), |usage| (usage.prompt_tokens, usage.completion_tokens));
    let mut response = respond(Message::new(Role::Assistant, blocks), stop, tokens, metrics);
    let rest: Vec<_> = choices.filter_map(|choice| serde_json::to_value(choice).ok()).collect();
    response.additional_model_response_fields =
        (!rest.is_empty()).then(|| serde_json::json!({"choices": rest}));
    response.extra = extra;
    Ok(response)
}

pub(super) fn encode_chat(response: &ChatResponse) -> Result<Bytes, CodecError> {
    let mut message = answer(response.text());
    let mut calls = Vec::new();
    for (index, block) in response.message.content.iter().enumerate() {
        match block {
            ContentBlock::ToolUse(block) => calls.push(tool_call(block)),
            ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(_)) => {}
            block if block.as_text().is_some() => {}
            other => {
                return Err(cannot_answer(FAMILY, other.tag(), format!("output.message.content[{index}]")));
            }
        }
    }
    let reasoning = response.message.reasoning();
    if !reasoning.is_empty() {
        message.extra.insert("reasoning_content".to_owned(), reasoning.into());
    }
    message.tool_calls = (!calls.is_empty()).then_some(calls);
    let usage = Tokens {
        prompt_tokens: Some(response.usage.input_tokens),
        completion_tokens: Some(response.usage.output_tokens),
        extra: Extra::from_iter([("total_tokens".to_owned(), response.usage.total().into())]),
    };
    let choices = vec![choice(message, Some(&response.stop_reason))];
    json::write(FAMILY, "response", &Choices { choices, usage: Some(usage), extra: response.extra.clone() })
}

/// A message of the model.
pub(super) fn answer(text: String) -> ChatMessage {
    ChatMessage {
        role: Some("assistant".to_owned()),
        content: Some(Content::Text(text)),
        ..ChatMessage::default()
    }
}

pub(super) fn choice(message: ChatMessage, stop: Option<&StopReason>) -> Choice {
    Choice {
        index: Some(0),
        message: Some(message),
        delta: None,
        finish_reason: None,
        stop_reason: stop.map(lower_stop).map(Value::from),
        extra: Extra::new(),
    }
}
