#![doc = include_str!("../README.md")]

mod embed;
mod error;
pub mod families;
mod json;
mod metrics;
mod provider;
mod registry;

pub use embed::{EmbedCodec, RerankCodec};
pub use error::CodecError;
pub use metrics::InvocationMetrics;
pub use provider::{Decoded, EncodeOptions, Encoded, Provider, Spelling, StreamDecoder, StreamEncoder};
pub use registry::Registry;
