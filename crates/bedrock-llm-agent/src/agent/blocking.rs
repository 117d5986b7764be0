//! The agent for programs without an async runtime.

use bedrock_llm_client::BlockingClient;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{Agent, AgentError, AgentEvent, AgentInput, AgentResponse, AgentStream, Typed};

/// [`Agent`] for programs without an async runtime: each run blocks its thread. Cheap to clone.
///
/// Inside an async runtime every run is an error of kind [`Config`](bedrock_llm_schema::ErrorKind::Config) that says so, as
/// the calls of a [`BlockingClient`] are. Tools run in the client's runtime: async ones may use tokio.
///
/// ```no_run
/// use bedrock_llm_agent::agent::BlockingAgent;
/// use bedrock_llm_agent::{Agent, AgentEvent};
/// use bedrock_llm_client::Client;
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder().region("us-east-1").build_blocking()?;
/// let agent = Agent::builder(client.get_ref().clone()).model("us.amazon.nova-lite-v1:0").build()?;
/// let agent = BlockingAgent::new(client, agent);
/// for event in agent.stream("Why is the sky blue?") {
///     if let AgentEvent::Text(text) = event? {
///         print!("{text}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BlockingAgent {
    client: BlockingClient,
    agent: Agent,
}

impl BlockingAgent {
    /// An agent that runs in the runtime of this client, whose [`get_ref`](BlockingClient::get_ref) it should stand on.
    #[must_use]
    pub fn new(client: BlockingClient, agent: Agent) -> Self {
        Self { client, agent }
    }

    /// The agent inside.
    #[must_use]
    pub fn get_ref(&self) -> &Agent {
        &self.agent
    }

    /// See [`Agent::session`].
    #[must_use]
    pub fn session(&self, session: impl Into<std::sync::Arc<str>>) -> Self {
        Self { client: self.client.clone(), agent: self.agent.session(session) }
    }

    /// See [`Agent::run`].
    ///
    /// # Errors
    /// As there; and inside an async runtime.
    pub fn run(&self, input: impl Into<AgentInput>) -> Result<AgentResponse, AgentError> {
        self.client.block_on(self.agent.run(input))?
    }

    /// See [`Agent::run_typed`].
    ///
    /// # Errors
    /// As there; and inside an async runtime.
    pub fn run_typed<T>(&self, input: impl Into<AgentInput>) -> Result<Typed<T>, AgentError>
    where
        T: DeserializeOwned + JsonSchema + 'static,
    {
        self.client.block_on(self.agent.run_typed(input))?
    }

    /// See [`Agent::stream`]. The run works while the iterator is asked; dropping it drops the call under way.
    pub fn stream(&self, input: impl Into<AgentInput>) -> BlockingAgentStream {
        BlockingAgentStream { client: self.client.clone(), events: self.agent.stream(input), is_over: false }
    }
}

/// An [`AgentStream`] as an iterator of events. It ends after [`AgentEvent::Done`] or its first error.
#[derive(Debug)]
#[must_use = "a run does nothing unless its events are asked for"]
pub struct BlockingAgentStream {
    client: BlockingClient,
    events: AgentStream,
    is_over: bool,
}

impl Iterator for BlockingAgentStream {
    type Item = Result<AgentEvent, AgentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.client.block_on(self.events.next()).unwrap_or_else(|error| Some(Err(error.into())));
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }
}
