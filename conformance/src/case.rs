//! One exchange: the local endpoint that replays it, the client that sends it, the checks.

use std::path::Path;

use anyhow::Context as _;
use bedrock_llm_client::Client;
use bedrock_llm_client::layers::RetryConfig;
use bedrock_llm_local::{LocalBedrock, ReceivedRequest, Recording};
use bedrock_llm_providers::Registry;
use bedrock_llm_schema::rerank::RerankApi;
use bedrock_llm_schema::{Catalog, ModelId};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::diff::diff;
use crate::{chat, guard, native, vectors};

/// One recorded exchange.
pub(crate) struct Case {
    pub recording: Recording,
    /// The body of the answer in the very digits that were recorded.
    pub raw_response: String,
}

/// As much of a file as must not be parsed.
#[derive(Deserialize)]
struct Raw {
    response: RawResponse,
}

#[derive(Deserialize)]
struct RawResponse {
    body: Option<Box<RawValue>>,
}

/// How an exchange did.
pub(crate) enum Verdict {
    Passed,
    Failed(Vec<String>),
}

impl Verdict {
    /// This, unless there are reasons against it.
    pub(crate) fn and(self, more: Reasons) -> Self {
        let mut reasons = match self {
            Self::Passed => Reasons::new(),
            Self::Failed(reasons) => reasons,
        };
        reasons.extend(more);
        if reasons.is_empty() { Self::Passed } else { Self::Failed(reasons) }
    }
}

/// The reasons why a check failed, none when it passed.
pub(crate) type Reasons = Vec<String>;

impl Case {
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        let what = || format!("not a recording: {}", file.display());
        let recording = Recording::load(file).with_context(what)?;
        let raw: Raw = serde_json::from_slice(&std::fs::read(file)?).with_context(what)?;
        let raw_response = raw.response.body.map_or_else(String::new, |body| body.get().to_owned());
        Ok(Self { recording, raw_response })
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
            "Rerank" => vectors::rerank(self, RerankApi::AgentRuntime).await,
            "InvokeModel" if self.is_ranking() => vectors::rerank(self, RerankApi::InvokeModel).await,
            "InvokeModel" if self.is_embedding() => vectors::embed(self).await,
            "InvokeModel" => native::invoke(self).await,
            // there are no streams of these: the model is not taken
            "InvokeModelWithResponseStream"
                if !self.succeeded() && (self.is_ranking() || self.is_embedding()) =>
            {
                native::refused_stream(self).await
            }
            "InvokeModelWithResponseStream" => native::invoke_stream(self).await,
            other => Ok(vec![format!("$.operation: {other:?} is no operation this command takes")]),
        };
        match reasons {
            Ok(reasons) if reasons.is_empty() => Verdict::Passed,
            Ok(reasons) => Verdict::Failed(reasons),
            Err(error) => Verdict::Failed(vec![format!("{error:#}")]),
        }
    }

    /// Whether embeddings are asked for, by the model's id or, where that does not tell, by what is asked and answered.
    pub(crate) fn is_embedding(&self) -> bool {
        let response = self.response_body();
        self.id().contains("embed")
            || ["embedding", "embeddings", "embeddingsByType"].iter().any(|name| response.get(name).is_some())
            || self.asks(&["texts", "input_type"])
            || self.asks(&["singleEmbeddingParams"])
            || (!self.succeeded() && self.looks_like_embedding())
    }

    /// Whether the registry takes it for one, which is all there is to go by where the answer is an error.
    fn looks_like_embedding(&self) -> bool {
        let body = self.request_body().to_string();
        Registry::builtin().embed_for_request(&self.model(), body.as_bytes()).is_ok()
    }

    /// Whether a ranking is asked for, in the same way.
    pub(crate) fn is_ranking(&self) -> bool {
        self.id().contains("rerank") || self.asks(&["query", "documents"])
    }

    fn id(&self) -> &str {
        self.recording.model_id.as_deref().unwrap_or_default()
    }

    fn asks(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.recording.request.body.get(name).is_some())
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
        self.stage_with(Catalog::builtin().clone()).await
    }

    /// The same with a catalog of our own.
    pub(crate) async fn stage_with(&self, catalog: Catalog) -> anyhow::Result<(LocalBedrock, Client)> {
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
            .catalog(catalog)
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
