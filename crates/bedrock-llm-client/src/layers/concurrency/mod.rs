//! Lets at most so many calls through at a time; the others wait in a bounded queue by priority.

mod config;
mod layer;
mod places;
mod service;
#[cfg(test)]
mod tests;

pub use config::ConcurrencyConfig;
pub use layer::{ConcurrencyHandle, ConcurrencyLayer, ConcurrencyStatus};
pub use service::{Concurrency, ConcurrencyFuture};
