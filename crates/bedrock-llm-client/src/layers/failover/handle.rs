//! What looks at how models in regions have been.

use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_schema::ModelId;

use super::route::Memory;

/// Looks at what a [`FailoverLayer`](super::FailoverLayer) remembers of models in regions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FailoverHandle {
    memory: Arc<Memory>,
}

/// A model in a region that failed of late.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailingPlace {
    /// The model.
    pub model: ModelId,
    /// Its AWS region; `None` is the client's own.
    pub region: Option<String>,
    /// How often it failed.
    pub failures: u32,
    /// How long it is passed over yet; `None` where it is asked.
    pub cooling: Option<Duration>,
}

impl FailoverHandle {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        Self { memory }
    }

    /// The models in regions that failed of late and have not answered since, in no order.
    #[must_use]
    pub fn failing(&self) -> Vec<FailingPlace> {
        let records = self.memory.health.records().into_iter();
        records
            .map(|(place, failures, cooling)| FailingPlace {
                model: place.model,
                region: place.region.as_deref().map(str::to_owned),
                failures,
                cooling,
            })
            .collect()
    }
}
