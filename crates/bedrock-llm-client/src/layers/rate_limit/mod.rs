//! Lets no more through than the quotas of each model admit, counted as Bedrock counts.

mod adaptive;
mod bucket;
mod config;
mod handle;
mod layer;
mod limiter;
mod quota;
mod service;
#[cfg(test)]
mod tests;

pub use config::{ModelLimits, RateLimitConfig};
pub use handle::{RateLimitHandle, RateLimitStatus, RateStatus};
pub use layer::RateLimitLayer;
pub use service::{RateLimit, RateLimitFuture};
