//! Recorded exchanges of tools, through the agent's loop: given the recorded answers of the model and the recorded results
//! of the tools, our loop sends the recorded requests.
//!
//! Every chat whose history has calls or results is one. Its history is played from the first turn on: the user's turns
//! begin runs in one session, the model's turns are given in the bytes that were recorded where the exchange they came from
//! is among the recordings (one of the same program, model and operation, with the same calls), else as the history tells
//! them; tools give what was recorded for their name and arguments. Every request that the loop sends is held against
//! what was recorded, whole: turns, tools, system prompt, settings. Native bodies are compared as the conversation they
//! decode to. Three things are left out on both sides before: `"type": "tool_use"` of a call, which the service says and
//! clients do not say back, `"status": "success"` of a result, and the `failed: ` that our loop puts before the words of a
//! tool that failed.

mod exchange;
mod history;
mod plan;
mod replay;
mod tools;
mod turns;

use std::fmt;

use exchange::Exchange;
use plan::Plan;

use crate::case::Case;

/// Collects chats, then replays those that are loops.
#[derive(Default)]
pub(crate) struct Loops(Vec<Exchange>);

/// What became of them.
#[derive(Default)]
pub(crate) struct Replayed {
    loops: Vec<String>,
    others: Vec<String>,
    failures: Vec<String>,
}

impl Loops {
    /// Takes in an exchange. What cannot be read is other checks' to say.
    pub(crate) fn add(&mut self, name: &str, case: &Case) {
        self.0.extend(Exchange::of(name, case).ok().flatten());
    }

    pub(crate) async fn replay(self) -> Replayed {
        let mut replayed = Replayed::default();
        for exchange in self.0.iter().filter(|exchange| exchange.has_tool_turns()) {
            let name = &exchange.name;
            let starts = match history::starts(&exchange.request) {
                Ok(starts) => starts,
                Err(why) => {
                    replayed.others.push(format!("{name}: {why}"));
                    continue;
                }
            };
            match self.one(exchange, &starts).await {
                Ok((line, reasons)) if reasons.is_empty() => replayed.loops.push(line),
                Ok((_, reasons)) => {
                    replayed.failures.extend(reasons.into_iter().map(|why| format!("loop {name}: {why}")));
                }
                Err(error) => replayed.failures.push(format!("loop {name}: {error:#}")),
            }
        }
        replayed
    }

    async fn one(&self, exchange: &Exchange, starts: &[usize]) -> anyhow::Result<(String, Vec<String>)> {
        let plan = Plan::new(exchange, starts, &self.0)?;
        let (runs, answers, calls) = (starts.len(), plan.expected.len(), plan.calls.len());
        let mut line = format!(
            "{}: {} requests, {} calls, {} runs; {} of {} earlier answers as recorded",
            exchange.name,
            answers,
            calls,
            runs,
            plan.recorded,
            answers.saturating_sub(1)
        );
        for note in &plan.notes {
            line.push_str("; ");
            line.push_str(note);
        }
        Ok((line, replay::replay(exchange, plan, starts).await?))
    }
}

impl Replayed {
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.loops {
            writeln!(f, "loop {line}")?;
        }
        for line in &self.others {
            writeln!(f, "no loop {line}")?;
        }
        writeln!(
            f,
            "agent loops: {} replayed, {} failed; {} exchanges of tools are no loops",
            self.loops.len(),
            self.failures.len(),
            self.others.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_local::Recording;
    use bedrock_llm_schema::ToolResultBlock;
    use serde_json::json;

    use super::*;

    fn exchange() -> Exchange {
        let call = json!({"toolUse": {"toolUseId": "t1", "name": "double", "input": {"a": 1}}});
        let result = json!({"toolResult": {"toolUseId": "t1", "content": [{"text": "2"}]}});
        let spec = json!({"name": "double", "inputSchema": {"json": {"type": "object"}}});
        let recording: Recording = serde_json::from_value(json!({
            "id": "0", "operation": "Converse", "model_id": "us.amazon.nova-lite-v1:0",
            "request": {"method": "POST", "path": "/model/us.amazon.nova-lite-v1:0/converse", "body": {
                "messages": [
                    {"role": "user", "content": [{"text": "Double 1."}]},
                    {"role": "assistant", "content": [call]},
                    {"role": "user", "content": [result]}
                ],
                "system": [{"text": "Be brief."}],
                "toolConfig": {"tools": [{"toolSpec": spec}]}
            }},
            "response": {"status": 200, "body": {
                "output": {"message": {"role": "assistant", "content": [{"text": "2"}]}}, "stopReason": "end_turn",
                "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 3}
            }}
        }))
        .unwrap();
        let raw_response = String::new();
        Exchange::of("0.json", &Case { recording, raw_response }).unwrap().unwrap()
    }

    /// What the loop is found to do otherwise than `recorded` says.
    async fn found(played: &Exchange, change: impl FnOnce(&mut Plan)) -> Vec<String> {
        let starts = history::starts(&played.request).unwrap();
        let mut plan = Plan::new(played, &starts, &[]).unwrap();
        change(&mut plan);
        replay::replay(played, plan, &starts).await.unwrap()
    }

    #[tokio::test]
    async fn a_loop_that_does_otherwise_is_found_out() {
        let recorded = exchange();
        assert_eq!(found(&recorded, |_| {}).await, Vec::<String>::new());

        let changed = |plan: &mut Plan| {
            let call = recorded.request.messages[1].tool_uses().next().unwrap().clone();
            plan.calls = vec![tools::RecordedCall::new(call, ToolResultBlock::text("t1", "3"))];
        };
        let reasons = found(&recorded, changed).await;
        assert_eq!(
            reasons,
            [
                r#"request 2 of the loop: $.messages[2].content[0].toolResult.content[0].text: expected "2", got "3""#
            ]
        );

        let mut told = recorded.clone();
        told.request.system = None;
        let reasons = found(&told, |_| {}).await;
        assert_eq!(reasons.len(), 2, "{reasons:?}");
        assert!(reasons[0].starts_with("request 1 of the loop: $.system"), "{reasons:?}");

        let answered = found(&recorded, |plan| plan.replies[1] = bedrock_llm_local::Reply::text("4")).await;
        assert_eq!(answered, [r#"the loop's last answer: $[0].content[0].text: expected "2", got "4""#]);

        let silent = found(&recorded, |plan| plan.calls.clear()).await;
        assert!(silent[0].contains("$.messages[2]"), "{silent:?}");
    }
}
