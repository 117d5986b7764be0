//! What a run may use, and what the model is told of what was said before.

use std::time::Duration;

use bedrock_llm_agent::agent::AgentBuilder;
use bedrock_llm_agent::memory::MemoryConfig;
use bedrock_llm_schema::ModelId;
use bedrock_llm_schema::model::Cost;

/// What a run is held to. One that is gone on with is held to what it was begun with.
#[derive(clap::Args)]
pub(super) struct Limits {
    /// The most answers that are asked of the model in a run [default: 25]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_iterations: Option<u32>,
    /// The most tokens a run may use, looked at before each answer.
    #[arg(long, value_name = "N")]
    max_tokens_used: Option<u64>,
    /// The most US dollars a run may cost, looked at before each answer.
    #[arg(long, value_name = "DOLLARS")]
    max_cost: Option<Cost>,
    /// The most time a run may take, such as 90s or 5m.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    max_time: Option<Duration>,
}

/// What the model is told of a long conversation. The session keeps all of it.
#[derive(clap::Args)]
pub(super) struct Remembered {
    /// Tell the model no more than the last questions, so many, with all that belongs to them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    window: Option<u16>,
    /// Tell the model no more than so many tokens of the conversation [default: what its window holds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_context_tokens: Option<u64>,
    /// Have this model sum up what the other is no longer told.
    #[arg(long, value_name = "MODEL")]
    summarize_with: Option<ModelId>,
}

impl Limits {
    pub(super) fn put_into(&self, mut builder: AgentBuilder) -> AgentBuilder {
        if let Some(most) = self.max_iterations {
            builder = builder.max_iterations(most);
        }
        if let Some(most) = self.max_tokens_used {
            builder = builder.max_tokens_used(most);
        }
        if let Some(most) = self.max_cost {
            builder = builder.max_cost(most);
        }
        if let Some(most) = self.max_time {
            builder = builder.max_time(most);
        }
        builder
    }
}

impl Remembered {
    pub(super) fn put_into(&self, builder: AgentBuilder) -> AgentBuilder {
        let mut memory = MemoryConfig::default();
        memory.window = self.window.map(usize::from);
        memory.max_tokens = self.max_context_tokens;
        memory.summarize_with.clone_from(&self.summarize_with);
        builder.memory(memory)
    }
}
