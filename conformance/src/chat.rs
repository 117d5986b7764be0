//! Converse and ConverseStream.

use anyhow::Result;
use bedrock_llm_schema::{Accumulator, ChatRequest};
use serde_json::Value;

use crate::answer::Answer;
use crate::case::{Case, Reasons};
use crate::diff::diff;
use crate::expected;

pub(crate) async fn converse(case: &Case) -> Result<Reasons> {
    let mut reasons = Vec::new();
    let request = request(case, &mut reasons)?;
    let (local, client) = case.stage().await?;
    match client.chat(request).await {
        Ok(response) if case.succeeded() => {
            let expected = expected::converse(&case.response_body());
            reasons.extend(expected.diff(&Answer::of(&response)).map(|place| format!("response {place}")));
            case.check_request_id(response.request_id.as_deref(), &mut reasons);
            let written = serde_json::to_value(&response)?;
            reasons.extend(
                diff(&case.response_body(), &written).map(|place| format!("response written again: {place}")),
            );
        }
        Ok(_) => reasons.push(format!("expected status {}, got an answer", case.recording.response.status)),
        Err(error) if case.succeeded() => reasons.push(format!("expected an answer, got {error:?}")),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    case.check_wire(&local, &mut reasons);
    Ok(reasons)
}

pub(crate) async fn converse_stream(case: &Case) -> Result<Reasons> {
    let mut reasons = Vec::new();
    let request = request(case, &mut reasons)?;
    let (local, client) = case.stage().await?;
    match client.chat_stream(request).await {
        Ok(mut stream) if case.succeeded() => {
            let events = events(case);
            let (mut answer, mut count, mut failure) = (Accumulator::new(), 0, None);
            while let Some(event) = stream.next().await {
                match event {
                    Ok(event) => {
                        answer.push(&event);
                        count += 1;
                    }
                    Err(error) => failure = Some(error),
                }
            }
            let is_whole = events.iter().any(|(kind, _)| kind == "messageStop");
            // after `messageStop` a lost connection takes nothing from the answer
            case.check_ending(failure.as_ref(), !is_whole, &mut reasons);
            if count != events.len() {
                reasons.push(format!("expected {} events, got {count}", events.len()));
            }
            let expected =
                expected::converse_stream(events.iter().map(|(kind, payload)| (kind.as_str(), payload)));
            reasons.extend(
                expected.diff(&Answer::of(&answer.response())).map(|place| format!("stream {place}")),
            );
            reasons.extend(
                expected
                    .diff(&Answer::of(&stream.response()))
                    .map(|place| format!("stream's own answer {place}")),
            );
            if let Some(error) = &failure {
                let partial = error.partial().map(Answer::of).unwrap_or_default();
                reasons.extend(
                    expected.diff(&partial).map(|place| format!("the error's partial answer {place}")),
                );
            }
            case.check_request_id(stream.request_id(), &mut reasons);
        }
        Ok(_) => reasons.push(format!("expected status {}, got a stream", case.recording.response.status)),
        Err(error) if case.succeeded() => reasons.push(format!("expected a stream, got {error:?}")),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    case.check_wire(&local, &mut reasons);
    Ok(reasons)
}

/// The recorded body as our type; it must come out of it as it went in.
fn request(case: &Case, reasons: &mut Reasons) -> Result<ChatRequest> {
    let mut request: ChatRequest = serde_json::from_value(case.request_body().clone())?;
    let written = serde_json::to_value(&request)?;
    reasons
        .extend(diff(case.request_body(), &written).map(|place| format!("request written again: {place}")));
    request.model = case.model();
    Ok(request)
}

/// The recorded events, `(type, members)`.
fn events(case: &Case) -> Vec<(String, Value)> {
    let events = case.events().filter(|event| event.r#type != "initial-response");
    events.map(|event| (event.r#type.clone(), event.payload.clone())).collect()
}
