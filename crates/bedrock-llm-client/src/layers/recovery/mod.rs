//! Goes on with a stream that broke.

mod stream;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bedrock_llm_schema::{Catalog, Error, Operation, Request, Response, StreamRecovery};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use stream::{Recovering, Source};

/// Goes on with a chat's stream that broke after its first event, if it is told to.
///
/// | [`StreamRecovery`] | what happens |
/// |---|---|
/// | `Fail`, the default | the stream ends with the error, which holds the answer so far |
/// | `Restart` | the request is sent again; a [restart event](bedrock_llm_schema::StreamEvent::is_restart) tells the consumer to discard what came, and the stream's own answer begins anew |
/// | `Continue` | the answer so far is sent along as the beginning of the model's turn, and what comes is joined to it without a seam; where that is not [legal](bedrock_llm_schema::stream::ResumePlan), as `Restart` |
///
/// `Continue` is legal where the model's profile allows a beginning (`features.assistant_prefill`), nothing but one
/// open text has come, and the model does not reason: tool input and signed reasoning are never spliced.
///
/// What counts as broken: errors that are [retryable](Error::is_retryable) (cut off, stalled, an exception of the service
/// inside the stream), and damaged frames. Not a deadline. At most [`most`](Self::most) times a stream, 2 by default. What
/// a broken stream used is paid, and the service does not say how much it was: the usage at the end is that of the last
/// request alone. A restart pays the whole answer again, a continuation the input.
///
/// [`CallOptions::recovery`](bedrock_llm_schema::CallOptions::recovery) takes the place of the layer's choice for one call.
/// Whole answers and native streams pass as they are, and so does the opening of a stream, which is a matter of
/// [`RetryLayer`](super::RetryLayer). Goes *outside* failover and retry, so that the new request has their help;
/// *inside* the deadline. Needs a clone of the request and of the inner service for each stream it watches; the future
/// of a new request is boxed, since it lives in the stream. Cancellation: dropping the stream drops whatever is under way.
///
/// ```
/// use bedrock_llm_client::layers::RecoveryLayer;
/// use bedrock_llm_schema::StreamRecovery;
///
/// let layer = RecoveryLayer::new(StreamRecovery::Continue).most(1);
/// ```
#[derive(Debug, Clone)]
pub struct RecoveryLayer {
    recovery: StreamRecovery,
    most: u32,
    catalog: Option<Arc<Catalog>>,
}

impl RecoveryLayer {
    /// With this choice for calls that make none.
    #[must_use]
    pub fn new(recovery: StreamRecovery) -> Self {
        Self { recovery, most: 2, catalog: None }
    }

    /// Sets how often one stream may be gone on with.
    #[must_use]
    pub fn most(mut self, times: u32) -> Self {
        self.most = times;
        self
    }

    /// Sets what is known of models, in the place of [`Catalog::builtin`].
    #[must_use]
    pub fn catalog(mut self, catalog: impl Into<Arc<Catalog>>) -> Self {
        self.catalog = Some(catalog.into());
        self
    }
}

impl<S> Layer<S> for RecoveryLayer {
    type Service = Recovery<S>;

    fn layer(&self, inner: S) -> Recovery<S> {
        Recovery { inner, layer: self.clone() }
    }
}

/// The service of [`RecoveryLayer`].
#[derive(Debug, Clone)]
pub struct Recovery<S> {
    inner: S,
    layer: RecoveryLayer,
}

impl<S, R> Service<R> for Recovery<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error, Future: Send> + Clone + Send + 'static,
{
    type Response = R::Response;
    type Error = Error;
    type Future = RecoveryFuture<S::Future, S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let choice = request.options().recovery.unwrap_or(self.layer.recovery);
        let is_watched = choice != StreamRecovery::Fail
            && R::OPERATION == Operation::ConverseStream
            && self.layer.most > 0;
        let source = is_watched.then(|| Source {
            service: self.inner.clone(),
            request: request.clone(),
            choice,
            left: self.layer.most,
            catalog: self.layer.catalog.clone(),
        });
        RecoveryFuture { inner: self.inner.call(request), source }
    }
}

pin_project! {
    /// The future of [`Recovery`].
    #[derive(Debug)]
    pub struct RecoveryFuture<F, S, R> {
        #[pin]
        inner: F,
        source: Option<Source<S, R>>,
    }
}

impl<F, S, R> Future for RecoveryFuture<F, S, R>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error, Future: Send> + Clone + Send + 'static,
    F: Future<Output = Result<R::Response, Error>>,
{
    type Output = Result<R::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.inner.poll(cx))?;
        if let (Some(source), Some(stream)) = (this.source.take(), answer.chat_stream_mut()) {
            stream.wrap_events(|events| Recovering::new(events, source));
        }
        Poll::Ready(Ok(answer))
    }
}

#[cfg(test)]
mod tests;
