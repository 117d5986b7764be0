//! What cannot be compared.

use bedrock_llm_schema::{Error, ErrorKind, ModelId};

/// Vectors that cannot be compared. It becomes an [`Error`] by `?`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimilarityError {
    /// They are not of one length: of two models, or one of them shortened.
    #[error("a vector of {left} numbers cannot be compared with one of {right}")]
    Length {
        /// How many numbers the first has, which is the query in a search.
        left: usize,
        /// How many numbers the second has, which are those searched in a search.
        right: usize,
    },
    /// A vector of zeros (of `u8`: of 128), or without numbers, has no direction that an angle could be measured to.
    #[error("a vector of zeros has no direction; compare by distance, or leave it out")]
    Zero,
    /// What is searched with has a number that is NaN or infinite.
    #[error("number {place} of the query is not finite")]
    NotFinite {
        /// Which number, counted from 0.
        place: usize,
    },
    /// They are of two models.
    #[error("vectors of {left} cannot be compared with those of {right}")]
    Model {
        /// The model that made the first, which is that of the queries in a search.
        left: ModelId,
        /// The model that made the second, which is that of the vectors searched in a search.
        right: ModelId,
    },
}

/// An error of kind [`ErrorKind::InvalidRequest`].
impl From<SimilarityError> for Error {
    fn from(error: SimilarityError) -> Self {
        Self::new(ErrorKind::InvalidRequest, error.to_string()).with_source(error)
    }
}
