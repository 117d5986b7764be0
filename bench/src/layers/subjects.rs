//! What is measured, and what each subject stands on.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bedrock_llm_client::layers::{
    AttemptTimeoutLayer, CacheConfig, CacheLayer, CachePolicy, CircuitBreakerConfig, CircuitBreakerLayer,
    ConcurrencyConfig, ConcurrencyLayer, DeadlineLayer, FailoverConfig, FailoverLayer, FailoverTarget,
    PrepareLayer, RateLimitConfig, RateLimitLayer, RecoveryLayer, RetryConfig, RetryLayer,
    StreamTimeoutLayer,
};
use bedrock_llm_client::{Client, ClientBuilder};
use bedrock_llm_schema::{Call, ChatRequest, ChatResponse, Error, StreamRecovery};
use tower::{Layer as _, Service, ServiceExt as _};

use super::Caller;
use super::http;

const MODEL: &str = "us.amazon.nova-lite-v1:0";

/// Something that takes calls.
pub(super) struct Subject {
    pub(super) name: &'static str,
    /// What it costs more than.
    pub(super) on: Option<&'static str>,
    /// The most microseconds it may cost beyond that.
    pub(super) bar: Option<f64>,
    /// Whether it may allocate in proportion to the request beyond that.
    pub(super) may_grow: bool,
}

const fn layer(name: &'static str) -> Subject {
    Subject { name, on: Some("nothing"), bar: None, may_grow: true }
}

pub(super) const SUBJECTS: &[Subject] = &[
    Subject { name: "nothing", on: None, bar: None, may_grow: true },
    // writes the request once, for its key
    Subject { name: "cache hit", on: Some("nothing"), bar: Some(3.0), may_grow: true },
    layer("deadline"),
    layer("recovery"),
    layer("failover"),
    layer("prepare"),
    layer("retry"),
    layer("circuit breaker"),
    layer("rate limit"),
    layer("concurrency"),
    layer("stream timeout"),
    layer("attempt timeout"),
    Subject { name: "bare client", on: None, bar: None, may_grow: true },
    Subject { name: "default client", on: Some("bare client"), bar: Some(15.0), may_grow: false },
    Subject { name: "all layers on", on: Some("bare client"), bar: None, may_grow: true },
];

impl Subject {
    /// Makes calls of it with a question of so many characters. Each call has a request of its own, made with the call and
    /// not while it runs.
    pub(super) async fn caller(&self, characters: usize) -> anyhow::Result<Caller> {
        let request = ChatRequest::new(MODEL).message("Tell me of moons. ".repeat(characters / 18));
        match self.name {
            "nothing" => Ok(calls(AtOnce::new(), request)),
            "cache hit" => {
                let config = CacheConfig::default().policy(CachePolicy::Always);
                Ok(calls(CacheLayer::new(config)?.layer(AtOnce::new()), request))
            }
            "deadline" => Ok(calls(DeadlineLayer::new(Duration::from_secs(9)).layer(AtOnce::new()), request)),
            "recovery" => {
                Ok(calls(RecoveryLayer::new(StreamRecovery::Restart).layer(AtOnce::new()), request))
            }
            "failover" => {
                let config = FailoverConfig::default().target(FailoverTarget::region("us-west-2"));
                Ok(calls(FailoverLayer::new(config)?.layer(AtOnce::new()), request))
            }
            "prepare" => {
                let bedrock = builder(Client::bare())?.build_bedrock().await?;
                Ok(calls(PrepareLayer::new(&bedrock).layer(AtOnce::new()), request))
            }
            "retry" => Ok(calls(RetryLayer::new(RetryConfig::default())?.layer(AtOnce::new()), request)),
            "circuit breaker" => {
                let layer = CircuitBreakerLayer::new(CircuitBreakerConfig::default())?;
                Ok(calls(layer.layer(AtOnce::new()), request))
            }
            "rate limit" => Ok(calls(RateLimitLayer::new(limits())?.layer(AtOnce::new()), request)),
            "concurrency" => Ok(calls(ConcurrencyLayer::new(places())?.layer(AtOnce::new()), request)),
            "stream timeout" => {
                let layer = StreamTimeoutLayer::new().idle(Duration::from_secs(9));
                Ok(calls(layer.layer(AtOnce::new()), request))
            }
            "attempt timeout" => {
                Ok(calls(AttemptTimeoutLayer::new(Duration::from_secs(9)).layer(AtOnce::new()), request))
            }
            "bare client" => Ok(client(builder(Client::bare())?.build().await?, request)),
            "default client" => Ok(client(builder(Client::builder())?.build().await?, request)),
            "all layers on" => {
                let builder = builder(Client::builder())?
                    .cache(CacheConfig::default())
                    .failover(FailoverConfig::default().target(FailoverTarget::region("us-west-2")))
                    .stream_recovery(StreamRecovery::Restart)
                    .rate_limit(limits())
                    .concurrency(places())
                    .attempt_timeout(Duration::from_secs(9));
                Ok(client(builder.build().await?, request))
            }
            name => anyhow::bail!("no subject {name}"),
        }
    }
}

/// Calls of a service, each with a clone of it, as the client makes them.
fn calls<S>(service: S, request: ChatRequest) -> Caller
where
    S: Service<Call<ChatRequest>, Response = ChatResponse, Error = Error, Future: 'static> + Clone + 'static,
{
    Box::new(move || {
        let (service, call) = (service.clone(), Call::new(request.clone()));
        Box::pin(async move { Ok(service.oneshot(call).await.map(drop)?) })
    })
}

fn client(client: Client, request: ChatRequest) -> Caller {
    Box::new(move || {
        let (client, request) = (client.clone(), request.clone());
        Box::pin(async move { Ok(client.chat(request).await.map(drop)?) })
    })
}

/// The service that answers at once.
#[derive(Clone)]
struct AtOnce(Arc<ChatResponse>);

impl AtOnce {
    fn new() -> Self {
        Self(Arc::new(http::answer()))
    }
}

impl Service<Call<ChatRequest>> for AtOnce {
    type Response = ChatResponse;
    type Error = Error;
    type Future = Ready<Result<ChatResponse, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Call<ChatRequest>) -> Self::Future {
        ready(Ok(ChatResponse::clone(&self.0)))
    }
}

/// Limits that are kept and never reached.
fn limits() -> RateLimitConfig {
    RateLimitConfig::default().requests_per_minute(u32::MAX).tokens_per_minute(u32::MAX)
}

fn places() -> ConcurrencyConfig {
    ConcurrencyConfig::default().max_concurrency(100)
}

fn builder(begun: ClientBuilder) -> anyhow::Result<ClientBuilder> {
    Ok(begun.sdk_client(http::sdk()?))
}
