//! `Rerank` of bedrock-agent-runtime, which has one body for all models.
//!
//! - [x] the query, documents as text and JSON, `numberOfResults`, `additionalModelRequestFields`, pages
//!
//! The body names the model by `modelArn`: the request's own model, which the codec takes as it is given. To make an
//! ARN of it is the client's task.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html>

use bedrock_llm_schema::rerank::{RerankApi, RerankDocument, RerankResult};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ModelId, RerankRequest, RerankResponse};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::overlay;
use super::common::setting::Read as _;
use super::nulls::malformed;
use super::rerank::check_answer;
use crate::{CodecError, InvocationMetrics, RerankCodec, json};

const NAME: &str = "bedrock-agent-runtime-rerank";

/// The bodies of bedrock-agent-runtime's `Rerank`.
///
/// A request's `extra` goes to the model as `additionalModelRequestFields`, so that it means the same as for
/// InvokeModel. What else a body has beyond what is known here is kept there too, under [`BODY`](Self::BODY).
///
/// ```
/// use bedrock_llm_providers::RerankCodec as _;
/// use bedrock_llm_providers::families::agent_runtime::AgentRuntimeRerank;
/// use bedrock_llm_schema::RerankRequest;
///
/// let arn = "arn:aws:bedrock:us-west-2::foundation-model/amazon.rerank-v1:0";
/// let request = RerankRequest::new(arn, "capital?").documents(["Paris", "Lyon"]).top_n(1);
/// let body = AgentRuntimeRerank.encode_request(&request, &request.model)?;
/// let again = AgentRuntimeRerank.decode_request(&body)?;
/// assert_eq!((again.model.as_str(), again.documents.len(), again.top_n), (arn, 2, Some(1)));
/// # Ok::<(), bedrock_llm_providers::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct AgentRuntimeRerank;

const CONFIGURATION: &str = "rerankingConfiguration";
const MODEL: &str = "/rerankingConfiguration/bedrockRerankingConfiguration/modelConfiguration";
const RESULTS: &str = "/rerankingConfiguration/bedrockRerankingConfiguration/numberOfResults";
const FIELDS: &str = "additionalModelRequestFields";

impl AgentRuntimeRerank {
    /// The member of a request's `extra` that is laid over the whole body.
    pub const BODY: &str = "$body";
}

/// The members that have a name in a request.
fn known(request: &RerankRequest, model: &ModelId) -> Extra {
    let mut model = Extra::from_iter([(String::from("modelArn"), model.as_str().into())]);
    let mut fields = request.extra.clone();
    fields.shift_remove(AgentRuntimeRerank::BODY);
    if !fields.is_empty() {
        model.insert(FIELDS.to_owned(), fields.into());
    }
    let mut configuration = Extra::from_iter([(String::from("modelConfiguration"), model.into())]);
    // all where nothing is said: the service's own default is 5 (github.com/garrytan/gbrain/issues/3509)
    let all = Some(request.documents.len()).filter(|count| *count > 0);
    if let Some(results) = request.top_n.map(Value::from).or(all.map(Value::from)) {
        configuration.insert("numberOfResults".to_owned(), results);
    }
    let source = |document| json!({"type": "INLINE", "inlineDocumentSource": Document::write(document)});
    let mut body = Extra::from_iter([
        (String::from("queries"), json!([{"type": "TEXT", "textQuery": {"text": request.query}}])),
        (String::from("sources"), request.documents.iter().map(source).collect()),
        (
            CONFIGURATION.to_owned(),
            json!({"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": configuration}),
        ),
    ]);
    if let Some(token) = &request.next_token {
        body.insert("nextToken".to_owned(), token.as_str().into());
    }
    body
}

/// A document as the body has it, in requests and in answers.
#[serde_with::skip_serializing_none]
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    r#type: Option<String>,
    text_document: Option<Text>,
    json_document: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    text: String,
}

impl Document {
    fn write(document: &RerankDocument) -> Self {
        match document {
            RerankDocument::Json(object) => Self {
                r#type: Some("JSON".to_owned()),
                json_document: Some(object.clone().into()),
                ..Self::default()
            },
            document => Self {
                r#type: Some("TEXT".to_owned()),
                text_document: Some(Text { text: document.text().into_owned() }),
                ..Self::default()
            },
        }
    }

    fn read(self) -> Option<RerankDocument> {
        match self {
            Self { text_document: Some(text), .. } => Some(text.text.into()),
            Self { json_document: Some(Value::Object(object)), .. } => Some(object.into()),
            _ => None,
        }
    }
}

#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    results: Vec<ResultBody>,
    next_token: Option<String>,
    #[serde(flatten)]
    extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultBody {
    index: usize,
    relevance_score: f32,
    document: Option<Document>,
}

impl RerankCodec for AgentRuntimeRerank {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode_request(&self, request: &RerankRequest, model: &ModelId) -> Result<Bytes, CodecError> {
        let mut body = known(request, model);
        if let Some(Value::Object(rest)) = request.extra.get(Self::BODY) {
            overlay::lay(&mut body, rest);
        }
        json::write(NAME, "request", &body)
    }

    fn decode_response(
        &self,
        body: &[u8],
        metrics: &InvocationMetrics,
    ) -> Result<RerankResponse, CodecError> {
        let body: Response = json::read(NAME, "response", body)?;
        let results = body.results.into_iter().map(|result| RerankResult {
            index: result.index,
            relevance_score: result.relevance_score,
            document: result.document.and_then(Document::read),
        });
        Ok(RerankResponse {
            results: results.collect(),
            next_token: body.next_token,
            input_tokens: metrics.input_token_count,
            extra: body.extra,
            ..RerankResponse::default()
        })
    }

    /// The request's model is the body's `modelArn`.
    fn decode_request(&self, body: &[u8]) -> Result<RerankRequest, CodecError> {
        let body: Value = json::read(NAME, "request", body)?;
        let refuse = |path: String, what: &str| malformed(NAME, "request", &path, what);
        let query = body.pointer("/queries/0/textQuery/text").and_then(Value::as_str);
        let query = query.ok_or_else(|| refuse("queries[0].textQuery.text".to_owned(), "no text"))?;
        let model = body.pointer(MODEL);
        let arn = model.and_then(|model| model.get("modelArn")).and_then(Value::as_str);
        let path = "rerankingConfiguration.bedrockRerankingConfiguration.modelConfiguration.modelArn";
        let arn = arn.ok_or_else(|| refuse(path.to_owned(), "no ARN"))?;
        let sources = body.get("sources").and_then(Value::as_array);
        let sources = sources.ok_or_else(|| refuse("sources".to_owned(), "no list"))?;
        let document = |(place, source): (usize, &Value)| {
            let document = source.get("inlineDocumentSource").and_then(|it| Document::deserialize(it).ok());
            let path = || format!("sources[{place}].inlineDocumentSource");
            document.and_then(Document::read).ok_or_else(|| refuse(path(), "neither text nor JSON"))
        };
        let documents = sources.iter().enumerate().map(document).collect::<Result<Vec<_>, _>>()?;
        let mut request = RerankRequest::new(arn, query).documents(documents).api(RerankApi::AgentRuntime);
        request.top_n = body.pointer(RESULTS).and_then(u32::read);
        request.next_token = body.get("nextToken").and_then(Value::as_str).map(str::to_owned);
        let fields = model.and_then(|model| model.get(FIELDS)).and_then(Value::as_object);
        request.extra = fields.cloned().unwrap_or_default();
        let Value::Object(body) = body else { return Err(refuse(".".to_owned(), "no object")) };
        let rest = overlay::over(&known(&request, &request.model), body);
        if !rest.is_empty() {
            request.extra.insert(Self::BODY.to_owned(), rest.into());
        }
        Ok(request)
    }

    fn encode_response(&self, response: &RerankResponse) -> Result<Bytes, CodecError> {
        check_answer(NAME, response, true)?;
        let results = response.results.iter().map(|result| ResultBody {
            index: result.index,
            relevance_score: result.relevance_score,
            document: result.document.as_ref().map(Document::write),
        });
        let written = Response {
            results: results.collect(),
            next_token: response.next_token.clone(),
            extra: response.extra.clone(),
        };
        json::write(NAME, "response", &written)
    }
}

#[cfg(test)]
mod tests;
