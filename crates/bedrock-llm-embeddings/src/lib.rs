#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod blocking;
mod cache;
mod config;
mod embedder;
mod embeddings;
mod error;
mod fatal;
mod normalize;
mod outcome;
pub mod rerank;
mod same_model;
pub mod similarity;
pub mod two_stage;

pub use blocking::BlockingEmbedder;
pub use cache::{EmbedCache, EmbedCacheConfig, EmbedCacheStats};
pub use config::EmbedConfigError;
pub use embedder::{EmbedService, EmbedStream, Embedder, EmbedderBuilder, LongText};
pub use embeddings::{EmbedUsage, Embeddings};
pub use error::{EmbedError, FailedInput};
pub use fatal::is_fatal;
pub use normalize::{ShortenError, ZeroRows, ZeroVector, normalize, normalize_rows, truncate_dimensions};
pub use outcome::EmbedOutcome;
