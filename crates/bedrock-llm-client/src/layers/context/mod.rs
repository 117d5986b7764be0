//! Keeps conversations within their model's window.

mod summaries;
mod trim;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bedrock_llm_schema::{
    Call, Catalog, ChatRequest, ChatResponse, ContextPolicy, CountTokensRequest, CountTokensResponse, Error,
    Request,
};
use pin_project_lite::pin_project;
use tower::{Layer, Service, ServiceExt as _};

use crate::bedrock::Return;
use trim::Trimmer;

/// Trims a conversation that its model's window does not hold, by a [`ContextPolicy`], before it is sent; everything
/// else passes. What was done stands in the answer's `changes`.
///
/// Sizes are estimated. Only where an estimate leaves in doubt whether a conversation fits, and the service counts for
/// the model, it is asked to count, which costs a call to CountTokens and no money. Where it cannot be asked, the
/// estimate is taken with care: see [`TokenCount::range`](bedrock_llm_schema::TokenCount::range).
///
/// A summary, where the policy wants one, is a call of its own through the same inner service, with the priority and the
/// time limit of the call that it is for. What it used stands in the changes and, at level `info`, in the log. Summaries
/// are kept in memory, the 256 used last, by what they are of: a history that is sent again with new turns is not summed
/// up again, and one that loses more turns is from the summary it had. Where no summary comes, the turns are dropped all
/// the same, and the changes and the log say why.
///
/// Goes *outside* the client's own layers, by [`ClientBuilder::layer`](crate::ClientBuilder::layer): the count and the
/// summary are retried there as any call. It trims for the model that is asked; of targets that a failover turns to, the
/// client passes over those with a window too small. Errors:
/// [`ContextOverflow`](bedrock_llm_schema::ErrorKind::ContextOverflow) where what must stay is too large, without a call.
/// Cancellation: dropping the future drops whichever call it waits for.
///
/// ```no_run
/// use bedrock_llm_client::Client;
/// use bedrock_llm_client::layers::ContextLayer;
/// use bedrock_llm_schema::ContextPolicy;
///
/// # async fn run() -> Result<(), bedrock_llm_schema::Error> {
/// let policy = ContextPolicy::new().keep_first(1).summarize("us.amazon.nova-micro-v1:0");
/// let client = Client::builder().layer(ContextLayer::new(policy)).build().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ContextLayer(Arc<Trimmer>);

impl ContextLayer {
    /// By this policy, and by what [`Catalog::builtin`] knows of models.
    #[must_use]
    pub fn new(policy: ContextPolicy) -> Self {
        Self(Arc::new(Trimmer::new(policy, None)))
    }

    /// By this policy, and by what this catalog knows.
    #[must_use]
    pub fn with_catalog(policy: ContextPolicy, catalog: impl Into<Arc<Catalog>>) -> Self {
        Self(Arc::new(Trimmer::new(policy, Some(catalog.into()))))
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = Context<S>;

    fn layer(&self, inner: S) -> Context<S> {
        Context { inner, trimmer: Arc::clone(&self.0) }
    }
}

impl fmt::Debug for ContextLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContextLayer").field(self.0.policy()).finish()
    }
}

/// The service of [`ContextLayer`].
#[derive(Clone)]
pub struct Context<S> {
    inner: S,
    trimmer: Arc<Trimmer>,
}

impl<S> fmt::Debug for Context<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("policy", self.trimmer.policy()).finish_non_exhaustive()
    }
}

/// What can count and sum up.
pub(super) trait Helper:
    Service<Call<ChatRequest>, Response = ChatResponse, Error = Error, Future: Send>
    + Service<Call<CountTokensRequest>, Response = CountTokensResponse, Error = Error, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Helper for S where
    S: Service<Call<ChatRequest>, Response = ChatResponse, Error = Error, Future: Send>
        + Service<Call<CountTokensRequest>, Response = CountTokensResponse, Error = Error, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

impl<S, R> Service<R> for Context<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error, Future: Send>
        + Service<Call<ChatRequest>, Response = ChatResponse, Error = Error, Future: Send>
        + Service<Call<CountTokensRequest>, Response = CountTokensResponse, Error = Error, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    type Response = R::Response;
    type Error = Error;
    type Future = ContextFuture<<S as Service<R>>::Future, R::Response>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        Service::<R>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, mut request: R) -> Self::Future {
        let Some(excess) = self.trimmer.look_at(&request) else {
            return ContextFuture {
                state: State::Passed { inner: Service::<R>::call(&mut self.inner, request) },
            };
        };
        // The place that readiness may hold is given back: the calls before need one as well, and could wait for it
        // for ever.
        let clone = self.inner.clone();
        drop(std::mem::replace(&mut self.inner, clone.clone()));
        let trimmer = Arc::clone(&self.trimmer);
        // boxed, because what it waits for has no name
        let inner = Box::pin(async move {
            let changes = trimmer.trim(&mut request, excess, &clone).await?;
            let mut answer = clone.oneshot(request).await?;
            Return::saying(changes).apply(&mut answer);
            Ok(answer)
        });
        ContextFuture { state: State::Trimmed { inner } }
    }
}

type Boxed<A> = Pin<Box<dyn Future<Output = Result<A, Error>> + Send>>;

pin_project! {
    /// The future of [`Context`].
    pub struct ContextFuture<F, A> {
        #[pin]
        state: State<F, A>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, A> {
        Passed { #[pin] inner: F },
        Trimmed { inner: Boxed<A> },
    }
}

impl<F, A> Future for ContextFuture<F, A>
where
    F: Future<Output = Result<A, Error>>,
{
    type Output = Result<A, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { inner } => inner.poll(cx),
            StateProjection::Trimmed { inner } => inner.as_mut().poll(cx),
        }
    }
}

impl<F, A> fmt::Debug for ContextFuture<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextFuture").finish_non_exhaustive()
    }
}
