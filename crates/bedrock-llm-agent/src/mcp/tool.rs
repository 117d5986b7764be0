//! A server's tool.

use std::fmt;
use std::sync::Arc;

use bedrock_llm_schema::ToolSpec;
use rmcp::model::{CallToolRequestParams, CallToolResponse};
use serde_json::{Map, Value};

use super::McpError;
use super::connection::Connection;
use super::output::output_of;
use crate::{Context, Tool, ToolError, ToolOutput, ToolPolicy};

/// What a server says of one of its tools.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct McpToolInfo {
    /// The server's name for it.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// Whether it leaves everything as it is (`readOnlyHint`); unsaid counts as `false`.
    pub read_only: Option<bool>,
    /// Whether it may undo or overwrite what was there (`destructiveHint`); unsaid counts as `true`.
    pub destructive: Option<bool>,
    /// Whether running it twice does no more than running it once (`idempotentHint`); unsaid counts as `false`.
    pub idempotent: Option<bool>,
    /// Whether it deals with a world outside, such as the web (`openWorldHint`); unsaid counts as `true`.
    pub open_world: Option<bool>,
}

impl McpToolInfo {
    pub(super) fn of(tool: &rmcp::model::Tool) -> Self {
        let hints = tool.annotations.clone().unwrap_or_default();
        Self {
            name: tool.name.to_string(),
            title: tool.title.clone().or(hints.title),
            description: tool.description.as_deref().map(str::to_owned),
            read_only: hints.read_only_hint,
            destructive: hints.destructive_hint,
            idempotent: hints.idempotent_hint,
            open_world: hints.open_world_hint,
        }
    }

    /// Whether it may be run twice, by the server's word: it is read-only or idempotent. What it destroys does not
    /// count: what is gone does not go a second time, if the server says so.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.read_only == Some(true) || self.idempotent == Some(true)
    }
}

/// A tool that a server runs.
pub(super) struct McpTool {
    /// The name is the model's.
    pub(super) spec: ToolSpec,
    /// The server's name.
    pub(super) name: String,
    pub(super) policy: ToolPolicy,
    pub(super) connection: Arc<Connection>,
}

impl Tool for McpTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn policy(&self) -> ToolPolicy {
        self.policy.clone()
    }

    async fn call(&self, arguments: Value, _context: Context) -> Result<ToolOutput, ToolError> {
        let Value::Object(arguments) = arguments else {
            return Err(ToolError::permanent("the arguments are no object"));
        };
        output_of(self.ask(arguments).await?)
    }
}

impl McpTool {
    async fn ask(&self, arguments: Map<String, Value>) -> Result<rmcp::model::CallToolResult, McpError> {
        let params = CallToolRequestParams::new(self.name.clone()).with_arguments(arguments);
        // dropped before its end, it tells the server that nobody listens any more
        let answer = self.connection.peer.call_tool_once(params).await;
        let unexpected = |message: &str| McpError::Unexpected {
            server: self.connection.server.clone(),
            what: "tools/call",
            message: message.to_owned(),
        };
        match answer.map_err(|error| McpError::of_request(&self.connection.server, "tools/call", error))? {
            CallToolResponse::Complete(result) => Ok(result),
            CallToolResponse::InputRequired(_) => {
                Err(unexpected("a question to the user, which is not offered"))
            }
            _ => Err(unexpected("a task, which was not offered")),
        }
    }
}

impl fmt::Debug for McpTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpTool").field("name", &self.name).finish_non_exhaustive()
    }
}
