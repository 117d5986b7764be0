//! How far a run has come.

use std::time::Duration;

use bedrock_llm_schema::Usage;
use bedrock_llm_schema::model::Cost;
use serde::{Deserialize, Serialize};

use super::repeats::Repeats;
use super::{AgentStop, Budget, ModelUse, RunLimits, Spent};

/// How far a run has come, beside what was said and what was called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub(super) limits: RunLimits,
    pub(super) phase: Phase,
    /// How many calls the round under way has; 0 where none is.
    pub(super) round: usize,
    pub(super) repeats: Repeats,
    pub(super) iterations: u32,
    pub(super) usage: Usage,
    /// None where a price was not known.
    pub(super) cost: Option<Cost>,
    #[serde(default, skip_serializing_if = "ModelUse::is_nothing")]
    pub(super) used_by_tools: ModelUse,
    #[serde(default)]
    pub(super) used_by_memory: ModelUse,
    pub(super) time: Duration,
    /// How often more tokens were asked for, and how many at last.
    pub(super) grown: u32,
    pub(super) max_tokens: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Model,
    Tools,
    Done(AgentStop),
}

impl Progress {
    pub(super) fn new(limits: RunLimits) -> Self {
        Self {
            limits,
            phase: Phase::Model,
            round: 0,
            repeats: Repeats::default(),
            iterations: 0,
            usage: Usage::default(),
            cost: Some(Cost::default()),
            used_by_tools: ModelUse::default(),
            used_by_memory: ModelUse::default(),
            time: Duration::ZERO,
            grown: 0,
            max_tokens: None,
        }
    }

    pub(super) fn count(&mut self, usage: &Usage, cost: Option<Cost>) {
        if self.iterations == 0 {
            self.usage = usage.clone();
        } else {
            self.usage += usage;
        }
        self.iterations = self.iterations.saturating_add(1);
        self.cost = self.cost.zip(cost).map(|(sum, more)| sum + more);
    }

    pub(super) fn charge(&mut self, used: &ModelUse) {
        self.used_by_tools.add(used);
        self.cost = self.cost.zip(used.cost).map(|(sum, more)| sum + more);
    }

    pub(super) fn charge_memory(&mut self, used: &ModelUse) {
        self.used_by_memory.add(used);
        self.cost = self.cost.zip(used.cost).map(|(sum, more)| sum + more);
    }

    /// What the run is held to.
    #[must_use]
    pub fn limits(&self) -> &RunLimits {
        &self.limits
    }

    /// How many answers the model gave.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// What all answers used together, without what tools and the memory used.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What tools used of models.
    #[must_use]
    pub fn used_by_tools(&self) -> &ModelUse {
        &self.used_by_tools
    }

    /// What the memory used of models.
    #[must_use]
    pub fn used_by_memory(&self) -> &ModelUse {
        &self.used_by_memory
    }

    /// What the answers, the tools and the memory cost; `None` where a price is not known.
    #[must_use]
    pub fn cost(&self) -> Option<Cost> {
        self.cost
    }

    /// The time at work, without what a suspended run waited.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Why it stopped, if it has.
    #[must_use]
    pub fn stop(&self) -> Option<&AgentStop> {
        match &self.phase {
            Phase::Done(stop) => Some(stop),
            Phase::Model | Phase::Tools => None,
        }
    }

    /// The `max_tokens` to ask for, where an answer was cut off: see [`OnMaxTokens::Grow`](super::OnMaxTokens::Grow).
    #[must_use]
    pub fn max_tokens(&self) -> Option<u32> {
        self.max_tokens
    }

    pub(super) fn spent(&self) -> Option<AgentStop> {
        let Budget { tokens, cost, time } = self.limits.budget;
        let is_costly = |most: Cost| match self.cost {
            Some(cost) => cost >= most,
            None => self.iterations > 0,
        };
        let used = [&self.usage, &self.used_by_tools.usage, &self.used_by_memory.usage];
        let used = used.into_iter().fold(0_u64, |sum, usage| sum.saturating_add(usage.total()));
        if self.iterations >= self.limits.max_iterations {
            Some(AgentStop::MaxIterations)
        } else if tokens.is_some_and(|most| used >= most) {
            Some(AgentStop::Budget(Spent::Tokens))
        } else if cost.is_some_and(is_costly) {
            Some(AgentStop::Budget(Spent::Cost))
        } else if time.is_some_and(|most| self.time >= most) {
            Some(AgentStop::Budget(Spent::Time))
        } else {
            None
        }
    }
}
