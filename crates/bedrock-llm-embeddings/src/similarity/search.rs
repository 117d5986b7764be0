//! One vector against many: what is made ready once, and what is done for each.

use std::fmt;

use bedrock_llm_schema::embed::{Bits, Element};

use super::SimilarityError;
use super::kernel::{Sums, differing_bits};
use super::measure::{cosine_with, square};

/// How vectors of numbers are compared in a search. Whichever it is, the better score is the higher one.
///
/// A `u8` counts less 128: its vectors are taken for those of `i8`, from -128 to 127, moved to 0 to 255, so that its zero
/// is 128 and both types rank alike. The ranges are those of Cohere's `int8` and `uint8`; that the one is the other moved is
/// how this crate reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Metric {
    /// By the angle; the score is the [`cosine`](super::cosine()), from -1 to 1. A row of zeros (of `u8`: of 128) scores NaN.
    #[default]
    Cosine,
    /// By the [dot product](super::dot()), which is the score. The same order as [`Cosine`](Self::Cosine) where all
    /// vectors have length 1, with less to do.
    Dot,
    /// By distance; the score is the negative of [its square](super::euclidean_squared()), 0 for the same vector.
    Euclidean,
}

/// How vectors of bits are compared in a search: the score is the negative number of
/// [bits that differ](super::hamming()), 0 for the same vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hamming;

/// Vectors that can be searched: of `f32`, `i8` and `u8` by a [`Metric`], of [`Bits`] by [`Hamming`]. Sealed, as
/// [`Element`] is.
pub trait Similar: Element {
    /// How they are compared.
    type Metric: Copy + Default + fmt::Debug + Send + Sync + 'static;

    /// What of the query is the same for every row, after a look at whether it can be searched with.
    #[doc(hidden)]
    fn prepare(query: &[Self], metric: Self::Metric) -> Result<f64, SimilarityError>;

    /// The score of a row as long as the query.
    #[doc(hidden)]
    fn score(row: &[Self], query: &[Self], prepared: f64, metric: Self::Metric) -> f32;
}

macro_rules! similar_numbers {
    ($($number:ty)*) => {$(
        impl Similar for $number {
            type Metric = Metric;

            fn prepare(query: &[Self], metric: Metric) -> Result<f64, SimilarityError> {
                if let Some(place) = query.iter().position(|number| !f32::from(*number).is_finite()) {
                    return Err(SimilarityError::NotFinite { place });
                }
                match (metric, square(query)) {
                    (Metric::Cosine, 0.0) => Err(SimilarityError::Zero),
                    (_, square) => Ok(square),
                }
            }

            #[inline]
            fn score(row: &[Self], query: &[Self], prepared: f64, metric: Metric) -> f32 {
                match metric {
                    Metric::Cosine => cosine_with(row, query, prepared).unwrap_or(f32::NAN),
                    Metric::Dot => Sums::dot(row, query) as f32,
                    Metric::Euclidean => -(Sums::distance_squared(row, query) as f32),
                }
            }
        }
    )*};
}

similar_numbers! { f32 i8 u8 }

impl Similar for Bits {
    type Metric = Hamming;

    fn prepare(_query: &[Self], Hamming: Hamming) -> Result<f64, SimilarityError> {
        Ok(0.0)
    }

    #[inline]
    fn score(row: &[Self], query: &[Self], _prepared: f64, Hamming: Hamming) -> f32 {
        -(differing_bits(row, query) as f32)
    }
}
