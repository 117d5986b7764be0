//! HTTP clients that answer at once, without a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_bedrockruntime::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use bedrock_llm_schema::{ChatResponse, Message, StopReason, Usage};

/// Gives these bodies in turn, again from the first after the last.
#[derive(Debug, Clone)]
struct AtOnce {
    bodies: Arc<[&'static [u8]]>,
    next: Arc<AtomicUsize>,
}

impl HttpConnector for AtOnce {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let turn = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.bodies.len());
        let body = turn.and_then(|turn| self.bodies.get(turn)).copied().unwrap_or_default();
        let mut response = HttpResponse::new(http::StatusCode::OK.into(), SdkBody::from(body));
        response.headers_mut().insert("content-type", "application/json");
        response.headers_mut().insert("x-amzn-requestid", "11111111-2222-3333-4444-555555555555");
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// An answer of some 400 characters.
pub(super) fn answer() -> ChatResponse {
    let text = "The moons of Mars are Phobos and Deimos. ".repeat(10);
    ChatResponse::new(Message::assistant(text), StopReason::EndTurn, Usage::new(120, 100))
}

/// An SDK client whose calls are all answered so.
pub(super) fn sdk() -> anyhow::Result<aws_sdk_bedrockruntime::Client> {
    sdk_with(&[answer()])
}

/// An SDK client whose calls are answered so, in turn.
pub(crate) fn sdk_with(answers: &[ChatResponse]) -> anyhow::Result<aws_sdk_bedrockruntime::Client> {
    let bodies = answers.iter().map(|answer| Ok(&*serde_json::to_vec(answer)?.leak()));
    let bodies = bodies.collect::<anyhow::Result<_>>()?;
    let connector = AtOnce { bodies, next: Arc::default() };
    let client = http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone()));
    let config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(aws_credential_types::Credentials::new(
            "AKIALOCAL",
            "local",
            None,
            None,
            "bench",
        ))
        .http_client(client)
        .build();
    Ok(aws_sdk_bedrockruntime::Client::from_conf(config))
}
