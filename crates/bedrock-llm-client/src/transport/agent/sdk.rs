//! `aws-sdk-bedrockagentruntime`, with its `Rerank` as what carries.

use std::sync::{Arc, OnceLock};

use aws_sdk_bedrockagentruntime::config::{Builder, Region};
use aws_sdk_bedrockagentruntime::error::SdkError;
use aws_sdk_bedrockagentruntime::operation::rerank::{RerankError, RerankOutput};
use aws_sdk_bedrockagentruntime::{Client, Config};
use aws_smithy_runtime_api::client::interceptors::context::{Error as ErasedError, Output};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::super::wire::{Carrier, Vehicle, Wire};

/// Sends calls through an SDK client of bedrock-agent-runtime. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    config: Config,
    /// Made when it is first needed, which it never is by most programs.
    client: Arc<OnceLock<Client>>,
    /// For messages.
    endpoint: Option<String>,
}

impl Agent {
    pub(in super::super) const VEHICLE: Vehicle = Vehicle {
        service: "Bedrock Agent Runtime",
        output: || Ok(Output::erase(RerankOutput::builder().set_results(Some(Vec::new())).build()?)),
        failure: |metadata| ErasedError::erase(RerankError::generic(metadata)),
    };

    /// Over a configuration whose retries are off; `endpoint` is for messages.
    pub(crate) fn new(config: Builder, endpoint: Option<String>) -> Self {
        Self { config: config.interceptor(Carrier).build(), client: Arc::default(), endpoint }
    }

    pub(in super::super) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// The same in another region.
    pub(in super::super) fn in_region(&self, region: &str) -> Self {
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        Self { config, client: Arc::default(), endpoint: self.endpoint.clone() }
    }

    /// Runs the SDK's `Rerank` with an exchange in the place of its own.
    pub(in super::super) async fn carry(
        &self,
        wire: Wire,
    ) -> Result<(), SdkError<RerankError, HttpResponse>> {
        let client = self.client.get_or_init(|| Client::from_conf(self.config.clone()));
        // boxed, since the SDK's future is large and would be copied with every future around it
        wire.ride(Box::pin(client.rerank().send())).await.map(drop)
    }
}
