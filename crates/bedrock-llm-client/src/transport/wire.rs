//! Our serializer and deserializer in the place of the SDK's.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, Error as ErasedError, Input, Output,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::{
    DeserializeResponse, SerializeRequest, SharedRequestSerializer, SharedResponseDeserializer,
};
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::ErrorMetadata;

use super::call::{Head, Outgoing, Reply};

/// The SDK's operation that carries ours: what its orchestrator wants to be told, and nobody reads.
#[derive(Debug)]
pub(super) struct Vehicle {
    /// The service's name, for the SDK's own metrics and traces.
    pub(super) service: &'static str,
    /// The operation's output.
    pub(super) output: fn() -> Result<Output, BoxError>,
    /// The operation's error.
    pub(super) failure: fn(ErrorMetadata) -> ErasedError,
}

/// One exchange: the call on its way out, the reply on its way in.
#[derive(Debug, Clone)]
pub(super) struct Wire(Arc<Exchange>);

struct Exchange {
    vehicle: &'static Vehicle,
    call: Outgoing,
    streaming: bool,
    reply: Mutex<Option<Reply>>,
}

/// The call and the reply show no body.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let replied = self.reply.try_lock().map(|reply| reply.as_ref().map(|reply| reply.head.status));
        f.debug_struct("Exchange")
            .field("call", &self.call)
            .field("streaming", &self.streaming)
            .field("status", &replied.ok().flatten())
            .finish_non_exhaustive()
    }
}

impl Wire {
    pub(super) fn new(vehicle: &'static Vehicle, call: Outgoing, streaming: bool) -> Self {
        Self(Arc::new(Exchange { vehicle, call, streaming, reply: Mutex::new(None) }))
    }

    pub(super) fn call(&self) -> &Outgoing {
        &self.0.call
    }

    /// What the service replied, if it was reached.
    pub(super) fn take_reply(&self) -> Option<Reply> {
        self.0.reply.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The output of the operation that carries.
    fn done(&self) -> Result<Output, OrchestratorError<ErasedError>> {
        (self.0.vehicle.output)().map_err(OrchestratorError::other)
    }

    fn put_reply(&self, reply: Reply) {
        *self.0.reply.lock().unwrap_or_else(PoisonError::into_inner) = Some(reply);
    }
}

tokio::task_local! {
    /// The exchange that the SDK is to carry in this task.
    static RIDING: Wire;
}

/// The client's interceptor: puts the serializer and deserializer of the exchange that rides in this task in the
/// place of the operation's.
///
/// It is set once on the client and not on each call, since a call that is customised costs the SDK a configuration
/// of its own: 25 µs of the 150 that a call takes (`cargo xtask bench chat`).
#[derive(Debug)]
pub(super) struct Carrier;

impl Wire {
    /// Runs a call of the SDK with this exchange in the place of its own.
    pub(super) async fn ride<F: Future>(self, call: F) -> F::Output {
        RIDING.scope(self, call).await
    }
}

#[dyn_dispatch_hint]
impl Intercept for Carrier {
    fn name(&self) -> &'static str {
        "BedrockLlmCarrier"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let wire = RIDING.try_with(Wire::clone)?;
        // what an interceptor stores goes before what the operation came with
        let state = cfg.interceptor_state();
        state.store_put(Metadata::new(wire.0.call.context.operation.as_str(), wire.0.vehicle.service));
        state.store_put(SharedRequestSerializer::new(wire.clone()));
        state.store_put(SharedResponseDeserializer::new(wire));
        Ok(())
    }
}

impl SerializeRequest for Wire {
    fn serialize_input(&self, _carrier: Input, _cfg: &mut ConfigBag) -> Result<HttpRequest, BoxError> {
        let Outgoing { path, body, content_type, headers, .. } = &self.0.call;
        let mut request = HttpRequest::new(SdkBody::from(body.clone()));
        request.set_method("POST")?;
        request.set_uri(path.as_str())?;
        let sent = request.headers_mut();
        sent.try_insert("content-type", content_type.clone())?;
        sent.try_insert("content-length", body.len().to_string())?;
        for (name, value) in headers {
            sent.try_insert(*name, value.clone())?;
        }
        Ok(request)
    }
}

impl DeserializeResponse for Wire {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        _cfg: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<ErasedError>>> {
        if !self.0.streaming || !response.status().is_success() {
            return None; // have the body read first
        }
        self.put_reply(Reply { head: head(response), body: response.take_body() });
        Some(self.done())
    }

    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _cfg: &ConfigBag,
    ) -> Result<Output, OrchestratorError<ErasedError>> {
        let head = head(response);
        let failed = !response.status().is_success();
        // shares the bytes
        let body = response.body().try_clone().unwrap_or_else(SdkBody::empty);
        let code = head.error_type.clone();
        self.put_reply(Reply { head, body });
        if !failed {
            return self.done();
        }
        // the SDK wants to know of the failure, to drop a broken connection; what it was, the reply tells
        let error = ErrorMetadata::builder().code(code.unwrap_or_default()).build();
        Err(OrchestratorError::operation((self.0.vehicle.failure)(error)))
    }
}

fn head(response: &HttpResponse) -> Head {
    let headers = response.headers();
    let owned = |name: &str| headers.get(name).map(str::to_owned);
    Head {
        status: response.status().as_u16(),
        request_id: owned("x-amzn-requestid").or_else(|| owned("x-amz-request-id")),
        content_type: owned("content-type"),
        error_type: owned("x-amzn-errortype"),
        retry_after: retry_after(headers),
        amzn: headers
            .iter()
            .filter(|(name, _)| name.starts_with("x-amzn-"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

/// Seconds, or milliseconds in AWS's own header; a date is not worth a calendar.
fn retry_after(headers: &Headers) -> Option<Duration> {
    let number = |name: &str| headers.get(name).and_then(|value| value.trim().parse::<u64>().ok());
    number("x-amz-retry-after")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::Operation;

    use super::super::call::Context;
    use super::*;

    #[test]
    fn debug_shows_no_prompt_and_no_answer() {
        let call = Outgoing::json(Context::new(Operation::Converse, None), "/p".to_owned(), "my secret");
        let wire = Wire::new(&super::super::sdk::INVOKE_MODEL, call, false);
        wire.put_reply(Reply {
            head: Head { status: 200, ..Head::default() },
            body: SdkBody::from("a secret"),
        });
        let shown = format!("{wire:?}");
        assert!(!shown.contains("secret") && shown.contains("200"), "{shown}");
    }
}
