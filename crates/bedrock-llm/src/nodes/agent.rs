//! An agent as a node.

use bedrock_llm_agent::agent::{Agent, AgentInput, AgentResponse};
use bedrock_llm_pipeline::{BoxError, Node};

/// Runs an agent to its end for each item: an input in (a text, a message, a run to go on with), the
/// [`AgentResponse`] out.
///
/// Each item is a conversation of its own, unless the agent has a session.
#[derive(Clone, Debug)]
pub struct RunAgent {
    agent: Agent,
}

impl RunAgent {
    /// With this agent, its tools and limits.
    #[must_use]
    pub fn new(agent: Agent) -> Self {
        Self { agent }
    }
}

impl<I: Into<AgentInput> + Send> Node<I, AgentResponse> for RunAgent {
    async fn call(&self, input: I) -> Result<AgentResponse, BoxError> {
        Ok(self.agent.run(input).await?)
    }
}
