//! A reranker as a node.

use std::fmt;

use bedrock_llm_embeddings::rerank::{Reranker, ToRerankDocument};
use bedrock_llm_pipeline::{BoxError, Node};

/// Ranks documents: a query and its documents in, the documents out, those first that answer it best.
#[derive(Debug, Clone)]
pub struct Rerank {
    reranker: Reranker,
    top_n: Option<usize>,
}

impl Rerank {
    /// With this reranker.
    #[must_use]
    pub fn new(reranker: Reranker) -> Self {
        Self { reranker, top_n: None }
    }

    /// Gives no more than the best so many; all by default.
    #[must_use]
    pub fn top_n(mut self, top_n: usize) -> Self {
        self.top_n = Some(top_n);
        self
    }
}

/// A document in its place.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Reranked<D> {
    /// Which of the documents it was, from 0.
    pub index: usize,
    /// How well it answers the query: more is better, and scores of one query can be compared.
    pub score: f32,
    /// The document.
    pub document: D,
}

/// Does not show the document.
impl<D> fmt::Debug for Reranked<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reranked")
            .field("index", &self.index)
            .field("score", &self.score)
            .finish_non_exhaustive()
    }
}

impl<D> Node<(String, Vec<D>), Vec<Reranked<D>>> for Rerank
where
    D: ToRerankDocument + Send + Sync + 'static,
{
    async fn call(&self, (query, documents): (String, Vec<D>)) -> Result<Vec<Reranked<D>>, BoxError> {
        let places: Vec<(usize, f32)> = {
            let ranking = self.reranker.rerank(query, &documents);
            let ranking = match self.top_n {
                Some(top_n) => ranking.top_n(top_n),
                None => ranking,
            };
            let ranking = ranking.await?;
            ranking.iter().map(|ranked| (ranked.index, ranked.score)).collect()
        };
        let mut documents: Vec<Option<D>> = documents.into_iter().map(Some).collect();
        let ranked = places.into_iter().filter_map(|(index, score)| {
            let document = documents.get_mut(index)?.take()?;
            Some(Reranked { index, score, document })
        });
        Ok(ranked.collect())
    }
}
