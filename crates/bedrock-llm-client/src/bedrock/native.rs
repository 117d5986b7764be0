//! The road of the model's native form: encode, InvokeModel, decode.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use bedrock_llm_providers::{CodecError, EncodeOptions, InvocationMetrics, Provider, StreamDecoder};
use bedrock_llm_schema::guardrail::GuardrailStreamProcessingMode;
use bedrock_llm_schema::{
    ChatRequest, ChatResponse, ChatStream, Error, ErrorKind, InvokeRequest, Operation, StreamEvent,
};
use bytes::Bytes;
use futures_core::Stream;
use serde_json::{Map, Value};
use std::sync::Arc;

use super::Inner;
use crate::transport::{Context, Sdk};

pub(super) async fn chat(inner: &Inner, sdk: &Sdk, request: ChatRequest) -> Result<ChatResponse, Error> {
    let (provider, call) = encode(inner, request, Operation::InvokeModel)?;
    let (answer, context) = super::invoke(sdk, call).await?;
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let decoded = provider.decode_response(&answer.body, &InvocationMetrics::from_headers(headers));
    let mut response = decoded.map_err(|error| context.explain(error.into()))?;
    response.request_id = answer.request_id;
    Ok(response)
}

pub(super) async fn chat_stream(inner: &Inner, sdk: &Sdk, request: ChatRequest) -> Result<ChatStream, Error> {
    let (provider, call) = encode(inner, request, Operation::InvokeModelWithResponseStream)?;
    let opened = super::open_native(sdk, call).await?;
    let context = opened.context.clone();
    let request_id = context.request_id.clone();
    let chunks = opened.chunks();
    Ok(ChatStream::new(
        Decoding { chunks: Some(chunks), decoder: provider.stream_decoder(), owed: VecDeque::new(), context },
        request_id,
    ))
}

/// The native call for a chat: what Converse has in the body and InvokeModel in headers is moved there.
fn encode(
    inner: &Inner,
    mut request: ChatRequest,
    operation: Operation,
) -> Result<(Arc<dyn Provider>, InvokeRequest), Error> {
    let context = Context::new(operation, Some(&request.model));
    let explain = |error: CodecError| context.explain(error.into());
    let streaming = operation == Operation::InvokeModelWithResponseStream;
    let provider = inner.settings.registry.get(&request.model).map_err(explain)?;

    let guardrail = request.guardrail_config.take();
    let performance = request.performance_config.take();
    let service_tier = request.service_tier.take();
    let metadata = request.request_metadata.take();

    let options =
        EncodeOptions::new(streaming).on_unsupported(inner.settings.preparation.normalizer.on_unsupported);
    let encoded = match provider.encode_request(&request, &options) {
        Err(CodecError::Missing { path, .. }) if path == "inferenceConfig.maxTokens" => {
            give_limit(inner, &mut request);
            provider.encode_request(&request, &options)
        }
        encoded => encoded,
    };
    let encoded = encoded.map_err(explain)?;
    if !encoded.dropped.is_empty() {
        tracing::warn!(model = request.model.as_str(), dropped = ?encoded.dropped, "left out what the family does not have");
    }
    let mode = guardrail.as_ref().and_then(|guardrail| guardrail.stream_processing_mode.as_ref());
    let body = match mode {
        Some(mode) if streaming => {
            with_stream_mode(&encoded.body, mode).map_err(|error| context.explain(error))?
        }
        _ => encoded.body,
    };
    let mut call = InvokeRequest::new(request.model, body);
    call.guardrail = guardrail;
    call.performance_latency = performance.and_then(|performance| performance.latency);
    call.service_tier = service_tier.map(|tier| tier.r#type);
    if let Some(metadata) = metadata {
        let text = serde_json::to_string(&metadata);
        call.request_metadata = Some(text.map_err(|error| {
            context.explain(
                Error::new(ErrorKind::InvalidRequest, "request_metadata is not JSON").with_source(error),
            )
        })?);
    }
    Ok((provider, call))
}

/// Sets the limit of tokens that Converse has where none is said, for families whose native form must have one: "The default
/// value is the maximum allowed value for the model that you are using." (API reference, `InferenceConfiguration`).
fn give_limit(inner: &Inner, request: &mut ChatRequest) {
    let most = inner.settings.preparation.profile(&request.model).max_output_tokens;
    if let Some(most) = most.and_then(|most| u32::try_from(most).ok()) {
        request.inference_config.get_or_insert_default().max_tokens = Some(most);
    }
}

/// Native streams say in the body how they are guarded (user guide, "Include a guardrail … InvokeModel").
fn with_stream_mode(body: &[u8], mode: &GuardrailStreamProcessingMode) -> Result<Bytes, Error> {
    let unfit =
        |error| Error::new(ErrorKind::Unexpected, "the native body is no JSON object").with_source(error);
    let mut body: Map<String, Value> = serde_json::from_slice(body).map_err(unfit)?;
    let config = body.entry("amazon-bedrock-guardrailConfig").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(config) = config {
        let spelt = match mode {
            GuardrailStreamProcessingMode::Sync => "SYNCHRONOUS",
            GuardrailStreamProcessingMode::Async => "ASYNCHRONOUS",
            other => other.as_str(),
        };
        config.insert("streamProcessingMode".to_owned(), spelt.into());
    }
    serde_json::to_vec(&body).map(Bytes::from).map_err(unfit)
}

/// The chunks of a native stream as Converse's events.
struct Decoding<S> {
    chunks: Option<S>,
    decoder: Box<dyn StreamDecoder>,
    owed: VecDeque<StreamEvent>,
    context: Context,
}

impl<S> Stream for Decoding<S>
where
    S: Stream<Item = Result<Bytes, Error>> + Unpin,
{
    type Item = Result<StreamEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.owed.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            let Some(chunks) = &mut this.chunks else { return Poll::Ready(None) };
            let failure = match ready!(Pin::new(chunks).poll_next(cx)) {
                Some(Ok(chunk)) => match this.decoder.chunk(&chunk) {
                    Ok(events) => {
                        this.owed.extend(events);
                        continue;
                    }
                    Err(error) => this.context.explain(error.into()),
                },
                Some(Err(error)) => error,
                None => {
                    this.chunks = None;
                    this.owed.extend(this.decoder.finish());
                    continue;
                }
            };
            this.chunks = None;
            return Poll::Ready(Some(Err(failure)));
        }
    }
}
