//! No SDK of bedrock-agent-runtime.

use aws_sdk_bedrockruntime::error::SdkError;
use aws_sdk_bedrockruntime::operation::invoke_model::InvokeModelError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::super::wire::{Vehicle, Wire};

/// Who would carry calls to bedrock-agent-runtime; there is none.
#[derive(Debug, Clone)]
pub(crate) enum Agent {}

impl Agent {
    pub(in super::super) const VEHICLE: Vehicle = super::super::sdk::INVOKE_MODEL;

    pub(in super::super) fn in_region(&self, _region: &str) -> Self {
        match *self {}
    }

    pub(in super::super) fn endpoint(&self) -> Option<&str> {
        match *self {}
    }

    pub(in super::super) async fn carry(
        &self,
        _wire: Wire,
    ) -> Result<(), SdkError<InvokeModelError, HttpResponse>> {
        match *self {}
    }
}
