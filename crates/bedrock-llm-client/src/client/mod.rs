//! The client that programs hold.

mod builder;
mod by_stream;
mod connect;
mod count;
mod gate;
mod layer_settings;
mod service;
mod settings;
mod stack;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, Call, CallOptions, ChatRequest, ChatResponse, ChatStream,
    ChatStreamRequest, CountTokensRequest, CountTokensResponse, EmbedRequest, EmbedResponse, Error,
    InvokeRequest, InvokeResponse, InvokeStream, InvokeStreamRequest, ModelConfig, ModelId, RerankRequest,
    RerankResponse,
};
use tower::{Service, ServiceExt as _};

pub use builder::ClientBuilder;
use gate::Gate;
pub use service::ClientService;
pub(crate) use service::{Handles, Layers};
use stack::Stack;
pub use stack::{ClientLayer, ClientRequest};

use crate::ResponseFuture;
use crate::bedrock::Preparation;
use crate::counter::Counter;
use crate::layers::{
    CacheHandle, CircuitBreakerHandle, ConcurrencyHandle, FailoverHandle, RateLimitHandle, RetryHandle,
};

/// A client of Amazon Bedrock. Cheap to clone; clones share connections, credentials and layers.
///
/// ```no_run
/// use bedrock_llm_client::Client;
/// use bedrock_llm_schema::ChatRequest;
///
/// # async fn run() -> Result<(), bedrock_llm_schema::Error> {
/// let client = Client::builder().region("us-east-1").build().await?;
/// let answer = client.chat(ChatRequest::new("us.amazon.nova-lite-v1:0").message("Why is the sky blue?")).await?;
/// println!("{answer}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// For calls that bring none of their own.
    options: Option<Arc<CallOptions>>,
}

struct Inner {
    /// None once the client was shut down.
    stack: RwLock<Option<Stack>>,
    gate: Gate,
    handles: Handles,
    region: Option<String>,
    preparation: Preparation,
    counter: Counter,
    model: ModelConfig,
}

impl Client {
    /// Begins a client with the [default stack](crate::layers); without any setting it finds region and credentials as
    /// every AWS tool does.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new(true)
    }

    /// Begins a client without any layer: one attempt, and no time limits but those of the SDK. A chat is still normalised
    /// and checked. Settings of layers are refused when it is built.
    pub fn bare() -> ClientBuilder {
        ClientBuilder::new(false)
    }

    fn new(
        stack: Stack,
        handles: Handles,
        region: Option<String>,
        preparation: Preparation,
        model: ModelConfig,
    ) -> Self {
        let counter = Counter::default();
        let (stack, gate) = (RwLock::new(Some(stack)), Gate::default());
        Self {
            inner: Arc::new(Inner { stack, gate, handles, region, preparation, counter, model }),
            options: None,
        }
    }

    /// The AWS region calls go to.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.inner.region.as_deref()
    }

    /// Tells how often the stack has sent requests again; none for a bare client.
    #[must_use]
    pub fn retry(&self) -> Option<&RetryHandle> {
        self.inner.handles.retry.as_ref()
    }

    /// Reads and forces the circuits of the stack's breaker, if it has one.
    #[must_use]
    pub fn circuit_breaker(&self) -> Option<&CircuitBreakerHandle> {
        self.inner.handles.circuit_breaker.as_ref()
    }

    /// Tells what the stack's rate limits have left, if it has any.
    #[must_use]
    pub fn rate_limit(&self) -> Option<&RateLimitHandle> {
        self.inner.handles.rate_limit.as_ref()
    }

    /// Tells how many calls are under way and waiting in the stack, if it limits them.
    #[must_use]
    pub fn concurrency(&self) -> Option<&ConcurrencyHandle> {
        self.inner.handles.concurrency.as_ref()
    }

    /// Tells how the targets of the stack's failover have been, if it has one.
    #[must_use]
    pub fn failover(&self) -> Option<&FailoverHandle> {
        self.inner.handles.failover.as_ref()
    }

    /// Tells of the stack's cache of answers, if it has one.
    #[must_use]
    pub fn answer_cache(&self) -> Option<&CacheHandle> {
        self.inner.handles.cache.as_ref()
    }

    /// The configured model and its parameters, from [`ClientBuilder::config`].
    #[must_use]
    pub fn model_config(&self) -> &ModelConfig {
        &self.inner.model
    }

    /// What is known of a model: from [`ClientBuilder::catalog`], or the built-in facts.
    #[must_use]
    pub fn profile(&self, model: &ModelId) -> Cow<'_, ModelProfile> {
        self.inner.preparation.profile(model)
    }

    /// The same client for calls that want something beside their answer: a priority, a time limit, …
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use bedrock_llm_client::Client;
    /// use bedrock_llm_schema::{CallOptions, ChatRequest, Priority};
    ///
    /// # async fn run(client: Client) -> Result<(), bedrock_llm_schema::Error> {
    /// let background = client.with(CallOptions::new().priority(Priority::Batch).timeout(Duration::from_secs(600)));
    /// background.chat(ChatRequest::new("us.amazon.nova-lite-v1:0").message("Summarise …")).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self { inner: Arc::clone(&self.inner), options: Some(Arc::new(options)) }
    }

    /// What calls that bring no options of their own shall have.
    pub(crate) fn options(&self) -> Option<&Arc<CallOptions>> {
        self.options.as_ref()
    }

    /// Stops taking work, waits for calls and streams under way, and after `patience` lets out those that are left: their
    /// calls end with [`ShutDown`](bedrock_llm_schema::ErrorKind::ShutDown), their streams too, when they are next asked,
    /// with what came of the answer. Says how many those were.
    ///
    /// Connections are closed then: no task and no socket of this client outlives it. All clones are shut down with it.
    /// To be called again is harmless.
    pub async fn shutdown(&self, patience: Duration) -> usize {
        let stack = self.inner.stack.write().unwrap_or_else(PoisonError::into_inner).take();
        let left = self.inner.gate.empty(patience).await;
        // and with it the pool of connections
        drop(stack);
        left
    }

    /// A call on its way, counted until its end.
    fn run<R: ClientRequest>(
        &self,
        request: R,
    ) -> impl Future<Output = Result<R::Response, Error>> + Send + use<R> {
        let call = self.wish(request);
        let stack = self.inner.stack.read().unwrap_or_else(PoisonError::into_inner);
        // under the lock: whoever has a place in the stack is counted before the stack is taken away
        let entered = stack.as_ref().map(|stack| (R::service(stack).clone(), self.inner.gate.enter()));
        drop(stack);
        async move {
            let Some((service, ticket)) = entered else {
                return Err(gate::shut_down().with_operation_if_none(R::OPERATION));
            };
            ticket.carry(R::OPERATION, service.oneshot(call)).await
        }
    }

    /// The request with this client's wishes, where it has none of its own.
    fn wish<R: ClientRequest>(&self, request: R) -> Call<R::Bare> {
        let call = request.into_call();
        match &self.options {
            Some(options) if call.given_options().is_none() => call.with_options(Arc::clone(options)),
            _ => call,
        }
    }

    /// Sends a request of any type, bare or as a [`Call`] with options of its own.
    ///
    /// # Errors
    /// What the service refused, what failed on the way, or what a layer decided; [`Error::kind`] tells.
    pub async fn send<R: ClientRequest>(&self, request: R) -> Result<R::Response, Error> {
        self.run(request).await
    }

    /// Continues a conversation and waits for the whole answer.
    ///
    /// # Errors
    /// See [`send`](Self::send).
    pub async fn chat(&self, request: impl Into<ChatRequest>) -> Result<ChatResponse, Error> {
        self.send(request.into()).await
    }

    /// Continues a conversation and gives the answer event by event. Dropping the stream closes its connection.
    ///
    /// # Errors
    /// See [`send`](Self::send). What fails later is an item of the stream, with the answer so far.
    pub async fn chat_stream(&self, request: impl Into<ChatStreamRequest>) -> Result<ChatStream, Error> {
        self.send(request.into()).await
    }

    /// Counts the tokens of a request without running it, by the service or not at all; [`count`](Self::count) finds
    /// the id that the service counts by, and estimates where it does not count.
    ///
    /// # Errors
    /// See [`send`](Self::send). Inference profiles and models without the operation are refused by the service.
    pub async fn count_tokens(
        &self,
        request: impl Into<CountTokensRequest>,
    ) -> Result<CountTokensResponse, Error> {
        self.send(request.into()).await
    }

    /// Asks a guardrail about content, without a model.
    ///
    /// # Errors
    /// See [`send`](Self::send).
    pub async fn apply_guardrail(
        &self,
        request: ApplyGuardrailRequest,
    ) -> Result<ApplyGuardrailResponse, Error> {
        self.send(request).await
    }

    /// Embeds what fits into one call of the model; `bedrock-llm-embeddings` makes calls of any number of texts.
    ///
    /// # Errors
    /// See [`send`](Self::send). What the model cannot do is refused before anything is sent.
    pub async fn embed(&self, request: EmbedRequest) -> Result<EmbedResponse, Error> {
        self.send(request).await
    }

    /// Ranks what fits into one call of the model; `bedrock-llm-embeddings` makes calls of any number of documents.
    ///
    /// # Errors
    /// See [`send`](Self::send). What the model cannot do is refused before anything is sent.
    pub async fn rerank(&self, request: RerankRequest) -> Result<RerankResponse, Error> {
        self.send(request).await
    }

    /// Sends a body in the model's native form.
    ///
    /// # Errors
    /// See [`send`](Self::send).
    pub async fn invoke(&self, request: InvokeRequest) -> Result<InvokeResponse, Error> {
        self.send(request).await
    }

    /// Sends a body in the model's native form and gives the answer chunk by chunk.
    ///
    /// # Errors
    /// See [`send`](Self::send). What fails later is an item of the stream.
    pub async fn invoke_stream(
        &self,
        request: impl Into<InvokeStreamRequest>,
    ) -> Result<InvokeStream, Error> {
        self.send(request.into()).await
    }
}

/// The client as a service, for code that is generic over [`Service`]. Always ready: the stack's own readiness is
/// awaited inside the call. Boxed, because that wait has no name.
impl<R: ClientRequest> Service<R> for Client {
    type Response = R::Response;
    type Error = Error;
    type Future = ResponseFuture<R::Response>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        Box::pin(self.run(request))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("region", &self.inner.region)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
