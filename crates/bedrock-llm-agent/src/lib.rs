#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod context;
pub mod tool;

pub use context::{Context, Data, State, StateChange};
#[doc(inline)]
pub use tool::{
    IntoToolOutput, Invoked, RegistryError, Tool, ToolError, ToolExt, ToolOutput, ToolPolicy, ToolRegistry,
    ToolResult, ToolRetry, tool_fn, tool_fn_blocking,
};
