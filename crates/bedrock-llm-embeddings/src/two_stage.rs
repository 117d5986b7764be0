//! Search in two stages: the nearest by their vectors, and of those the best by a reranker.
//!
//! Vectors find a few of very many quickly; a reranker reads query and document together and puts the few in order.
//!
//! ```no_run
//! use bedrock_llm_client::Client;
//! use bedrock_llm_embeddings::rerank::Reranker;
//! use bedrock_llm_embeddings::two_stage::{Corpus, two_stage};
//! use bedrock_llm_embeddings::Embedder;
//!
//! # async fn run(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let embedder = Embedder::new(client.clone(), "amazon.titan-embed-text-v2:0")?;
//! let reranker = Reranker::new(client, "cohere.rerank-v3-5:0");
//!
//! // once
//! let corpus = Corpus::embed(&embedder, vec!["Lyon lies on the Rhône.", "Paris lies on the Seine."]).await?;
//! // for each question
//! let found = two_stage(&embedder, &reranker, &corpus, "Where is Paris?").candidates(50).top_n(5).await?;
//! for found in &found.results {
//!     println!("{:.3} (similarity {:.3}) {}", found.score, found.similarity, found.document);
//! }
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use bedrock_llm_client::Client;
use bedrock_llm_schema::{Error, ModelId};

use crate::rerank::{RerankError, RerankService, RerankUsage, Reranker, ToRerankDocument};
use crate::same_model::is_same_model;
use crate::similarity::{Scored, Similar, SimilarityError};
use crate::{EmbedError, EmbedService, Embedder, Embeddings};

/// How many go from the first stage to the second where nothing is said: as many as are paid for as one query.
///
/// Source: <https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-pricing.html>.
const CANDIDATES: usize = 100;

/// Documents with their vectors, made once and searched often.
#[derive(Clone, PartialEq)]
pub struct Corpus<D, T = f32> {
    documents: Vec<D>,
    embeddings: Embeddings<T>,
}

/// Documents and vectors that do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {documents} documents and {vectors} vectors; each needs one, in the same order")]
#[non_exhaustive]
pub struct CorpusError {
    /// How many documents there are.
    pub documents: usize,
    /// How many vectors there are.
    pub vectors: usize,
}

impl<D, T: Similar> Corpus<D, T> {
    /// Documents with vectors that were made before, in the same order.
    ///
    /// # Errors
    /// Where there are not as many of the one as of the other.
    pub fn new(documents: Vec<D>, embeddings: Embeddings<T>) -> Result<Self, CorpusError> {
        if documents.len() != embeddings.len() {
            return Err(CorpusError { documents: documents.len(), vectors: embeddings.len() });
        }
        Ok(Self { documents, embeddings })
    }

    /// Embeds documents, each [as a reranker reads it](ToRerankDocument).
    ///
    /// # Errors
    /// Where some got no vector; the error has those that came.
    pub async fn embed<S: EmbedService>(
        embedder: &Embedder<T, S>,
        documents: Vec<D>,
    ) -> Result<Self, EmbedError<T>>
    where
        D: ToRerankDocument,
    {
        let texts = documents.iter().map(|document| document.to_rerank_document().text().into_owned());
        let embeddings = embedder.embed_documents(texts.collect::<Vec<_>>()).await?;
        Ok(Self { documents, embeddings })
    }
}

impl<D, T> Corpus<D, T> {
    /// The documents, in order.
    #[must_use]
    pub fn documents(&self) -> &[D] {
        &self.documents
    }

    /// Their vectors, in order.
    #[must_use]
    pub fn embeddings(&self) -> &Embeddings<T> {
        &self.embeddings
    }
}

/// Does not show the documents, so that they do not reach logs.
impl<D, T: Similar> fmt::Debug for Corpus<D, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Corpus").field("embeddings", &self.embeddings).finish_non_exhaustive()
    }
}

/// Searches a corpus: the query is embedded, the nearest documents are candidates, and the reranker puts those in order.
/// Awaits to [`TwoStageRanking`]; nothing is sent until then.
///
/// The nearest are looked for in the task that awaits: about 10 ms for 100 000 vectors of 1024 floats on two cores.
pub fn two_stage<'a, D, T: Similar, E, R>(
    embedder: &'a Embedder<T, E>,
    reranker: &'a Reranker<R>,
    corpus: &'a Corpus<D, T>,
    query: impl Into<String>,
) -> TwoStage<'a, D, T, E, R> {
    let (candidates, metric) = (CANDIDATES, T::Metric::default());
    TwoStage { embedder, reranker, corpus, query: query.into(), candidates, top_n: None, metric }
}

/// A search to come, made by [`two_stage`]; `.await` runs it.
#[must_use = "a search does nothing until it is awaited"]
pub struct TwoStage<'a, D, T: Similar = f32, E = Client, R = Client> {
    embedder: &'a Embedder<T, E>,
    reranker: &'a Reranker<R>,
    corpus: &'a Corpus<D, T>,
    query: String,
    candidates: usize,
    top_n: Option<usize>,
    metric: T::Metric,
}

impl<D, T: Similar, E, R> TwoStage<'_, D, T, E, R> {
    /// How many documents go from the first stage to the second; 100 where nothing is said, and never fewer than
    /// [`top_n`](Self::top_n).
    pub fn candidates(mut self, candidates: usize) -> Self {
        self.candidates = candidates;
        self
    }

    /// How many documents are wanted in the end, from 1; all candidates where nothing is said.
    pub fn top_n(mut self, top_n: usize) -> Self {
        self.top_n = Some(top_n);
        self
    }

    /// How vectors are compared: by angle where nothing is said, or by the bits that differ.
    pub fn metric(mut self, metric: T::Metric) -> Self {
        self.metric = metric;
        self
    }
}

impl<'a, D, T, E, R> IntoFuture for TwoStage<'a, D, T, E, R>
where
    D: ToRerankDocument + Sync,
    T: Similar,
    E: EmbedService + Sync,
    R: RerankService,
{
    type Output = Result<TwoStageRanking<'a, D>, TwoStageError>;
    /// Boxed, because it has no name.
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<'a, D, T, E, R> TwoStage<'a, D, T, E, R>
where
    D: ToRerankDocument + Sync,
    T: Similar,
    E: EmbedService,
    R: RerankService,
{
    async fn run(self) -> Result<TwoStageRanking<'a, D>, TwoStageError> {
        let Self { embedder, reranker, corpus, query, candidates, top_n, metric } = self;
        let Corpus { documents, embeddings } = corpus;
        let of_corpus = embeddings.model();
        if !is_same_model(embeddings.identity(), embedder.identity()) {
            let (corpus, query) = (of_corpus.clone(), embedder.model().clone());
            return Err(TwoStageError::OtherModel { corpus, query });
        }
        let vector = embedder.embed_query(query.as_str()).await?;
        let nearest = embeddings.top_k(&vector, candidates.max(top_n.unwrap_or(0)), metric)?;
        let read: Vec<&'a D> = nearest.iter().filter_map(|near| documents.get(near.index)).collect();
        let mut ranking = reranker.rerank(query, &read);
        if let Some(top_n) = top_n {
            ranking = ranking.top_n(top_n);
        }
        match ranking.await {
            Ok(ranking) => {
                let usage = ranking.usage;
                let found = ranking.into_iter().filter_map(|ranked| {
                    let near = nearest.get(ranked.index)?;
                    Some(Found {
                        index: near.index,
                        score: ranked.score,
                        similarity: near.score,
                        place: ranked.index,
                        document: *ranked.document,
                    })
                });
                Ok(TwoStageRanking { results: found.collect(), usage })
            }
            Err(source) => Err(TwoStageError::Rerank { candidates: nearest, source }),
        }
    }
}

/// Does not show the query.
impl<D, T: Similar, E, R> fmt::Debug for TwoStage<'_, D, T, E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwoStage")
            .field("reranker", &self.reranker)
            .field("corpus", &self.corpus)
            .field("candidates", &self.candidates)
            .field("top_n", &self.top_n)
            .field("metric", &self.metric)
            .finish_non_exhaustive()
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TwoStageRanking<'a, D> {
    /// The documents, the best by the reranker first.
    pub results: Vec<Found<'a, D>>,
    /// What the second stage took.
    pub usage: RerankUsage,
}

/// A document that was found.
#[derive(Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Found<'a, D> {
    /// Which document of the corpus it is, counted from 0.
    pub index: usize,
    /// How well it answers, by the reranker; more is better.
    pub score: f32,
    /// How alike its vector is to the query's; more is more alike.
    pub similarity: f32,
    /// Where it stood in the first stage, counted from 0.
    pub place: usize,
    /// The document itself.
    pub document: &'a D,
}

/// Does not show the document, so that it does not reach logs.
impl<D> fmt::Debug for Found<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("index", &self.index)
            .field("score", &self.score)
            .field("similarity", &self.similarity)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Why a search found nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TwoStageError {
    /// The corpus was embedded by another model than the query would be; nothing was sent.
    #[error(
        "the corpus was embedded by {corpus} and the query would be by {query}; vectors of two models cannot be compared"
    )]
    #[non_exhaustive]
    OtherModel {
        /// The corpus's model.
        corpus: ModelId,
        /// The embedder's.
        query: ModelId,
    },
    /// The query got no vector.
    #[error("the query got no vector")]
    Embed(#[from] Error),
    /// The query's vector cannot be compared with those of the corpus.
    #[error("the query's vector does not fit the corpus")]
    Similarity(#[from] SimilarityError),
    /// The second stage failed.
    #[error("the candidates were not ranked")]
    #[non_exhaustive]
    Rerank {
        /// What the first stage found, the nearest first: to be shown in place of an answer, perhaps.
        candidates: Vec<Scored>,
        /// Why. Indices in it are places among `candidates`.
        #[source]
        source: RerankError,
    },
}

#[cfg(test)]
mod tests;
