//! The client for programs without an async runtime.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_schema::tokens::TokenCount;
use bedrock_llm_schema::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, ChatRequest, ChatResponse, ChatStream, ChatStreamRequest,
    CountTokensRequest, CountTokensResponse, EmbedRequest, EmbedResponse, Error, ErrorKind, InvokeRequest,
    InvokeResponse, InvokeStream, InvokeStreamRequest, RerankRequest, RerankResponse, StreamEvent,
};
use bytes::Bytes;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{Client, ClientBuilder, ClientLayer, ClientRequest};

/// [`Client`] for programs without an async runtime: each call blocks its thread. Cheap to clone, usable from many
/// threads at once.
///
/// It owns a runtime with one worker thread, which keeps connections alive between calls. Inside another runtime a
/// blocking call would stop that runtime's thread: there every call (and every item of a stream) is an error of kind
/// [`ErrorKind::Config`] that says so, and never a panic. Use [`Client`] there, or call from a
/// thread of your own (`std::thread::spawn`; tokio's `spawn_blocking` threads belong to their runtime).
///
/// ```no_run
/// use bedrock_llm_client::Client;
/// use bedrock_llm_schema::ChatRequest;
///
/// # fn run() -> Result<(), bedrock_llm_schema::Error> {
/// let client = Client::builder().region("us-east-1").build_blocking()?;
/// let request = ChatRequest::new("us.amazon.nova-lite-v1:0").message("Why is the sky blue?");
/// for piece in client.chat_stream(request)?.text() {
///     print!("{}", piece?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BlockingClient {
    client: Client,
    engine: Engine,
}

impl BlockingClient {
    pub(crate) fn build<L: ClientLayer>(builder: ClientBuilder<L>) -> Result<Self, Error> {
        let engine = Engine::start()?;
        let client = engine.run(builder.build())?;
        Ok(Self { client, engine })
    }

    /// The client inside.
    #[must_use]
    pub fn get_ref(&self) -> &Client {
        &self.client
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs a future on this client's runtime and waits for it: for what stands on the [client inside](Self::get_ref).
    ///
    /// # Errors
    /// Inside an async runtime, as every call.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        self.engine.run(async { Ok(future.await) })
    }

    /// Sends a request of any type. See [`Client::send`].
    ///
    /// # Errors
    /// See [`Client::send`].
    pub fn send<R: ClientRequest>(&self, request: R) -> Result<R::Response, Error> {
        self.engine.run(self.client.send(request))
    }

    /// See [`Client::shutdown`].
    ///
    /// # Errors
    /// Inside an async runtime, as every call.
    pub fn shutdown(&self, patience: Duration) -> Result<usize, Error> {
        self.engine.run(async { Ok(self.client.shutdown(patience).await) })
    }

    /// See [`Client::chat`].
    ///
    /// # Errors
    /// See [`Client::send`].
    pub fn chat(&self, request: impl Into<ChatRequest>) -> Result<ChatResponse, Error> {
        self.send(request.into())
    }

    /// See [`Client::chat_stream`]. Dropping the iterator closes its connection.
    ///
    /// # Errors
    /// See [`Client::send`].
    pub fn chat_stream(&self, request: impl Into<ChatStreamRequest>) -> Result<BlockingChatStream, Error> {
        let stream = self.send(request.into())?;
        Ok(BlockingChatStream { stream, engine: self.engine.clone(), done: false })
    }

    /// See [`Client::count`].
    ///
    /// # Errors
    /// As there.
    pub fn count(&self, request: impl Into<ChatRequest>) -> Result<TokenCount, Error> {
        self.engine.run(self.client.count(request))
    }

    /// See [`Client::extract`].
    ///
    /// # Errors
    /// See [`Client::extract`].
    #[cfg(feature = "extract")]
    pub fn extract<T>(
        &self,
        request: impl Into<crate::extract::ExtractRequest>,
    ) -> Result<crate::extract::Extracted<T>, Error>
    where
        T: serde::de::DeserializeOwned + schemars::JsonSchema,
    {
        self.engine.run(self.client.extract(request))
    }

    /// See [`Client::count_tokens`].
    ///
    /// # Errors
    /// See [`Client::send`].
    pub fn count_tokens(&self, request: impl Into<CountTokensRequest>) -> Result<CountTokensResponse, Error> {
        self.send(request.into())
    }

    /// See [`Client::apply_guardrail`].
    ///
    /// # Errors
    /// See [`Client::send`].
    pub fn apply_guardrail(&self, request: ApplyGuardrailRequest) -> Result<ApplyGuardrailResponse, Error> {
        self.send(request)
    }

    /// See [`Client::embed`].
    ///
    /// # Errors
    /// See [`Client::send`].
    pub fn embed(&self, request: EmbedRequest) -> Result<EmbedResponse, Error> {
        self.send(request)
    }

    /// See [`Client::rerank`].
    ///
    /// # Errors
    /// See [`Client::send`].
    pub fn rerank(&self, request: RerankRequest) -> Result<RerankResponse, Error> {
        self.send(request)
    }

    /// See [`Client::invoke`].
    ///
    /// # Errors
    /// See [`Client::send`].
    pub fn invoke(&self, request: InvokeRequest) -> Result<InvokeResponse, Error> {
        self.send(request)
    }

    /// See [`Client::invoke_stream`]. Dropping the iterator closes its connection.
    ///
    /// # Errors
    /// See [`Client::send`].
    pub fn invoke_stream(
        &self,
        request: impl Into<InvokeStreamRequest>,
    ) -> Result<BlockingInvokeStream, Error> {
        let stream = self.send(request.into())?;
        Ok(BlockingInvokeStream { stream, engine: self.engine.clone(), done: false })
    }
}

/// A [`ChatStream`] as an iterator of events. It ends after its first error.
#[derive(Debug)]
pub struct BlockingChatStream {
    stream: ChatStream,
    engine: Engine,
    done: bool,
}

impl BlockingChatStream {
    /// The service's id for this call.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.stream.request_id()
    }

    /// The answer so far.
    #[must_use]
    pub fn response(&self) -> ChatResponse {
        self.stream.response()
    }

    /// Reads to the end and gives the whole answer. See [`ChatStream::collect`].
    ///
    /// # Errors
    /// When the stream breaks, with the answer so far.
    pub fn into_response(self) -> Result<ChatResponse, Error> {
        self.engine.run(self.stream.collect())
    }

    /// Only the text, piece by piece.
    #[must_use]
    pub fn text(self) -> BlockingTextStream {
        BlockingTextStream { events: self }
    }
}

impl Iterator for BlockingChatStream {
    type Item = Result<StreamEvent, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.engine.next_item(&mut self.done, self.stream.next())
    }
}

/// The text of a [`BlockingChatStream`], piece by piece.
#[derive(Debug)]
pub struct BlockingTextStream {
    events: BlockingChatStream,
}

impl Iterator for BlockingTextStream {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.events.next()? {
                Ok(event) => {
                    if let Some(text) = event.as_text() {
                        return Some(Ok(text.to_owned()));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// An [`InvokeStream`] as an iterator of chunks. It ends after its first error.
#[derive(Debug)]
pub struct BlockingInvokeStream {
    stream: InvokeStream,
    engine: Engine,
    done: bool,
}

impl BlockingInvokeStream {
    /// The service's id for this call.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.stream.request_id()
    }
}

impl Iterator for BlockingInvokeStream {
    type Item = Result<Bytes, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.engine.next_item(&mut self.done, self.stream.next())
    }
}

/// The runtime, shared by a client and its streams.
#[derive(Debug, Clone)]
pub(crate) struct Engine(Arc<Owned>);

#[derive(Debug)]
struct Owned(Option<Runtime>);

/// A runtime that is dropped inside another one panics, unless it is let go in the background.
impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Engine {
    fn start() -> Result<Self, Error> {
        outside_of_runtimes()?;
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("bedrock-llm").enable_all().build();
        let runtime = runtime.map_err(|error| {
            Error::new(ErrorKind::Config, "the runtime of the blocking client could not be started")
                .with_source(error)
        })?;
        Ok(Self(Arc::new(Owned(Some(runtime)))))
    }

    pub(crate) fn enter(&self) -> Result<&Runtime, Error> {
        outside_of_runtimes()?;
        // taken only on drop
        self.0.0.as_ref().ok_or_else(|| Error::new(ErrorKind::Config, "the blocking client was shut down"))
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.enter()?.block_on(future)
    }

    /// The next item of a stream that ends after its first error.
    fn next_item<T>(
        &self,
        done: &mut bool,
        next: impl Future<Output = Option<Result<T, Error>>>,
    ) -> Option<Result<T, Error>> {
        if *done {
            return None;
        }
        let item = match self.enter() {
            Ok(runtime) => runtime.block_on(next),
            Err(error) => Some(Err(error)),
        };
        *done = !matches!(item, Some(Ok(_)));
        item
    }
}

fn outside_of_runtimes() -> Result<(), Error> {
    match Handle::try_current() {
        Ok(_) => Err(Error::new(
            ErrorKind::Config,
            "a blocking call inside an async runtime would stop its thread",
        )
        .with_hint("use `Client` there, or call from a thread of your own")),
        Err(_) => Ok(()),
    }
}
