//! [`Agent`]: a model that works with tools until it has answered.

mod blocking;
mod builder;
mod commit;
mod drive;
mod error;
mod event;
mod goal;
mod hook;
mod input;
mod model;
mod prompted;
mod response;
mod stream;
mod subagent;
mod tools;
mod typed;

use std::fmt;
use std::sync::Arc;

use bedrock_llm_client::Client;
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{ChatRequest, ToolChoice, ToolConfig};
use tokio_util::sync::CancellationToken;

pub use blocking::{BlockingAgent, BlockingAgentStream};
pub use builder::{AgentBuilder, OnInterrupted};
use drive::Drive;
pub use error::{AgentError, AgentErrorKind};
pub use event::AgentEvent;
pub use hook::{Approval, Hook, ModelVerdict, ToolVerdict};
use hook::{Approver, Hooks};
pub use input::{AgentInput, Resume};
pub use prompted::PromptTools;
use prompted::in_words;
pub use response::AgentResponse;
pub use stream::AgentStream;
pub use subagent::AgentTool;
pub use typed::{NoAnswer, Typed, TypedEvent, TypedStream};

use crate::memory::DynMemory;
use crate::run::RunLimits;
use crate::store::{OnConflict, StateStore};
use crate::{Context, Data, ToolRegistry};

/// A model that works with tools until it has answered. Cheap to clone; clones share everything but what
/// [`session`](Self::session), [`with_data`](Self::with_data) and [`with_cancellation`](Self::with_cancellation) set.
#[derive(Clone)]
pub struct Agent {
    shared: Arc<Shared>,
    session: Option<Arc<str>>,
    data: Data,
    cancellation: CancellationToken,
    /// The call that this agent is a part of.
    parent: Option<Context>,
}

#[derive(Clone)]
struct Shared {
    client: Client,
    /// What every request is made of.
    request: ChatRequest,
    profile: ModelProfile,
    tools: ToolRegistry,
    /// The tools as requests have them.
    config: Option<ToolConfig>,
    tool_choice: Option<ToolChoice>,
    /// Whether tools are described and called in words.
    is_prompted: bool,
    max_answer_retries: u32,
    max_depth: u32,
    /// The tokens of system prompt and tools, by a careful estimate.
    front: u64,
    limits: RunLimits,
    max_parallel: usize,
    /// Whether answers are taken as streams where somebody reads along.
    streaming: bool,
    memory: Option<DynMemory>,
    store: Arc<dyn StateStore>,
    hooks: Hooks,
    approver: Option<Approver>,
    on_interrupted: OnInterrupted,
    on_conflict: OnConflict,
}

impl Shared {
    /// Sets what follows from the tools.
    fn settle_tools(&mut self) {
        self.config = builder::config(&self.tools, self.request.tool_config.as_ref());
        let mut front = ChatRequest { messages: Vec::new(), ..self.request.clone() };
        front.tool_config.clone_from(&self.config);
        if self.is_prompted {
            front = in_words(front, &self.profile);
        }
        let model = self.profile.base_model.as_ref().unwrap_or(&self.profile.id);
        self.front = *front.estimate_tokens_of(model).range().end();
    }
}

impl Agent {
    /// Begins an agent whose model is asked through this client.
    pub fn builder(client: Client) -> AgentBuilder {
        AgentBuilder::new(client)
    }

    fn new(shared: Shared, session: Option<Arc<str>>) -> Self {
        Self {
            shared: Arc::new(shared),
            session,
            data: Data::new(),
            cancellation: CancellationToken::new(),
            parent: None,
        }
    }

    /// The same agent in a session: runs go on where the last ended, and every turn is kept in the store.
    #[must_use]
    pub fn session(&self, session: impl Into<Arc<str>>) -> Self {
        Self { session: Some(session.into()), ..self.clone() }
    }

    /// The same agent, which hands this to its tools.
    #[must_use]
    pub fn with_data(&self, data: Data) -> Self {
        Self { data, ..self.clone() }
    }

    /// The same agent, whose runs this token cancels.
    #[must_use]
    pub fn with_cancellation(&self, cancellation: CancellationToken) -> Self {
        Self { cancellation, ..self.clone() }
    }

    /// Runs until the model has answered, or something stops it: see [`AgentStop`](crate::run::AgentStop).
    ///
    /// Dropping the future drops the call under way. In a session every turn that was finished is kept, and the next run
    /// goes on from there.
    ///
    /// # Errors
    /// When the model cannot be asked, the store fails, or the session is written to by another. The error has the run as
    /// far as it came.
    pub async fn run(&self, input: impl Into<AgentInput>) -> Result<AgentResponse, AgentError> {
        Drive::new(self.clone(), None).run(input.into()).await
    }

    /// [`run`](Self::run), and says what happens. Nothing is done unless the stream is asked; dropping it drops the call
    /// under way.
    pub fn stream(&self, input: impl Into<AgentInput>) -> AgentStream {
        AgentStream::new(self.clone(), input.into(), None)
    }

    /// The agent's tools.
    #[must_use]
    pub fn tools(&self) -> &ToolRegistry {
        &self.shared.tools
    }

    /// Where the agent's sessions live.
    #[must_use]
    pub fn store(&self) -> &dyn StateStore {
        &*self.shared.store
    }
}

/// The model and the tools' names.
impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("model", &self.shared.request.model)
            .field("tools", &self.shared.tools)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
