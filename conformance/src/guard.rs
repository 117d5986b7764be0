//! The two small operations: CountTokens and ApplyGuardrail.

use anyhow::{Context as _, Result};
use bedrock_llm_schema::{ApplyGuardrailRequest, CountTokensRequest};
use percent_encoding::percent_decode_str;
use serde_json::to_value;

use crate::case::{Case, Reasons};
use crate::diff::diff;

pub(crate) async fn count_tokens(case: &Case) -> Result<Reasons> {
    let mut request: CountTokensRequest = serde_json::from_value(case.request_body().clone())?;
    let mut reasons: Reasons = diff(case.request_body(), &to_value(&request)?).into_iter().collect();
    request.model = case.model();
    let (local, client) = case.stage().await?;
    match client.count_tokens(request).await {
        Ok(response) if case.succeeded() => {
            reasons.extend(diff(&case.response_body(), &to_value(&response)?));
            case.check_request_id(response.request_id.as_deref(), &mut reasons);
        }
        Ok(_) => reasons.push(format!("expected status {}, got a count", case.recording.response.status)),
        Err(error) if case.succeeded() => reasons.push(format!("expected a count, got {error:?}")),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    case.check_wire(&local, &mut reasons);
    Ok(reasons)
}

pub(crate) async fn apply_guardrail(case: &Case) -> Result<Reasons> {
    let mut request: ApplyGuardrailRequest = serde_json::from_value(case.request_body().clone())?;
    let mut reasons: Reasons = diff(case.request_body(), &to_value(&request)?).into_iter().collect();
    // /guardrail/{id}/version/{version}/apply
    let path = &case.recording.request.path;
    let inner = path.strip_prefix("/guardrail/").and_then(|path| path.strip_suffix("/apply"));
    let (id, version) =
        inner.and_then(|path| path.split_once("/version/")).context("the path names no guardrail")?;
    request.guardrail_identifier = percent_decode_str(id).decode_utf8()?.into_owned();
    request.guardrail_version = version.to_owned();
    let (local, client) = case.stage().await?;
    match client.apply_guardrail(request).await {
        Ok(response) if case.succeeded() => {
            reasons.extend(diff(&case.response_body(), &to_value(&response)?));
            case.check_request_id(response.request_id.as_deref(), &mut reasons);
        }
        Ok(_) => reasons.push(format!("expected status {}, got a verdict", case.recording.response.status)),
        Err(error) if case.succeeded() => reasons.push(format!("expected a verdict, got {error:?}")),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    case.check_wire(&local, &mut reasons);
    Ok(reasons)
}
