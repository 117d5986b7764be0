//! One exchange: the local endpoint that replays it, the client that sends it, the checks.

use std::path::Path;

use anyhow::Context as _;
use bedrock_llm_client::Client;
use bedrock_llm_client::layers::RetryConfig;
use bedrock_llm_local::{LocalBedrock, ReceivedRequest, Recording};
use bedrock_llm_schema::ModelId;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::diff::diff;
use crate::{chat, guard, native};

/// One recorded exchange.
pub(crate) struct Case {
    pub recording: Recording,
}

/// How an exchange did.
pub(crate) enum Verdict {
    Passed,
    Failed(Vec<String>),
    /// Embeddings and reranking come with their own issue.
    Later,
}

impl Verdict {
    /// This, unless there are reasons against it.
    pub(crate) fn and(self, more: Reasons) -> Self {
        match self {
            Self::Failed(mut reasons) => {
                reasons.extend(more);
                Self::Failed(reasons)
            }
            _ if !more.is_empty() => Self::Failed(more),
            verdict => verdict,
        }
    }
}

/// The reasons why a check failed, none when it passed.
pub(crate) type Reasons = Vec<String>;

impl Case {
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        let recording =
            Recording::load(file).with_context(|| format!("not a recording: {}", file.display()))?;
        Ok(Self { recording })
    }

    pub(crate) fn model(&self) -> ModelId {
        ModelId::from(self.recording.model_id.as_deref().unwrap_or_default())
    }

    /// The family, for the table.
    pub(crate) fn family(&self) -> String {
        if self.recording.model_id.is_none() { "-".to_owned() } else { self.model().family().to_string() }
    }

    pub(crate) async fn check(&self) -> Verdict {
        let reasons = match self.recording.operation.as_str() {
            "Converse" => chat::converse(self).await,
            "ConverseStream" => chat::converse_stream(self).await,
            "CountTokens" => guard::count_tokens(self).await,
            "ApplyGuardrail" => guard::apply_guardrail(self).await,
            "InvokeModel" if self.is_vector_call() => return Verdict::Later,
            "InvokeModel" => native::invoke(self).await,
            "InvokeModelWithResponseStream" => native::invoke_stream(self).await,
            other => Ok(vec![format!("$.operation: {other:?} is no operation this command takes")]),
        };
        match reasons {
            Ok(reasons) if reasons.is_empty() => Verdict::Passed,
            Ok(reasons) => Verdict::Failed(reasons),
            Err(error) => Verdict::Failed(vec![format!("{error:#}")]),
        }
    }

    /// Whether this is an embedding or rerank exchange, by the model's id or, where that does not tell, by what is
    /// asked and answered.
    fn is_vector_call(&self) -> bool {
        let id = self.recording.model_id.as_deref().unwrap_or_default();
        let (request, response) = (&self.recording.request.body, self.response_body());
        let asks = |names: &[&str]| names.iter().all(|name| request.get(name).is_some());
        ["embed", "rerank"].iter().any(|kind| id.contains(kind))
            || ["embedding", "embeddings", "embeddingsByType"].iter().any(|name| response.get(name).is_some())
            || asks(&["texts", "input_type"])
            || asks(&["query", "documents"])
    }

    pub(crate) fn request_body(&self) -> &Value {
        &self.recording.request.body
    }

    pub(crate) fn response_body(&self) -> Value {
        self.recording.response.body.clone().unwrap_or_default()
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.recording.response.status == 200
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.recording.response.headers.get(name).map(String::as_str)
    }

    /// A local endpoint that replays this exchange, and a client for it.
    pub(crate) async fn stage(&self) -> anyhow::Result<(LocalBedrock, Client)> {
        let local = LocalBedrock::builder().replay(self.recording.clone()).start().await?;
        let client = Client::builder()
            .region("us-east-1")
            .endpoint_url(local.endpoint())
            .credentials("AKIALOCAL", "local", None)
            // one recorded exchange is one attempt
            .retry(RetryConfig::default().max_attempts(1))
            // what Bedrock refused must reach the wire, and all else as it was recorded
            .normalize(false)
            .validate(false)
            .build()
            .await?;
        Ok((local, client))
    }

    /// Whether what the client put on the wire is what was recorded.
    pub(crate) fn check_wire(&self, local: &LocalBedrock, reasons: &mut Reasons) {
        let received = local.received();
        let [request] = received.as_slice() else {
            return reasons.push(format!("{} requests reached the endpoint instead of 1", received.len()));
        };
        let decoded = |path: &str| percent_decode_str(path).decode_utf8_lossy().into_owned();
        let (expected, actual) = (decoded(&self.recording.request.path), decoded(&request.path));
        if expected != actual {
            reasons.push(format!("$.request.path: expected {expected}, got {actual}"));
        }
        self.check_body(request, reasons);
        for (name, value) in &self.recording.request.headers {
            let ours = request.header(name);
            if name.starts_with("x-amzn-bedrock-") && ours != Some(value.as_str()) {
                reasons.push(format!("$.request.headers.{name}: expected {value:?}, got {ours:?}"));
            }
        }
    }

    fn check_body(&self, request: &ReceivedRequest, reasons: &mut Reasons) {
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        reasons.extend(
            diff(self.request_body(), &body).map(|place| format!("on the wire, $.request.body: {place}")),
        );
    }

    /// Whether the id the service gave the call came through.
    pub(crate) fn check_request_id(&self, actual: Option<&str>, reasons: &mut Reasons) {
        if let Some(expected) = self.header("x-amzn-requestid").filter(|expected| Some(*expected) != actual) {
            reasons.push(format!("request id: expected {expected:?}, got {actual:?}"));
        }
    }
}
