//! An embedder as a node, and as the function of a batch.

use std::fmt;
use std::pin::Pin;

use bedrock_llm_client::Client;
use bedrock_llm_embeddings::{EmbedService, Embedder};
use bedrock_llm_pipeline::{BoxError, Node};
use bedrock_llm_schema::Error;
use bedrock_llm_schema::embed::{Element, EmbedInput};

/// Embeds texts that are to be found, one call each: a text in, its vector out.
///
/// For many texts [`embed_batch`] needs far fewer calls.
pub struct Embed<T = f32, S = Client> {
    embedder: Embedder<T, S>,
}

impl<T, S> Embed<T, S> {
    /// With this embedder, its cache and its policy for long texts.
    #[must_use]
    pub fn new(embedder: Embedder<T, S>) -> Self {
        Self { embedder }
    }
}

impl<T: Element, S: EmbedService + Sync> Node<String, Vec<T>> for Embed<T, S> {
    async fn call(&self, text: String) -> Result<Vec<T>, BoxError> {
        let embeddings = self.embedder.embed_documents([text]).await.map_err(Error::from)?;
        Ok(embeddings.into_matrix().into_values())
    }
}

impl<T, S> fmt::Debug for Embed<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embed").finish_non_exhaustive()
    }
}

/// The function of a `batch_each` that gives each item its vector.
///
/// `input` says what of an item is embedded, as a document that is to be found. An item whose text fails does not fail
/// the others.
///
/// ```
/// use bedrock_llm::embeddings::Embedder;
/// use bedrock_llm::nodes::embed_batch;
/// use bedrock_llm::pipeline::{BatchConfig, Pipeline};
/// # use bedrock_llm::{Client, local::LocalBedrock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = LocalBedrock::start().await?;
/// # let client = Client::builder()
/// #     .endpoint_url(local.endpoint())
/// #     .region("us-east-1")
/// #     .credentials("local", "local", None)
/// #     .build()
/// #     .await?;
/// let embedder = Embedder::new(client, "amazon.titan-embed-text-v2:0")?;
/// let embed = embed_batch(embedder, |(_, line): &(usize, String)| line.clone());
/// let lines = Pipeline::new().batch_each(BatchConfig::new(96), embed)?;
///
/// let ((number, _), vector) = lines.execute((7, "Lyon lies on the Rhône.".to_owned())).await?;
/// assert_eq!((number, vector.len()), (7, 1024));
/// # Ok(())
/// # }
/// ```
pub fn embed_batch<I, T, S, E>(
    embedder: Embedder<T, S>,
    input: impl Fn(&I) -> E + Send + Sync + 'static,
) -> impl Fn(Vec<I>) -> EmbeddedBatch<I, T> + Send + Sync + 'static
where
    I: Send + 'static,
    T: Element,
    S: EmbedService + Sync,
    E: Into<EmbedInput>,
{
    move |items: Vec<I>| {
        let embeddings = embedder.embed_documents(items.iter().map(&input));
        Box::pin(async move {
            let vectors: Vec<_> = match embeddings.await {
                Ok(embeddings) => embeddings.rows().map(|vector| Ok(vector.to_vec())).collect(),
                Err(error) => {
                    let outcomes = error.outcome().iter();
                    outcomes.map(|(_, vector)| vector.map(<[T]>::to_vec).map_err(Error::duplicate)).collect()
                }
            };
            let pairs = items.into_iter().zip(vectors);
            pairs.map(|(item, vector)| Ok((item, vector?))).collect()
        })
    }
}

/// What [`embed_batch`] gives: each item with its vector, or why it has none.
pub type EmbeddedBatch<I, T> = Pin<Box<dyn Future<Output = Vec<Result<(I, Vec<T>), Error>>> + Send>>;
