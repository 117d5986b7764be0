//! Reads what the limits are now.

use std::sync::Arc;

use bedrock_llm_schema::ModelId;
use tokio::time::Instant;

use super::layer::Shared;
use super::quota::Quota;

/// What a model's limits are now.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RateLimitStatus {
    /// The model.
    pub model: ModelId,
    /// The region; `None` is the client's own.
    pub region: Option<String>,
    /// The requests; `None` where they are not limited.
    pub requests: Option<RateStatus>,
    /// The tokens; `None` where they are not limited.
    pub tokens: Option<RateStatus>,
    /// Calls that wait for their turn.
    pub waiting: usize,
}

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RateStatus {
    /// What may be asked a minute, as it is now: less than what was set after the model has throttled.
    pub per_minute: f64,
    /// What may be asked at once; below zero where calls used more than was there.
    pub available: f64,
}

/// Reads the limits of a [`RateLimitLayer`](super::RateLimitLayer). Clones are one handle.
#[derive(Debug, Clone)]
pub struct RateLimitHandle {
    pub(super) shared: Arc<Shared>,
}

impl RateLimitHandle {
    /// The limits of a model that was called; `region` as the calls have it, `None` for the client's own.
    #[must_use]
    pub fn status(&self, model: &ModelId, region: Option<&str>) -> Option<RateLimitStatus> {
        self.shared.quotas.get(model, region).map(|quota| read(&quota))
    }

    /// The limits of all models that were called, by model and region.
    #[must_use]
    pub fn statuses(&self) -> Vec<RateLimitStatus> {
        let mut all: Vec<_> = self.shared.quotas.all().iter().map(|quota| read(quota)).collect();
        all.sort_by(|a, b| (&a.model, &a.region).cmp(&(&b.model, &b.region)));
        all
    }
}

fn read(quota: &Quota) -> RateLimitStatus {
    let reading = quota.limiter().reading(Instant::now());
    let rate = |(per_minute, available)| RateStatus { per_minute, available };
    RateLimitStatus {
        model: quota.model.clone(),
        region: quota.region.as_deref().map(str::to_owned),
        requests: reading.requests.map(rate),
        tokens: reading.tokens.map(rate),
        waiting: reading.waiting,
    }
}
