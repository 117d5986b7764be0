#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod agent;
mod context;
#[cfg(feature = "mcp")]
#[cfg_attr(docsrs, doc(cfg(feature = "mcp")))]
pub mod mcp;
pub mod memory;
pub mod run;
pub mod store;
pub mod tool;

#[doc(inline)]
pub use agent::{Agent, AgentBuilder, AgentError, AgentEvent, AgentResponse};
pub use bedrock_llm_macros::tool;
pub use context::{Context, Data, State, StateChange};
#[doc(inline)]
pub use tool::{
    IntoToolOutput, Invoked, RegistryError, Tool, ToolError, ToolExt, ToolOutput, ToolPolicy, ToolRegistry,
    ToolResult, ToolRetry, tool_fn, tool_fn_blocking,
};

/// What `#[tool]` needs; not for others.
#[doc(hidden)]
pub mod __private {
    pub use bedrock_llm_schema::ToolSpec;
    pub use schemars;
    pub use serde;
    pub use serde_json::Value;

    pub use crate::tool::{arguments_of, run_blocking, spec_of};
}
