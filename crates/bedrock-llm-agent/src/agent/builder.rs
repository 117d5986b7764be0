//! How an agent is set.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_client::Client;
use bedrock_llm_schema::model::Cost;
use bedrock_llm_schema::{ChatRequest, ModelId, SystemContentBlock, Tool as Offered, ToolChoice, ToolConfig};

use super::hook::{Approver, ErasedHook, Hooks};
use super::{Agent, AgentError, Approval, Hook, PromptTools, Shared};
use crate::context::AGENT_DEPTH;
use crate::memory::{DynMemory, Memory};
use crate::run::{Budget, OnMaxTokens, RunLimits, ToolCall};
use crate::store::{MemoryStore, OnConflict, StateStore};
use crate::{RegistryError, Tool, ToolRegistry};

/// How an agent is set; from [`Agent::builder`].
#[must_use]
pub struct AgentBuilder {
    client: Client,
    request: ChatRequest,
    tools: Result<ToolRegistry, RegistryError>,
    tool_choice: Option<ToolChoice>,
    prompt_tools: PromptTools,
    max_answer_retries: u32,
    max_depth: u32,
    limits: RunLimits,
    max_parallel: usize,
    streaming: bool,
    memory: Option<DynMemory>,
    store: Option<Arc<dyn StateStore>>,
    session: Option<Arc<str>>,
    hooks: Hooks,
    approver: Option<Approver>,
    on_interrupted: OnInterrupted,
    on_conflict: OnConflict,
}

/// What to do about calls that ran when their process ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnInterrupted {
    /// Run idempotent tools again. Tell the model of others that nobody knows whether they took effect.
    #[default]
    RunIdempotent,
    /// Run all again, and say so: their [`ToolStarted`](super::AgentEvent::ToolStarted) has `starts` above 1.
    RunAll,
    /// Run none again, and tell the model so.
    RunNone,
}

impl AgentBuilder {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            request: ChatRequest::default(),
            tools: Ok(ToolRegistry::new()),
            tool_choice: None,
            prompt_tools: PromptTools::default(),
            max_answer_retries: 2,
            max_depth: AGENT_DEPTH,
            limits: RunLimits::default(),
            max_parallel: usize::MAX,
            streaming: true,
            memory: None,
            store: None,
            session: None,
            hooks: Vec::new(),
            approver: None,
            on_interrupted: OnInterrupted::default(),
            on_conflict: OnConflict::default(),
        }
    }

    /// The model, inference profile or ARN. Required, here or in [`request`](Self::request).
    pub fn model(mut self, model: impl Into<ModelId>) -> Self {
        self.request.model = model.into();
        self
    }

    /// Adds to the system prompt.
    pub fn system(mut self, block: impl Into<SystemContentBlock>) -> Self {
        self.request = self.request.system(block);
        self
    }

    /// What every request is made of: sampling, guardrail, reasoning, system prompt, … Its messages are replaced, and
    /// so is what [`model`](Self::model) and [`system`](Self::system) said before.
    ///
    /// Of its tool configuration, tools that the service runs and cache points stay, behind the agent's tools; its tool
    /// choice holds for every answer, which is for runs that end with [`stop_on`](Self::stop_on).
    pub fn request(mut self, request: ChatRequest) -> Self {
        self.request = request;
        self
    }

    /// Adds tools. Names that are taken are an error when the agent is built.
    pub fn tools(mut self, tools: impl Into<ToolRegistry>) -> Self {
        let more = tools.into();
        self.tools = self.tools.and_then(|mut all| all.merge(&more).map(|()| all));
        self
    }

    /// Adds a tool, as [`tools`](Self::tools) does.
    pub fn tool(mut self, tool: impl Tool) -> Self {
        self.tools = self.tools.and_then(|tools| tools.with(tool));
        self
    }

    /// Whether the model has to call a tool, or a certain one. Holds for the first answer of a run: held on to, it would
    /// never end.
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = Some(choice);
        self
    }

    /// Whether tools are described to the model in words, and called by it in words; never by default.
    pub fn prompt_tools(mut self, when: PromptTools) -> Self {
        self.prompt_tools = when;
        self
    }

    /// How often the model is asked again in [`Agent::run_typed`] when its answer does not fit; 2, 0 for never.
    pub fn max_answer_retries(mut self, most: u32) -> Self {
        self.max_answer_retries = most;
        self
    }

    /// How deep agents among the tools may have agents among theirs, this one's tools counted as 1; 5. With 0 no agent among
    /// the tools may be called. Within another agent what that one leaves counts where it is less.
    pub fn max_depth(mut self, most: u32) -> Self {
        self.max_depth = most;
        self
    }

    /// How many calls of one answer run side by side; any number by default, 1 runs them one after another in the model's
    /// order. 0 counts as 1.
    pub fn max_parallel_tools(mut self, most: usize) -> Self {
        self.max_parallel = most.max(1);
        self
    }

    /// Whether [`Agent::stream`] takes answers as streams; `true`. Else, and from models that stream no answers with tools,
    /// the text of each comes in one piece.
    pub fn streaming(mut self, streaming: bool) -> Self {
        self.streaming = streaming;
        self
    }

    /// The most answers that are asked of the model in a run; 25.
    pub fn max_iterations(mut self, most: u32) -> Self {
        self.limits.max_iterations = most;
        self
    }

    /// Stops the run after this tool has answered; the results of its round are in the history.
    pub fn stop_on(mut self, tool: impl Into<String>) -> Self {
        self.limits.stop_on.insert(tool.into());
        self
    }

    /// The most tokens a run may use, all kinds together. Looked at before each answer.
    pub fn max_tokens_used(mut self, most: u64) -> Self {
        self.limits.budget.tokens = Some(most);
        self
    }

    /// The most a run may cost in US dollars, by the client's catalog. Looked at before each answer. Where the model has no
    /// known price, the agent is not built.
    pub fn max_cost(mut self, most: Cost) -> Self {
        self.limits.budget.cost = Some(most);
        self
    }

    /// The most time a run may work. A call under way is given up when it is over.
    pub fn max_time(mut self, most: Duration) -> Self {
        self.limits.budget.time = Some(most);
        self
    }

    /// How often in a row of rounds the model may ask for the same call with the same arguments; 3, `None` looks for no
    /// loops. See [`RunLimits::max_repeats`].
    pub fn max_repeats(mut self, most: impl Into<Option<u32>>) -> Self {
        self.limits.max_repeats = most.into();
        self
    }

    /// What to do about an answer that reached `max_tokens` in the middle of a tool call; to stop is the default.
    pub fn on_max_tokens(mut self, what: OnMaxTokens) -> Self {
        self.limits.on_max_tokens = what;
        self
    }

    /// What the model is still told of long conversations; all by default.
    pub fn memory(mut self, memory: impl Memory) -> Self {
        self.memory = Some(Arc::new(memory));
        self
    }

    /// Where sessions live; in this agent's memory by default.
    pub fn store(mut self, store: impl StateStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The session that runs go on in; by default each run is on its own. See [`Agent::session`].
    pub fn session(mut self, session: impl Into<Arc<str>>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// What to do where another writer is faster when a run begins in its session; to fail is the default. A turn that is
    /// merged has to have a [`run`](crate::store::Turn::run), which goes on then.
    ///
    /// Once a run has begun it fails when another writes to its session, whatever the policy: its tools have taken effect.
    pub fn on_conflict(mut self, what: OnConflict) -> Self {
        self.on_conflict = what;
        self
    }

    /// What to do about calls that ran when their process ended.
    pub fn on_interrupted(mut self, what: OnInterrupted) -> Self {
        self.on_interrupted = what;
        self
    }

    /// Adds a hook, after those there are.
    pub fn hook(mut self, hook: impl Hook) -> Self {
        let hook: Arc<dyn ErasedHook> = Arc::new(hook);
        self.hooks.push(hook);
        self
    }

    /// Who says at once whether a call may be run that a hook wants a human asked about. Without, the run is
    /// [suspended](crate::run::AgentStop::Suspended).
    pub fn approve_with<F>(mut self, approver: impl Fn(ToolCall) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Approval> + Send + 'static,
    {
        self.approver = Some(Arc::new(move |call| Box::pin(approver(call))));
        self
    }

    /// The agent.
    ///
    /// # Errors
    /// When there is no model, tools do not go together, the model is known to take no tools, or a budget of money is set
    /// for a model without a known price.
    pub fn build(self) -> Result<Agent, AgentError> {
        let tools = self.tools?;
        tools.check()?;
        if self.request.model.is_empty() {
            return Err(AgentError::config(
                "model",
                "no model is set; name one, such as us.amazon.nova-lite-v1:0",
            ));
        }
        let profile = self.client.profile(&self.request.model).into_owned();
        let takes_none = profile.features.tool_use == Some(false);
        let is_prompted = match self.prompt_tools {
            PromptTools::Never => false,
            PromptTools::IfNeeded => takes_none,
            PromptTools::Always => true,
        };
        if !tools.is_empty() && takes_none && !is_prompted {
            let message = format!(
                "the model {} takes no tools; choose another, or have them described to it by \
                 `prompt_tools(PromptTools::IfNeeded)`",
                self.request.model
            );
            return Err(AgentError::config("tools", message));
        }
        for tool in &self.limits.stop_on {
            if tools.get(tool).is_none() {
                return Err(AgentError::config("stop_on", format!("there is no tool named `{tool}`")));
            }
        }
        let Budget { cost, .. } = self.limits.budget;
        if cost.is_some() && profile.prices.cost(&bedrock_llm_schema::Usage::new(1, 1), None).is_none() {
            let message = format!(
                "the price of the model {} is not known; give it in the client's catalog, or limit tokens",
                self.request.model
            );
            return Err(AgentError::config("max_cost", message));
        }
        let mut shared = Shared {
            client: self.client,
            request: self.request,
            profile,
            config: None,
            front: 0,
            tools,
            tool_choice: self.tool_choice,
            is_prompted,
            max_answer_retries: self.max_answer_retries,
            max_depth: self.max_depth,
            limits: self.limits,
            max_parallel: self.max_parallel,
            streaming: self.streaming,
            memory: self.memory,
            store: self.store.unwrap_or_else(|| Arc::new(MemoryStore::new())),
            hooks: self.hooks,
            approver: self.approver,
            on_interrupted: self.on_interrupted,
            on_conflict: self.on_conflict,
        };
        shared.settle_tools();
        Ok(Agent::new(shared, self.session))
    }
}

/// The tools as requests have them: the agent's, then what a request has beside such; `None` where there is nothing to call.
pub(super) fn config(tools: &ToolRegistry, asked: Option<&ToolConfig>) -> Option<ToolConfig> {
    let mut config = asked.cloned().unwrap_or_default();
    let own = tools.specs().cloned().map(Offered::ToolSpec);
    let kept = config.tools.into_iter().filter(|tool| !matches!(tool, Offered::ToolSpec(_)));
    config.tools = own.chain(kept).collect();
    config.tools.iter().any(|tool| !matches!(tool, Offered::CachePoint(_))).then_some(config)
}

/// The model and the tools' names.
impl std::fmt::Debug for AgentBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentBuilder")
            .field("model", &self.request.model)
            .field("tools", &self.tools)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
