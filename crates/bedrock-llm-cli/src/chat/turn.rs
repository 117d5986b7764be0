//! One turn: the question goes out, tools run, the answer comes back, the conversation grows.

use std::time::Instant;

use anyhow::bail;
use bedrock_llm_schema::{ChatRequest, ChatResponse, Message, Role, Usage};

use super::{render, tools};
use crate::connect::Connected;
use crate::print;

/// How often a model may ask for tools before it must answer.
const MAX_TOOL_ROUNDS: usize = 8;

/// What every turn of a conversation shares.
pub(crate) struct Turn {
    pub(crate) connected: Connected,
    pub(crate) tools: Vec<tools::DemoTool>,
    pub(crate) json: bool,
    pub(crate) streaming: bool,
}

impl Turn {
    /// Asks the model, runs the tools it wants, and leaves its answer in the conversation. What a failed turn
    /// leaves there is no valid conversation: the caller takes it out.
    pub(crate) async fn run(&self, request: &mut ChatRequest) -> anyhow::Result<()> {
        let (started, mut usage) = (Instant::now(), Usage::default());
        for _ in 0..=MAX_TOOL_ROUNDS {
            let mut response = self.ask(request).await?;
            add(&mut usage, &response.usage);
            let mut results = Message::new(Role::User, Vec::<String>::new());
            for call in response.message.tool_uses() {
                render::tool_call(call);
                results.content.push(tools::answer(&self.tools, call).into());
            }
            if response.message.content.is_empty() {
                bail!("the model answered nothing (it was stopped by {})", response.stop_reason);
            }
            request.messages.push(response.message.clone());
            if results.content.is_empty() {
                response.usage = usage;
                render::usage(&response, request.model.as_str(), started.elapsed());
                return Ok(());
            }
            request.messages.push(results);
        }
        bail!("the model asked for tools {MAX_TOOL_ROUNDS} times and did not answer")
    }

    async fn ask(&self, request: &ChatRequest) -> anyhow::Result<ChatResponse> {
        let client = &self.connected.client;
        let response = if self.streaming && !self.json {
            let mut stream = client.chat_stream(request.clone()).await?;
            while let Some(event) = stream.next().await {
                render::event(&event?)?;
            }
            stream.collect().await?
        } else {
            let response = client.chat(request.clone()).await?;
            print::piece(&if self.json { serde_json::to_string(&response)? } else { response.text() })?;
            response
        };
        if self.json || !response.text().is_empty() {
            print::line("")?;
        }
        Ok(response)
    }
}

/// Adds up what the rounds of one turn used.
fn add(sum: &mut Usage, usage: &Usage) {
    let both =
        |left: Option<u64>, right: Option<u64>| left.map_or(right, |left| Some(left + right.unwrap_or(0)));
    sum.input_tokens += usage.input_tokens;
    sum.output_tokens += usage.output_tokens;
    sum.cache_read_input_tokens = both(sum.cache_read_input_tokens, usage.cache_read_input_tokens);
    sum.cache_write_input_tokens = both(sum.cache_write_input_tokens, usage.cache_write_input_tokens);
    sum.total_tokens = sum.total();
}

#[cfg(test)]
mod tests {
    use bedrock_llm_client::Client;
    use bedrock_llm_local::{LocalBedrock, Reply};
    use bedrock_llm_schema::{ContentBlock, StopReason, StreamEvent};
    use serde_json::json;

    use super::*;

    async fn turn(reply: Reply) -> (LocalBedrock, Turn) {
        let local = LocalBedrock::builder().reply(reply.forever()).start().await.unwrap();
        let client =
            Client::builder().region("us-east-1").credentials("a", "b", None).endpoint_url(local.endpoint());
        let connected = Connected::over(client.build().await.unwrap());
        (local, Turn { connected, tools: vec![tools::DemoTool::Weather], json: false, streaming: true })
    }

    #[tokio::test]
    async fn an_answer_joins_the_conversation() {
        let (_local, turn) = turn(Reply::text("Hello")).await;
        let mut request = ChatRequest::new("us.amazon.nova-lite-v1:0").message("Hi");
        turn.run(&mut request).await.unwrap();
        assert_eq!(request.messages[1].content, [ContentBlock::from("Hello")]);
    }

    #[tokio::test]
    async fn a_model_that_only_calls_tools_is_stopped() {
        let (local, turn) = turn(Reply::tool_use("t", "get_weather", json!({"city": "Paris"}))).await;
        let error =
            turn.run(&mut ChatRequest::new("us.amazon.nova-lite-v1:0").message("Hi")).await.unwrap_err();
        assert!(error.to_string().contains("8 times"), "{error}");
        assert_eq!(local.received().len(), MAX_TOOL_ROUNDS + 1);
    }

    #[tokio::test]
    async fn no_answer_is_an_error_and_not_an_empty_turn() {
        let nothing = [StreamEvent::message_start(), StreamEvent::message_stop(StopReason::ContentFiltered)];
        let (_local, turn) = turn(Reply::events(nothing)).await;
        let mut request = ChatRequest::new("us.amazon.nova-lite-v1:0").message("Hi");
        let error = turn.run(&mut request).await.unwrap_err();
        assert!(error.to_string().contains("content_filtered"), "{error}");
        assert_eq!(request.messages.len(), 1);
    }
}
