//! The loop's policies over a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod hooks;
mod policies;
mod sessions;
mod shaky;

use bedrock_llm_agent::agent::AgentInput;
use bedrock_llm_agent::{Agent, AgentResponse};

use crate::common::told;

/// The events of a run that ends well, without pieces of text.
async fn events(agent: &Agent, input: impl Into<AgentInput>) -> (Vec<String>, AgentResponse) {
    let mut stream = agent.stream(input);
    let mut events = Vec::new();
    let mut response = None;
    while let Some(event) = stream.next().await {
        let event = event.unwrap();
        let line = told(&event);
        if let bedrock_llm_agent::AgentEvent::Done(done) = event {
            response = Some(*done);
        }
        if !line.starts_with("text ") {
            events.push(line);
        }
    }
    (events, response.expect("a run that ends well says so"))
}
