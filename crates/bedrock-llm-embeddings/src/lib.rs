#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod embeddings;
pub mod rerank;
pub mod similarity;

pub use embeddings::{EmbedUsage, Embeddings};
