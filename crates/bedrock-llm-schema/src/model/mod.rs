//! Which model to call, and what is known of it.
//!
//! - [`ModelId`] keeps the text Bedrock is called with and answers what can be read from it.
//! - [`Family`] is the line of models an id belongs to, [`Geography`] where a profile may route to.
//! - [`Catalog`] holds limits, features, quirks and prices by model id, and where each was learned ([`facts`]).
//! - [`ModelConfig`] is a model id with its parameters, loaded from TOML, JSON or the environment.

mod arn;
mod catalog;
mod config;
mod cost;
mod error;
pub mod facts;
mod family;
mod geography;
mod id;
mod price;
mod profile;

pub use catalog::{Catalog, KnownFact};
pub use config::{ConfigValues, ModelConfig};
pub use cost::Cost;
pub use error::ConfigError;
pub use facts::{Alphabet, CachePlace, EmbeddingFacts, Features, RerankFacts};
pub use family::Family;
pub use geography::Geography;
pub use id::{ModelId, ModelIdError, ModelIdKind};
pub use price::{LongContextPrice, Price, PriceError, Prices, TokenPrice};
pub use profile::{Mode, ModelProfile};
