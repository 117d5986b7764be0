#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod blob;
pub mod content;
pub mod error;
pub mod guardrail;
pub mod model;
pub mod normalize;
pub mod request;
pub mod response;
pub mod rules;
pub mod stream;
pub mod wire;

pub use blob::Blob;
pub use content::media::{
    AudioBlock, DocumentBlock, DocumentFormat, ImageBlock, ImageFormat, MediaError, VideoBlock,
};
pub use content::reasoning::{ReasoningContentBlock, ReasoningTextBlock};
pub use content::tool::{
    Tool, ToolChoice, ToolConfig, ToolResultBlock, ToolResultContentBlock, ToolResultStatus, ToolSpec,
    ToolUseBlock,
};
pub use content::{CachePointBlock, CacheTtl, ContentBlock, Message, Role, SystemContentBlock};
pub use error::{BoxError, Error, ErrorKind, Retry, ServiceError, ThrottleScope};
pub use guardrail::{ApplyGuardrailRequest, ApplyGuardrailResponse, GuardrailConfig};
pub use model::{Catalog, Family, ModelConfig, ModelId};
pub use normalize::{Change, ChangeKind, Normalized, Normalizer, OnUnsupported};
pub use request::{
    ChatRequest, ChatStreamRequest, CountTokensRequest, CountTokensResponse, InferenceConfig, InvokeRequest,
    InvokeResponse, InvokeStreamRequest, Operation, Request,
};
pub use response::{ChatResponse, StopReason, Usage};
pub use rules::{Violation, Violations};
pub use stream::{Accumulator, ChatStream, InvokeStream, StreamEvent};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
