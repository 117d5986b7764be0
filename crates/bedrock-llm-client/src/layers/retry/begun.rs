//! Waits until a stream has begun, so that what breaks before its first event can be tried again.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bedrock_llm_schema::{Error, Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

/// The service inside [`Retry`](super::Retry): answers when a stream's first event is there, or the whole answer.
#[derive(Debug, Clone)]
pub struct Begun<S> {
    inner: S,
    waits: bool,
}

impl<S> Begun<S> {
    /// `waits` is false where nothing would be tried again anyway.
    pub(crate) fn new(inner: S, waits: bool) -> Self {
        Self { inner, waits }
    }
}

impl<S, R> Service<R> for Begun<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error>,
{
    type Response = R::Response;
    type Error = Error;
    type Future = BegunFuture<S::Future, R::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        BegunFuture { inner: self.inner.call(request), opened: None, waits: self.waits }
    }
}

pin_project! {
    /// The future of [`Begun`].
    #[derive(Debug)]
    pub struct BegunFuture<F, A> {
        #[pin]
        inner: F,
        opened: Option<A>,
        waits: bool,
    }
}

impl<F, A> Future for BegunFuture<F, A>
where
    F: Future<Output = Result<A, Error>>,
    A: Response,
{
    type Output = Result<A, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = match this.opened.take() {
            Some(answer) => answer,
            None => ready!(this.inner.poll(cx))?,
        };
        if !*this.waits {
            return Poll::Ready(Ok(answer));
        }
        match answer.poll_begun(cx) {
            Poll::Ready(begun) => Poll::Ready(begun.map(|()| answer)),
            Poll::Pending => {
                *this.opened = Some(answer);
                Poll::Pending
            }
        }
    }
}
