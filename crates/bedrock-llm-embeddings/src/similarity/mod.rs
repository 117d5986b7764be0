//! How alike vectors are, and which of many are most alike to one.
//!
//! | numbers | how they are compared |
//! |---|---|
//! | `f32`, `i8`, `u8` | a [`Metric`]: by angle ([`cosine`]), by [`dot`] product, by distance ([`euclidean_squared`]) |
//! | [`Bits`](bedrock_llm_schema::embed::Bits) | [`Hamming`]: by the bits that differ ([`hamming`]) |
//!
//! Vectors of two lengths are an error, never a number. So is what has no answer: the angle to a vector of zeros.
//!
//! The sums run over several places of a vector at once, so that the compiler makes vector instructions of them.
//! [`top_k`] reads the one piece of memory in which a [`Matrix`](bedrock_llm_schema::embed::Matrix) lies from one end to
//! the other; with the feature `rayon` (on by default), searches of more than a few million numbers use all cores and
//! find the same.

mod best;
mod error;
mod kernel;
mod measure;
mod of_embeddings;
mod search;
mod top_k;

pub(crate) use best::best_first;
pub use error::SimilarityError;
pub use kernel::Number;
pub use measure::{cosine, dot, euclidean_squared, hamming};
pub use search::{Hamming, Metric, Similar};
pub use top_k::{Scored, top_k, top_k_many};
