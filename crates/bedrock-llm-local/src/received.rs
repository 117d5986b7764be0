//! What a client sent, for tests to look at.

use std::fmt;

use bedrock_llm_schema::{ChatRequest, ModelId, Operation};
use bytes::Bytes;
use serde_json::Value;

use crate::route::Route;

/// Where the body of `Rerank` names the model.
const MODEL_ARN: &str = "/rerankingConfiguration/bedrockRerankingConfiguration/modelConfiguration/modelArn";

/// A request as it reached the endpoint.
///
/// Its `Debug` form shows neither the body nor what the headers say: prompts and credentials stay out of logs.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedRequest {
    /// The operation its path asks for; `None` for paths of no operation.
    pub operation: Option<Operation>,
    /// The model's id: that of the path, percent-decoded, or the ARN in the body of `Rerank`; empty where the operation
    /// has none.
    pub model_id: String,
    /// The guardrail's id and version in the path of `ApplyGuardrail`, percent-decoded.
    pub guardrail: Option<(String, String)>,
    /// What a [`FaultPlan`](crate::FaultPlan) did to it: [`Fault::kind`](crate::Fault::kind), or `latency` where the answer was late and nothing else.
    pub fault: Option<&'static str>,
    /// The HTTP method.
    pub method: String,
    /// Path and query as they were sent.
    pub path: String,
    /// The headers in the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Bytes,
    /// The body as JSON; null where it is empty or not JSON.
    pub json: Value,
}

impl ReceivedRequest {
    pub(crate) fn new(
        method: &str,
        path: &str,
        headers: Vec<(String, String)>,
        body: Bytes,
        route: Option<Route>,
    ) -> Self {
        let json = serde_json::from_slice(&body).unwrap_or_default();
        let mut received = Self {
            operation: route.as_ref().map(|route| route.operation),
            model_id: String::new(),
            guardrail: None,
            fault: None,
            method: method.to_owned(),
            path: path.to_owned(),
            headers,
            body,
            json,
        };
        match route {
            Some(Route { id, version: Some(version), .. }) => received.guardrail = Some((id, version)),
            Some(Route { operation: Operation::Rerank, .. }) => {
                let arn = received.json.pointer(MODEL_ARN).and_then(Value::as_str);
                received.model_id = arn.unwrap_or_default().to_owned();
            }
            Some(Route { id, .. }) => received.model_id = id,
            None => {}
        }
        received
    }

    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as a Converse request, its model that of the path; `None` where it is not one.
    #[must_use]
    pub fn chat(&self) -> Option<ChatRequest> {
        if !matches!(self.operation, Some(Operation::Converse | Operation::ConverseStream)) {
            return None;
        }
        let request: ChatRequest = serde_json::from_slice(&self.body).ok()?;
        Some(ChatRequest { model: self.model(), ..request })
    }

    pub(crate) fn model(&self) -> ModelId {
        ModelId::from(self.model_id.as_str())
    }
}

/// Neither the body, which is a prompt, nor headers' values, which hold credentials.
impl fmt::Debug for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ReceivedRequest")
            .field("operation", &self.operation)
            .field("model_id", &self.model_id)
            .field("guardrail", &self.guardrail)
            .field("fault", &self.fault)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &names)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_prompt_and_no_credentials() {
        let body = Bytes::from_static(br#"{"messages":[{"role":"user","content":[{"text":"my secret"}]}]}"#);
        let headers = vec![("authorization".to_owned(), "Bearer ABSK-key".to_owned())];
        let received = ReceivedRequest::new("POST", "/model/m/converse", headers, body.clone(), None);
        let shown = format!("{received:?}");
        assert!(!shown.contains("my secret") && !shown.contains("ABSK"), "{shown}");
        assert!(shown.contains("authorization") && shown.contains("/model/m/converse"), "{shown}");
        assert!(shown.contains(&format!("bytes: {}", body.len())), "{shown}");
    }
}
