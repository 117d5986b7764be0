//! From a configuration to a client.

use bedrock_llm_schema::{ChatRequest, Error, ModelConfig};

use super::{ClientConfig, ClientSettings, Switch, TimeoutConfig};
use crate::{BlockingClient, Client, ClientBuilder};

impl Client {
    /// A client as the environment wants it: [`ClientConfig::load`] without a file of its own.
    ///
    /// ```no_run
    /// use bedrock_llm_client::Client;
    ///
    /// # async fn run() -> Result<(), bedrock_llm_schema::Error> {
    /// let client = Client::from_env().await?; // BEDROCK_LLM_MODEL, BEDROCK_LLM_RETRY__MAX_ATTEMPTS, …
    /// let answer = client.chat(client.request().message("Why is the sky blue?")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Config`](bedrock_llm_schema::ErrorKind::Config) names what is wrong in the file or the environment; see
    /// [`ClientBuilder::build`].
    pub async fn from_env() -> Result<Self, Error> {
        Self::builder().config(ClientConfig::load(None)?).build().await
    }

    /// A request to the configured model with the configured parameters, without messages yet. Empty where the client was
    /// made without a [`config`](ClientBuilder::config).
    #[must_use]
    pub fn request(&self) -> ChatRequest {
        self.model_config().request()
    }
}

impl BlockingClient {
    /// See [`Client::from_env`].
    ///
    /// # Errors
    /// As there.
    pub fn from_env() -> Result<Self, Error> {
        Client::builder().config(ClientConfig::load(None)?).build_blocking()
    }

    /// See [`Client::request`].
    #[must_use]
    pub fn request(&self) -> ChatRequest {
        self.get_ref().request()
    }
}

impl ClientSettings {
    /// Sets what is said here, by the builder's own setters.
    pub(crate) fn apply<L>(self, model: &ModelConfig, mut builder: ClientBuilder<L>) -> ClientBuilder<L> {
        // every member is named, so that none is forgotten
        let Self {
            region,
            profile,
            endpoint_url,
            api_mode,
            normalize,
            validate,
            on_unsupported,
            chat_by_stream,
            stream_recovery,
            timeouts: TimeoutConfig { connect, read, attempt, operation, first_event, stream_idle },
            retry,
            circuit_breaker,
            rate_limit,
            concurrency,
            failover,
            cache,
        } = self;
        macro_rules! set {
            ($($setter:ident: $value:expr),* $(,)?) => {
                $(if let Some(value) = $value {
                    builder = builder.$setter(value);
                })*
            };
        }
        set! {
            region: region,
            profile: profile,
            endpoint_url: endpoint_url,
            api_mode: api_mode,
            normalize: normalize,
            validate: validate,
            on_unsupported: on_unsupported,
            chat_by_stream: chat_by_stream,
            stream_recovery: stream_recovery,
            connect_timeout: connect,
            read_timeout: read,
            attempt_timeout: attempt,
            operation_timeout: operation.or(model.timeout),
            first_event_timeout: first_event,
            stream_idle_timeout: stream_idle,
            retry: retry,
            circuit_breaker: circuit_breaker.map(Switch::on),
            rate_limit: rate_limit.map(Switch::on),
            concurrency: concurrency.map(Switch::on),
            failover: failover,
            cache: cache.map(Switch::on),
        }
        builder
    }
}
