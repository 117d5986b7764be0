//! The agent without an async runtime.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_agent::agent::{AgentErrorKind, BlockingAgent};
use bedrock_llm_agent::{Agent, AgentEvent};
use bedrock_llm_local::{Builder, LocalBedrock, Reply};
use bedrock_llm_schema::ErrorKind;
use common::{NOVA, add, add_call, calls, client, told};
use serde_json::json;

/// An endpoint in a runtime of its own, and an agent on it.
fn start(script: Builder) -> (tokio::runtime::Runtime, LocalBedrock, BlockingAgent) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let local = runtime.block_on(script.start()).unwrap();
    let client = client(&local.endpoint()).build_blocking().unwrap();
    let agent = Agent::builder(client.get_ref().clone()).model(NOVA).tool(add()).build().unwrap();
    (runtime, local, BlockingAgent::new(client, agent))
}

#[derive(Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
struct Sum {
    total: i64,
}

#[test]
fn it_runs_streams_and_gives_values() {
    let (_runtime, local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[add_call("t1", 1, 2)]))
            .reply(Reply::text("3."))
            .reply(calls(&[add_call("t1", 1, 2)]))
            .reply(Reply::text("3."))
            .reply(calls(&[("t1", "answer_Sum", json!({"total": 3}))])),
    );
    let agent = agent.session("sums");
    assert_eq!(agent.run("1 + 2?").unwrap().text(), "3.");
    let mut events: Vec<String> = Vec::new();
    let mut text = String::new();
    for event in agent.stream("1 + 2?") {
        match event.unwrap() {
            AgentEvent::Text(piece) => text.push_str(&piece),
            event => events.push(told(&event)),
        }
    }
    assert_eq!(text, "3.");
    let expected =
        ["iteration 1", "requested t1", "started t1", "complete t1", "iteration 2", "done EndTurn"];
    assert_eq!(events, expected);
    assert_eq!(agent.run_typed::<Sum>("As a number?").unwrap().value, Sum { total: 3 });
    assert_eq!(local.received().last().unwrap().chat().unwrap().messages.len(), 9);
    local.assert_done();
}

#[test]
fn a_stream_that_is_dropped_asks_no_further() {
    let (_runtime, local, agent) =
        start(LocalBedrock::builder().reply(calls(&[add_call("t1", 1, 2)])).reply(Reply::text("3.")));
    let mut stream = agent.stream("1 + 2?");
    assert!(matches!(stream.next(), Some(Ok(AgentEvent::Iteration(1)))));
    drop(stream);
    assert!(local.received().len() <= 1);
}

#[test]
fn inside_a_runtime_it_is_an_error_that_says_so() {
    let (_runtime, local, agent) = start(LocalBedrock::builder());
    let is_told = |kind: &AgentErrorKind| {
        matches!(kind, AgentErrorKind::Model(error) if *error.kind() == ErrorKind::Config
            && error.to_string().contains("inside an async runtime"))
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        assert!(is_told(agent.run("Hi").unwrap_err().kind()));
        assert!(is_told(agent.run_typed::<Sum>("Hi").unwrap_err().kind()));
        let mut stream = agent.stream("Hi");
        assert!(is_told(stream.next().unwrap().unwrap_err().kind()));
        assert!(stream.next().is_none());
    });
    assert_eq!(local.received().len(), 0);
}
