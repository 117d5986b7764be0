//! Which model to call, and what is known of it.
//!
//! - [`ModelId`] keeps the text Bedrock is called with and answers what can be read from it.
//! - [`Family`] is the line of models an id belongs to, [`Geography`] where a profile may route to.
//! - [`Catalog`] holds limits, features and prices by model id.
//! - [`ModelConfig`] is a model id with its parameters, loaded from TOML, JSON or the environment.

mod arn;
mod catalog;
mod config;
mod error;
mod family;
mod geography;
mod id;
mod price;
mod profile;

pub use catalog::Catalog;
pub use config::ModelConfig;
pub use error::ConfigError;
pub use family::Family;
pub use geography::Geography;
pub use id::{ModelId, ModelIdError, ModelIdKind};
pub use price::{LongContextPrice, Price, PriceError, Prices, TokenPrice};
pub use profile::{Features, Mode, ModelProfile};
