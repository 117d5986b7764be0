//! The base of the stack: one `tower::Service` for every request.

mod mode;
mod native;
mod prepare;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bedrock_llm_providers::Registry;
use bedrock_llm_schema::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, ChatRequest, ChatResponse, ChatStream, ChatStreamRequest,
    CountTokensRequest, CountTokensResponse, Error, ErrorKind, InvokeRequest, InvokeResponse, InvokeStream,
    InvokeStreamRequest, ModelId, Operation, Request,
};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde::Serialize;
use tower::Service;

pub(crate) use mode::NativeModels;
pub use mode::{ApiMode, native_only};
pub(crate) use prepare::Preparation;
use prepare::check_model;

use crate::transport::call::{self, JSON, Reply};
use crate::transport::events::Opened;
use crate::transport::{Call, Context, Sdk};

/// The base service: the transport, without any layer. Cheap to clone.
///
/// It is a [`Service`] of every request type; put [`tower::Layer`]s around it, or let
/// [`Client::builder`](crate::Client::builder) do so. It is always ready and holds no permit.
///
/// Cancellation: dropping a call's future drops its connection; the model may have worked and be paid for all the same.
#[derive(Debug, Clone)]
pub struct Bedrock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sdk: Sdk,
    settings: Settings,
}

/// How [`Bedrock`] goes about its work.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) api_mode: ApiMode,
    pub(crate) native_models: NativeModels,
    pub(crate) registry: Registry,
    pub(crate) preparation: Preparation,
    pub(crate) stream_idle_timeout: Option<Duration>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("api_mode", &self.api_mode)
            .field("normalizer", &self.preparation.normalizer)
            .field("normalize", &self.preparation.normalize)
            .field("validate", &self.preparation.validate)
            .field("stream_idle_timeout", &self.stream_idle_timeout)
            .finish_non_exhaustive()
    }
}

/// A call under way. Boxed, because the SDK's future has no name; it is the one box the stack below `Client` needs.
pub type ResponseFuture<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

impl Bedrock {
    pub(crate) fn new(sdk: Sdk, settings: Settings) -> Self {
        let sdk = sdk.with_catalog(settings.preparation.catalog.clone());
        Self(Arc::new(Inner { sdk, settings }))
    }

    async fn chat(self, request: ChatRequest) -> Result<ChatResponse, Error> {
        let is_native = self.0.settings.is_native(&request.model);
        let operation = if is_native { Operation::InvokeModel } else { Operation::Converse };
        let region = self.0.sdk.region();
        let (mut request, back) = self.0.settings.preparation.chat(request, operation, region)?.split();
        if is_native {
            return native::chat(&self.0, request).await.map(|response| back.response(response));
        }
        let call = converse(&mut request, operation, "converse")?;
        let (reply, context) = self.0.sdk.send(call).await?;
        let mut response: ChatResponse = reply.json().map_err(|error| context.explain(error))?;
        response.request_id = context.request_id;
        Ok(back.response(response))
    }

    async fn chat_stream(self, ChatStreamRequest(request): ChatStreamRequest) -> Result<ChatStream, Error> {
        let is_native = self.0.settings.is_native(&request.model);
        let operation =
            if is_native { Operation::InvokeModelWithResponseStream } else { Operation::ConverseStream };
        let region = self.0.sdk.region();
        let (mut request, back) = self.0.settings.preparation.chat(request, operation, region)?.split();
        if is_native {
            return native::chat_stream(&self.0, request).await.map(|stream| back.stream(stream));
        }
        let call = converse(&mut request, operation, "converse-stream")?;
        let opened = self.0.sdk.open(call, self.0.settings.stream_idle_timeout).await?;
        let request_id = opened.context.request_id.clone();
        Ok(back.stream(ChatStream::new(opened.events(), request_id)))
    }

    async fn count_tokens(self, mut request: CountTokensRequest) -> Result<CountTokensResponse, Error> {
        check_model(&request.model, Operation::CountTokens)?;
        let model = std::mem::take(&mut request.model);
        let context = Context::new(Operation::CountTokens, Some(&model));
        let body = to_json(&request, &context)?;
        let call = Call::json(context, call::model_path(&model, "count-tokens"), body);
        let (reply, context) = self.0.sdk.send(call).await?;
        let mut response: CountTokensResponse = reply.json().map_err(|error| context.explain(error))?;
        response.request_id = context.request_id;
        Ok(response)
    }

    async fn apply_guardrail(
        self,
        mut request: ApplyGuardrailRequest,
    ) -> Result<ApplyGuardrailResponse, Error> {
        let identifier = std::mem::take(&mut request.guardrail_identifier);
        let version = std::mem::take(&mut request.guardrail_version);
        let context = Context::new(Operation::ApplyGuardrail, None);
        for (value, name) in [(&identifier, "guardrail_identifier"), (&version, "guardrail_version")] {
            if value.is_empty() {
                return Err(
                    context.explain(Error::new(ErrorKind::InvalidRequest, format!("{name} is empty")))
                );
            }
        }
        let body = to_json(&request, &context)?;
        let call = Call::json(context, call::guardrail_path(&identifier, &version), body);
        let (reply, context) = self.0.sdk.send(call).await?;
        let mut response: ApplyGuardrailResponse = reply.json().map_err(|error| context.explain(error))?;
        response.request_id = context.request_id;
        Ok(response)
    }

    async fn invoke(self, request: InvokeRequest) -> Result<InvokeResponse, Error> {
        self.0.invoke(request).await.map(|(response, _)| response)
    }

    async fn invoke_stream(self, request: InvokeStreamRequest) -> Result<InvokeStream, Error> {
        let opened = self.0.open_native(request.0).await?;
        let request_id = opened.context.request_id.clone();
        Ok(InvokeStream::new(opened.chunks(), request_id))
    }
}

impl Settings {
    fn is_native(&self, model: &ModelId) -> bool {
        match self.api_mode {
            ApiMode::Converse => false,
            ApiMode::Invoke => true,
            ApiMode::Auto => (self.native_models)(model),
        }
    }
}

impl Inner {
    async fn invoke(&self, request: InvokeRequest) -> Result<(InvokeResponse, Context), Error> {
        let call = invoke_call(request, Operation::InvokeModel, "invoke", "accept")?;
        let (reply, context) = self.sdk.send(call).await?;
        let Reply { head, body } = reply;
        // the bytes are there already: this takes them out of the SDK's body, sharing them
        let collected = body.collect().await.map(http_body_util::Collected::to_bytes);
        let body = collected.map_err(|error| {
            context.explain(Error::new(ErrorKind::Decode, "the body was lost").with_source(error))
        })?;
        let request_id = context.request_id.clone();
        Ok((
            InvokeResponse { body, content_type: head.content_type, headers: head.amzn, request_id },
            context,
        ))
    }

    async fn open_native(&self, request: InvokeRequest) -> Result<Opened, Error> {
        let operation = Operation::InvokeModelWithResponseStream;
        let call = invoke_call(request, operation, "invoke-with-response-stream", "x-amzn-bedrock-accept")?;
        self.sdk.open(call, self.settings.stream_idle_timeout).await
    }
}

/// A Converse call; takes the model out of the request, since it travels in the path.
fn converse(request: &mut ChatRequest, operation: Operation, verb: &str) -> Result<Call, Error> {
    let model = std::mem::take(&mut request.model);
    let context = Context::new(operation, Some(&model));
    let body = to_json(request, &context)?;
    Ok(Call::json(context, call::model_path(&model, verb), body))
}

fn invoke_call(
    request: InvokeRequest,
    operation: Operation,
    verb: &str,
    accept: &'static str,
) -> Result<Call, Error> {
    check_model(&request.model, operation)?;
    let context = Context::new(operation, Some(&request.model));
    let mut call = Call::json(context, call::model_path(&request.model, verb), request.body)
        .header(accept, request.accept.unwrap_or_else(|| JSON.to_owned()))
        .optional_header(
            "x-amzn-bedrock-performanceconfig-latency",
            request.performance_latency.map(|it| it.to_string()),
        )
        .optional_header("x-amzn-bedrock-service-tier", request.service_tier.map(|it| it.to_string()))
        .optional_header("x-amzn-bedrock-request-metadata", request.request_metadata);
    if let Some(guardrail) = request.guardrail {
        call = call
            .optional_header("x-amzn-bedrock-guardrailidentifier", guardrail.guardrail_identifier)
            .optional_header("x-amzn-bedrock-guardrailversion", guardrail.guardrail_version)
            // here alone the API spells it in capitals
            .optional_header(
                "x-amzn-bedrock-trace",
                guardrail.trace.map(|trace| trace.as_str().to_uppercase()),
            );
    }
    if let Some(content_type) = request.content_type {
        call.content_type = content_type;
    }
    Ok(call)
}

fn to_json<T: Serialize>(request: &T, context: &Context) -> Result<Bytes, Error> {
    let written = serde_json::to_vec(request).map(Bytes::from);
    written.map_err(|error| {
        context.explain(
            Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON").with_source(error),
        )
    })
}

macro_rules! serve {
    ($($request:ty => $method:ident),* $(,)?) => {$(
        impl Service<$request> for Bedrock {
            type Response = <$request as Request>::Response;
            type Error = Error;
            type Future = ResponseFuture<Self::Response>;

            fn poll_ready(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: $request) -> Self::Future {
                Box::pin(self.clone().$method(request))
            }
        }
    )*};
}

serve! {
    ChatRequest => chat,
    ChatStreamRequest => chat_stream,
    CountTokensRequest => count_tokens,
    ApplyGuardrailRequest => apply_guardrail,
    InvokeRequest => invoke,
    InvokeStreamRequest => invoke_stream,
}
