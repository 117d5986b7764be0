//! The client's own layers around the base service, composed in one place.

use std::task::{Context, Poll};

use bedrock_llm_schema::response::Replayable;
use bedrock_llm_schema::{Error, Request};
use tower::util::Either;
use tower::{Service, ServiceBuilder};

use crate::Bedrock;
use crate::layers::{
    AttemptTimeout, AttemptTimeoutLayer, Cache, CacheHandle, CacheLayer, CircuitBreaker,
    CircuitBreakerHandle, CircuitBreakerLayer, Concurrency, ConcurrencyHandle, ConcurrencyLayer, Deadline,
    DeadlineLayer, Failover, FailoverHandle, FailoverLayer, Prepare, PrepareLayer, RateLimit,
    RateLimitHandle, RateLimitLayer, Recovery, RecoveryLayer, Retry, RetryHandle, RetryLayer, StreamTimeout,
    StreamTimeoutLayer,
};

/// The whole stack, read from the last line up: the last is the outermost.
type Attempt = StreamTimeout<AttemptTimeout<Bedrock>>;
type Placed = Either<Concurrency<Attempt>, Attempt>;
type Admitted = Either<RateLimit<Placed>, Placed>;
type Guarded = Either<CircuitBreaker<Admitted>, Admitted>;
type OneModel = Prepare<Retry<Guarded>>;
type Targets = Either<Failover<OneModel>, OneModel>;
type Whole = Recovery<Targets>;
type Layered = Deadline<Either<Cache<Whole>, Whole>>;

/// What layers of the caller's are put around: the base service with the client's own layers, or without any.
#[derive(Debug, Clone)]
pub struct ClientService(Either<Layered, Bedrock>);

/// Which layers, and how they are set.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    pub(crate) deadline: DeadlineLayer,
    pub(crate) cache: Option<CacheLayer>,
    pub(crate) recovery: RecoveryLayer,
    pub(crate) failover: Option<FailoverLayer>,
    pub(crate) retry: RetryLayer,
    pub(crate) circuit_breaker: Option<CircuitBreakerLayer>,
    pub(crate) rate_limit: Option<RateLimitLayer>,
    pub(crate) concurrency: Option<ConcurrencyLayer>,
    pub(crate) stream_timeout: StreamTimeoutLayer,
    pub(crate) attempt_timeout: AttemptTimeoutLayer,
}

/// What reads and steers the layers of a stack; none for a layer that is not there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handles {
    pub(crate) retry: Option<RetryHandle>,
    pub(crate) cache: Option<CacheHandle>,
    pub(crate) failover: Option<FailoverHandle>,
    pub(crate) circuit_breaker: Option<CircuitBreakerHandle>,
    pub(crate) rate_limit: Option<RateLimitHandle>,
    pub(crate) concurrency: Option<ConcurrencyHandle>,
}

impl Layers {
    pub(super) fn handles(&self) -> Handles {
        Handles {
            retry: Some(self.retry.handle()),
            cache: self.cache.as_ref().map(CacheLayer::handle),
            failover: self.failover.as_ref().map(FailoverLayer::handle),
            circuit_breaker: self.circuit_breaker.as_ref().map(CircuitBreakerLayer::handle),
            rate_limit: self.rate_limit.as_ref().map(RateLimitLayer::handle),
            concurrency: self.concurrency.as_ref().map(ConcurrencyLayer::handle),
        }
    }
}

impl ClientService {
    /// With these layers; the order is that of [`layers`](crate::layers), and the reasons for it stand there.
    pub(super) fn layered(bedrock: Bedrock, layers: Layers) -> Self {
        let stack = ServiceBuilder::new()
            .layer(layers.deadline)
            .option_layer(layers.cache)
            .layer(layers.recovery)
            .option_layer(layers.failover)
            .layer(PrepareLayer::new(&bedrock))
            .layer(layers.retry)
            .option_layer(layers.circuit_breaker)
            .option_layer(layers.rate_limit)
            .option_layer(layers.concurrency)
            .layer(layers.stream_timeout)
            .layer(layers.attempt_timeout)
            .service(bedrock.unprepared());
        Self(Either::Left(stack))
    }

    /// Without any layer.
    pub(super) fn bare(bedrock: Bedrock) -> Self {
        Self(Either::Right(bedrock))
    }
}

impl<R> Service<R> for ClientService
where
    R: Request<Response: Replayable>,
    Bedrock: Service<R, Response = R::Response, Error = Error, Future: Send>,
{
    type Response = R::Response;
    type Error = Error;
    type Future = <Either<Layered, Bedrock> as Service<R>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.0.call(request)
    }
}
