//! The endpoint itself: a socket, connections, and their end.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bedrock_llm_providers::Registry;
use bedrock_llm_schema::Catalog;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::answer::{Answer, Body, Delivery};
use crate::dispatch::State;
use crate::replay::{Recording, RecordingError};
use crate::{Exception, ReceivedRequest, Reply, Script, route};

/// The service takes requests of up to 25 MB; base64 and JSON around them need more.
const MAX_BODY: usize = 64 << 20;

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

/// Takes connections until it is aborted, which ends them too: they live in its set.
async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&state)));
                }
                Err(error) => {
                    // too many open files, or a client that went away at once
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let service = service_fn(move |request| respond(request, Arc::clone(&state)));
    // the JavaScript SDK speaks HTTP/2 to this service from the first byte, without TLS too
    let served =
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("hung up as scripted")]
struct HungUp;

async fn respond(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Body>, HungUp> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let (answer, delivery) = match read(request).await {
        Ok(received) => state.answer(&received),
        Err(exception) => (Answer::from(exception), Delivery::default()),
    };
    answer.deliver(&request_id, delivery).await.ok_or(HungUp)
}

async fn read(request: Request<Incoming>) -> Result<ReceivedRequest, Exception> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let headers = headers.collect();
    let body: Bytes = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            return Err(Exception::validation(format!("The request body could not be read: {error}")));
        }
    };
    let route = route::parse(&path).filter(|_| parts.method == hyper::Method::POST);
    Ok(ReceivedRequest::new(parts.method.as_str(), &path, headers, body, route))
}
