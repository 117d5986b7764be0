//! What comes of a run.

use std::fmt;

use bedrock_llm_schema::model::Cost;
use bedrock_llm_schema::{ContentBlock, Message, Role, Usage};

use crate::StateChange;
use crate::memory::MemoryUpdate;
use crate::run::{AgentStop, ModelUse, Run, ToolCall};

/// What came of a run.
#[derive(Clone)]
#[non_exhaustive]
pub struct AgentResponse {
    /// What the model said last, as far as it came; empty where it said nothing.
    pub message: Message,
    /// All calls, in the order in which the model asked for them.
    pub tool_calls: Vec<ToolCall>,
    /// What the memory did.
    pub memory_updates: Vec<MemoryUpdate>,
    /// What tools changed in the state.
    pub state_changes: Vec<StateChange>,
    /// What all answers used together. Without what memories and tools used.
    pub usage: Usage,
    /// What tools used of models; of each call it is [`ToolCall::used`].
    pub used_by_tools: ModelUse,
    /// What the answers, the tools and the memory cost; `None` where a price is not known.
    pub cost: Option<Cost>,
    /// How many answers the model gave.
    pub iterations: u32,
    /// Why it stopped.
    pub stop: AgentStop,
    /// The run itself, with its conversation. One that is [suspended](AgentStop::Suspended) can be gone on with.
    pub run: Run,
}

impl AgentResponse {
    pub(super) fn new(
        run: Run,
        stop: AgentStop,
        memory_updates: Vec<MemoryUpdate>,
        state_changes: Vec<StateChange>,
    ) -> Self {
        let progress = run.progress();
        Self {
            message: run
                .message()
                .cloned()
                .unwrap_or_else(|| Message::new(Role::Assistant, Vec::<ContentBlock>::new())),
            tool_calls: run.calls().to_vec(),
            memory_updates,
            state_changes,
            usage: progress.usage().clone(),
            used_by_tools: progress.used_by_tools().clone(),
            cost: progress.cost(),
            iterations: progress.iterations(),
            stop,
            run,
        }
    }

    /// What answers, tools and memories used together.
    #[must_use]
    pub fn total_usage(&self) -> Usage {
        let mut total = self.usage.clone();
        if !self.used_by_tools.is_nothing() {
            total += &self.used_by_tools.usage;
        }
        self.memory_updates
            .iter()
            .filter_map(|update| update.usage.as_ref())
            .for_each(|usage| total += usage);
        total
    }

    /// The text of the model's last answer.
    #[must_use]
    pub fn text(&self) -> String {
        self.message.text()
    }

    /// The calls that wait for a human's word.
    pub fn approvals(&self) -> impl Iterator<Item = &ToolCall> {
        self.run.round().iter().filter(|call| call.question().is_some())
    }
}

/// Counts, and never shows what was said.
impl fmt::Debug for AgentResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentResponse")
            .field("stop", &self.stop)
            .field("iterations", &self.iterations)
            .field("tool_calls", &self.tool_calls)
            .field("usage", &self.usage)
            .field("used_by_tools", &self.used_by_tools)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

/// The text of the model's last answer.
impl fmt::Display for AgentResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
