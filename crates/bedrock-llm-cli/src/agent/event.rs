//! The events of a run as JSON. Others read this form: members may come, none goes or changes.

use std::time::Duration;

use bedrock_llm_agent::memory::MemoryUpdate;
use bedrock_llm_agent::run::{AgentStop, ToolCall};
use bedrock_llm_agent::{AgentEvent, AgentResponse};
use bedrock_llm_schema::Usage;
use bedrock_llm_schema::model::Cost;
use serde::Serialize;

/// An event; `type` says which.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(super) enum Event<'a> {
    /// The model is asked: the number of the answer, from 1.
    Iteration {
        number: u32,
    },
    /// A piece of the answer.
    Text {
        text: &'a str,
    },
    Reasoning {
        text: &'a str,
    },
    /// What came of the answer before is void.
    Restarted,
    ToolRequested {
        call: &'a ToolCall,
    },
    /// The call waits for `--approve` or `--deny`; `call.question` says what is asked.
    ApprovalRequested {
        call: &'a ToolCall,
    },
    ToolStarted {
        call: &'a ToolCall,
    },
    /// A call came out: `call.state` is complete, failed, denied or cancelled.
    ToolFinished {
        call: &'a ToolCall,
        /// How long it ran; missing where it did not.
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
    },
    Memory {
        #[serde(flatten)]
        update: &'a MemoryUpdate,
    },
    /// The last event of a run that ended or waits.
    Done {
        stop: &'a AgentStop,
        /// The text of the last answer.
        text: String,
        iterations: u32,
        usage: &'a Usage,
        /// US dollars; null where a price is not known.
        cost: Option<Cost>,
        seconds: f64,
        /// The ids of the calls that wait.
        waiting: Vec<&'a str>,
    },
    /// The last event of a run that could not go on.
    Error {
        message: String,
    },
}

impl<'a> Event<'a> {
    /// `took` is how long a call ran that came out. None for the end, which [`done`](Self::done) makes.
    pub(super) fn of(event: &'a AgentEvent, took: Option<Duration>) -> Option<Self> {
        Some(match event {
            AgentEvent::Iteration(number) => Self::Iteration { number: *number },
            AgentEvent::Text(text) => Self::Text { text },
            AgentEvent::Reasoning(text) => Self::Reasoning { text },
            AgentEvent::Restarted => Self::Restarted,
            AgentEvent::ToolRequested(call) => Self::ToolRequested { call },
            AgentEvent::ApprovalRequested(call) => Self::ApprovalRequested { call },
            AgentEvent::ToolStarted(call) => Self::ToolStarted { call },
            AgentEvent::ToolFinished(call) => {
                Self::ToolFinished { call, seconds: took.map(|took| took.as_secs_f64()) }
            }
            AgentEvent::Memory(update) => Self::Memory { update },
            _ => return None,
        })
    }

    pub(super) fn done(response: &'a AgentResponse, took: Duration) -> Self {
        Self::Done {
            stop: &response.stop,
            text: response.text(),
            iterations: response.iterations,
            usage: &response.usage,
            cost: response.run.progress().cost(),
            seconds: took.as_secs_f64(),
            waiting: response.approvals().map(ToolCall::id).collect(),
        }
    }
}
