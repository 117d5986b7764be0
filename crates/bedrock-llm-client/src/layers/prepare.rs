//! Makes a chat ready for its model, once for all attempts.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bedrock_llm_schema::{Error, Request};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::Bedrock;
use crate::bedrock::Return;

/// Normalises a chat for its model and checks it against the rules, before it goes further; everything else passes.
///
/// Goes *inside* failover, since each model has its own form, and *outside* retry, so that it is done once for all
/// attempts. It works by the settings of the [`Bedrock`] it is made from, which then leaves chats as they are.
///
/// Errors: what the rules refuse ([`Validation`](bedrock_llm_schema::ErrorKind::Validation) and the like); the inner
/// service is not called then. Cancellation: nothing is held.
#[derive(Debug, Clone)]
pub struct PrepareLayer(Bedrock);

impl PrepareLayer {
    /// By the settings of this service.
    #[must_use]
    pub fn new(bedrock: &Bedrock) -> Self {
        Self(bedrock.clone())
    }
}

impl<S> Layer<S> for PrepareLayer {
    type Service = Prepare<S>;

    fn layer(&self, inner: S) -> Prepare<S> {
        Prepare { inner, settings: self.0.clone() }
    }
}

/// The service of [`PrepareLayer`].
#[derive(Debug, Clone)]
pub struct Prepare<S> {
    inner: S,
    settings: Bedrock,
}

impl<S, R> Service<R> for Prepare<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error>,
{
    type Response = R::Response;
    type Error = Error;
    type Future = PrepareFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: R) -> Self::Future {
        match self.settings.prepare(&mut request) {
            Ok(back) => PrepareFuture { state: State::Called { inner: self.inner.call(request), back } },
            Err(error) => PrepareFuture { state: State::Refused { error: Some(error) } },
        }
    }
}

pin_project! {
    /// The future of [`Prepare`].
    #[derive(Debug)]
    pub struct PrepareFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F> {
        Called { #[pin] inner: F, back: Option<Return> },
        Refused { error: Option<Error> },
    }
}

impl<F, A> Future for PrepareFuture<F>
where
    F: Future<Output = Result<A, Error>>,
    A: bedrock_llm_schema::Response,
{
    type Output = Result<A, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Called { inner, back } => {
                let mut answer = ready!(inner.poll(cx))?;
                if let Some(back) = back.take() {
                    back.apply(&mut answer);
                }
                Poll::Ready(Ok(answer))
            }
            StateProjection::Refused { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                // polled again after it was ready
                None => Poll::Pending,
            },
        }
    }
}
