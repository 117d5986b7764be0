//! Settings that cannot work.

use bedrock_llm_schema::embed::{EmbedPurpose, EmbeddingType};
use bedrock_llm_schema::model::Mode;
use bedrock_llm_schema::{Error, ErrorKind, ModelId, Violations};

/// An [`Embedder`](crate::Embedder) that cannot be built: its model does not do what is wanted of it, or a setting is out
/// of range. Nothing was sent. It becomes an [`Error`] of kind [`ErrorKind::Config`] by `?`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedConfigError {
    /// The model is for something else.
    #[error("{model} is no embedding model: it is for {mode:?}")]
    NotEmbedding {
        /// The model.
        model: ModelId,
        /// What it is for.
        mode: Mode,
    },
    /// The model has no vectors of this type of number.
    #[error("{model} gives no vectors of type {wanted}; it gives {}", list(offered))]
    ElementType {
        /// The model.
        model: ModelId,
        /// The type that was wanted.
        wanted: EmbeddingType,
        /// The types it has.
        offered: Vec<EmbeddingType>,
    },
    /// The element does not hold this type of number.
    #[error("`encoding`: the element holds no {wanted}; it holds {}", list(possible))]
    Encoding {
        /// The type that was wanted.
        wanted: EmbeddingType,
        /// The types that the element holds.
        possible: Vec<EmbeddingType>,
    },
    /// The model has no vectors of this length, and none that could be cut to it.
    #[error("`dimensions`: {model} gives no vectors of {wanted} dimensions; it gives {}", list(offered))]
    Dimensions {
        /// The model.
        model: ModelId,
        /// The length that was wanted.
        wanted: u32,
        /// The lengths it has.
        offered: Vec<u32>,
    },
    /// The model does not tell this purpose apart from others.
    #[error("{setting}: {model} knows no purpose {wanted}; it knows {}", list(offered))]
    Purpose {
        /// The setting that names the purpose.
        setting: &'static str,
        /// The model.
        model: ModelId,
        /// The purpose that was wanted.
        wanted: EmbedPurpose,
        /// The purposes it knows.
        offered: Vec<EmbedPurpose>,
    },
    /// The model scales its vectors to length 1 and cannot be told not to.
    #[error("`normalize`: {model} always gives vectors of length 1")]
    AlwaysNormalized {
        /// The model.
        model: ModelId,
    },
    /// What would have to be computed from vectors needs floats.
    #[error("{setting} needs vectors of floats, and those are {given}; ask for `f32`, or leave it out")]
    NeedsFloats {
        /// The setting.
        setting: &'static str,
        /// The type of number that was asked for.
        given: EmbeddingType,
    },
    /// A number or a time is out of range.
    #[error("{setting} must be {range}")]
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// A rule for requests to this model is broken by every request with these settings.
    #[error(transparent)]
    Refused(#[from] Violations),
}

fn list<N: ToString>(offered: &[N]) -> String {
    if offered.is_empty() {
        return "none".to_owned();
    }
    offered.iter().map(N::to_string).collect::<Vec<_>>().join(", ")
}

impl From<EmbedConfigError> for Error {
    fn from(error: EmbedConfigError) -> Self {
        Self::new(ErrorKind::Config, error.to_string()).with_source(error)
    }
}
