//! An agent as a tool of another.

use std::fmt;
use std::sync::Arc;

use bedrock_llm_schema::{BoxError, ToolSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Agent, AgentError, AgentErrorKind, AgentInput, AgentResponse};
use crate::run::AgentStop;
use crate::tool::{arguments_of, spec_of};
use crate::{Context, Tool, ToolError, ToolOutput, ToolPolicy};

/// What an agent is asked where nothing else is said.
#[derive(Deserialize, JsonSchema)]
struct Task {
    /// What is to be done, with all that has to be known for it: nothing else of the conversation is seen.
    task: String,
}

type Asking = Arc<dyn Fn(Value) -> Result<AgentInput, ToolError> + Send + Sync>;

/// An agent as a tool of another; made by [`Agent::as_tool`].
#[derive(Clone)]
pub struct AgentTool {
    agent: Agent,
    spec: ToolSpec,
    asking: Asking,
}

impl Agent {
    /// This agent as a tool: the other's model gives it a task, its last words are the tool's answer.
    ///
    /// It is cancelled with the call, hands the caller's data to its tools, and what it uses is in the other's
    /// [`used_by_tools`](AgentResponse::used_by_tools) and counts against its budget. Why it stopped early, and what broke,
    /// the other's model is told. How deep agents may call each other is set by
    /// [`max_depth`](super::AgentBuilder::max_depth). Each call is a conversation of its own, unless the agent is in a
    /// [session](Self::session): then it goes on from call to call, one after the other. A call that waits for a human's word is
    /// an error: set [`approve_with`](super::AgentBuilder::approve_with).
    ///
    /// ```no_run
    /// # fn run(client: bedrock_llm_client::Client) -> Result<(), bedrock_llm_agent::AgentError> {
    /// use bedrock_llm_agent::Agent;
    ///
    /// let researcher = Agent::builder(client.clone())
    ///     .model("us.amazon.nova-lite-v1:0")
    ///     .system("You find facts.")
    ///     .build()?;
    /// let writer = Agent::builder(client)
    ///     .model("us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    ///     .tool(researcher.as_tool("research", "Finds facts on a question."))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn as_tool(&self, name: impl Into<String>, description: impl Into<String>) -> AgentTool {
        let asking = |arguments| arguments_of(arguments).map(|Task { task }| task.into());
        let spec = spec_of::<Task>(&name.into(), &description.into());
        AgentTool { agent: self.clone(), spec, asking: Arc::new(asking) }
    }

    /// The same agent as a part of a tool's call, for tools that run agents themselves: it is cancelled with the call, has
    /// the caller's data, and what it uses counts for the call.
    ///
    /// # Errors
    /// Where agents have called each other as deep as they may.
    pub fn within(&self, call: &Context) -> Result<Self, ToolError> {
        if call.depth_left() == 0 {
            return Err(ToolError::permanent(
                "agents have called each other as deep as they may; do it yourself, or answer with what you know",
            ));
        }
        let agent = self.with_data(call.all_data().clone()).with_cancellation(call.cancellation().clone());
        Ok(Self { parent: Some(call.clone()), ..agent })
    }
}

impl AgentTool {
    /// The same tool with arguments of a type, of which this makes what the agent is asked.
    #[must_use]
    pub fn taking<A, I>(mut self, ask: impl Fn(A) -> I + Send + Sync + 'static) -> Self
    where
        A: DeserializeOwned + JsonSchema + 'static,
        I: Into<AgentInput>,
    {
        let description = self.spec.description.clone().unwrap_or_default();
        self.spec = spec_of::<A>(&self.spec.name, &description);
        self.asking =
            Arc::new(move |arguments| arguments_of(arguments).map(|arguments| ask(arguments).into()));
        self
    }

    /// The agent.
    #[must_use]
    pub fn get_ref(&self) -> &Agent {
        &self.agent
    }
}

impl Tool for AgentTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, arguments: Value, context: Context) -> Result<ToolOutput, ToolError> {
        let input = (self.asking)(arguments)?;
        let response = self.agent.within(&context)?.run(input).await.map_err(failed)?;
        answer(&response)
    }

    /// Idempotent if the agent's tools are. One call at a time where it is in a session.
    fn policy(&self) -> ToolPolicy {
        let mut tools = self.agent.tools().available_tools();
        let policy = ToolPolicy::default().idempotent(tools.all(|tool| tool.policy.is_idempotent));
        if self.agent.session.is_some() { policy.idempotent(false).max_concurrency(1) } else { policy }
    }
}

fn answer(response: &AgentResponse) -> Result<ToolOutput, ToolError> {
    let said = response.text();
    match &response.stop {
        AgentStop::EndTurn | AgentStop::StopSequence => Ok(ToolOutput::text(said)),
        // the results of the tool are what the run was for
        AgentStop::Tool(_) => {
            let last = response.tool_calls.iter().rev().filter_map(|call| call.result());
            Ok(last.take(1).flat_map(|result| result.content.iter().cloned()).collect())
        }
        AgentStop::Cancelled => Err(ToolError::Cancelled),
        AgentStop::Suspended => {
            Err(ToolError::permanent("it waits for a human's approval, which cannot be given here"))
        }
        stop => {
            let said = if said.is_empty() { String::new() } else { format!("; it had said: {said}") };
            Err(ToolError::permanent(format!("it did not come to an end ({}){said}", told(stop))))
        }
    }
}

fn told(stop: &AgentStop) -> String {
    match stop {
        AgentStop::MaxIterations => "too many steps".to_owned(),
        AgentStop::MaxTokens => "its answer was too long".to_owned(),
        AgentStop::Budget(_) => "its budget is used up".to_owned(),
        AgentStop::Loop(tool) => format!("it called {tool} again and again"),
        AgentStop::Hook(reason) => reason.clone(),
        AgentStop::GuardrailIntervened | AgentStop::ContentFiltered => "a guardrail stopped it".to_owned(),
        AgentStop::ContextWindowExceeded => "its conversation became too long".to_owned(),
        _ => "its answer could not be read".to_owned(),
    }
}

/// For the other's model: what broke, and whether another attempt may do better.
fn failed(error: AgentError) -> ToolError {
    let is_retryable = matches!(error.kind(), AgentErrorKind::Model(error) if error.is_retryable());
    match ToolError::from_error(BoxError::from(error)) {
        ToolError::Failed { message, source, .. } => ToolError::Failed { message, is_retryable, source },
        other => other,
    }
}

impl fmt::Debug for AgentTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentTool").field("name", &self.spec.name).field("agent", &self.agent).finish()
    }
}
