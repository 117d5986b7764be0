//! The SDK client that carries our calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::{Builder, Region};
use bedrock_llm_schema::{Catalog, Error};

use super::call::{Context, Outgoing, Reply};
use super::events::Opened;
use super::failure;
use super::wire::{Carrier, Wire};

/// Sends calls through an SDK client. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sdk {
    client: Client,
    region: Option<String>,
    endpoint: Option<String>,
    /// The caller's facts, for advice.
    catalog: Option<Arc<Catalog>>,
}

impl Sdk {
    /// Over a configuration whose retries are off; `endpoint` is for messages.
    pub(crate) fn new(config: Builder, endpoint: Option<String>) -> Self {
        let client = Client::from_conf(config.interceptor(Carrier).build());
        let region = client.config().region().map(ToString::to_string);
        Self { client, region, endpoint, catalog: None }
    }

    /// The same in another region, over the same connections and with the same credentials.
    pub(crate) fn in_region(&self, region: &str) -> Self {
        let config = self.client.config().to_builder().region(Region::new(region.to_owned()));
        let client = Client::from_conf(config.build());
        Self { client, region: Some(region.to_owned()), ..self.clone() }
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
        let wire = Wire::new(call, streaming);
        // the model's id stands in our path; the carrier only must have one
        let carrier = self.client.invoke_model().model_id("carrier");
        // boxed, since the SDK's future is large and would be copied with every future around it
        let sent = wire.clone().ride(Box::pin(carrier.send())).await;
        let mut context = wire.call().context.clone();
        let reply = wire.take_reply();
        if let Some(reply) = &reply {
            context.request_id.clone_from(&reply.head.request_id);
        }
        let outcome = match (sent, reply) {
            (Ok(_), Some(reply)) => Ok(reply),
            (Err(_), Some(reply)) if reply.head.status >= 300 => Err(failure::from_reply(&reply)),
            (Err(error), _) => {
                Err(failure::from_sdk(error, self.endpoint.as_deref(), self.region.as_deref()))
            }
            (Ok(_), None) => Err(failure::unread()),
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
