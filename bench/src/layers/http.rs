//! An HTTP client that answers at once, without a socket.

use aws_sdk_bedrockruntime::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use bedrock_llm_schema::{ChatResponse, Message, StopReason, Usage};

#[derive(Debug)]
struct AtOnce(&'static [u8]);

impl HttpConnector for AtOnce {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let mut response = HttpResponse::new(http::StatusCode::OK.into(), SdkBody::from(self.0));
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
    let body: &'static [u8] = serde_json::to_vec(&answer())?.leak();
    let client = http_client_fn(move |_, _| SharedHttpConnector::new(AtOnce(body)));
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
