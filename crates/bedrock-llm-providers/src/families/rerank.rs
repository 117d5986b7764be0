//! Rerankers through InvokeModel: Cohere Rerank 3.5 and Amazon Rerank 1.0.
//!
//! - [x] query, documents of text, `top_n`; further members of Cohere's (`max_tokens_per_doc`, …) travel as they are
//! - [x] documents of JSON, as the text that they are: the models read texts alone
//!   (<https://docs.cohere.com/v2/reference/rerank>)
//! - [ ] pages of results, which `Rerank` of bedrock-agent-runtime has
//!
//! The two bodies differ in one member: Cohere wants `api_version`, Amazon refuses it
//! (<https://github.com/genkit-ai/aws-bedrock-go-plugin/issues/190>). Cohere's is recording 3b3f35f5d44d.

use std::collections::BTreeMap;

use bedrock_llm_schema::rerank::{RerankDocument, RerankResult};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ModelId, RerankRequest, RerankResponse};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::cannot_answer;
use super::common::overlay;
use super::common::setting::Read as _;
use super::nulls::malformed;
use crate::{CodecError, InvocationMetrics, RerankCodec, json};

/// The bodies of `cohere.rerank-*` and `amazon.rerank-*` through InvokeModel.
///
/// ```
/// use bedrock_llm_providers::RerankCodec as _;
/// use bedrock_llm_providers::families::rerank::InvokeRerank;
/// use bedrock_llm_schema::RerankRequest;
///
/// let request = RerankRequest::new("cohere.rerank-v3-5:0", "capital?").document("Paris").top_n(1);
/// let body = InvokeRerank::cohere().encode_request(&request, &request.model)?;
/// assert_eq!(&*body, br#"{"query":"capital?","documents":["Paris"],"top_n":1,"api_version":2}"#);
/// # Ok::<(), bedrock_llm_providers::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct InvokeRerank {
    name: &'static str,
    api_version: Option<u32>,
}

impl InvokeRerank {
    /// The member of a response's `extra` that lists the results, counted from 0, whose documents came back as a bare
    /// text. Others are written as `{"text": …}`.
    pub const BARE: &str = "$bare_documents";

    /// Cohere's: `api_version` is 2 unless the request's `extra` has another.
    #[must_use]
    pub fn cohere() -> Self {
        Self { name: "cohere-rerank", api_version: Some(2) }
    }

    /// Amazon's.
    #[must_use]
    pub fn amazon() -> Self {
        Self { name: "amazon-rerank", api_version: None }
    }

    /// The members that have a name in a request, and the version.
    fn known(self, request: &RerankRequest) -> Extra {
        let documents = request.documents.iter().map(|document| document.text().into());
        let mut body = Extra::from_iter([
            ("query".to_owned(), request.query.as_str().into()),
            ("documents".to_owned(), documents.collect::<Vec<Value>>().into()),
        ]);
        let numbers = [("top_n", request.top_n), ("api_version", self.api_version)];
        body.extend(numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), number?.into()))));
        body
    }
}

#[derive(Deserialize)]
struct Body {
    results: Vec<ResultBody>,
    #[serde(flatten)]
    extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
struct ResultBody {
    index: usize,
    relevance_score: f32,
    document: Option<Value>,
}

impl RerankCodec for InvokeRerank {
    fn name(&self) -> &'static str {
        self.name
    }

    fn encode_request(&self, request: &RerankRequest, _model: &ModelId) -> Result<Bytes, CodecError> {
        if request.next_token.is_some() {
            let (what, path) = ("pages of results".to_owned(), "nextToken".to_owned());
            return Err(CodecError::Unsupported { family: self.name, what, path });
        }
        let mut body = self.known(request);
        overlay::lay(&mut body, &request.extra);
        json::write(self.name, "request", &body)
    }

    fn decode_response(
        &self,
        body: &[u8],
        metrics: &InvocationMetrics,
    ) -> Result<RerankResponse, CodecError> {
        let body: Body = json::read(self.name, "response", body)?;
        let bare = body.results.iter().enumerate();
        let bare: Vec<_> = bare
            .filter(|(_, result)| result.document.as_ref().is_some_and(Value::is_string))
            .map(|(place, _)| Value::from(place))
            .collect();
        let mut extra = body.extra;
        if !bare.is_empty() {
            extra.insert(Self::BARE.to_owned(), bare.into());
        }
        let results = body.results.into_iter().map(|result| RerankResult {
            index: result.index,
            relevance_score: result.relevance_score,
            document: result.document.and_then(read_answered),
        });
        Ok(RerankResponse {
            results: results.collect(),
            input_tokens: metrics.input_token_count,
            extra,
            ..RerankResponse::default()
        })
    }

    fn decode_request(&self, body: &[u8]) -> Result<RerankRequest, CodecError> {
        let body: Extra = json::read(self.name, "request", body)?;
        let refuse = |path: String, what: &str| malformed(self.name, "request", &path, what);
        let query = body.get("query").and_then(Value::as_str);
        let query = query.ok_or_else(|| refuse("query".to_owned(), "no text"))?;
        let documents = body.get("documents").and_then(Value::as_array);
        let documents = documents.ok_or_else(|| refuse("documents".to_owned(), "no list"))?;
        let documents = documents.iter().enumerate().map(|(place, document)| match document {
            Value::String(text) => Ok(RerankDocument::from(text)),
            Value::Object(object) => Ok(RerankDocument::from(object.clone())),
            _ => Err(refuse(format!("documents[{place}]"), "neither text nor an object")),
        });
        let mut request = RerankRequest::new("", query).documents(documents.collect::<Result<Vec<_>, _>>()?);
        request.top_n = body.get("top_n").and_then(u32::read);
        request.extra = overlay::over(&self.known(&request), body);
        Ok(request)
    }

    fn encode_response(&self, response: &RerankResponse) -> Result<Bytes, CodecError> {
        #[derive(Serialize)]
        struct Written<'a> {
            results: Vec<ResultBody>,
            #[serde(flatten)]
            extra: BTreeMap<&'a str, &'a Value>,
        }
        check_answer(self.name, response, false)?;
        let bare = response.extra.get(Self::BARE).and_then(Value::as_array);
        let is_bare = |place: usize| bare.is_some_and(|places| places.contains(&place.into()));
        let results = response.results.iter().enumerate().map(|(place, result)| ResultBody {
            index: result.index,
            relevance_score: result.relevance_score,
            document: result.document.as_ref().map(|document| match document {
                RerankDocument::Json(object) => object.clone().into(),
                document if is_bare(place) => document.text().into(),
                document => json!({"text": document.text()}),
            }),
        });
        let extra = response.extra.iter().filter(|(name, _)| *name != Self::BARE);
        let extra = extra.map(|(name, value)| (name.as_str(), value)).collect();
        let written = Written { results: results.collect(), extra };
        json::write(self.name, "response", &written)
    }
}

/// A document that is given back: `{"text": …}` is a text.
fn read_answered(document: Value) -> Option<RerankDocument> {
    match document {
        Value::String(text) => Some(text.into()),
        Value::Object(object) => match object.get("text") {
            Some(Value::String(text)) if object.len() == 1 => Some(text.into()),
            _ => Some(object.into()),
        },
        _ => None,
    }
}

/// Refuses what an answer cannot say.
pub(super) fn check_answer(
    family: &'static str,
    response: &RerankResponse,
    pages: bool,
) -> Result<(), CodecError> {
    if response.next_token.is_some() && !pages {
        return Err(cannot_answer(family, "pages of results", "nextToken"));
    }
    match response.results.iter().position(|result| !result.relevance_score.is_finite()) {
        Some(place) => Err(cannot_answer(
            family,
            "a score that is not finite",
            format!("results[{place}].relevanceScore"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
