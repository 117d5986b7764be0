//! How a server is reached and what is made of its tools.

use std::fmt;
use std::process::Stdio as Pipe;
use std::time::Duration;

use rmcp::transport::TokioChildProcess;
use tokio::process::Command;

use super::connection::{Connection, Opening};
use super::http::Address;
use super::name::is_legal;
use super::server::Listing;
use super::{McpError, McpServer, McpToolInfo};
use crate::ToolPolicy;

/// The most characters of a prefix: most of a name is the tool's.
const MAX_PREFIX: usize = 32;
/// Servers are often fetched by a package manager when they first start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// Connects to an MCP server; made by [`McpServer::stdio`] and [`McpServer::http`].
#[must_use = "nothing happens before `connect`"]
pub struct McpBuilder<T> {
    transport: T,
    connect_timeout: Duration,
    opening: Opening,
    listing: Listing,
}

/// The server is a child process.
pub struct Stdio {
    command: Command,
    stderr: Pipe,
}

/// The server is at a URL.
pub struct Http {
    address: Address,
}

pub(super) fn stdio(command: Command) -> McpBuilder<Stdio> {
    McpBuilder::new(Stdio { command, stderr: Pipe::inherit() })
}

pub(super) fn http(url: String) -> McpBuilder<Http> {
    McpBuilder::new(Http { address: Address { url, ..Address::default() } })
}

impl<T> McpBuilder<T> {
    fn new(transport: T) -> Self {
        let listing = Listing {
            prefix: String::new(),
            filter: Box::new(|_| true),
            policy: Box::new(|_, policy| policy),
        };
        Self { transport, connect_timeout: CONNECT_TIMEOUT, opening: Opening::Initialize, listing }
    }

    /// Puts this before the name of every tool, so that those of several servers do not clash: `files_`.
    ///
    /// At most 32 letters, digits, `_` and `-`; nothing by default.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.listing.prefix = prefix.into();
        self
    }

    /// Takes only the tools that `is_wanted`; all of them by default.
    pub fn filter(mut self, is_wanted: impl Fn(&McpToolInfo) -> bool + Send + Sync + 'static) -> Self {
        self.listing.filter = Box::new(is_wanted);
        self
    }

    /// Says how each tool is run: given what the server says of it, and the policy it would have, which is 60 s for a call
    /// and [idempotent](McpToolInfo::is_idempotent) by the server's word.
    ///
    /// ```
    /// # use bedrock_llm_agent::{ToolRetry, mcp::McpServer};
    /// let server = McpServer::http("https://example.com/mcp").policy(|tool, policy| {
    ///     let policy = policy.group("example");
    ///     if tool.is_idempotent() { policy.retry(ToolRetry::attempts(3)) } else { policy }
    /// });
    /// ```
    pub fn policy(
        mut self,
        policy: impl Fn(&McpToolInfo, ToolPolicy) -> ToolPolicy + Send + Sync + 'static,
    ) -> Self {
        self.listing.policy = Box::new(policy);
        self
    }

    /// Sets how long connecting may take, and each listing of the tools: 60 s by default, since a server may be fetched
    /// when it first starts.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Opens the connection with `server/discover`, as the protocol has it since its version 2026-07-28, and speaks that
    /// version. By default it is opened with `initialize`, which servers of versions 2024-11-05 to 2025-11-25 know, and
    /// newer ones that still take those in.
    pub fn discover(mut self) -> Self {
        self.opening = Opening::Discover;
        self
    }

    fn check(&self, server: &str) -> Result<(), McpError> {
        let prefix = &self.listing.prefix;
        if prefix.len() > MAX_PREFIX || !prefix.chars().all(is_legal) {
            let message = format!("at most {MAX_PREFIX} letters, digits, `_` and `-`");
            return Err(McpError::Option { server: server.to_owned(), option: "prefix", message });
        }
        Ok(())
    }
}

impl McpBuilder<Stdio> {
    /// Sets where the server's standard error goes: to ours by default.
    pub fn stderr(mut self, stderr: impl Into<Pipe>) -> Self {
        self.transport.stderr = stderr.into();
        self
    }

    /// Starts the server and greets it. Its process ends with the connection: see [`McpServer`].
    ///
    /// # Errors
    /// When an option is none, the program does not start, or what starts does not answer as a server in time.
    pub async fn connect(self) -> Result<McpServer, McpError> {
        let server = self.transport.command.as_std().get_program().to_string_lossy().into_owned();
        self.check(&server)?;
        let Stdio { mut command, stderr } = self.transport;
        // the SDK ends the process in a task, which a runtime that shuts down does not run any more
        command.kill_on_drop(true);
        let (process, _) = TokioChildProcess::builder(command)
            .stderr(stderr)
            .spawn()
            .map_err(|source| McpError::Start { server: server.clone(), source })?;
        let connection = Connection::open(process, server, self.opening, self.connect_timeout).await?;
        Ok(McpServer::new(connection, self.listing, self.connect_timeout))
    }
}

impl McpBuilder<Http> {
    /// Sends this token with every request, as `Authorization: Bearer`.
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.transport.address.bearer_token = Some(token.into());
        self
    }

    /// Sends this header with every request; of those of one name the last.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.transport.address.headers.push((name.into(), value.into()));
        self
    }

    /// Connects to the server and greets it.
    ///
    /// # Errors
    /// When an option is none, or nothing answers as a server in time.
    pub async fn connect(self) -> Result<McpServer, McpError> {
        let address = &self.transport.address;
        let server = address.server();
        self.check(&server)?;
        let headers = address.check().map_err(|(option, message)| McpError::Option {
            server: server.clone(),
            option,
            message,
        })?;
        let transport = address
            .transport(headers)
            .map_err(|source| McpError::Connect { server: server.clone(), source })?;
        let connection = Connection::open(transport, server, self.opening, self.connect_timeout).await?;
        Ok(McpServer::new(connection, self.listing, self.connect_timeout))
    }
}

/// The options, without what may be secret.
impl<T: fmt::Debug> fmt::Debug for McpBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpBuilder")
            .field("transport", &self.transport)
            .field("connect_timeout", &self.connect_timeout)
            .field("opening", &self.opening)
            .field("prefix", &self.listing.prefix)
            .finish_non_exhaustive()
    }
}

/// The program; its arguments may be secret.
impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdio").field("program", &self.command.as_std().get_program()).finish_non_exhaustive()
    }
}

/// The URL without query and user.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("server", &self.address.server()).finish_non_exhaustive()
    }
}
