//! Embeddings and rankings: the body through its family's codec both ways, and the call through client, wire and
//! endpoint; every number against the text that was recorded.

use std::sync::Arc;

use anyhow::Result;
use bedrock_llm_providers::families::agent_runtime::AgentRuntimeRerank;
use bedrock_llm_providers::{EmbedCodec, InvocationMetrics, Registry, RerankCodec};
use bedrock_llm_schema::embed::{Bits, Vectors};
use bedrock_llm_schema::rerank::RerankApi;
use bedrock_llm_schema::rules::{check_embed, check_rerank};
use bedrock_llm_schema::{Catalog, EmbedRequest, ModelId, RerankRequest, RerankResponse, Violations};
use bytes::Bytes;
use serde_json::Value;

use crate::case::{Case, Reasons};
use crate::diff::{diff, diff_floats};
use crate::expected::{ByType, is_known, ranking, vectors};
use crate::native;

pub(crate) async fn embed(case: &Case) -> Result<Reasons> {
    let (codec, request, encoded) = match read_embed(case) {
        Ok(read) => read,
        // no model of ours, or no body that our types can hold: so it was refused
        Err(_) if !case.succeeded() => return native::refused(case).await,
        Err(error) => return Err(error),
    };
    let mut reasons = check_request(case, &encoded)?;
    if case.succeeded() {
        let decode =
            |metrics: &InvocationMetrics| codec.decode_response(case.raw_response.as_bytes(), metrics);
        let response = decode(&metrics(case))?;
        reasons.extend(check_vectors(&vectors(&case.raw_response)?, &response.vectors));
        check_tokens(case, response.input_tokens, &mut reasons);
        // what the headers said is no part of the body
        let body_alone = decode(&InvocationMetrics::default())?;
        reasons.extend(check_answer(case, &codec.encode_response(&body_alone, &request)?)?);
    }
    let (local, client) = case.stage_with(catalog(case, embed_base(case, codec.name()))).await?;
    match client.embed(request).await {
        Ok(response) if case.succeeded() => {
            // what went over the wire is the recording as JSON writes it
            let expected = vectors(&case.response_body().to_string())?;
            let different = check_vectors(&expected, &response.vectors);
            reasons.extend(different.into_iter().map(|place| format!("by the client: {place}")));
            check_tokens(case, response.input_tokens, &mut reasons);
            case.check_request_id(response.request_id.as_deref(), &mut reasons);
        }
        Ok(_) => reasons.push(format!("expected status {}, got vectors", case.recording.response.status)),
        Err(error) if case.succeeded() => reasons.push(format!("expected vectors, got {error:?}")),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    case.check_wire(&local, &mut reasons);
    Ok(reasons)
}

pub(crate) async fn rerank(case: &Case, api: RerankApi) -> Result<Reasons> {
    let (codec, request, encoded) = match read_rerank(case, api) {
        Ok(read) => read,
        Err(_) if !case.succeeded() && api == RerankApi::AgentRuntime => return refused_rerank(case).await,
        Err(_) if !case.succeeded() => return native::refused(case).await,
        Err(error) => return Err(error),
    };
    let mut reasons = check_request(case, &encoded)?;
    if case.succeeded() {
        let response = codec.decode_response(case.raw_response.as_bytes(), &metrics(case))?;
        reasons.extend(check_ranking(&ranking(&case.raw_response)?, &response));
        check_tokens(case, response.input_tokens, &mut reasons);
        reasons.extend(check_answer(case, &codec.encode_response(&response)?)?);
    }
    let base = if api == RerankApi::AgentRuntime { None } else { rerank_base(case, codec.name()) };
    let (local, client) = case.stage_with(catalog(case, base)).await?;
    match client.rerank(request).await {
        Ok(response) if case.succeeded() => {
            let expected = ranking(&case.response_body().to_string())?;
            let different = check_ranking(&expected, &response);
            reasons.extend(different.map(|place| format!("by the client: {place}")));
            check_tokens(case, response.input_tokens, &mut reasons);
            case.check_request_id(response.request_id.as_deref(), &mut reasons);
        }
        Ok(_) => reasons.push(format!("expected status {}, got a ranking", case.recording.response.status)),
        Err(error) if case.succeeded() => reasons.push(format!("expected a ranking, got {error:?}")),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    case.check_wire(&local, &mut reasons);
    Ok(reasons)
}

/// The request for embeddings in our types, and as these write it.
fn read_embed(case: &Case) -> Result<(Arc<dyn EmbedCodec>, EmbedRequest, Bytes)> {
    let codec = embed_codec(case)?;
    let request = EmbedRequest { model: case.model(), ..codec.decode_request(&request_body(case))? };
    let encoded = codec.encode_request(&request, &request.model)?;
    Ok((codec, request, encoded))
}

/// The request for a ranking in our types, and as these write it.
fn read_rerank(case: &Case, api: RerankApi) -> Result<(Arc<dyn RerankCodec>, RerankRequest, Bytes)> {
    let codec = rerank_codec(case, api)?;
    let mut request = codec.decode_request(&request_body(case))?;
    if api == RerankApi::InvokeModel {
        request.model = case.model();
    }
    let encoded = codec.encode_request(&request, &request.model)?;
    Ok((codec, request, encoded))
}

/// A body that is none of `Rerank`'s, which the service refused: it goes as it is, laid over one of ours.
async fn refused_rerank(case: &Case) -> Result<Reasons> {
    let mut request = RerankRequest::new(case.model(), "").api(RerankApi::AgentRuntime);
    let ours: Value = serde_json::from_slice(&AgentRuntimeRerank.encode_request(&request, &request.model)?)?;
    request.extra.insert(AgentRuntimeRerank::BODY.to_owned(), laid_over(&ours, case.request_body()));
    let mut reasons = Reasons::new();
    let (local, client) = case.stage().await?;
    match client.rerank(request).await {
        Ok(_) => reasons.push(format!("expected status {}, got a ranking", case.recording.response.status)),
        Err(error) => case.check_error(&error, &mut reasons),
    }
    // an empty body, or one that is no object, no client of ours sends
    if case.request_body().is_object() {
        case.check_wire(&local, &mut reasons);
    }
    Ok(reasons)
}

/// What makes `wanted` of `ours` when it is laid over it: `null` takes a member away.
fn laid_over(ours: &Value, wanted: &Value) -> Value {
    let (Value::Object(ours), Value::Object(wanted)) = (ours, wanted) else { return wanted.clone() };
    let mut over: serde_json::Map<_, _> = wanted
        .iter()
        .map(|(name, wanted)| (name.clone(), laid_over(ours.get(name).unwrap_or(&Value::Null), wanted)))
        .collect();
    for name in ours.keys().filter(|name| !wanted.contains_key(*name)) {
        over.insert(name.clone(), Value::Null);
    }
    over.into()
}

/// What the rules say of it; `None` where it is another kind of call.
pub(crate) fn judge(case: &Case) -> Option<Result<Option<Violations>>> {
    match case.recording.operation.as_str() {
        "Rerank" => Some(judge_rerank(case, RerankApi::AgentRuntime)),
        "InvokeModel" if case.is_ranking() => Some(judge_rerank(case, RerankApi::InvokeModel)),
        "InvokeModel" if case.is_embedding() => Some(judge_embed(case)),
        _ => None,
    }
}

fn judge_embed(case: &Case) -> Result<Option<Violations>> {
    let codec = embed_codec(case)?;
    let (request, model) = (codec.decode_request(&request_body(case))?, case.model());
    let catalog = catalog(case, embed_base(case, codec.name()));
    Ok(check_embed(&request, &model, &catalog.profile(&model)).err())
}

fn judge_rerank(case: &Case, api: RerankApi) -> Result<Option<Violations>> {
    let codec = rerank_codec(case, api)?;
    let request = codec.decode_request(&request_body(case))?;
    let model = if api == RerankApi::AgentRuntime { request.model.clone() } else { case.model() };
    Ok(check_rerank(&request, &model, &Catalog::builtin().profile(&model)).err())
}

fn request_body(case: &Case) -> Bytes {
    case.request_body().to_string().into()
}

fn embed_codec(case: &Case) -> Result<Arc<dyn EmbedCodec>> {
    Ok(Registry::builtin().embed_for_request(&case.model(), &request_body(case))?)
}

fn rerank_codec(case: &Case, api: RerankApi) -> Result<Arc<dyn RerankCodec>> {
    if api == RerankApi::AgentRuntime {
        return Ok(Arc::new(AgentRuntimeRerank));
    }
    Ok(Registry::builtin().rerank_for_request(&case.model(), &request_body(case))?)
}

/// The model behind an id that does not tell: one whose codec has this name.
fn embed_base(case: &Case, codec: &str) -> Option<ModelId> {
    let registry = Registry::builtin();
    base(case, codec, |id| Some(registry.embed(id).ok()?.name()))
}

fn rerank_base(case: &Case, codec: &str) -> Option<ModelId> {
    let registry = Registry::builtin();
    base(case, codec, |id| Some(registry.rerank(id).ok()?.name()))
}

fn base(case: &Case, codec: &str, name: impl Fn(&ModelId) -> Option<&'static str>) -> Option<ModelId> {
    let mut known = Catalog::builtin().iter().map(|profile| &profile.id);
    let is_told = name(&case.model()).is_some();
    known.find(|id| !is_told && name(id) == Some(codec)).cloned()
}

/// The catalog as a user has it, who has named the model behind the id.
fn catalog(case: &Case, base: Option<ModelId>) -> Catalog {
    let mut catalog = Catalog::builtin().clone();
    if let Some(base) = base {
        catalog.set_base_model(case.model(), base);
    }
    catalog
}

fn metrics(case: &Case) -> InvocationMetrics {
    let headers = case.recording.response.headers.iter();
    InvocationMetrics::from_headers(headers.map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Whether the request is written as it was.
fn check_request(case: &Case, encoded: &[u8]) -> Result<Reasons> {
    let encoded: Value = serde_json::from_slice(encoded)?;
    let different = diff(case.request_body(), &encoded);
    Ok(different.map(|place| format!("request written again: {place}")).into_iter().collect())
}

/// Whether the answer is written as it was, as far as 32-bit floats tell.
fn check_answer(case: &Case, encoded: &[u8]) -> Result<Option<String>> {
    let different = diff_floats(&case.response_body(), &serde_json::from_slice(encoded)?);
    Ok(different.map(|place| format!("answer written again: {place}")))
}

/// The body's own count, or else the header's.
fn check_tokens(case: &Case, actual: Option<u64>, reasons: &mut Reasons) {
    let body = case.response_body()["inputTextTokenCount"].as_u64();
    let header = || case.header("x-amzn-bedrock-input-token-count")?.parse().ok();
    let expected = body.or_else(header);
    if expected != actual {
        reasons.push(format!("tokens: expected {expected:?}, got {actual:?}"));
    }
}

/// Whether every number is the one nearest to its digits.
fn check_vectors(expected: &ByType, actual: &[Vectors]) -> Reasons {
    let mut reasons = Reasons::new();
    for vectors in actual {
        let name = vectors.r#type();
        let rows = expected.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
        if rows.len() != vectors.len() {
            reasons.push(format!("{} vectors of type {name}, expected {}", vectors.len(), rows.len()));
        }
        for (place, row) in rows.iter().enumerate() {
            if !is_same(vectors, place, row) {
                reasons.push(format!("vector {place} of type {name} is not the recorded one"));
            }
        }
    }
    let has = |name: &str| actual.iter().any(|vectors| vectors.r#type().as_str() == name);
    let missing = expected.keys().filter(|name| is_known(name) && !has(name));
    reasons.extend(missing.map(|name| format!("no vectors of type {name}")));
    reasons
}

fn is_same(vectors: &Vectors, place: usize, row: &[String]) -> bool {
    match vectors {
        Vectors::Float(matrix) => {
            let bits = |text: &String| text.parse::<f32>().ok().map(f32::to_bits);
            matrix
                .row(place)
                .is_some_and(|found| found.iter().map(|it| Some(it.to_bits())).eq(row.iter().map(bits)))
        }
        Vectors::Int8(matrix) => {
            let parse = |text: &String| text.parse().ok();
            matrix.row(place).is_some_and(|found| found.iter().copied().map(Some).eq(row.iter().map(parse)))
        }
        Vectors::Uint8(matrix) => {
            let parse = |text: &String| text.parse().ok();
            matrix.row(place).is_some_and(|found| found.iter().copied().map(Some).eq(row.iter().map(parse)))
        }
        Vectors::Binary(matrix) | Vectors::Ubinary(matrix) => {
            matrix.row(place).is_some_and(|found| is_same_bits(found, row))
        }
        _ => false,
    }
}

/// A number for a byte, signed or not; or, as Titan has it, for a dimension.
fn is_same_bits(found: &[Bits], row: &[String]) -> bool {
    let numbers = row.iter().map(|text| text.parse::<i16>().ok());
    if found.len() == row.len() {
        let byte = |number: Option<i16>| Some(number?.rem_euclid(256));
        return found.iter().map(|bits| Some(i16::from(bits.0))).eq(numbers.map(byte));
    }
    found.iter().flat_map(|bits| bits.unpack()).map(|bit| Some(i16::from(bit))).eq(numbers)
}

fn check_ranking(expected: &[(usize, String)], actual: &RerankResponse) -> Option<String> {
    let expected: Vec<_> =
        expected.iter().map(|(index, score)| (*index, score.parse::<f32>().ok().map(f32::to_bits))).collect();
    let results = actual.results.iter();
    let actual: Vec<_> =
        results.map(|result| (result.index, Some(result.relevance_score.to_bits()))).collect();
    (expected != actual).then(|| format!("the ranking {actual:?} is not the recorded {expected:?}"))
}
