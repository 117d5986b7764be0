//! What tools use of models.

use bedrock_llm_schema::Usage;
use bedrock_llm_schema::model::Cost;
use serde::{Deserialize, Serialize};

/// What tools used of models: agents among them, and whatever tells of it by [`Context::charge`](crate::Context::charge).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ModelUse {
    /// How many answers of models.
    pub answers: u32,
    /// What they used together.
    pub usage: Usage,
    /// What that cost; `None` where a price is not known.
    pub cost: Option<Cost>,
}

impl Default for ModelUse {
    fn default() -> Self {
        Self { answers: 0, usage: Usage::default(), cost: Some(Cost::default()) }
    }
}

impl ModelUse {
    /// One answer.
    pub(crate) fn of(usage: &Usage, cost: Option<Cost>) -> Self {
        Self { answers: 1, usage: usage.clone(), cost }
    }

    /// Adds another's.
    pub fn add(&mut self, more: &Self) {
        if self.is_nothing() {
            self.usage = more.usage.clone();
        } else {
            self.usage += &more.usage;
        }
        self.answers = self.answers.saturating_add(more.answers);
        self.cost = self.cost.zip(more.cost).map(|(sum, more)| sum + more);
    }

    /// Whether no model was asked.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.answers == 0
    }
}
