//! Everything a caller can ask of the service, one type per operation.

mod chat;
mod config;
mod count_tokens;
mod invoke;
mod operation;
mod reasoning;

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
pub use operation::{Operation, Request};
pub use reasoning::{Effort, Reasoning};
