//! Searches of [`Embeddings`].

use super::{Scored, Similar, SimilarityError, top_k, top_k_many};
use crate::Embeddings;
use crate::same_model::is_same_model;

impl<T: Similar> Embeddings<T> {
    /// The `k` inputs whose vectors are most alike to a query's, the best first; see [`top_k`].
    ///
    /// # Errors
    /// As there.
    pub fn top_k(&self, query: &[T], k: usize, metric: T::Metric) -> Result<Vec<Scored>, SimilarityError> {
        top_k(self.matrix(), query, k, metric)
    }

    /// The same for each vector of `queries`; see [`top_k_many`].
    ///
    /// # Errors
    /// As there, and [`SimilarityError::Model`] where another model made the queries.
    pub fn top_k_many(
        &self,
        queries: &Self,
        k: usize,
        metric: T::Metric,
    ) -> Result<Vec<Vec<Scored>>, SimilarityError> {
        if !is_same_model(queries.identity(), self.identity()) {
            let (left, right) = (queries.model().clone(), self.model().clone());
            return Err(SimilarityError::Model { left, right });
        }
        top_k_many(self.matrix(), queries.matrix(), k, metric)
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::ModelId;
    use bedrock_llm_schema::embed::Matrix;

    use super::*;
    use crate::EmbedUsage;
    use crate::similarity::Metric;

    fn vectors(model: &str) -> Embeddings {
        let matrix = Matrix::from_values(vec![1.0, 0.0, 0.0, 1.0], 2).unwrap();
        Embeddings::new(matrix, ModelId::from(model), EmbedUsage::default(), 0)
    }

    #[test]
    fn vectors_of_two_models_are_not_compared() {
        let cohere = vectors("cohere.embed-v4:0");
        let best = cohere.top_k_many(&vectors("us.cohere.embed-v4:0"), 1, Metric::Cosine).unwrap();
        assert_eq!(best, [[Scored { index: 0, score: 1.0 }], [Scored { index: 1, score: 1.0 }]]);
        assert_eq!(cohere.top_k(&[0.0, 1.0], 1, Metric::Dot).unwrap(), best[1]);
        let error = cohere.top_k_many(&vectors("cohere.embed-english-v3"), 1, Metric::Cosine).unwrap_err();
        assert!(matches!(error, SimilarityError::Model { .. }), "{error}");
    }
}
