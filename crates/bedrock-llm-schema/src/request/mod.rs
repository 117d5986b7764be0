//! Everything a caller can ask of the service, one type per operation.

mod call;
mod chat;
mod config;
mod count_tokens;
mod invoke;
mod key;
mod operation;
mod reasoning;
#[allow(clippy::module_inception, reason = "it is the trait of this name")]
mod request;

pub use call::{CacheUse, Call, CallOptions, Priority, StreamRecovery};
pub use chat::{ChatRequest, ChatStreamRequest};
pub use config::{
    InferenceConfig, JsonSchemaDefinition, OutputConfig, OutputFormat, OutputFormatStructure,
    OutputFormatType, PerformanceConfig, PerformanceLatency, PromptVariableValue, ServiceTier,
    ServiceTierType,
};
pub use count_tokens::{
    ConverseTokensRequest, CountTokensInput, CountTokensRequest, CountTokensResponse,
    InvokeModelTokensRequest,
};
pub use invoke::{InvokeRequest, InvokeResponse, InvokeStreamRequest};
pub(crate) use key::write_sorted;
pub use operation::Operation;
pub use reasoning::{Effort, Reasoning};
pub use request::Request;
