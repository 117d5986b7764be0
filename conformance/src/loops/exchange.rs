//! A recorded chat that has tools' calls or results in its history, in Converse's form whatever the wire's.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bedrock_llm_local::{RecordedEvent, Recording, Reply};
use bedrock_llm_providers::{InvocationMetrics, Provider, Registry};
use bedrock_llm_schema::{Accumulator, ChatRequest, ChatResponse, ContentBlock, Message, StreamEvent};
use serde_json::Value;

use crate::case::Case;

/// A recorded chat.
#[derive(Clone)]
pub(super) struct Exchange {
    /// Its file.
    pub name: String,
    /// The project's file it came from, which holds the exchanges of one run of a program.
    pub source: String,
    pub recording: Recording,
    /// What was asked, with its model.
    pub request: ChatRequest,
    /// What was answered; none where that is an error, or broke off.
    pub answer: Option<Message>,
}

impl Exchange {
    /// None where it is no chat.
    pub(super) fn of(name: &str, case: &Case) -> Result<Option<Self>> {
        let recording = case.recording.clone();
        let Some(mut request) = read_request(&recording, &recording.request.body)? else { return Ok(None) };
        request.model = case.model();
        let source = recording.extra.get("source").and_then(Value::as_str).unwrap_or_default();
        // the last part counts the exchanges of the file
        let source = source.rsplit_once('#').map_or(source, |(file, _)| file).to_owned();
        let answer = read_answer(&recording).ok().flatten();
        Ok(Some(Self { name: name.to_owned(), source, recording, request, answer }))
    }

    pub(super) fn has_tool_turns(&self) -> bool {
        let content = self.request.messages.iter().flat_map(|message| &message.content);
        content
            .into_iter()
            .any(|block| matches!(block, ContentBlock::ToolUse(_) | ContentBlock::ToolResult(_)))
    }

    pub(super) fn is_native(&self) -> bool {
        self.recording.operation.starts_with("InvokeModel")
    }

    pub(super) fn is_streamed(&self) -> bool {
        self.recording.operation.ends_with("Stream")
    }

    /// Whether both were asked of one model, in one way, by one program.
    pub(super) fn is_akin_to(&self, other: &Self) -> bool {
        (&self.source, &self.recording.operation, &self.recording.model_id)
            == (&other.source, &other.recording.operation, &other.recording.model_id)
    }

    /// What is asked in a body of this exchange's kind, as Converse JSON.
    pub(super) fn asked(&self, body: &Value) -> Result<Value> {
        if !self.is_native() {
            return Ok(body.clone());
        }
        let request = read_request(&self.recording, body)?.context("the body is no conversation")?;
        Ok(serde_json::to_value(request)?)
    }

    /// The answer in the bytes that were recorded.
    pub(super) fn reply(&self) -> Reply {
        let response = &self.recording.response;
        let kind = response.headers.get("content-type").map_or("application/json", String::as_str);
        let body = match (&response.body_base64, &response.body, &response.body_text) {
            (Some(stream), _, _) => stream.0.clone(),
            (None, Some(json), _) => json.to_string().into(),
            (None, None, text) => text.clone().unwrap_or_default().into(),
        };
        let headers = response.headers.iter().filter(|(name, _)| name.starts_with("x-amzn-"));
        headers.fold(Reply::bytes(kind, body).status(response.status), |reply, (name, value)| {
            reply.header(name, value)
        })
    }
}

fn codec(recording: &Recording, body: &Value) -> Result<Arc<dyn Provider>> {
    let model = recording.model_id.as_deref().unwrap_or_default().into();
    Ok(Registry::builtin().get_for_request(&model, body.to_string().as_bytes())?)
}

fn read_request(recording: &Recording, body: &Value) -> Result<Option<ChatRequest>> {
    match recording.operation.as_str() {
        "Converse" | "ConverseStream" => Ok(Some(serde_json::from_value(body.clone())?)),
        "InvokeModel" | "InvokeModelWithResponseStream" => {
            // what is no chat has no codec here, and other checks say so
            let Ok(codec) = codec(recording, body) else { return Ok(None) };
            let decoded = codec.decode_request(body.to_string().as_bytes()).ok();
            Ok(decoded.filter(|decoded| decoded.is_chat).map(|decoded| decoded.request))
        }
        _ => Ok(None),
    }
}

fn read_answer(recording: &Recording) -> Result<Option<Message>> {
    let response = &recording.response;
    if response.status != 200 {
        return Ok(None);
    }
    let body = response.body.as_ref();
    let events = response.events.as_deref().unwrap_or_default();
    Ok(match (recording.operation.as_str(), body) {
        ("Converse", Some(body)) => Some(serde_json::from_value::<ChatResponse>(body.clone())?.message),
        ("ConverseStream", _) => folded(events, |event| {
            Ok(vec![StreamEvent::from_frame(&event.r#type, event.payload.to_string().as_bytes())?])
        })?,
        ("InvokeModel", Some(body)) => {
            let headers = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let metrics = InvocationMetrics::from_headers(headers);
            let codec = codec(recording, &recording.request.body)?;
            Some(codec.decode_response(body.to_string().as_bytes(), &metrics)?.message)
        }
        ("InvokeModelWithResponseStream", _) => {
            let mut decoder = codec(recording, &recording.request.body)?.stream_decoder();
            folded(events, |event| Ok(decoder.chunk(event.payload["bytes_decoded"].to_string().as_bytes())?))?
        }
        _ => None,
    })
}

/// A stream's message; none where the stream broke off.
fn folded(
    events: &[RecordedEvent],
    mut read: impl FnMut(&RecordedEvent) -> Result<Vec<StreamEvent>>,
) -> Result<Option<Message>> {
    let (mut fold, mut is_whole) = (Accumulator::new(), false);
    for event in events {
        if event.message_type != "event" {
            return Ok(None);
        }
        for event in read(event)? {
            is_whole |= matches!(event, StreamEvent::MessageStop(_));
            fold.push(&event);
        }
    }
    Ok(is_whole.then(|| fold.response().message))
}
