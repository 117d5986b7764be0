//! An agent through a recorded history, against the local endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use bedrock_llm_agent::agent::{AgentBuilder, Hook, ModelVerdict};
use bedrock_llm_agent::run::Run;
use bedrock_llm_agent::{Agent, AgentResponse};
use bedrock_llm_client::layers::RetryConfig;
use bedrock_llm_client::{ApiMode, Client};
use bedrock_llm_local::{LocalBedrock, ReceivedRequest};
use bedrock_llm_schema::{ChatRequest, ChatResponse, Message, Tool};
use serde_json::Value;

use super::exchange::Exchange;
use super::plan::Plan;
use super::tools::RecordedTool;
use super::turns::{differ, settle};
use crate::case::Reasons;
use crate::diff::diff;

/// Stops when the exchange that is replayed has its answer: what it asks for next was not recorded.
struct StopAfter {
    left: AtomicUsize,
}

impl Hook for StopAfter {
    async fn after_model(&self, _response: &mut ChatResponse, _run: &Run) -> ModelVerdict {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            1 => ModelVerdict::Stop("all is replayed".to_owned()),
            _ => ModelVerdict::Go,
        }
    }
}

/// Runs an agent from each of the user's turns that begin a run, and says where it did otherwise than was recorded.
pub(super) async fn replay(exchange: &Exchange, plan: Plan, starts: &[usize]) -> Result<Reasons> {
    let Plan { expected, replies, calls, first_choice, .. } = plan;
    let local = LocalBedrock::builder().script(replies.into_iter().collect()).start().await?;
    let hook = StopAfter { left: AtomicUsize::new(expected.len()) };
    let mut agent = builder(exchange, &local).await?.hook(hook);
    let calls = Arc::new(calls);
    for tool in exchange.request.tool_config.iter().flat_map(|config| &config.tools) {
        if let Tool::ToolSpec(spec) = tool {
            agent = agent.tool(RecordedTool { spec: spec.clone(), calls: Arc::clone(&calls) });
        }
    }
    if let Some(choice) = first_choice {
        agent = agent.tool_choice(choice);
    }
    let agent = agent.build().context("the agent cannot be built")?;

    let mut reasons = Reasons::new();
    let mut outcome = None;
    for start in starts {
        if let Some(Err(error)) = outcome.take() {
            reasons.push(format!("an earlier run broke off: {error:#}"));
        }
        let said = exchange.request.messages.get(*start).cloned().context("no such turn")?;
        outcome = Some(run(&agent, said, exchange.is_streamed()).await);
    }
    let received = local.received();
    if received.len() != expected.len() {
        reasons.push(format!("{} requests were sent instead of {}", received.len(), expected.len()));
    }
    for (number, (expected, sent)) in (1..).zip(expected.into_iter().zip(&received)) {
        let place = check(exchange, expected, sent)?;
        reasons.extend(place.map(|place| format!("request {number} of the loop: {place}")));
    }
    if let Some(answer) = &exchange.answer {
        match outcome.context("nothing was asked")? {
            Ok(response) => reasons.extend(
                differ(answer, &response.message).map(|place| format!("the loop's last answer: {place}")),
            ),
            Err(error) => reasons.push(format!("the loop broke off: {error:#}")),
        }
    }
    Ok(reasons)
}

/// An agent with the recorded settings that sends what it is told, and nothing twice.
async fn builder(exchange: &Exchange, local: &LocalBedrock) -> Result<AgentBuilder> {
    let client = Client::builder()
        .region("us-east-1")
        .endpoint_url(local.endpoint())
        .credentials("AKIALOCAL", "local", None)
        .retry(RetryConfig::default().max_attempts(1))
        // what the loop gives must reach the wire as it is
        .normalize(false)
        .validate(false)
        .api_mode(if exchange.is_native() { ApiMode::Invoke } else { ApiMode::Converse })
        .build()
        .await?;
    let settings = ChatRequest { messages: Vec::new(), ..exchange.request.clone() };
    Ok(Agent::builder(client)
        .request(settings)
        .session("replay")
        // as long as the recorded client went on, whatever it repeated
        .max_iterations(u32::MAX)
        .max_repeats(None))
}

async fn run(agent: &Agent, said: Message, streamed: bool) -> Result<AgentResponse> {
    let outcome = if streamed { agent.stream(said).collect().await } else { agent.run(said).await };
    Ok(outcome?)
}

/// Where a request says something else than was recorded.
fn check(exchange: &Exchange, mut expected: Value, sent: &ReceivedRequest) -> Result<Option<String>> {
    let of = (sent.operation.map_or("none", |operation| operation.as_str()), sent.model_id.as_str());
    let recorded = &exchange.recording;
    let wanted = (recorded.operation.as_str(), recorded.model_id.as_deref().unwrap_or_default());
    if of != wanted {
        return Ok(Some(format!("expected {wanted:?}, got {of:?}")));
    }
    let mut sent = exchange.asked(&sent.json)?;
    for request in [&mut expected, &mut sent] {
        if let Some(turns) = request.get_mut("messages") {
            settle(turns);
        }
    }
    Ok(diff(&expected, &sent))
}
