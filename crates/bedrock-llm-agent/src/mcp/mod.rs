//! Tools of Model Context Protocol servers, as ordinary tools.
//!
//! [`McpServer`] talks to a server that it starts as a child process, or to one over streamable HTTP, through the
//! protocol's own Rust SDK. Its [`tools`](McpServer::tools) are a [`ToolRegistry`](crate::ToolRegistry) like any other.
//!
//! - **Names.** The protocol allows names that Bedrock does not (`files.read`, more than 64 characters); the model is
//!   told legal ones, the server hears its own. The same list of tools gives the same names, in whatever order.
//! - **Schemas** are mended where every model would refuse them (a root without `type`, a root that is a reference).
//! - **Hints.** A tool is [idempotent](crate::ToolPolicy::is_idempotent) where its server says `readOnlyHint` or
//!   `idempotentHint`, and not otherwise, as the protocol has it. Hints are the server's word: do not rely on those of a
//!   server you do not trust, and set your own with [`policy`](McpBuilder::policy).
//! - **Results.** Text, images and documents become what they are, structured content becomes JSON, links and what a
//!   tool result cannot hold become a line of text that says so. A result with `isError` is
//!   [`ToolError::Failed`](crate::ToolError::Failed) with the server's words.
//! - **Cancelling.** A call that is dropped, cancelled or out of time tells the server so (`notifications/cancelled`).
//!
//! The server gets no access to a model, to files or to the user: of what clients may offer (sampling, roots,
//! elicitation) none is offered. The SDK traces whole messages at level `trace` of its own target, `rmcp`.
//!
//! Facts are those of <https://modelcontextprotocol.io/specification/2025-11-25>.

mod builder;
mod connection;
mod error;
mod http;
mod name;
mod output;
mod server;
mod tool;

pub use builder::{Http, McpBuilder, Stdio};
pub use error::McpError;
pub use server::McpServer;
pub use tool::McpToolInfo;
