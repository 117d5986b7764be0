//! Refuses calls to a model that fails, until a few probes have succeeded.

mod breaker;
mod circuit;
mod config;
mod handle;
mod layer;
mod service;
#[cfg(test)]
mod tests;
mod window;

pub use config::CircuitBreakerConfig;
pub use handle::{CircuitBreakerHandle, CircuitState, CircuitStatus};
pub use layer::CircuitBreakerLayer;
pub use service::{CircuitBreaker, CircuitBreakerFuture};
