//! The client's own layers around the base service, composed in one place.

use std::task::{Context, Poll};

use bedrock_llm_schema::{Error, Request};
use tower::util::Either;
use tower::{Service, ServiceBuilder};

use crate::Bedrock;
use crate::layers::{
    AttemptTimeout, AttemptTimeoutLayer, Deadline, DeadlineLayer, Prepare, PrepareLayer, Recovery,
    RecoveryLayer, Retry, RetryLayer, StreamTimeout, StreamTimeoutLayer,
};

/// The whole stack, the outermost first.
type Layered = Deadline<Recovery<Prepare<Retry<StreamTimeout<AttemptTimeout<Bedrock>>>>>>;

/// What layers of the caller's are put around: the base service with the client's own layers, or without any.
#[derive(Debug, Clone)]
pub struct ClientService(Either<Layered, Bedrock>);

/// Which layers, and how they are set. A layer that has nothing to do is there and lets everything pass: the stack is
/// one type.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    pub(crate) deadline: DeadlineLayer,
    pub(crate) recovery: RecoveryLayer,
    pub(crate) retry: RetryLayer,
    pub(crate) stream_timeout: StreamTimeoutLayer,
    pub(crate) attempt_timeout: AttemptTimeoutLayer,
}

impl ClientService {
    /// With these layers; the order is that of [`layers`](crate::layers), and the reasons for it stand there.
    pub(super) fn layered(bedrock: Bedrock, layers: Layers) -> Self {
        let stack = ServiceBuilder::new()
            .layer(layers.deadline)
            .layer(layers.recovery)
            .layer(PrepareLayer::new(&bedrock))
            .layer(layers.retry)
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
    R: Request,
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
