#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod blob;
pub mod cache;
pub mod content;
pub mod context;
pub mod conversation;
pub mod embed;
pub mod error;
pub mod guardrail;
pub mod model;
pub mod normalize;
pub mod request;
pub mod rerank;
pub mod response;
pub mod rules;
pub mod stream;
pub mod tokens;
pub mod wire;

pub use blob::Blob;
pub use cache::{CachePlan, CacheReport, CacheVerdict, PrefixDifference, first_difference};
pub use content::media::{
    AudioBlock, DocumentBlock, DocumentFormat, ImageBlock, ImageFormat, MediaError, VideoBlock,
};
pub use content::reasoning::{ReasoningContentBlock, ReasoningTextBlock};
pub use content::tool::{
    Tool, ToolChoice, ToolConfig, ToolResultBlock, ToolResultContentBlock, ToolResultStatus, ToolSpec,
    ToolUseBlock,
};
pub use content::{CachePointBlock, CacheTtl, ContentBlock, Message, Role, SystemContentBlock};
pub use context::{ContextPlan, ContextPolicy, OnOverflow};
pub use conversation::Conversation;
pub use embed::{EmbedRequest, EmbedResponse};
pub use error::{BoxError, Error, ErrorKind, Retry, ServiceError, ThrottleScope};
pub use guardrail::{ApplyGuardrailRequest, ApplyGuardrailResponse, GuardrailConfig};
pub use model::{Catalog, Family, ModelConfig, ModelId};
pub use normalize::{Change, ChangeKind, Normalized, Normalizer, OnUnsupported, ReasoningConflict};
pub use request::{
    Call, CallOptions, ChatRequest, ChatStreamRequest, CountTokensRequest, CountTokensResponse, Effort,
    InferenceConfig, InvokeRequest, InvokeResponse, InvokeStreamRequest, Operation, Priority, Reasoning,
    Request, StreamRecovery,
};
pub use rerank::{RerankRequest, RerankResponse};
pub use response::{AnsweredBy, ChatResponse, End, Outcome, Replayable, Response, StopReason, Usage};
pub use rules::{Violation, Violations};
pub use stream::{Accumulator, ChatStream, InvokeStream, StreamEvent};
pub use tokens::TokenCount;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
