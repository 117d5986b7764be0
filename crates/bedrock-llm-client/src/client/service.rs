//! The client's own layers around the base service, in one place.

use bedrock_llm_schema::{Error, Request};
use std::task::{Context, Poll};
use tower::{Layer as _, Service};

use crate::Bedrock;
use crate::layers::{Prepare, PrepareLayer, StreamTimeout, StreamTimeoutLayer};

/// What layers of the caller's are put around: the base service with the client's own layers.
#[derive(Debug, Clone)]
pub struct ClientService(Prepare<StreamTimeout<Bedrock>>);

/// Which layers, and how they are set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    pub(crate) stream_timeout: StreamTimeoutLayer,
}

impl ClientService {
    pub(super) fn new(bedrock: Bedrock, layers: &Layers) -> Self {
        let prepare = PrepareLayer::new(&bedrock);
        let service = layers.stream_timeout.layer(bedrock.unprepared());
        Self(prepare.layer(service))
    }
}

impl<R> Service<R> for ClientService
where
    R: Request,
    Bedrock: Service<R, Response = R::Response, Error = Error>,
{
    type Response = R::Response;
    type Error = Error;
    type Future = <Prepare<StreamTimeout<Bedrock>> as Service<R>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.0.call(request)
    }
}
