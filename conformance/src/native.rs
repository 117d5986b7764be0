//! InvokeModel and its stream: the body through the wire as it is, and through the family's codec both ways.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bedrock_llm_providers::{EncodeOptions, InvocationMetrics, Provider, Registry};
use bedrock_llm_schema::{Accumulator, GuardrailConfig, InvokeRequest};
use bytes::Bytes;
use serde_json::Value;

use crate::answer::Answer;
use crate::case::{Case, Reasons};
use crate::diff::diff;
use crate::expected;

pub(crate) async fn invoke(case: &Case) -> Result<Reasons> {
    let mut reasons = Vec::new();
    let (local, client) = case.stage().await?;
    match client.invoke(request(case)).await {
        Ok(response) if case.succeeded() => {
            let body: Value = serde_json::from_slice(&response.body)?;
            reasons.extend(diff(&case.response_body(), &body).map(|place| format!("response body {place}")));
            case.check_request_id(response.request_id.as_deref(), &mut reasons);
            let headers = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let decoded =
                codec(case)?.decode_response(&response.body, &InvocationMetrics::from_headers(headers))?;
            let count = |name: &str| case.header(name)?.parse().ok();
            let expected = expected::native(&case.response_body(), count)
                .context("a native response of no known shape")?;
            reasons.extend(
                difference(&expected, &Answer::of(&decoded)).map(|place| format!("decoded response {place}")),
            );
        }
        Ok(_) => reasons.push(format!("expected status {}, got an answer", case.recording.response.status)),
        Err(error) if case.succeeded() => reasons.push(format!("expected an answer, got {error:?}")),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    case.check_wire(&local, &mut reasons);
    check_request_codec(case, false, &mut reasons)?;
    Ok(reasons)
}

/// A body that is none of its family's, which the service refused: it goes as it is.
pub(crate) async fn refused(case: &Case) -> Result<Reasons> {
    let mut reasons = Vec::new();
    let (local, client) = case.stage().await?;
    match client.invoke(request(case)).await {
        Ok(_) => reasons.push(format!("expected status {}, got an answer", case.recording.response.status)),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    case.check_wire(&local, &mut reasons);
    Ok(reasons)
}

/// The same of a stream.
pub(crate) async fn refused_stream(case: &Case) -> Result<Reasons> {
    let mut reasons = Vec::new();
    let (local, client) = case.stage().await?;
    match client.invoke_stream(request(case)).await {
        Ok(_) => reasons.push(format!("expected status {}, got a stream", case.recording.response.status)),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    case.check_wire(&local, &mut reasons);
    Ok(reasons)
}

pub(crate) async fn invoke_stream(case: &Case) -> Result<Reasons> {
    let mut reasons = Vec::new();
    let (local, client) = case.stage().await?;
    match client.invoke_stream(request(case)).await {
        Ok(mut stream) if case.succeeded() => {
            let codec = codec(case)?;
            let (mut decoder, mut answer) = (codec.stream_decoder(), Accumulator::new());
            let mut chunks: Vec<Value> = Vec::new();
            let mut failure = None;
            while let Some(chunk) = stream.next().await {
                let chunk = match chunk {
                    Ok(chunk) => chunk,
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                };
                let json: Value = serde_json::from_slice(&chunk)?;
                match decoder.chunk(&chunk) {
                    Ok(events) => events.iter().for_each(|event| answer.push(event)),
                    // what Anthropic says went wrong is no part of an answer
                    Err(_) if json["type"] == "error" => {}
                    Err(error) => return Err(error.into()),
                }
                chunks.push(json);
            }
            case.check_ending(failure.as_ref(), case.is_cut(), &mut reasons);
            for event in decoder.finish() {
                answer.push(&event);
            }
            let recorded = recorded_chunks(case);
            reasons.extend(
                diff(&recorded.clone().into(), &chunks.into()).map(|place| format!("chunks {place}")),
            );
            let expected = expected::native_stream(&recorded);
            reasons.extend(
                difference(&expected, &Answer::of(&answer.response()))
                    .map(|place| format!("decoded stream {place}")),
            );
            case.check_request_id(stream.request_id(), &mut reasons);
        }
        Ok(_) => reasons.push(format!("expected status {}, got a stream", case.recording.response.status)),
        Err(error) if case.succeeded() => reasons.push(format!("expected a stream, got {error:?}")),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    case.check_wire(&local, &mut reasons);
    check_request_codec(case, true, &mut reasons)?;
    Ok(reasons)
}

/// The recorded body and its headers, as they are.
fn request(case: &Case) -> InvokeRequest {
    let recorded = &case.recording.request;
    let body = if recorded.body.is_null() { Bytes::new() } else { recorded.body.to_string().into() };
    let header = |name: &str| recorded.headers.get(name).cloned();
    let guardrail = header("x-amzn-bedrock-guardrailidentifier").map(|identifier| {
        let version = header("x-amzn-bedrock-guardrailversion").unwrap_or_default();
        let mut guardrail = GuardrailConfig::new(identifier, version);
        guardrail.trace = header("x-amzn-bedrock-trace").map(|trace| trace.to_lowercase().as_str().into());
        guardrail
    });
    InvokeRequest {
        guardrail,
        performance_latency: header("x-amzn-bedrock-performanceconfig-latency")
            .map(|latency| latency.as_str().into()),
        service_tier: header("x-amzn-bedrock-service-tier").map(|tier| tier.as_str().into()),
        request_metadata: header("x-amzn-bedrock-request-metadata"),
        content_type: header("content-type"),
        // streams have the wish in a header of its own, since `accept` is the event stream's
        accept: header("x-amzn-bedrock-accept").or(header("accept")),
        ..InvokeRequest::new(case.model(), body)
    }
}

fn codec(case: &Case) -> Result<Arc<dyn Provider>> {
    Ok(Registry::builtin().get_for_request(&case.model(), case.request_body().to_string().as_bytes())?)
}

/// The request body through its family's types: lossless, and where it is a conversation, through ours and back.
fn check_request_codec(case: &Case, streaming: bool, reasons: &mut Reasons) -> Result<()> {
    if case.request_body().is_null() {
        return Ok(()); // an empty body has no form
    }
    let codec = match codec(case) {
        Ok(codec) => codec,
        Err(_) if !case.succeeded() => return Ok(()), // a model that nobody knows, the service neither
        Err(error) => return Err(error),
    };
    let body = case.request_body().to_string();
    let rewritten: Value = serde_json::from_slice(&codec.rewrite_request(body.as_bytes())?)?;
    reasons.extend(
        diff(case.request_body(), &rewritten).map(|place| format!("typed request written again: {place}")),
    );

    let decoded = codec.decode_request(body.as_bytes())?;
    let must_be_chat =
        case.request_body().get("messages").is_some() || case.request_body().get("message").is_some();
    if must_be_chat && !decoded.is_chat {
        reasons.push("$.request.body: a conversation was not taken as one".to_owned());
    }
    if decoded.is_chat {
        let mut request = decoded.request;
        request.model = case.model();
        let options = EncodeOptions::new(streaming).spelling(decoded.spelling);
        let encoded: Value = serde_json::from_slice(&codec.encode_request(&request, &options)?.body)?;
        reasons.extend(
            diff(case.request_body(), &encoded).map(|place| format!("wire → ChatRequest → wire: {place}")),
        );
    }
    Ok(())
}

/// Compares answers; ids that the family does not have are ours and not compared.
fn difference(expected: &Answer, actual: &Answer) -> Option<String> {
    let mut actual = actual.clone();
    let calls = actual.tool_uses.iter_mut().zip(&expected.tool_uses);
    for (ours, theirs) in calls.chain(actual.incomplete.iter_mut().zip(&expected.incomplete)) {
        if theirs["id"] == "" {
            ours["id"] = theirs["id"].clone();
        }
    }
    expected.diff(&actual)
}

fn recorded_chunks(case: &Case) -> Vec<Value> {
    let chunks = case.events().filter(|event| event.r#type == "chunk");
    chunks.map(|event| event.payload["bytes_decoded"].clone()).collect()
}
