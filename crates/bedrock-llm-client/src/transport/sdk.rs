//! The SDK client that carries our calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::{Builder, Region};
use aws_sdk_bedrockruntime::error::SdkError;
use aws_sdk_bedrockruntime::operation::invoke_model::{InvokeModelError, InvokeModelOutput};
use aws_sdk_bedrockruntime::primitives::Blob;
use aws_smithy_runtime_api::client::interceptors::context::{Error as ErasedError, Output};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bedrock_llm_schema::{Catalog, Error, Operation};

use super::agent::{self, Agent, NoAgent};
use super::call::{Context, JSON, Outgoing, Reply};
use super::events::Opened;
use super::failure;
use super::wire::{Carrier, Vehicle, Wire};

/// What carries every call to bedrock-runtime.
pub(super) const INVOKE_MODEL: Vehicle = Vehicle {
    service: "Bedrock Runtime",
    output: || {
        let output = InvokeModelOutput::builder().body(Blob::new(Vec::new())).content_type(JSON).build();
        Ok(Output::erase(output?))
    },
    failure: |metadata| ErasedError::erase(InvokeModelError::generic(metadata)),
};

/// Sends calls through an SDK client. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sdk {
    client: Client,
    /// Who carries the calls to bedrock-agent-runtime.
    agent: Result<Agent, NoAgent>,
    region: Option<String>,
    endpoint: Option<String>,
    /// The caller's facts, for advice.
    catalog: Option<Arc<Catalog>>,
}

impl Sdk {
    /// Over a configuration whose retries are off; `endpoint` is for messages.
    pub(crate) fn new(config: Builder, agent: Result<Agent, NoAgent>, endpoint: Option<String>) -> Self {
        let client = Client::from_conf(config.interceptor(Carrier).build());
        let region = client.config().region().map(ToString::to_string);
        Self { client, agent, region, endpoint, catalog: None }
    }

    /// The same in another region, over the same connections and with the same credentials.
    pub(crate) fn in_region(&self, region: &str) -> Self {
        let config = self.client.config().to_builder().region(Region::new(region.to_owned()));
        let client = Client::from_conf(config.build());
        let agent = self.agent.as_ref().map(|agent| agent.in_region(region)).map_err(|why| *why);
        let region = Some(region.to_owned());
        let (endpoint, catalog) = (self.endpoint.clone(), self.catalog.clone());
        Self { client, agent, region, endpoint, catalog }
    }

    /// Takes advice from this catalog in the place of the built-in one.
    pub(crate) fn with_catalog(self, catalog: Option<Arc<Catalog>>) -> Self {
        Self { catalog, ..self }
    }

    pub(crate) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// One call, one whole answer.
    pub(crate) async fn send(&self, call: Outgoing) -> Result<(Reply, Context), Error> {
        self.exchange(call, false).await
    }

    /// One call, one answer that comes in frames.
    pub(crate) async fn open(&self, call: Outgoing) -> Result<Opened, Error> {
        let (reply, context) = self.exchange(call, true).await?;
        Ok(Opened::new(reply, context))
    }

    async fn exchange(&self, call: Outgoing, streaming: bool) -> Result<(Reply, Context), Error> {
        let started = Instant::now();
        let (wire, sent) = match call.context.operation {
            Operation::Rerank => {
                let carrier = self.agent.as_ref().map_err(|why| call.context.explain(why.error()))?;
                let wire = Wire::new(&Agent::VEHICLE, call, streaming);
                let sent = carrier.carry(wire.clone()).await;
                (
                    wire,
                    sent.map_err(|error| {
                        agent::advise(self.unsent(error, "bedrock-agent-runtime", carrier.endpoint()))
                    }),
                )
            }
            _ => {
                let wire = Wire::new(&INVOKE_MODEL, call, streaming);
                // the model's id stands in our path; the carrier only must have one
                let carrier = self.client.invoke_model().model_id("carrier");
                // boxed, since the SDK's future is large and would be copied with every future around it
                let sent = wire.clone().ride(Box::pin(carrier.send())).await.map(drop);
                (wire, sent.map_err(|error| self.unsent(error, "bedrock-runtime", self.endpoint.as_deref())))
            }
        };
        let mut context = wire.call().context.clone();
        let reply = wire.take_reply();
        if let Some(reply) = &reply {
            context.request_id.clone_from(&reply.head.request_id);
        }
        let outcome = match (sent, reply) {
            (Ok(()), Some(reply)) => Ok(reply),
            (Err(_), Some(reply)) if reply.head.status >= 300 => Err(failure::from_reply(&reply)),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(failure::unread()),
        };
        let elapsed = started.elapsed();
        match outcome {
            Ok(reply) => {
                log(&context, reply.head.status, elapsed);
                Ok((reply, context))
            }
            Err(error) => {
                let catalog = self.catalog.as_deref().unwrap_or_else(|| Catalog::builtin());
                let error = context.advise(context.explain(error), catalog, self.region.as_deref());
                log_failure(&context, &error, elapsed);
                Err(error)
            }
        }
    }
}

impl Sdk {
    /// What it is that the SDK could not get an answer from a service for.
    fn unsent<E>(&self, error: SdkError<E, HttpResponse>, service: &str, endpoint: Option<&str>) -> Error
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        failure::from_sdk(error, service, endpoint, self.region.as_deref())
    }
}

/// Not the catalog: it is long.
impl std::fmt::Debug for Sdk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sdk")
            .field("client", &self.client)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

fn log(context: &Context, status: u16, elapsed: Duration) {
    tracing::debug!(
        operation = context.operation.as_str(),
        model = context.model.as_ref().map(bedrock_llm_schema::ModelId::as_str),
        status,
        request_id = context.request_id.as_deref(),
        elapsed_ms = elapsed.as_millis(),
        "bedrock call"
    );
}

fn log_failure(context: &Context, error: &Error, elapsed: Duration) {
    // the kind and not the message: a service may quote the prompt
    tracing::debug!(
        operation = context.operation.as_str(),
        model = context.model.as_ref().map(bedrock_llm_schema::ModelId::as_str),
        status = error.status(),
        code = error.code(),
        kind = error.kind().as_str(),
        request_id = context.request_id.as_deref(),
        elapsed_ms = elapsed.as_millis(),
        "bedrock call failed"
    );
}
