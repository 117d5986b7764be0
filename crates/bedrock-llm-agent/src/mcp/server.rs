//! A connection to a server.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bedrock_llm_schema::ToolSpec;
use rmcp::model::{
    ClientCapabilities, ClientConfig, Implementation, PaginatedRequestParams, ProtocolVersion,
    SubscriptionFilter,
};
use rmcp::service::{
    ClientLifecycleMode, NotificationContext, Peer, RoleClient, serve_client_with_lifecycle_and_ct,
};
use rmcp::transport::IntoTransport;
use rmcp::{ClientHandler, ServiceError};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::builder::{Http, McpBuilder, Stdio, http, stdio};
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
    changes: watch::Receiver<u64>,
    /// The number of changes that the last listing knew of.
    listed: AtomicU64,
}

/// What the server and its tools share.
pub(super) struct Connection {
    /// What errors call it.
    pub(super) server: String,
    pub(super) peer: Peer<RoleClient>,
    stop: CancellationToken,
    ended: CancellationToken,
    _stop_on_drop: DropGuard,
}

/// What is made of the tools.
pub(super) struct Listing {
    pub(super) prefix: String,
    pub(super) filter: Arc<dyn Fn(&McpToolInfo) -> bool + Send + Sync>,
    pub(super) policy: Arc<dyn Fn(&McpToolInfo, ToolPolicy) -> ToolPolicy + Send + Sync>,
}

/// The request that opens a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Opening {
    Initialize,
    Discover,
}

impl McpServer {
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
        self.listed.store(*self.changes.borrow(), Ordering::Relaxed);
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
        let mut changes = self.changes.clone();
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
        self.connection.stop.cancel();
        self.connection.ended.cancelled().await;
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Connection {
    async fn list(&self) -> Result<Vec<rmcp::model::Tool>, McpError> {
        let failed = |error: ServiceError| McpError::of_request(&self.server, "tools/list", error);
        let mut tools = Vec::new();
        let mut cursors = BTreeSet::new();
        let mut cursor = None;
        loop {
            let params = PaginatedRequestParams::default().with_cursor(cursor);
            let page = self.peer.list_tools(Some(params)).await.map_err(failed)?;
            tools.extend(page.tools);
            let Some(next) = page.next_cursor else { return Ok(tools) };
            if !cursors.insert(next.clone()) {
                let message = "the same page again and again".to_owned();
                return Err(McpError::Unexpected {
                    server: self.server.clone(),
                    what: "tools/list",
                    message,
                });
            }
            cursor = Some(next);
        }
    }
}

/// Greets a server over a transport.
pub(super) async fn open<T, E, A>(
    transport: T,
    mut server: String,
    opening: Opening,
    time: Duration,
    listing: Listing,
) -> Result<McpServer, McpError>
where
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let (changed, changes) = watch::channel(0);
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let handler = Handler { changed: changed.clone() };
    let (name, lifecycle) = match opening {
        Opening::Initialize => ("initialize", ClientLifecycleMode::Initialize),
        Opening::Discover => {
            let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
            ("server/discover", ClientLifecycleMode::Discover { preferred_versions })
        }
    };
    let greeting = serve_client_with_lifecycle_and_ct(handler, transport, lifecycle, stop.clone());
    // the SDK's future is large
    let running = match timeout(time, Box::pin(greeting)).await {
        Ok(Ok(running)) => running,
        Ok(Err(error)) => return Err(McpError::of_opening(&server, name, error)),
        Err(_) => return Err(McpError::TimedOut { server, what: "connect", after: time }),
    };
    let peer = running.peer().clone();
    if let Some(own) = peer.peer_info().and_then(|info| Some(info.server_info.as_ref()?.name.clone()))
        && !own.is_empty()
    {
        server = own;
    }
    if let Opening::Discover = opening {
        tokio::spawn(listen(peer.clone(), changed, ended.clone()));
    }
    let end = ended.clone().drop_guard();
    tokio::spawn(async move {
        let _end = end;
        if let Err(error) = running.waiting().await {
            tracing::warn!(%error, "the task of an MCP connection failed");
        }
    });
    let stop_on_drop = stop.clone().drop_guard();
    let connection = Arc::new(Connection { server, peer, stop, ended, _stop_on_drop: stop_on_drop });
    Ok(McpServer { connection, listing, list_timeout: time, changes, listed: AtomicU64::new(0) })
}

/// Hears of changes where the protocol wants them to be asked for.
async fn listen(peer: Peer<RoleClient>, changed: watch::Sender<u64>, ended: CancellationToken) {
    let is_told = peer.peer_info().and_then(|info| info.capabilities.tools.as_ref()?.list_changed);
    if is_told != Some(true) {
        return;
    }
    let hearing = async {
        let mut subscription =
            peer.listen(SubscriptionFilter::builder().tools_list_changed().build()).await?;
        while subscription.next().await?.is_some() {
            changed.send_modify(|count| *count += 1);
        }
        Ok::<_, ServiceError>(())
    };
    // what was missed cannot be known: better one listing too many
    let outcome = ended.run_until_cancelled(hearing).await;
    tracing::debug!(?outcome, "no more changes of an MCP server's tools are heard of");
    changed.send_modify(|count| *count += 1);
}

/// What the server may ask of us, which is nothing, and tell us.
struct Handler {
    changed: watch::Sender<u64>,
}

impl ClientHandler for Handler {
    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn get_info(&self) -> ClientConfig {
        let own = Implementation::new("bedrock-llm", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), own)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }
}
