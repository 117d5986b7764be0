//! The connection that a server and its tools share.

use std::collections::BTreeSet;
use std::time::Duration;

use rmcp::model::{
    ClientCapabilities, ClientConfig, Implementation, PaginatedRequestParams, ProtocolVersion,
    SubscriptionFilter, Tool,
};
use rmcp::service::{
    ClientLifecycleMode, NotificationContext, Peer, RoleClient, serve_client_with_lifecycle_and_ct,
};
use rmcp::transport::IntoTransport;
use rmcp::{ClientHandler, ServiceError};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::McpError;

/// As long is waited for a server to take that nobody listens for changes any more.
const HEARING_END: Duration = Duration::from_secs(1);

/// A connection, which ends when it is dropped.
pub(super) struct Connection {
    /// What errors call the server.
    pub(super) server: String,
    pub(super) peer: Peer<RoleClient>,
    /// How often the server has said that its tools are others now.
    pub(super) changes: watch::Receiver<u64>,
    /// Is cancelled when the connection has ended.
    pub(super) ended: CancellationToken,
    hearing: Hearing,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

/// The request that opens a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Opening {
    Initialize,
    Discover,
}

/// The task that hears of changes, where there is one.
#[derive(Default)]
struct Hearing {
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Connection {
    /// Greets a server over a transport.
    pub(super) async fn open<T, E, A>(
        transport: T,
        mut server: String,
        opening: Opening,
        time: Duration,
    ) -> Result<Self, McpError>
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
        let own = peer.peer_info().and_then(|info| Some(info.server_info.as_ref()?.name.clone()));
        if let Some(own) = own.filter(|name| !name.is_empty()) {
            server = own;
        }
        let hearing = Hearing::start(opening, &peer, changed);
        let end = ended.clone().drop_guard();
        tokio::spawn(async move {
            let _end = end;
            if let Err(error) = running.waiting().await {
                tracing::warn!(%error, "the task of an MCP connection failed");
            }
        });
        let stop_on_drop = stop.clone().drop_guard();
        Ok(Self { server, peer, changes, ended, hearing, stop, _stop_on_drop: stop_on_drop })
    }

    /// All pages of the server's tools.
    pub(super) async fn list(&self) -> Result<Vec<Tool>, McpError> {
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

    pub(super) async fn close(&self) {
        self.hearing.stop.cancel();
        // a server that does not take this any more is stopped all the same
        let _ = timeout(HEARING_END, self.hearing.ended.cancelled()).await;
        self.stop.cancel();
        self.ended.cancelled().await;
    }
}

impl Hearing {
    /// The protocol wants changes to be asked for since it is opened with `server/discover`; before, they come unasked.
    fn start(opening: Opening, peer: &Peer<RoleClient>, changed: watch::Sender<u64>) -> Self {
        let hearing = Self::default();
        let end = hearing.ended.clone().drop_guard();
        let is_told = peer.peer_info().and_then(|info| info.capabilities.tools.as_ref()?.list_changed);
        if let (Opening::Discover, Some(true)) = (opening, is_told) {
            let (peer, stop) = (peer.clone(), hearing.stop.clone());
            tokio::spawn(async move {
                let _end = end;
                hear(&peer, &changed, &stop).await;
                // what was missed cannot be known: better one listing too many
                changed.send_modify(|count| *count += 1);
            });
        }
        hearing
    }
}

/// Hears of changes until the server or we end it.
async fn hear(peer: &Peer<RoleClient>, changed: &watch::Sender<u64>, stop: &CancellationToken) {
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let Some(Ok(mut subscription)) = stop.run_until_cancelled(peer.listen(filter)).await else { return };
    while let Some(notice) = stop.run_until_cancelled(subscription.next()).await {
        let Ok(Some(_)) = notice else { return };
        changed.send_modify(|count| *count += 1);
    }
    // a server may wait for those who listen before it ends
    if let Err(error) = subscription.cancel().await {
        tracing::debug!(%error, "an MCP server could not be told that nobody listens");
    }
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
