//! The rows of a matrix that are most alike to a query.

use bedrock_llm_schema::embed::Matrix;
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use super::best::Best;
use super::{Similar, SimilarityError};

/// A row, and how alike it is.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scored {
    /// Which row, counted from 0.
    pub index: usize,
    /// The score: more is more alike.
    pub score: f32,
}

/// The `k` rows that are most alike to a query, the best first; all rows where there are no more.
///
/// Of rows with equal scores the earlier comes first. A row whose score is NaN (a row of zeros by angle, a row with a
/// NaN in it) comes after all others. It reads every row, and finds the same with the feature `rayon` as without it.
///
/// It computes until it is done: in async code, a search of many millions of numbers belongs into
/// `tokio::task::spawn_blocking`.
///
/// ```
/// use bedrock_llm_embeddings::similarity::{Metric, top_k};
/// use bedrock_llm_schema::embed::Matrix;
///
/// let rows = Matrix::from_values(vec![1.0, 0.0, /**/ 0.6, 0.8, /**/ 0.0, 1.0], 2)?;
/// let best = top_k(&rows, &[0.0, 2.0], 2, Metric::Cosine)?;
/// assert_eq!((best[0].index, best[0].score), (2, 1.0));
/// assert_eq!((best[1].index, best[1].score), (1, 0.8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SimilarityError`] where the query is not as long as the rows, has a NaN or an infinity, or, by angle, no
/// direction. A matrix without rows has no length and is found empty by any query of its type.
pub fn top_k<T: Similar>(
    matrix: &Matrix<T>,
    query: &[T],
    k: usize,
    metric: T::Metric,
) -> Result<Vec<Scored>, SimilarityError> {
    let queries = [Query::new(matrix, query, metric)?];
    Ok(search(matrix, &queries, k).pop().map(Best::in_order).unwrap_or_default())
}

/// [`top_k`] for many queries at once, in their order: the rows are read from memory once for all of them.
///
/// ```
/// use bedrock_llm_embeddings::similarity::{Hamming, top_k_many};
/// use bedrock_llm_schema::embed::{Bits, Matrix};
///
/// let rows = Matrix::from_values(vec![Bits(0b1111_0000), Bits(0b0000_1111)], 1)?;
/// let queries = Matrix::from_values(vec![Bits(0b0000_0111), Bits(0b1110_0000)], 1)?;
/// let best = top_k_many(&rows, &queries, 1, Hamming)?;
/// assert_eq!((best[0][0].index, best[1][0].index), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`top_k`], for the first query that has something wrong with it.
pub fn top_k_many<T: Similar>(
    matrix: &Matrix<T>,
    queries: &Matrix<T>,
    k: usize,
    metric: T::Metric,
) -> Result<Vec<Vec<Scored>>, SimilarityError> {
    let queries: Vec<_> =
        queries.rows().map(|query| Query::new(matrix, query, metric)).collect::<Result<_, _>>()?;
    Ok(search(matrix, &queries, k).into_iter().map(Best::in_order).collect())
}

struct Query<'a, T: Similar> {
    numbers: &'a [T],
    prepared: f64,
    metric: T::Metric,
}

impl<'a, T: Similar> Query<'a, T> {
    fn new(matrix: &Matrix<T>, numbers: &'a [T], metric: T::Metric) -> Result<Self, SimilarityError> {
        if !matrix.is_empty() && matrix.width() != numbers.len() {
            return Err(SimilarityError::Length { left: numbers.len(), right: matrix.width() });
        }
        Ok(Self { numbers, prepared: T::prepare(numbers, metric)?, metric })
    }
}

/// So many numbers of the matrix are searched with all queries before the next are: they stay near the core.
const BLOCK: usize = 1 << 14;

/// From so many numbers to multiply on, the work is worth dividing.
#[cfg(feature = "rayon")]
const MANY: usize = 1 << 21;

fn search<T: Similar>(matrix: &Matrix<T>, queries: &[Query<'_, T>], k: usize) -> Vec<Best> {
    let none = || vec![Best::of(k); queries.len()];
    if k == 0 || matrix.is_empty() {
        return none();
    }
    let width = matrix.width().max(1);
    let rows = (BLOCK / width).max(1);
    let blocks =
        |best, (place, block): (usize, &[T])| search_block(best, queries, block, width, place * rows);
    #[cfg(feature = "rayon")]
    if matrix.as_slice().len().saturating_mul(queries.len()) >= MANY {
        let blocks = matrix.as_slice().par_chunks(rows * width).enumerate().fold(none, blocks);
        return blocks.reduce(none, |mut best, other| {
            best.iter_mut().zip(other).for_each(|(best, other)| best.take_in(other));
            best
        });
    }
    matrix.as_slice().chunks(rows * width).enumerate().fold(none(), blocks)
}

fn search_block<T: Similar>(
    mut best: Vec<Best>,
    queries: &[Query<'_, T>],
    block: &[T],
    width: usize,
    first: usize,
) -> Vec<Best> {
    for (best, query) in best.iter_mut().zip(queries) {
        for (place, row) in block.chunks_exact(width).enumerate() {
            let score = T::score(row, query.numbers, query.prepared, query.metric);
            best.offer(Scored { index: first + place, score });
        }
    }
    best
}

#[cfg(test)]
mod tests;
