//! [`Embedder`]: vectors of any number of inputs.

mod blame;
mod check;
mod claim;
mod long;
mod manner;
mod pack;
mod plan;
mod pool;
mod rows;
mod run;
mod send;
mod settings;
mod settle;
mod stream;
mod unit;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use bedrock_llm_client::Client;
use bedrock_llm_schema::embed::{Element, EmbedInput, EmbedPurpose, EmbedRequest, EmbedResponse};
use bedrock_llm_schema::{Call, Error, ErrorKind, ModelId};
use futures_core::Stream;
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;
use tower::Service;

pub use long::LongText;
pub(crate) use manner::Manner;
use plan::Plan;
use run::Run;
pub use settings::EmbedderBuilder;
pub use stream::EmbedStream;

use crate::{EmbedCache, EmbedConfigError, EmbedError, EmbedOutcome, Embeddings};

/// What an [`Embedder`] stands on: a [`Client`], a [`Bedrock`](bedrock_llm_client::Bedrock), or either with any layers
/// around it. Every service that fits has it.
pub trait EmbedService:
    Service<Call<EmbedRequest>, Response = EmbedResponse, Error = Error, Future: Send> + Clone + Send + 'static
{
}

impl<S> EmbedService for S where
    S: Service<Call<EmbedRequest>, Response = EmbedResponse, Error = Error, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Embeds any number of texts and images with one model. Cheap to clone; clones share the cache and the limit of calls.
///
/// `T` is the type of the numbers, `S` what the calls go through.
///
/// - **Packing.** Inputs go together as the model takes them: up to so many inputs and images a call, in a body of the size
///   the service takes, and up to so many tokens where the [catalog](bedrock_llm_schema::Catalog) knows how many. A model
///   that takes one a call has several calls under way instead. Vectors have the order of the inputs, whichever call is
///   first.
/// - **Failures.** A call that the service refuses for its content is halved until what is to blame stands alone; the
///   others get their vectors. That takes at most twice as many calls as there are inputs. Where nothing has come yet, and
///   as many inputs as a call holds, at least 32, were refused alone in the same words, the rest fails as they did: then a
///   setting is to blame. What every call would meet, such as access denied, ends the run at once. Throttling and outages
///   are the service's stack's to retry, nothing is tried twice here. What failed in the end can be
///   [tried again](Self::retry) without the rest.
/// - **What the model cannot do** is an error when the embedder is built, or of that input before it is sent.
/// - **Cancellation.** Dropping a future drops its calls. One that is kept without being polled keeps its places, and others
///   who want the same from a cache wait for it.
///
/// ```
/// use bedrock_llm_embeddings::Embedder;
/// # use bedrock_llm_client::Client;
/// # use bedrock_llm_local::LocalBedrock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = LocalBedrock::start().await?;
/// # let client = Client::builder().endpoint_url(local.endpoint()).region("us-east-1").credentials("local", "local", None);
/// # let client = client.build().await?;
/// let embedder = Embedder::builder(client, "amazon.titan-embed-text-v2:0").dimensions(512).build()?;
///
/// let documents = embedder.embed_documents(["The sky is blue today.", "Grass is green."]).await?;
/// let query: Vec<f32> = embedder.embed_query("Is the sky blue?").await?;
/// assert_eq!((documents.len(), query.len()), (2, 512));
///
/// let similarity = |row: &[f32]| row.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>();
/// let similarities: Vec<_> = documents.rows().map(similarity).collect();
/// assert!(similarities[0] > similarities[1]);
/// # Ok(())
/// # }
/// ```
pub struct Embedder<T = f32, S = Client> {
    service: S,
    plan: Arc<Plan>,
    gate: Arc<Semaphore>,
    cache: Option<EmbedCache>,
    element: PhantomData<fn() -> T>,
}

impl<S: EmbedService> Embedder<f32, S> {
    /// An embedder without any setting.
    ///
    /// # Errors
    /// When the model is known to be no embedding model, or not to give floats.
    pub fn new(service: S, model: impl Into<ModelId>) -> Result<Self, EmbedConfigError> {
        Self::builder(service, model).build()
    }

    /// Begins an embedder. [`EmbedderBuilder::element`] makes it one of another type of number.
    pub fn builder(service: S, model: impl Into<ModelId>) -> EmbedderBuilder<f32, S> {
        EmbedderBuilder::new(service, model.into())
    }
}

impl<T, S> Embedder<T, S> {
    fn assemble(service: S, plan: Plan, cache: Option<EmbedCache>) -> Self {
        let gate = Arc::new(Semaphore::new(plan.concurrency));
        Self { service, plan: Arc::new(plan), gate, cache, element: PhantomData }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &ModelId {
        &self.plan.model
    }

    /// The model itself, by whichever profile it is called.
    pub(crate) fn identity(&self) -> &ModelId {
        &self.plan.manner.model
    }

    /// Where vectors are kept, if anywhere.
    #[must_use]
    pub fn cache(&self) -> Option<&EmbedCache> {
        self.cache.as_ref()
    }

    /// What the calls go through.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.service
    }

    fn window(&self) -> usize {
        self.plan.window
    }
}

impl<T: Element, S: EmbedService> Embedder<T, S> {
    /// One vector for each input, in order.
    ///
    /// # Errors
    /// When inputs failed; the error has the vectors of the others.
    pub fn embed(
        &self,
        inputs: impl IntoIterator<Item: Into<EmbedInput>>,
    ) -> impl Future<Output = Result<Embeddings<T>, EmbedError<T>>> + Send + 'static {
        let outcome = self.embed_each(inputs);
        async { outcome.await.into_result() }
    }

    /// [`embed`](Self::embed) of what is to be found.
    ///
    /// # Errors
    /// As there.
    pub fn embed_documents(
        &self,
        inputs: impl IntoIterator<Item: Into<EmbedInput>>,
    ) -> impl Future<Output = Result<Embeddings<T>, EmbedError<T>>> + Send + 'static {
        let outcome = self.all(self.plan.purposes.document.clone(), inputs);
        async { outcome.await.into_result() }
    }

    /// The vector of a query: a text, or an image, to find with.
    ///
    /// # Errors
    /// Why it has none.
    pub fn embed_query(
        &self,
        query: impl Into<EmbedInput>,
    ) -> impl Future<Output = Result<Vec<T>, Error>> + Send + 'static {
        let outcome = self.all(self.plan.purposes.query.clone(), [query]);
        async {
            let embeddings = outcome.await.into_result()?;
            let vector = embeddings.into_matrix().into_values();
            if vector.is_empty() {
                return Err(Error::new(ErrorKind::Unexpected, "the query got no vector"));
            }
            Ok(vector)
        }
    }

    /// [`embed`](Self::embed) of queries: as [`embed_query`](Self::embed_query), of many, and with what they took.
    ///
    /// # Errors
    /// As for [`embed`](Self::embed).
    pub fn embed_queries(
        &self,
        queries: impl IntoIterator<Item: Into<EmbedInput>>,
    ) -> impl Future<Output = Result<Embeddings<T>, EmbedError<T>>> + Send + 'static {
        let outcome = self.all(self.plan.purposes.query.clone(), queries);
        async { outcome.await.into_result() }
    }

    /// What became of each input: its vector, or its error. Purposes are as for [`embed`](Self::embed).
    pub fn embed_each(
        &self,
        inputs: impl IntoIterator<Item: Into<EmbedInput>>,
    ) -> impl Future<Output = EmbedOutcome<T>> + Send + 'static {
        self.all(self.plan.purposes.plain.clone(), inputs)
    }

    /// Tries again what failed, and only that; what came stays.
    ///
    /// Of another embedder's outcome too, one with another policy for long texts, say. But what came must be of the same
    /// model, type of number, `dimensions`, `normalize` and `extra`: else nothing is sent, and what failed has an error of
    /// kind [`InvalidRequest`](ErrorKind::InvalidRequest) that says so, with the one before as its source.
    ///
    /// ```no_run
    /// # use bedrock_llm_embeddings::{Embedder, Embeddings};
    /// use bedrock_llm_schema::Retry;
    ///
    /// # async fn run(embedder: Embedder, texts: Vec<String>) -> Result<Embeddings, bedrock_llm_schema::Error> {
    /// let embeddings = match embedder.embed(texts).await {
    ///     Err(error) if error.retry() != Retry::Permanent => embedder.retry(error).await.into_result()?,
    ///     other => other?,
    /// };
    /// # Ok(embeddings)
    /// # }
    /// ```
    pub fn retry(
        &self,
        outcome: impl Into<EmbedOutcome<T>>,
    ) -> impl Future<Output = EmbedOutcome<T>> + Send + 'static {
        let outcome = outcome.into();
        self.run(outcome.purpose().cloned()).again(outcome)
    }

    /// The vectors of any number of inputs, some at a time and in order, in memory that does not grow with them. Purposes
    /// are as for [`embed`](Self::embed).
    ///
    /// ```no_run
    /// # use bedrock_llm_embeddings::Embedder;
    /// use futures_util::{StreamExt, stream};
    ///
    /// # async fn run(embedder: Embedder, lines: Vec<String>) -> Result<(), bedrock_llm_schema::Error> {
    /// let mut chunks = embedder.embed_stream(stream::iter(lines));
    /// while let Some(chunk) = chunks.next().await {
    ///     let chunk = chunk?;
    ///     for (place, vector) in chunk.rows().enumerate() {
    ///         println!("{}: {vector:?}", chunk.start() + place);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn embed_stream<'a>(
        &self,
        inputs: impl Stream<Item: Into<EmbedInput>> + Send + 'a,
    ) -> EmbedStream<'a, T, S> {
        let purpose = self.plan.purposes.plain.clone();
        EmbedStream::new(self.clone(), purpose, Box::pin(inputs.map(Into::into)))
    }

    /// [`embed_stream`](Self::embed_stream) of what is to be found, as [`embed_documents`](Self::embed_documents) is of
    /// [`embed`](Self::embed).
    pub fn embed_documents_stream<'a>(
        &self,
        inputs: impl Stream<Item: Into<EmbedInput>> + Send + 'a,
    ) -> EmbedStream<'a, T, S> {
        let purpose = self.plan.purposes.document.clone();
        EmbedStream::new(self.clone(), purpose, Box::pin(inputs.map(Into::into)))
    }

    /// An outcome of which nothing came, for one reason.
    pub(crate) fn nothing(
        &self,
        inputs: Vec<EmbedInput>,
        start: usize,
        purpose: Option<EmbedPurpose>,
        error: Error,
    ) -> EmbedOutcome<T> {
        self.run(purpose).nothing(inputs, start, error)
    }

    /// The purposes of [`embed`](Self::embed) and [`embed_documents`](Self::embed_documents).
    pub(crate) fn purposes(&self) -> (Option<EmbedPurpose>, Option<EmbedPurpose>) {
        (self.plan.purposes.plain.clone(), self.plan.purposes.document.clone())
    }

    fn all<I: Into<EmbedInput>>(
        &self,
        purpose: Option<EmbedPurpose>,
        inputs: impl IntoIterator<Item = I>,
    ) -> impl Future<Output = EmbedOutcome<T>> + Send + 'static {
        let inputs = inputs.into_iter().map(Into::into).collect();
        self.run(purpose).embed(inputs, 0)
    }

    fn run(&self, purpose: Option<EmbedPurpose>) -> Run<T, S> {
        let (plan, gate) = (Arc::clone(&self.plan), Arc::clone(&self.gate));
        Run::new(self.service.clone(), plan, gate, self.cache.clone(), purpose)
    }
}

impl<T, S: Clone> Clone for Embedder<T, S> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            plan: Arc::clone(&self.plan),
            gate: Arc::clone(&self.gate),
            cache: self.cache.clone(),
            element: PhantomData,
        }
    }
}

impl<T, S> fmt::Debug for Embedder<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder")
            .field("model", &self.plan.model.as_str())
            .field("type", &self.plan.r#type)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
