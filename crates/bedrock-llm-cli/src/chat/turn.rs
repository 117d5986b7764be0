//! One turn: the question goes out, tools run, the answer comes back, the conversation grows.

use std::time::Instant;

use bedrock_llm_schema::{ChatRequest, ChatResponse, Error, Message, Role, StopReason, Usage};

use super::{render, tools};
use crate::connect::Connected;

/// How often a model may ask for tools before it must answer.
const MAX_TOOL_ROUNDS: usize = 8;

/// What every turn of a conversation shares.
pub(crate) struct Turn {
    pub(crate) connected: Connected,
    pub(crate) tools: Vec<tools::DemoTool>,
    pub(crate) json: bool,
}

impl Turn {
    /// Asks the model, runs the tools it wants, and leaves its answer in the conversation.
    pub(crate) async fn run(&self, request: &mut ChatRequest) -> Result<(), Error> {
        let (started, mut usage) = (Instant::now(), Usage::default());
        for round in 0.. {
            let mut response = self.ask(request).await?;
            add(&mut usage, &response.usage);
            request.messages.push(response.message.clone());
            if response.stop_reason != StopReason::ToolUse || round == MAX_TOOL_ROUNDS {
                response.usage = usage;
                if !self.json {
                    println!();
                }
                render::usage(&response, request.model.as_str(), started.elapsed());
                break;
            }
            let mut results = Message::new(Role::User, Vec::<String>::new());
            for call in response.message.tool_uses() {
                render::tool_call(call);
                results.content.push(tools::answer(&self.tools, call).into());
            }
            request.messages.push(results);
        }
        Ok(())
    }

    async fn ask(&self, request: &ChatRequest) -> Result<ChatResponse, Error> {
        let mut stream = self.connected.client.chat_stream(request.clone()).await?;
        while let Some(event) = stream.next().await {
            let event = event?;
            if !self.json {
                render::event(&event).map_err(|error| {
                    Error::new(bedrock_llm_schema::ErrorKind::Unexpected, "cannot print the answer")
                        .with_source(error)
                })?;
            }
        }
        let response = stream.collect().await?;
        if self.json {
            let text = serde_json::to_string(&response)
                .map_err(|error| Error::new(bedrock_llm_schema::ErrorKind::Decode, error.to_string()))?;
            println!("{text}");
        }
        Ok(response)
    }
}

/// Adds up what the rounds of one turn used.
fn add(sum: &mut Usage, usage: &Usage) {
    sum.input_tokens += usage.input_tokens;
    sum.output_tokens += usage.output_tokens;
    sum.cache_read_input_tokens = Some(sum.cache_read() + usage.cache_read());
    sum.cache_write_input_tokens = Some(sum.cache_write() + usage.cache_write());
    sum.total_tokens = sum.total();
}
