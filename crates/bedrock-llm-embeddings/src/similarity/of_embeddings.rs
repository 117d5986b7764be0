//! Searches of [`Embeddings`].

use super::{Scored, Similar, SimilarityError, top_k, top_k_many};
use crate::Embeddings;

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
    /// As there.
    pub fn top_k_many(
        &self,
        queries: &Self,
        k: usize,
        metric: T::Metric,
    ) -> Result<Vec<Vec<Scored>>, SimilarityError> {
        top_k_many(self.matrix(), queries.matrix(), k, metric)
    }
}
