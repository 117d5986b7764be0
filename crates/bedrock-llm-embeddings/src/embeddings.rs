//! Vectors with what is known of them.

use std::fmt;
use std::slice::ChunksExact;

use bedrock_llm_schema::ModelId;
use bedrock_llm_schema::embed::{Element, Matrix};

/// One vector for each input, in the order of the inputs, in one piece of memory.
///
/// `T` is the type of the numbers: `f32`, `i8`, `u8` or [`Bits`](bedrock_llm_schema::embed::Bits).
#[derive(Clone, PartialEq)]
pub struct Embeddings<T = f32> {
    matrix: Matrix<T>,
    model: ModelId,
    /// The model itself, by whichever profile it was called.
    identity: ModelId,
    usage: EmbedUsage,
    start: usize,
}

/// What it took to embed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct EmbedUsage {
    /// Tokens of the inputs that the service worked on, as it counts; 0 where it does not say. Of inputs that failed too,
    /// where their call was answered.
    pub input_tokens: u64,
    /// Calls that the service answered. Answers that the client's cache gave are not among them, and calls that failed are
    /// not.
    pub calls: u64,
    /// Inputs that got their vectors without work of the service for them: from a cache, the client's included, from
    /// another's call for the same input, or from that of an equal input. A text in pieces is one input, and is here where
    /// all its pieces are.
    pub cached: u64,
}

impl EmbedUsage {
    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.calls = self.calls.saturating_add(other.calls);
        self.cached = self.cached.saturating_add(other.cached);
    }
}

impl<T: Element> Embeddings<T> {
    pub(crate) fn new(matrix: Matrix<T>, model: ModelId, usage: EmbedUsage, start: usize) -> Self {
        Self { matrix, identity: model.clone(), model, usage, start }
    }

    /// Sets which model it is itself, where the id it was called by does not tell.
    pub(crate) fn of_model(mut self, identity: ModelId) -> Self {
        self.identity = identity;
        self
    }

    /// The model itself, by whichever profile it was called: what tells whether vectors can be compared.
    pub(crate) fn identity(&self) -> &ModelId {
        &self.identity
    }

    /// A copy of the numbers of all vectors, one vector after the other.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        self.matrix.as_slice().to_vec()
    }

    /// How many vectors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.matrix.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.matrix.is_empty()
    }

    /// How many dimensions a vector has; 0 while there is none.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.matrix.width().saturating_mul(T::DIMENSIONS)
    }

    /// The vector of an input; `None` past the last.
    #[must_use]
    pub fn row(&self, place: usize) -> Option<&[T]> {
        self.matrix.row(place)
    }

    /// The vectors, in order.
    pub fn rows(&self) -> ChunksExact<'_, T> {
        self.matrix.rows()
    }

    /// The vectors in a type of their own.
    #[must_use]
    pub fn matrix(&self) -> &Matrix<T> {
        &self.matrix
    }

    /// Hands the vectors over.
    #[must_use]
    pub fn into_matrix(self) -> Matrix<T> {
        self.matrix
    }

    /// The model that made them, as it was asked.
    #[must_use]
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// The index of the first input among all of a stream's inputs; 0 where there was no stream.
    #[must_use]
    pub fn start(&self) -> usize {
        self.start
    }

    /// What it took.
    #[must_use]
    pub fn usage(&self) -> EmbedUsage {
        self.usage
    }
}

impl<T: Element> fmt::Debug for Embeddings<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embeddings")
            .field("matrix", &self.matrix)
            .field("model", &self.model.as_str())
            .field("usage", &self.usage)
            .field("start", &self.start)
            .finish()
    }
}
