//! Embeddings: vectors for texts and images.

mod input;
mod request;
mod response;
mod vectors;

pub use input::{EmbedInput, EmbedPart};
pub use request::{EmbedPurpose, EmbedRequest, EmbedTruncation, EmbeddingType};
pub use response::EmbedResponse;
pub use vectors::{Bits, Element, Matrix, ShapeError, Vectors};
