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

mod error;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use bedrock_llm_client::Client;
use bedrock_llm_schema::Error;

pub use error::{CorpusEmbedError, CorpusError, TwoStageError};

use crate::rerank::{RefusedDocument, RerankError, RerankService, RerankUsage, Reranker, ToRerankDocument};
use crate::same_model::is_same_model;
use crate::similarity::{Scored, Similar};
use crate::{EmbedService, EmbedUsage, Embedder, Embeddings};

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
    /// ```
    /// # use bedrock_llm_embeddings::Embedder;
    /// # use bedrock_llm_embeddings::two_stage::Corpus;
    /// /// Tries once more what failed.
    /// async fn corpus(embedder: &Embedder, texts: Vec<String>) -> Result<Corpus<String>, bedrock_llm_schema::Error> {
    ///     match Corpus::embed(embedder, texts).await {
    ///         Err(error) if error.source.is_retryable() => {
    ///             let vectors = embedder.retry(error.source).await.into_result()?;
    ///             Ok(Corpus::new(error.documents, vectors)?)
    ///         }
    ///         outcome => Ok(outcome?),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// Where some got no vector; the error has the vectors that came, and the documents.
    pub async fn embed<S: EmbedService>(
        embedder: &Embedder<T, S>,
        documents: Vec<D>,
    ) -> Result<Self, CorpusEmbedError<D, T>>
    where
        D: ToRerankDocument,
    {
        let texts = documents.iter().map(|document| document.to_rerank_document().text().into_owned());
        match embedder.embed_documents(texts.collect::<Vec<_>>()).await {
            Ok(embeddings) => Ok(Self { documents, embeddings }),
            Err(source) => Err(CorpusEmbedError { documents, source }),
        }
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
pub fn two_stage<'a, D, T: Similar, E: Clone, R: Clone>(
    embedder: &Embedder<T, E>,
    reranker: &Reranker<R>,
    corpus: &'a Corpus<D, T>,
    query: impl Into<String>,
) -> TwoStage<'a, D, T, E, R> {
    let (candidates, metric) = (CANDIDATES, T::Metric::default());
    let (embedder, reranker) = (embedder.clone(), reranker.clone());
    TwoStage { embedder, reranker, corpus, query: query.into(), candidates, top_n: None, metric }
}

/// A search to come, made by [`two_stage`]; `.await` runs it.
#[must_use = "a search does nothing until it is awaited"]
pub struct TwoStage<'a, D, T: Similar = f32, E = Client, R = Client> {
    embedder: Embedder<T, E>,
    reranker: Reranker<R>,
    corpus: &'a Corpus<D, T>,
    query: String,
    candidates: usize,
    top_n: Option<usize>,
    metric: T::Metric,
}

impl<D, T: Similar, E, R> TwoStage<'_, D, T, E, R> {
    /// How many documents go from the first stage to the second, from 1; 100 where nothing is said, and never fewer than
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
    E: EmbedService,
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
        if documents.is_empty() {
            return Err(TwoStageError::EmptyCorpus);
        }
        if candidates == 0 {
            return Err(TwoStageError::Candidates);
        }
        if top_n == Some(0) {
            return Err(TwoStageError::TopN);
        }
        let of_corpus = embeddings.model();
        if !is_same_model(embeddings.identity(), embedder.identity()) {
            let (corpus, query) = (of_corpus.clone(), embedder.model().clone());
            return Err(TwoStageError::OtherModel { corpus, query });
        }
        reranker.check().map_err(TwoStageError::Reranker)?;

        let vectors = embedder.embed_queries([query.as_str()]).await.map_err(Error::from)?;
        let query_usage = vectors.usage();
        let candidates = candidates.max(top_n.unwrap_or(0));
        let nearest = embeddings.top_k(vectors.matrix().as_slice(), candidates, metric)?;
        let read: Vec<&'a D> = nearest.iter().filter_map(|near| documents.get(near.index)).collect();
        let mut ranking = reranker.rerank(query, &read);
        if let Some(top_n) = top_n {
            ranking = ranking.top_n(top_n);
        }
        let (ranked, refused, usage) = match ranking.await {
            Ok(ranking) => {
                let scored = ranking.iter().map(|one| Scored { index: one.index, score: one.score });
                (scored.collect(), Vec::new(), ranking.usage)
            }
            // what can never be ranked is no reason to do without the others
            Err(RerankError::Incomplete { partial, .. })
                if partial.missing.is_empty() && !partial.ranked.is_empty() =>
            {
                (partial.ranked, partial.refused, partial.usage)
            }
            Err(source) => return Err(TwoStageError::Rerank { candidates: nearest, query_usage, source }),
        };
        let results = ranked.into_iter().filter_map(|ranked: Scored| {
            let near = nearest.get(ranked.index)?;
            Some(Found {
                index: near.index,
                score: ranked.score,
                similarity: near.score,
                place: ranked.index,
                document: documents.get(near.index)?,
            })
        });
        let refused = refused.into_iter().filter_map(|one: RefusedDocument| {
            Some(RefusedDocument { index: nearest.get(one.index)?.index, ..one })
        });
        Ok(TwoStageRanking { results: results.collect(), refused: refused.collect(), usage, query_usage })
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
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TwoStageRanking<'a, D> {
    /// The documents, the best by the reranker first.
    pub results: Vec<Found<'a, D>>,
    /// Candidates that cannot be ranked; their indices are those of the corpus.
    pub refused: Vec<RefusedDocument>,
    /// What the second stage took.
    pub usage: RerankUsage,
    /// What the query's vector took.
    pub query_usage: EmbedUsage,
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

#[cfg(test)]
mod tests;
