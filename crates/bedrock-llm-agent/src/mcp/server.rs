//! A connection to a server.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bedrock_llm_schema::ToolSpec;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::builder::{Http, McpBuilder, Stdio, http, stdio};
use super::connection::Connection;
use super::name::legal_names;
use super::tool::McpTool;
use super::{McpError, McpToolInfo};
use crate::{ToolPolicy, ToolRegistry};

/// The time of a call, unless [`McpBuilder::policy`] says otherwise.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection to a server that speaks the Model Context Protocol.
///
/// It lasts until [`close`](Self::close), or until this and the last of its tools are dropped: the tools alone keep it.
/// A server that is a child process is then asked to end by the end of its input, after 3 s by SIGTERM, after 3 s more
/// killed. `close` waits for that; what is dropped ends in the background, and is killed at once where the runtime ends.
///
/// ```no_run
/// use bedrock_llm_agent::ToolRegistry;
/// use bedrock_llm_agent::mcp::McpServer;
/// use tokio::process::Command;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut command = Command::new("npx");
/// command.args(["-y", "@modelcontextprotocol/server-filesystem", "/srv/reports"]);
/// let files = McpServer::stdio(command)
///     .prefix("files_")
///     .filter(|tool| tool.read_only == Some(true))
///     .connect()
///     .await?;
/// let search = McpServer::http("https://search.example.com/mcp").bearer_token("…").connect().await?;
///
/// let mut tools = ToolRegistry::new();
/// tools.merge(&files.tools().await?)?;
/// tools.merge(&search.tools().await?)?;
/// // … run an agent with them …
/// files.close().await;
/// search.close().await;
/// # Ok(())
/// # }
/// ```
pub struct McpServer {
    connection: Arc<Connection>,
    listing: Listing,
    list_timeout: Duration,
    /// The number of changes that the last listing knew of.
    listed: AtomicU64,
}

/// What is made of the tools.
pub(super) struct Listing {
    pub(super) prefix: String,
    pub(super) filter: Filter,
    pub(super) policy: Policy,
}

pub(super) type Filter = Box<dyn Fn(&McpToolInfo) -> bool + Send + Sync>;
pub(super) type Policy = Box<dyn Fn(&McpToolInfo, ToolPolicy) -> ToolPolicy + Send + Sync>;

impl McpServer {
    pub(super) fn new(connection: Connection, listing: Listing, list_timeout: Duration) -> Self {
        Self { connection: Arc::new(connection), listing, list_timeout, listed: AtomicU64::new(0) }
    }

    /// A server that this command starts, to be talked to over its standard input and output.
    pub fn stdio(command: Command) -> McpBuilder<Stdio> {
        stdio(command)
    }

    /// A server at this URL, to be talked to over streamable HTTP: `https://host/mcp`.
    ///
    /// TLS trusts what the system trusts; a proxy is taken from the environment (`HTTPS_PROXY`, …).
    pub fn http(url: impl Into<String>) -> McpBuilder<Http> {
        http(url.into())
    }

    /// Its name: what it calls itself, or else its program or URL.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.connection.server
    }

    /// What it says on how to use it, for the system prompt of a model that does.
    #[must_use]
    pub fn instructions(&self) -> Option<String> {
        self.connection.peer.peer_info().and_then(|info| info.instructions.clone())
    }

    /// Asks for the tools it has now, all pages of them.
    ///
    /// A registry does not change by itself: where the server's tools do, take new ones after
    /// [`tools_changed`](Self::tools_changed).
    ///
    /// # Errors
    /// When the server does not answer, or a tool that was not filtered out has no schema.
    pub async fn tools(&self) -> Result<ToolRegistry, McpError> {
        // before it is asked: a change under way is then not missed
        self.listed.store(*self.connection.changes.borrow(), Ordering::Relaxed);
        let asked = timeout(self.list_timeout, self.connection.list()).await;
        let Ok(listed) = asked else {
            let (server, after) = (self.name().to_owned(), self.list_timeout);
            return Err(McpError::TimedOut { server, what: "tools/list", after });
        };
        let mut seen = BTreeSet::new();
        let wanted: Vec<(McpToolInfo, Value)> = listed?
            .iter()
            .map(|tool| (McpToolInfo::of(tool), tool.schema_as_json_value()))
            .filter(|(info, _)| seen.insert(info.name.clone()) && (self.listing.filter)(info))
            .collect();
        let names: Vec<&str> = wanted.iter().map(|(info, _)| info.name.as_str()).collect();
        let names = legal_names(&self.listing.prefix, &names);
        let mut tools = ToolRegistry::new();
        for (name, (info, schema)) in names.into_iter().zip(wanted) {
            tools
                .add(self.tool(name, info, schema)?)
                .map_err(|source| McpError::Registry { server: self.name().to_owned(), source })?;
        }
        Ok(tools)
    }

    fn tool(&self, name: String, info: McpToolInfo, schema: Value) -> Result<McpTool, McpError> {
        // the service takes no empty description
        let said = [info.description.as_ref(), info.title.as_ref(), Some(&info.name)];
        let description = said.into_iter().flatten().find(|text| !text.trim().is_empty());
        let mut spec = ToolSpec::new(name, "", schema);
        spec.description = description.cloned();
        let spec = spec.compile().map_err(|source| McpError::Schema {
            server: self.name().to_owned(),
            tool: info.name.clone(),
            source,
        })?;
        let policy = ToolPolicy::default().timeout(CALL_TIMEOUT).idempotent(info.is_idempotent());
        let policy = (self.listing.policy)(&info, policy);
        Ok(McpTool { spec, name: info.name, policy, connection: Arc::clone(&self.connection) })
    }

    /// Waits until the server has said that its tools are not those of the last [`tools`](Self::tools) any more; returns
    /// at once where it has said so since. A server need not say it: see `listChanged` among its capabilities.
    ///
    /// # Errors
    /// [`McpError::Closed`] when the connection ends.
    pub async fn tools_changed(&self) -> Result<(), McpError> {
        let mut changes = self.connection.changes.clone();
        let listed = self.listed.load(Ordering::Relaxed);
        tokio::select! {
            biased;
            () = self.connection.ended.cancelled() => {}
            changed = changes.wait_for(|count| *count != listed) => if changed.is_ok() { return Ok(()) },
        }
        Err(McpError::Closed { server: self.name().to_owned() })
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.connection.ended.is_cancelled()
    }

    /// Ends the connection, and the server where it is a child process, and waits until it has. Calls under way fail.
    pub async fn close(&self) {
        self.connection.close().await;
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer").field("name", &self.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
