//! The base of the stack: one `tower::Service` for every request.

mod mode;
mod native;
mod prepare;
mod vectors;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use bedrock_llm_providers::Registry;
use bedrock_llm_schema::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, Call, ChatRequest, ChatResponse, ChatStream,
    ChatStreamRequest, CountTokensRequest, CountTokensResponse, EmbedRequest, Error, ErrorKind,
    InvokeRequest, InvokeResponse, InvokeStream, InvokeStreamRequest, ModelId, Operation, Request,
    RerankRequest,
};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde::Serialize;
use tower::Service;

pub(crate) use mode::NativeModels;
pub use mode::{ApiMode, native_only};
use prepare::check_model;
pub(crate) use prepare::{Preparation, Return, log};

use crate::transport::call::{self, JSON, Reply};
use crate::transport::events::Opened;
use crate::transport::{Context, Outgoing, Sdk};

/// The base service: the transport, without any layer. Cheap to clone.
///
/// It is a [`Service`] of every request type, bare or as a [`Call`]; put [`tower::Layer`]s around it, or let
/// [`Client::builder`](crate::Client::builder) do so. It is always ready and holds no permit. A chat is normalised for
/// its model and checked before it is sent; no time limit is kept but the SDK's own.
///
/// A call goes to the region it names ([`Request::region`]), else to the client's own.
///
/// Cancellation: dropping a call's future drops its connection; the model may have worked and be paid for all the same.
#[derive(Debug, Clone)]
pub struct Bedrock {
    inner: Arc<Inner>,
    /// Whether chats are made ready here; not where a layer further up does it once for all attempts.
    prepares: bool,
}

#[derive(Debug)]
struct Inner {
    home: Sdk,
    /// Other regions that calls have named.
    away: Mutex<HashMap<String, Sdk>>,
    settings: Settings,
}

/// How [`Bedrock`] goes about its work.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) api_mode: ApiMode,
    pub(crate) native_models: NativeModels,
    pub(crate) registry: Registry,
    pub(crate) preparation: Preparation,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("api_mode", &self.api_mode)
            .field("normalizer", &self.preparation.normalizer)
            .field("normalize", &self.preparation.normalize)
            .field("validate", &self.preparation.validate)
            .finish_non_exhaustive()
    }
}

/// A call under way. Boxed, because the SDK's future has no name; it is the one box the stack below `Client` needs.
pub type ResponseFuture<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

impl Bedrock {
    pub(crate) fn new(sdk: Sdk, settings: Settings) -> Self {
        let home = sdk.with_catalog(settings.preparation.catalog.clone());
        let away = Mutex::default();
        Self { inner: Arc::new(Inner { home, away, settings }), prepares: true }
    }

    /// The same service for a stack in which a layer makes chats ready.
    pub(crate) fn unprepared(self) -> Self {
        Self { prepares: false, ..self }
    }

    /// Makes a chat ready for its model: normalised and checked. What the answer needs on its way back comes with it;
    /// nothing where the request is no chat.
    pub(crate) fn prepare<R: Request>(&self, request: &mut R) -> Result<Option<Return>, Error> {
        let Some(model) = request.model().cloned().filter(|_| request.chat().is_some()) else {
            return Ok(None);
        };
        let streaming = R::OPERATION == Operation::ConverseStream;
        let operation = self.inner.settings.operation(&model, streaming);
        let home = self.inner.home.region().map(str::to_owned);
        let region = request.region().map(str::to_owned).or(home);
        let settings = &self.inner.settings.preparation;
        settings.chat(request, &model, operation, region.as_deref()).map(Some)
    }

    async fn chat(self, mut call: Call<ChatRequest>) -> Result<ChatResponse, Error> {
        let back = if self.prepares { self.prepare(&mut call)? } else { None };
        let (sdk, model) = self.inner.route(&call);
        let mut response = match self.inner.settings.operation(&model, false) {
            Operation::Converse => {
                let outgoing = converse(&call, &model, Operation::Converse, "converse")?;
                let (reply, context) = sdk.send(outgoing).await?;
                let mut response: ChatResponse = reply.json().map_err(|error| context.explain(error))?;
                response.request_id = context.request_id;
                response
            }
            _ => native::chat(&self.inner, &sdk, call.into_request()).await?,
        };
        if let Some(back) = back {
            back.apply(&mut response);
        }
        Ok(response)
    }

    async fn chat_stream(self, mut call: Call<ChatStreamRequest>) -> Result<ChatStream, Error> {
        let back = if self.prepares { self.prepare(&mut call)? } else { None };
        let (sdk, model) = self.inner.route(&call);
        let mut stream = match self.inner.settings.operation(&model, true) {
            Operation::ConverseStream => {
                let outgoing = converse(&call.0, &model, Operation::ConverseStream, "converse-stream")?;
                let opened = sdk.open(outgoing).await?;
                let request_id = opened.context.request_id.clone();
                ChatStream::new(opened.events(), request_id)
            }
            _ => native::chat_stream(&self.inner, &sdk, call.into_request().0).await?,
        };
        if let Some(back) = back {
            back.apply(&mut stream);
        }
        Ok(stream)
    }

    async fn count_tokens(self, call: Call<CountTokensRequest>) -> Result<CountTokensResponse, Error> {
        let (sdk, model) = self.inner.route(&call);
        check_model(&model, Operation::CountTokens)?;
        let context = Context::new(Operation::CountTokens, Some(&model));
        let body = to_json(&*call, &context)?;
        let outgoing = Outgoing::json(context, call::model_path(&model, "count-tokens"), body);
        let (reply, context) = sdk.send(outgoing).await?;
        let mut response: CountTokensResponse = reply.json().map_err(|error| context.explain(error))?;
        response.request_id = context.request_id;
        Ok(response)
    }

    async fn apply_guardrail(
        self,
        call: Call<ApplyGuardrailRequest>,
    ) -> Result<ApplyGuardrailResponse, Error> {
        let (sdk, _) = self.inner.route(&call);
        let mut request = call.into_request();
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
        let outgoing = Outgoing::json(context, call::guardrail_path(&identifier, &version), body);
        let (reply, context) = sdk.send(outgoing).await?;
        let mut response: ApplyGuardrailResponse = reply.json().map_err(|error| context.explain(error))?;
        response.request_id = context.request_id;
        Ok(response)
    }

    async fn invoke(self, call: Call<InvokeRequest>) -> Result<InvokeResponse, Error> {
        let (sdk, _) = self.inner.route(&call);
        invoke(&sdk, call.into_request()).await.map(|(response, _)| response)
    }

    async fn invoke_stream(self, call: Call<InvokeStreamRequest>) -> Result<InvokeStream, Error> {
        let (sdk, _) = self.inner.route(&call);
        let opened = open_native(&sdk, call.into_request().0).await?;
        let request_id = opened.context.request_id.clone();
        Ok(InvokeStream::new(opened.chunks(), request_id))
    }
}

impl Settings {
    /// The operation that carries a chat with this model.
    fn operation(&self, model: &ModelId, streaming: bool) -> Operation {
        let is_native = match self.api_mode {
            ApiMode::Converse => false,
            ApiMode::Invoke => true,
            ApiMode::Auto => (self.native_models)(model),
        };
        match (is_native, streaming) {
            (false, false) => Operation::Converse,
            (false, true) => Operation::ConverseStream,
            (true, false) => Operation::InvokeModel,
            (true, true) => Operation::InvokeModelWithResponseStream,
        }
    }
}

impl Inner {
    /// Who carries a call, and to which model.
    fn route<R: Request>(&self, call: &Call<R>) -> (Sdk, ModelId) {
        let model = call.model().cloned().unwrap_or_default();
        let away = call.region().filter(|region| Some(*region) != self.home.region());
        let Some(region) = away else { return (self.home.clone(), model) };
        let mut known = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let sdk = known.entry(region.to_owned()).or_insert_with(|| self.home.in_region(region));
        (sdk.clone(), model)
    }
}

async fn invoke(sdk: &Sdk, request: InvokeRequest) -> Result<(InvokeResponse, Context), Error> {
    let call = invoke_call(request, Operation::InvokeModel, "invoke", "accept")?;
    let (reply, context) = sdk.send(call).await?;
    let Reply { head, body } = reply;
    // the bytes are there already: this takes them out of the SDK's body, sharing them
    let collected = body.collect().await.map(http_body_util::Collected::to_bytes);
    let body = collected.map_err(|error| {
        context.explain(Error::new(ErrorKind::Decode, "the body was lost").with_source(error))
    })?;
    let request_id = context.request_id.clone();
    let response = InvokeResponse {
        body,
        content_type: head.content_type,
        headers: head.amzn,
        request_id,
        ..InvokeResponse::default()
    };
    Ok((response, context))
}

async fn open_native(sdk: &Sdk, request: InvokeRequest) -> Result<Opened, Error> {
    let operation = Operation::InvokeModelWithResponseStream;
    let call = invoke_call(request, operation, "invoke-with-response-stream", "x-amzn-bedrock-accept")?;
    sdk.open(call).await
}

/// A Converse call. The content's own model is empty, as it travels in the path.
fn converse(
    request: &ChatRequest,
    model: &ModelId,
    operation: Operation,
    verb: &str,
) -> Result<Outgoing, Error> {
    check_model(model, operation)?;
    let context = Context::new(operation, Some(model));
    let body = to_json(request, &context)?;
    Ok(Outgoing::json(context, call::model_path(model, verb), body))
}

fn invoke_call(
    request: InvokeRequest,
    operation: Operation,
    verb: &str,
    accept: &'static str,
) -> Result<Outgoing, Error> {
    check_model(&request.model, operation)?;
    let context = Context::new(operation, Some(&request.model));
    let mut call = Outgoing::json(context, call::model_path(&request.model, verb), request.body)
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
        impl Service<Call<$request>> for Bedrock {
            type Response = <$request as Request>::Response;
            type Error = Error;
            type Future = ResponseFuture<Self::Response>;

            fn poll_ready(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, call: Call<$request>) -> Self::Future {
                Box::pin(self.clone().$method(call))
            }
        }

        impl Service<$request> for Bedrock {
            type Response = <$request as Request>::Response;
            type Error = Error;
            type Future = ResponseFuture<Self::Response>;

            fn poll_ready(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: $request) -> Self::Future {
                self.call(Call::new(request))
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
    EmbedRequest => embed,
    RerankRequest => rerank,
}
