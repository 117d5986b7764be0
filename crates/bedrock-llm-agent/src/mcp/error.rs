//! What goes wrong with a server.

use std::time::Duration;

use bedrock_llm_schema::BoxError;
use bedrock_llm_schema::normalize::ToolSchemaError;
use rmcp::ServiceError;
use rmcp::model::{ErrorCode, ErrorData};
use rmcp::service::ClientInitializeError;

use crate::{RegistryError, ToolError};

/// What went wrong with an MCP server.
///
/// Names the server as it names itself; before it has, by its program or by its URL without query and user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McpError {
    /// An option of the builder is none.
    #[error("`{option}` of the MCP server `{server}`: {message}")]
    Option {
        /// The server.
        server: String,
        /// The option.
        option: &'static str,
        /// What is wrong with it and what it may be.
        message: String,
    },
    /// The server's program did not start.
    #[error("the MCP server `{server}` does not start; is the program there, and may it be run?")]
    Start {
        /// The server.
        server: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no connection, or what answers does not speak the protocol.
    #[error("no connection to the MCP server `{server}`; is it running, and is it one?")]
    Connect {
        /// The server.
        server: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The server does not take the request that opens the connection.
    #[error(
        "the MCP server `{server}` does not take `{opening}`: {message}; \
         servers of before 2026-07-28 take `initialize`, servers of that version alone `McpBuilder::discover`"
    )]
    Opening {
        /// The server.
        server: String,
        /// What it was opened with: `initialize` or `server/discover`.
        opening: &'static str,
        /// What it said.
        message: String,
    },
    /// The server wants to know who asks.
    #[error(
        "the MCP server `{server}` wants authorization; give a valid one with `McpBuilder::bearer_token`"
    )]
    Unauthorized {
        /// The server.
        server: String,
    },
    /// The server took too long to connect or to list its tools.
    #[error(
        "the MCP server `{server}` did not answer `{what}` within {after:?}; see `McpBuilder::connect_timeout`"
    )]
    TimedOut {
        /// The server.
        server: String,
        /// What was asked: `connect` or `tools/list`.
        what: &'static str,
        /// The time it had.
        after: Duration,
    },
    /// The connection ended, or the stream broke off that the answer should have come by: the server's process ended, it
    /// was closed, or is no longer reached. It may have done what it was asked for.
    #[error("the MCP server `{server}` was gone before it answered; if it stays so, connect to it anew")]
    Closed {
        /// The server.
        server: String,
    },
    /// A message did not reach the server, or its answer cannot be read. It may have done what it was asked for.
    #[error(
        "the MCP server `{server}` is not reached, or its answer not read; if it stays so, connect to it anew"
    )]
    Broken {
        /// The server.
        server: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The server answered with an error of the protocol.
    #[error("the MCP server `{server}` refused: {message} (code {code})")]
    Refused {
        /// The server.
        server: String,
        /// The code of JSON-RPC.
        code: i32,
        /// What it said.
        message: String,
    },
    /// The server answered something else than was asked for.
    #[error("the MCP server `{server}` answered `{what}` with {message}")]
    Unexpected {
        /// The server.
        server: String,
        /// What was asked.
        what: &'static str,
        /// What came.
        message: String,
    },
    /// A tool's schema is none that a model can be told.
    #[error(
        "the tool `{tool}` of the MCP server `{server}` has no schema to tell a model; leave it out with `McpBuilder::filter`"
    )]
    Schema {
        /// The server.
        server: String,
        /// The tool, by the server's name for it.
        tool: String,
        /// What is wrong with it.
        #[source]
        source: ToolSchemaError,
    },
    /// The tools do not go together.
    #[error("the tools of the MCP server `{server}` do not go together")]
    Registry {
        /// The server.
        server: String,
        /// Why.
        #[source]
        source: RegistryError,
    },
}

impl McpError {
    /// Why a connection did not come about.
    pub(super) fn of_opening(server: &str, opening: &'static str, error: ClientInitializeError) -> Self {
        let server = server.to_owned();
        if error.is_authorization_required() || error.auth_challenge().is_some() {
            return Self::Unauthorized { server };
        }
        match error {
            ClientInitializeError::JsonRpcError(ErrorData { message, .. }) => {
                Self::Opening { server, opening, message: message.into_owned() }
            }
            ClientInitializeError::NoCompatibleProtocolVersion { .. } => {
                let message = "no version of the protocol is known to both".to_owned();
                Self::Opening { server, opening, message }
            }
            other => Self::Connect { server, source: other.into() },
        }
    }

    /// Why a request was not answered.
    pub(super) fn of_request(server: &str, what: &'static str, error: ServiceError) -> Self {
        let server = server.to_owned();
        if error.is_authorization_required() || error.auth_challenge().is_some() {
            return Self::Unauthorized { server };
        }
        match error {
            ServiceError::McpError(ErrorData { code, message, .. }) => {
                Self::Refused { server, code: code.0, message: message.into_owned() }
            }
            // our own cancellation ends a connection that is closed while it is asked
            ServiceError::TransportClosed | ServiceError::Cancelled { .. } => Self::Closed { server },
            ServiceError::UnexpectedResponse => {
                Self::Unexpected { server, what, message: "what is no answer to it".to_owned() }
            }
            other => Self::Broken { server, source: other.into() },
        }
    }

    /// Whether another attempt on the same connection may do better.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Broken { .. } => true,
            Self::Refused { code, .. } => *code == ErrorCode::INTERNAL_ERROR.0,
            _ => false,
        }
    }
}

/// What the model reads when a call came to nothing.
impl From<McpError> for ToolError {
    fn from(error: McpError) -> Self {
        Self::Failed {
            message: error.to_string(),
            is_retryable: error.is_retryable(),
            source: Some(error.into()),
        }
    }
}
