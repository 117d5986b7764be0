//! How a client is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use bedrock_llm_providers::Registry;
use bedrock_llm_schema::{Catalog, Error, ModelConfig, ModelId, Normalizer, OnUnsupported, StreamRecovery};
use tower::layer::util::{Identity, Stack};

use super::layer_settings::LayerSettings;
use super::settings::{AssumeRole, Keys, Settings};
use super::stack::ClientLayer;
use super::{Client, ClientService, Layers};
use crate::bedrock::{Preparation, Settings as BedrockSettings};
use crate::layers::{
    CacheConfig, CircuitBreakerConfig, ConcurrencyConfig, FailoverConfig, RateLimitConfig, RetryConfig,
};
use crate::{ApiMode, Bedrock, BlockingClient, ClientConfig, native_only};

/// Settings of a [`Client`]. What is not set is found as every AWS tool finds it: environment, profile, SSO, IMDS.
///
/// | setting | where nothing is said |
/// |---|---|
/// | region, credentials | the default chain of the AWS SDK, `AWS_BEARER_TOKEN_BEDROCK` included |
/// | [`connect_timeout`](Self::connect_timeout) | the SDK's, 3.1 s |
/// | [`read_timeout`](Self::read_timeout) | none: a model may think for minutes before its first byte |
/// | [`operation_timeout`](Self::operation_timeout) | one hour |
/// | [`attempt_timeout`](Self::attempt_timeout), [`first_event_timeout`](Self::first_event_timeout) | none |
/// | [`stream_idle_timeout`](Self::stream_idle_timeout) | 120 s |
/// | [`retry`](Self::retry) | [`RetryConfig::default`]: 4 attempts |
/// | [`circuit_breaker`](Self::circuit_breaker) | [`CircuitBreakerConfig::default`]: half of at least 20 calls in a minute failed |
/// | [`cache`](Self::cache), [`failover`](Self::failover), [`rate_limit`](Self::rate_limit), [`concurrency`](Self::concurrency) | none |
/// | [`stream_recovery`](Self::stream_recovery) | [`StreamRecovery::Fail`] |
/// | [`chat_by_stream`](Self::chat_by_stream) | no |
/// | [`api_mode`](Self::api_mode) | [`ApiMode::Auto`] |
/// | [`catalog`](Self::catalog) | [`Catalog::builtin`] |
/// | [`normalize`](Self::normalize), [`validate`](Self::validate) | on |
/// | [`on_unsupported`](Self::on_unsupported) | [`OnUnsupported::Error`] |
#[must_use = "a builder does nothing until `build`"]
#[derive(Clone)]
pub struct ClientBuilder<L = Identity> {
    settings: Settings,
    bedrock: BedrockSettings,
    layers: LayerSettings,
    layer: L,
    model: ModelConfig,
}

impl ClientBuilder {
    pub(super) fn new(layered: bool) -> Self {
        let bedrock = BedrockSettings {
            api_mode: ApiMode::default(),
            native_models: Arc::new(native_only),
            registry: Registry::builtin(),
            preparation: Preparation::default(),
        };
        let layers = LayerSettings { bare: !layered, ..LayerSettings::default() };
        let (settings, layer, model) = (Settings::default(), Identity::new(), ModelConfig::default());
        Self { settings, bedrock, layers, layer, model }
    }
}

/// Where calls go, and who makes them.
impl<L> ClientBuilder<L> {
    /// Sets everything that a configuration says. What is set on the builder afterwards goes before it.
    pub fn config(mut self, config: ClientConfig) -> Self {
        let ClientConfig { model, client } = config;
        self = client.apply(&model, self);
        self.model = model;
        self
    }

    /// The AWS region, such as `us-east-1`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = Some(region.into());
        self
    }

    /// The profile in `~/.aws/config` or `~/.aws/credentials`. [`build`](Self::build) fails where there is none of the
    /// name.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.settings.profile = Some(profile.into());
        self
    }

    /// Another endpoint, such as a VPC's or `http://127.0.0.1:8080` of the local one. A region and credentials are
    /// needed all the same, since requests are signed; the local endpoint takes any. It holds for bedrock-agent-runtime,
    /// too; `AWS_ENDPOINT_URL_BEDROCK_RUNTIME` and `AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME` tell them apart.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint_url = Some(url.into());
        self
    }

    /// An access key, with a session token if it is a temporary one.
    pub fn credentials(
        mut self,
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: Option<String>,
    ) -> Self {
        self.settings.keys = Some(Keys {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token,
        });
        self
    }

    /// A Bedrock API key, sent as a bearer token in the place of a signature.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.settings.api_key = Some(key.into());
        self
    }

    /// A role that calls are made as, assumed with the credentials that are given or found.
    pub fn assume_role(mut self, arn: impl Into<String>) -> Self {
        self.settings.assume_role =
            Some(AssumeRole { arn: arn.into(), session_name: None, external_id: None });
        self
    }

    /// [`assume_role`](Self::assume_role) with a session name, which shows in `CloudTrail`, and the external id that
    /// the role's trust policy may ask for.
    pub fn assume_role_with(
        mut self,
        arn: impl Into<String>,
        session_name: impl Into<String>,
        external_id: Option<String>,
    ) -> Self {
        self.settings.assume_role =
            Some(AssumeRole { arn: arn.into(), session_name: Some(session_name.into()), external_id });
        self
    }

    /// A shared AWS configuration; the environment is not asked then.
    pub fn sdk_config(mut self, config: &SdkConfig) -> Self {
        self.settings.sdk_config = Some(config.clone());
        self
    }

    /// A ready SDK client, whose identity, endpoint, interceptors and HTTP client are kept. Its retries and its
    /// stalled-stream protection are turned off.
    pub fn sdk_client(mut self, client: aws_sdk_bedrockruntime::Client) -> Self {
        self.settings.sdk_client = Some(client);
        self
    }

    /// A ready SDK client for calls to bedrock-agent-runtime, which is
    /// [`RerankApi::AgentRuntime`](bedrock_llm_schema::rerank::RerankApi::AgentRuntime); without one they are made as
    /// whom bedrock-runtime is called. Its identity, endpoint, interceptors and HTTP client are kept, whatever
    /// [`endpoint_url`](Self::endpoint_url) and the settings of the pool say; its retries are turned off, its timeouts are
    /// this builder's where that has them, and it calls the regions that the client calls.
    #[cfg(feature = "agent-runtime")]
    #[cfg_attr(docsrs, doc(cfg(feature = "agent-runtime")))]
    pub fn agent_sdk_client(mut self, client: aws_sdk_bedrockagentruntime::Client) -> Self {
        self.settings.agent_sdk_client = Some(client);
        self
    }
}

/// How long things may take, and the connection pool.
impl<L> ClientBuilder<L> {
    /// How long a connection may take to be made.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.settings.connect_timeout = Some(limit);
        self
    }

    /// How long a response's head may take. Without streaming it comes only when the model is done.
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.settings.read_timeout = Some(limit);
        self
    }

    /// How long a call may take in all, from the first attempt to the last event of its stream: [`DeadlineLayer`].
    ///
    /// [`DeadlineLayer`]: crate::layers::DeadlineLayer
    pub fn operation_timeout(mut self, limit: Duration) -> Self {
        self.layers.operation_timeout = Some(limit);
        self
    }

    /// How long one attempt may take until its answer is whole or its stream begins: [`AttemptTimeoutLayer`].
    ///
    /// [`AttemptTimeoutLayer`]: crate::layers::AttemptTimeoutLayer
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.layers.attempt_timeout = Some(limit);
        self
    }

    /// How long the first event of a stream may take, in each attempt: [`StreamTimeoutLayer`].
    ///
    /// [`StreamTimeoutLayer`]: crate::layers::StreamTimeoutLayer
    pub fn first_event_timeout(mut self, limit: Duration) -> Self {
        self.layers.first_event_timeout = Some(limit);
        self
    }

    /// How long a stream may be silent while it is waited for: [`StreamTimeoutLayer`]. `None` waits for ever.
    ///
    /// [`StreamTimeoutLayer`]: crate::layers::StreamTimeoutLayer
    pub fn stream_idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.layers.stream_idle_timeout = Some(limit.into());
        self
    }

    /// How long an idle connection is kept. Gives the client a pool of its own.
    pub fn pool_idle_timeout(mut self, after: Duration) -> Self {
        self.settings.pool_idle_timeout = Some(after);
        self
    }

    /// How many idle connections are kept. Gives the client a pool of its own.
    pub fn pool_max_idle_per_host(mut self, most: usize) -> Self {
        self.settings.pool_max_idle_per_host = Some(most);
        self
    }
}

/// The layers of the stack.
impl<L> ClientBuilder<L> {
    /// How often and how soon a request is sent again: [`RetryLayer`](crate::layers::RetryLayer).
    pub fn retry(mut self, config: RetryConfig) -> Self {
        self.layers.retry = Some(config);
        self
    }

    /// What a request is sent again for, by a rule of one's own: [`RetryLayer::retry_if`](crate::layers::RetryLayer::retry_if).
    ///
    /// ```
    /// use bedrock_llm_client::Client;
    ///
    /// let builder = Client::builder().retry_if(|error| error.is_throttled());
    /// ```
    pub fn retry_if(mut self, rule: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        self.layers.retry_rule = Some(Arc::new(rule));
        self
    }

    /// When calls to a model that fails are refused: [`CircuitBreakerLayer`]. `None` never refuses any.
    /// [`Client::circuit_breaker`] reads and forces the circuits.
    ///
    /// [`CircuitBreakerLayer`]: crate::layers::CircuitBreakerLayer
    pub fn circuit_breaker(mut self, config: impl Into<Option<CircuitBreakerConfig>>) -> Self {
        self.layers.circuit_breaker = Some(config.into());
        self
    }

    /// How much may be asked of each model: [`RateLimitLayer`]. `None`, the default, limits
    /// nothing. [`Client::rate_limit`] tells what is left.
    ///
    /// [`RateLimitLayer`]: crate::layers::RateLimitLayer
    pub fn rate_limit(mut self, config: impl Into<Option<RateLimitConfig>>) -> Self {
        self.layers.rate_limit = config.into();
        self
    }

    /// How many calls go at a time, and who waits: [`ConcurrencyLayer`]. `None`, the default, lets all
    /// go. [`Client::concurrency`] tells how many there are.
    ///
    /// [`ConcurrencyLayer`]: crate::layers::ConcurrencyLayer
    pub fn concurrency(mut self, config: impl Into<Option<ConcurrencyConfig>>) -> Self {
        self.layers.concurrency = config.into();
        self
    }

    /// Keeps answers and gives them again: [`CacheLayer`]. `None`, the default, keeps none.
    /// [`Client::answer_cache`] tells how often.
    ///
    /// [`CacheLayer`]: crate::layers::CacheLayer
    pub fn cache(mut self, config: impl Into<Option<CacheConfig>>) -> Self {
        self.layers.cache = config.into();
        self
    }

    /// Where calls go when their model does not answer: [`FailoverLayer`]. The client's region is its
    /// [`home_region`](FailoverConfig::home_region) unless it names one. [`Client::failover`] tells how each target has been.
    ///
    /// [`FailoverLayer`]: crate::layers::FailoverLayer
    pub fn failover(mut self, config: FailoverConfig) -> Self {
        self.layers.failover = Some(config);
        self
    }

    /// What to do when a chat's stream breaks after its first event: [`RecoveryLayer`](crate::layers::RecoveryLayer).
    pub fn stream_recovery(mut self, recovery: StreamRecovery) -> Self {
        self.layers.recovery = Some(recovery);
        self
    }

    /// Whether whole answers come by way of streams: time limits then tell a model that works for minutes from a
    /// connection that fell silent ([`stream_idle_timeout`](Self::stream_idle_timeout)), and a broken answer leaves what
    /// came of it in [`Error::partial`]. Such an error is not retryable, since its tokens are paid for. Layers see a
    /// streamed chat; costs a little more than a plain call.
    pub fn chat_by_stream(mut self, by_stream: bool) -> Self {
        self.layers.chat_by_stream = by_stream;
        self
    }
}

/// What becomes of a request.
impl<L> ClientBuilder<L> {
    /// Which operations carry a chat.
    pub fn api_mode(mut self, mode: ApiMode) -> Self {
        self.bedrock.api_mode = mode;
        self
    }

    /// Which models [`ApiMode::Auto`] calls natively, in the place of [`native_only`].
    ///
    /// ```
    /// use bedrock_llm_client::{Client, native_only};
    ///
    /// let builder = Client::builder().native_models(|model| native_only(model) || model.provider() == Some("acme"));
    /// ```
    pub fn native_models(mut self, rule: impl Fn(&ModelId) -> bool + Send + Sync + 'static) -> Self {
        self.bedrock.native_models = Arc::new(rule);
        self
    }

    /// The codecs of native forms.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.bedrock.registry = registry;
        self
    }

    /// What is known of models, in the place of [`Catalog::builtin`]: to correct a fact, or to say which model is
    /// behind an application inference profile.
    ///
    /// ```
    /// use bedrock_llm_client::Client;
    /// use bedrock_llm_schema::Catalog;
    ///
    /// let mut catalog = Catalog::builtin().clone();
    /// let mine = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/1arbu5hu2sjr";
    /// catalog.set_base_model(mine, "us.amazon.nova-lite-v1:0");
    /// let builder = Client::builder().catalog(catalog);
    /// ```
    pub fn catalog(mut self, catalog: impl Into<Arc<Catalog>>) -> Self {
        self.bedrock.preparation.catalog = Some(catalog.into());
        self
    }

    /// Whether chats are [normalised](bedrock_llm_schema::normalize) for their model. What was changed is in
    /// [`ChatResponse::changes`](bedrock_llm_schema::ChatResponse::changes), and in the log.
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.bedrock.preparation.normalize = normalize;
        self
    }

    /// How chats are normalised; the last of this and [`on_unsupported`](Self::on_unsupported) wins.
    pub fn normalizer(mut self, normalizer: Normalizer) -> Self {
        self.bedrock.preparation.normalizer = normalizer;
        self
    }

    /// What to do about something that the model, or its native form, does not have.
    pub fn on_unsupported(mut self, choice: OnUnsupported) -> Self {
        self.bedrock.preparation.normalizer.on_unsupported = choice;
        self
    }

    /// Whether chats are checked against the [rules](bedrock_llm_schema::rules) before anything is sent.
    pub fn validate(mut self, validate: bool) -> Self {
        self.bedrock.preparation.validate = validate;
        self
    }

    /// Puts a [`tower::Layer`] around the client as it is so far, for every request type: the last one is the
    /// outermost.
    ///
    /// ```
    /// use std::time::Duration;
    /// use bedrock_llm_client::Client;
    /// use tower::timeout::TimeoutLayer;
    ///
    /// // bounds a call, or the opening of a stream; does not cover the stream's events
    /// let builder = Client::builder().layer(TimeoutLayer::new(Duration::from_secs(600)));
    /// ```
    pub fn layer<N>(self, layer: N) -> ClientBuilder<Stack<L, N>> {
        let Self { settings, bedrock, layers, layer: inner, model } = self;
        ClientBuilder { settings, bedrock, layers, layer: Stack::new(inner, layer), model }
    }
}

/// The way out.
impl<L> ClientBuilder<L> {
    /// Whether credentials or an API key are given or can be found. Looks for at most 5 s; files are read and, with
    /// SSO or on EC2, the network is asked.
    pub async fn has_credentials(&self) -> bool {
        self.settings.has_credentials().await
    }

    /// The client. Nothing is sent; credentials are looked for at the first call.
    ///
    /// # Errors
    /// [`Config`](bedrock_llm_schema::ErrorKind::Config) names a setting that cannot work, or a profile that does not exist;
    /// [`MissingRegion`](bedrock_llm_schema::ErrorKind::MissingRegion) says where to give one.
    pub async fn build(self) -> Result<Client, Error>
    where
        L: ClientLayer,
    {
        let Self { settings, bedrock, layers, layer, model } = self;
        let chat_by_stream = layers.chat_by_stream;
        let sdk = settings.connect().await?;
        let region = sdk.region().map(str::to_owned);
        let preparation = bedrock.preparation.clone();
        let layers = layers.resolve(region.as_deref(), &preparation)?;
        let bedrock = Bedrock::new(sdk, bedrock);
        let handles = layers.as_ref().map(Layers::handles).unwrap_or_default();
        let service = match layers {
            Some(layers) => ClientService::layered(bedrock, layers),
            None => ClientService::bare(bedrock),
        };
        let mut stack = layer.apply(service);
        if chat_by_stream {
            stack.chat_by_stream();
        }
        Ok(Client::new(stack, handles, region, preparation, model))
    }

    /// The base service alone, for a stack of one's own; the layers are left out.
    ///
    /// # Errors
    /// See [`build`](Self::build).
    pub async fn build_bedrock(self) -> Result<Bedrock, Error> {
        Ok(Bedrock::new(self.settings.connect().await?, self.bedrock))
    }

    /// A client for programs without an async runtime.
    ///
    /// # Errors
    /// See [`build`](Self::build), and [`BlockingClient`] for use inside a runtime.
    pub fn build_blocking(self) -> Result<BlockingClient, Error>
    where
        L: ClientLayer,
    {
        BlockingClient::build(self)
    }
}

/// Shows no secret.
impl<L> fmt::Debug for ClientBuilder<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("region", &self.settings.region)
            .field("profile", &self.settings.profile)
            .field("endpoint_url", &self.settings.endpoint_url)
            .field("bedrock", &self.bedrock)
            .finish_non_exhaustive()
    }
}
