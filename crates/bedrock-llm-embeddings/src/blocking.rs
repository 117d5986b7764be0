//! The embedder for programs without an async runtime.

use std::future::Future;

use bedrock_llm_client::BlockingClient;
use bedrock_llm_schema::Error;
use bedrock_llm_schema::embed::{Element, EmbedInput, EmbedPurpose};

use crate::{EmbedError, EmbedOutcome, Embedder, Embeddings};

/// [`Embedder`] for programs without an async runtime: each call blocks its thread. Cheap to clone.
///
/// Inside an async runtime every call is an error of kind [`Config`](bedrock_llm_schema::ErrorKind::Config) that says so,
/// as those of a [`BlockingClient`] are.
///
/// ```no_run
/// use bedrock_llm_client::Client;
/// use bedrock_llm_embeddings::{BlockingEmbedder, Embedder};
///
/// # fn run() -> Result<(), bedrock_llm_schema::Error> {
/// let client = Client::builder().region("us-east-1").build_blocking()?;
/// let embedder = Embedder::new(client.get_ref().clone(), "amazon.titan-embed-text-v2:0")?;
/// let embedder = BlockingEmbedder::new(client, embedder);
/// let embeddings = embedder.embed(["The sky is blue.", "Grass is green."])?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BlockingEmbedder<T = f32> {
    client: BlockingClient,
    embedder: Embedder<T>,
}

impl<T: Element> BlockingEmbedder<T> {
    /// An embedder that works in the runtime of this client, whose [`get_ref`](BlockingClient::get_ref) it should stand on.
    #[must_use]
    pub fn new(client: BlockingClient, embedder: Embedder<T>) -> Self {
        Self { client, embedder }
    }

    /// The embedder inside.
    #[must_use]
    pub fn get_ref(&self) -> &Embedder<T> {
        &self.embedder
    }

    /// See [`Embedder::embed`].
    ///
    /// # Errors
    /// When inputs failed; the error has the vectors of the others. Inside an async runtime, where all have.
    pub fn embed(
        &self,
        inputs: impl IntoIterator<Item: Into<EmbedInput>>,
    ) -> Result<Embeddings<T>, EmbedError<T>> {
        let (purpose, _) = self.embedder.purposes();
        self.run(inputs, purpose, |inputs| self.embedder.embed(inputs))
    }

    /// See [`Embedder::embed_documents`].
    ///
    /// # Errors
    /// As of [`embed`](Self::embed).
    pub fn embed_documents(
        &self,
        inputs: impl IntoIterator<Item: Into<EmbedInput>>,
    ) -> Result<Embeddings<T>, EmbedError<T>> {
        let (_, purpose) = self.embedder.purposes();
        self.run(inputs, purpose, |inputs| self.embedder.embed_documents(inputs))
    }

    fn run<F>(
        &self,
        inputs: impl IntoIterator<Item: Into<EmbedInput>>,
        purpose: Option<EmbedPurpose>,
        embed: impl FnOnce(Vec<EmbedInput>) -> F,
    ) -> Result<Embeddings<T>, EmbedError<T>>
    where
        F: Future<Output = Result<Embeddings<T>, EmbedError<T>>>,
    {
        let mut inputs: Vec<EmbedInput> = inputs.into_iter().map(Into::into).collect();
        // they are taken when it begins
        let done = self.client.block_on(async { embed(std::mem::take(&mut inputs)).await });
        done.unwrap_or_else(|error| self.embedder.nothing(inputs, 0, purpose, error).into_result())
    }

    /// See [`Embedder::embed_query`].
    ///
    /// # Errors
    /// Why it has no vector.
    pub fn embed_query(&self, query: impl Into<EmbedInput>) -> Result<Vec<T>, Error> {
        self.client.block_on(self.embedder.embed_query(query))?
    }

    /// See [`Embedder::embed_each`].
    ///
    /// # Errors
    /// Inside an async runtime.
    pub fn embed_each(
        &self,
        inputs: impl IntoIterator<Item: Into<EmbedInput>>,
    ) -> Result<EmbedOutcome<T>, Error> {
        self.client.block_on(self.embedder.embed_each(inputs))
    }

    /// See [`Embedder::retry`].
    ///
    /// # Errors
    /// Inside an async runtime.
    pub fn retry(&self, outcome: impl Into<EmbedOutcome<T>>) -> Result<EmbedOutcome<T>, Error> {
        self.client.block_on(self.embedder.retry(outcome))
    }
}
