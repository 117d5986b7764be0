//! The endpoint itself: its settings, its start and its end.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bedrock_llm_providers::Registry;
use bedrock_llm_schema::Catalog;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::connection::accept;
use crate::dispatch::State;
use crate::replay::{Recording, RecordingError};
use crate::{FaultPlan, FaultReport, ReceivedRequest, Reply, Script, Stats};

/// An endpoint that speaks Bedrock's protocol on 127.0.0.1. It stops when this is dropped.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use bedrock_llm_local::{LocalBedrock, Reply};
///
/// let local = LocalBedrock::builder().reply(Reply::text("Hello.")).start().await?;
/// println!("aws bedrock-runtime converse --endpoint-url {} …", local.endpoint());
/// assert_eq!(local.pending().len(), 1); // nobody has asked yet
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct LocalBedrock {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

/// Settings of a [`LocalBedrock`].
#[derive(Debug)]
pub struct Builder {
    port: u16,
    state: State,
}

impl LocalBedrock {
    /// Starts an endpoint on a free port, with the offline responder alone.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Settings to start with.
    #[must_use]
    pub fn builder() -> Builder {
        Builder { port: 0, state: State::default() }
    }

    /// The endpoint's URL, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The endpoint's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, in the order they came; of very many the latest, see [`Builder::keep_received`].
    #[must_use]
    pub fn received(&self) -> Vec<ReceivedRequest> {
        let kept = self.state.received.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }

    /// Adds a reply to the end of the script.
    pub fn add_reply(&self, reply: Reply) {
        self.state.stage.add([reply]);
    }

    /// Scripted replies that nobody asked for, in words.
    #[must_use]
    pub fn pending(&self) -> Vec<String> {
        self.state.stage.pending()
    }

    /// Asserts that every scripted reply was asked for.
    ///
    /// # Panics
    /// When one was not; the message names it.
    #[track_caller]
    pub fn assert_done(&self) {
        let pending = self.pending();
        assert!(pending.is_empty(), "scripted replies are left over: {}", pending.join("; "));
    }

    /// What goes wrong from now on, in the place of the plan before; its rules count from 0.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.state.faults.set(plan);
    }

    /// Nothing goes wrong from now on, but what a script or a model's id asks for. Faults under way go on.
    pub fn clear_faults(&self) {
        self.set_faults(FaultPlan::default());
    }

    /// The plan, and how often each of its rules fired.
    #[must_use]
    pub fn faults(&self) -> FaultReport {
        self.state.faults.report()
    }

    /// What was counted since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.counters.stats()
    }

    /// Stops the endpoint and waits until its port is free; answers under way are cut off.
    pub async fn shutdown(mut self) {
        self.server.abort();
        self.stopped().await;
    }

    /// Waits for ever, or until the runtime ends.
    pub async fn wait(mut self) {
        self.stopped().await;
    }

    async fn stopped(&mut self) {
        // an error says that the task was aborted, which is what was asked for
        let _ = (&mut self.server).await;
    }
}

impl Drop for LocalBedrock {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Builder {
    /// Listens on this port; 0, which is the default, takes a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// What is known of models, in the place of [`Catalog::builtin`]: the rules are kept by it.
    #[must_use]
    pub fn catalog(mut self, catalog: impl Into<Arc<Catalog>>) -> Self {
        self.state.catalog = Some(catalog.into());
        self
    }

    /// Refuses what the service refuses (see [`bedrock_llm_schema::rules`]) before scripted and recorded answers
    /// too; a refused request uses up none of them. Where nothing is said only the offline responder does.
    #[must_use]
    pub fn always_check(mut self, always: bool) -> Self {
        self.state.always_check = always;
        self
    }

    /// Adds a scripted reply.
    #[must_use]
    pub fn reply(self, reply: Reply) -> Self {
        self.state.stage.add([reply]);
        self
    }

    /// Adds the replies of a script.
    #[must_use]
    pub fn script(self, script: Script) -> Self {
        self.state.stage.add(script);
        self
    }

    /// Adds a recorded exchange, which answers the request that was recorded.
    #[must_use]
    pub fn replay(mut self, recording: Recording) -> Self {
        self.state.recordings.add(recording);
        self
    }

    /// Adds every recorded exchange of a folder and of the folders in it.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be read.
    pub fn replay_dir(mut self, path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        for recording in Recording::load_dir(path)? {
            self.state.recordings.add(recording);
        }
        Ok(self)
    }

    /// What goes wrong, over whatever answers; nothing where nothing is said.
    #[must_use]
    pub fn faults(self, plan: FaultPlan) -> Self {
        self.state.faults.set(plan);
        self
    }

    /// The codecs of native bodies; the built-in ones where nothing is said.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.state.registry = registry;
        self
    }

    /// Whether the offline responder answers what neither script nor recordings do (it does). If not, such
    /// requests get a `ResourceNotFoundException`.
    #[must_use]
    pub fn offline_responder(mut self, answers: bool) -> Self {
        self.state.offline = answers;
        self
    }

    /// The pause between the frames of a stream from the offline responder; none by default.
    #[must_use]
    pub fn pace(mut self, pace: Duration) -> Self {
        self.state.pace = pace;
        self
    }

    /// How many of the latest requests [`LocalBedrock::received`] gives; 10,000 where nothing is said. They are held in
    /// memory with their bodies: an endpoint that runs for long and is never asked for them wants 0, which keeps none.
    #[must_use]
    pub fn keep_received(mut self, latest: usize) -> Self {
        self.state.keep = latest;
        self
    }

    /// Starts the endpoint.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(self) -> io::Result<LocalBedrock> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(self.state);
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        tracing::debug!(%address, "local endpoint started");
        Ok(LocalBedrock { address, state, server })
    }
}
