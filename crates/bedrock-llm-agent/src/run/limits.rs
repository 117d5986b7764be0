//! What a run is held to.

use std::collections::BTreeSet;
use std::time::Duration;

use bedrock_llm_schema::model::Cost;
use serde::{Deserialize, Serialize};

/// What a run is held to. It is part of the run, so that one that is resumed elsewhere is held to the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct RunLimits {
    /// The most answers that are asked of the model; 25.
    pub max_iterations: u32,
    /// How often in a row of rounds the model may ask for the same call with the same arguments; 3. The next such call
    /// is not run, and told so; when the model asks once more, the run stops. `None` looks for no loops.
    pub max_repeats: Option<u32>,
    /// Tools after which the run stops, once all calls of their round are done.
    pub stop_on: BTreeSet<String>,
    /// What the run may use.
    pub budget: Budget,
    /// What to do about an answer that reached `max_tokens` in the middle of a tool call.
    pub on_max_tokens: OnMaxTokens,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            max_iterations: 25,
            max_repeats: Some(3),
            stop_on: BTreeSet::new(),
            budget: Budget::default(),
            on_max_tokens: OnMaxTokens::default(),
        }
    }
}

/// What a run may use before it stops; without limit by default. Looked at before the model is asked: the answer that
/// goes beyond it is still taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Budget {
    /// Tokens, all kinds together, those that tools used of models too.
    pub tokens: Option<u64>,
    /// US dollars, those that tools used of models too. A run whose model has no known price stops before its second answer.
    pub cost: Option<Cost>,
    /// Time at work, without what a suspended run waited. A call under way is given up when it is over.
    pub time: Option<Duration>,
}

/// What a run ran out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Spent {
    /// [`Budget::tokens`].
    Tokens,
    /// [`Budget::cost`].
    Cost,
    /// [`Budget::time`].
    Time,
}

/// What to do about an answer that reached `max_tokens` in the middle of a tool call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnMaxTokens {
    /// Stop; the call is left out of the history.
    #[default]
    Stop,
    /// Ask again for twice as many tokens as were said, up to what the model can say, at most so many times; then stop. The
    /// answer that was cut off is left out of the history.
    Grow(u32),
    /// Tell the model, as the call's result, that it was cut off, and go on.
    Tell,
}

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AgentStop {
    /// The model ended its turn.
    EndTurn,
    /// The model said one of the stop sequences.
    StopSequence,
    /// A tool of [`RunLimits::stop_on`] was called.
    Tool(String),
    /// [`RunLimits::max_iterations`].
    MaxIterations,
    /// The answer reached `max_tokens`.
    MaxTokens,
    /// [`RunLimits::budget`].
    Budget(Spent),
    /// The model asked for the same call of this tool again and again.
    Loop(String),
    /// Calls wait for an approval. The run goes on when it comes.
    Suspended,
    /// None of the model's answers fits the type that [`Agent::run_typed`](crate::Agent::run_typed) asked for.
    NoAnswer,
    /// The run was cancelled.
    Cancelled,
    /// A hook said so, for this reason.
    Hook(String),
    /// A guardrail stepped in.
    GuardrailIntervened,
    /// A content filter stepped in.
    ContentFiltered,
    /// The conversation no longer fits the model.
    ContextWindowExceeded,
    /// The model's answer could not be read.
    Malformed,
    /// For a reason this version does not know; the service's word for it.
    Other(String),
}
