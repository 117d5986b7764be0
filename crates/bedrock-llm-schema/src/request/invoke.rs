//! A native body, sent as it is.

use std::fmt;
use std::io;

use bytes::Bytes;

use super::{Operation, PerformanceLatency, Request, ServiceTierType, write_sorted};
use crate::ModelId;
use crate::guardrail::GuardrailConfig;
use crate::response::AnsweredBy;
use crate::stream::InvokeStream;

/// A body in the model's native form. What travels beside the body as headers is set here.
#[derive(Clone, Default, PartialEq)]
pub struct InvokeRequest {
    /// The model.
    pub model: ModelId,
    /// The body.
    pub body: Bytes,
    /// The body's type; `application/json` where nothing is said.
    pub content_type: Option<String>,
    /// The type of answer wanted; `application/json` where nothing is said.
    pub accept: Option<String>,
    /// The guardrail the request is held to.
    pub guardrail: Option<GuardrailConfig>,
    /// How fast the answer should be.
    pub performance_latency: Option<PerformanceLatency>,
    /// The tier in which the request runs and is paid.
    pub service_tier: Option<ServiceTierType>,
    /// Labels for the invocation log, as a JSON object of strings.
    pub request_metadata: Option<String>,
}

/// An [`InvokeRequest`] that is answered as a stream of native chunks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InvokeStreamRequest(pub InvokeRequest);

/// A native answer.
#[derive(Clone, Default, PartialEq)]
pub struct InvokeResponse {
    /// The body.
    pub body: Bytes,
    /// The body's type.
    pub content_type: Option<String>,
    /// The `x-amzn-*` headers in lower case, such as `x-amzn-bedrock-input-token-count`.
    pub headers: Vec<(String, String)>,
    /// The service's id for this call.
    pub request_id: Option<String>,
    /// Who answered, where the call could have gone to several.
    pub answered_by: Option<Box<AnsweredBy>>,
    /// Whether the answer came from a client's own cache of answers; its [`usage`](crate::Response::usage) says so too.
    pub is_replayed: bool,
}

impl InvokeRequest {
    /// A native body for a model.
    pub fn new(model: impl Into<ModelId>, body: impl Into<Bytes>) -> Self {
        Self { model: model.into(), body: body.into(), ..Self::default() }
    }

    /// The same request, answered as a stream.
    #[must_use]
    pub fn streaming(self) -> InvokeStreamRequest {
        InvokeStreamRequest(self)
    }
}

impl From<InvokeRequest> for InvokeStreamRequest {
    fn from(request: InvokeRequest) -> Self {
        Self(request)
    }
}

impl InvokeResponse {
    /// A response header's value; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Shows the body's length only.
impl fmt::Debug for InvokeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvokeRequest")
            .field("model", &self.model.as_str())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Shows the body's length only.
impl fmt::Debug for InvokeResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvokeResponse")
            .field("body_bytes", &self.body.len())
            .field("content_type", &self.content_type)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// A native body's tokens cannot be told from its bytes; about four are one.
const BYTES_PER_TOKEN: u64 = 4;

impl Request for InvokeRequest {
    type Response = InvokeResponse;
    const OPERATION: Operation = Operation::InvokeModel;

    fn model(&self) -> Option<&ModelId> {
        Some(&self.model)
    }

    fn set_model(&mut self, model: ModelId) {
        self.model = model;
    }

    fn estimate_input_tokens_of(&self, _model: &ModelId) -> u64 {
        u64::try_from(self.body.len()).unwrap_or(u64::MAX) / BYTES_PER_TOKEN
    }

    /// The body counts byte by byte: the order of members is a part of it.
    fn write_key(&self, out: &mut dyn io::Write) -> io::Result<bool> {
        let Self { content_type, accept, guardrail, performance_latency, service_tier, .. } = self;
        write_sorted(&(content_type, accept, guardrail, performance_latency, service_tier), &[], out)?;
        out.write_all(&self.body)?;
        Ok(true)
    }

    fn max_output_tokens(&self) -> Option<u64> {
        serde_json::from_slice::<OutputLimit>(&self.body).ok()?.tokens()
    }
}

/// Where the families' native bodies say how long an answer may be.
#[derive(serde::Deserialize)]
struct OutputLimit {
    #[serde(
        alias = "max_completion_tokens",
        alias = "max_gen_len",
        alias = "max_new_tokens",
        alias = "maxTokenCount"
    )]
    #[serde(alias = "maxTokens")]
    max_tokens: Option<u64>,
    #[serde(alias = "inferenceConfig", alias = "textGenerationConfig")]
    nested: Option<Box<OutputLimit>>,
}

impl OutputLimit {
    fn tokens(self) -> Option<u64> {
        self.max_tokens.or_else(|| self.nested?.tokens())
    }
}

impl Request for InvokeStreamRequest {
    type Response = InvokeStream;
    const OPERATION: Operation = Operation::InvokeModelWithResponseStream;

    fn model(&self) -> Option<&ModelId> {
        self.0.model()
    }

    fn set_model(&mut self, model: ModelId) {
        self.0.set_model(model);
    }

    fn estimate_input_tokens_of(&self, model: &ModelId) -> u64 {
        self.0.estimate_input_tokens_of(model)
    }

    fn write_key(&self, out: &mut dyn io::Write) -> io::Result<bool> {
        self.0.write_key(out)
    }

    fn max_output_tokens(&self) -> Option<u64> {
        self.0.max_output_tokens()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_bodies_say_how_long_an_answer_may_be() {
        for (body, wanted) in [
            (r#"{"max_tokens": 50, "messages": [{"max_tokens": 7}]}"#, Some(50)),
            (r#"{"inferenceConfig": {"maxTokens": 51}}"#, Some(51)),
            (r#"{"inferenceConfig": {"max_new_tokens": 52}}"#, Some(52)),
            (r#"{"textGenerationConfig": {"maxTokenCount": 53}}"#, Some(53)),
            (r#"{"prompt": "x", "max_gen_len": 54}"#, Some(54)),
            (r#"{"max_tokens": null}"#, None),
            ("not JSON", None),
        ] {
            let request = InvokeRequest::new("m", body);
            assert_eq!(request.max_output_tokens(), wanted, "{body}");
            assert_eq!(request.streaming().max_output_tokens(), wanted, "{body}");
        }
    }
}
