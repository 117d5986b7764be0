//! What goes wrong in the middle of a loop.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bedrock_llm_agent::agent::{AgentErrorKind, Resume};
use bedrock_llm_agent::run::ToolCallState;
use bedrock_llm_agent::store::{StateStore as _, StoreError};
use bedrock_llm_agent::{ToolResult, tool_fn};
use bedrock_llm_local::{Exception, LocalBedrock, Reply};
use bedrock_llm_schema::{Role, StopReason, StreamEvent, Usage};
use serde_json::json;

use super::events;
use super::shaky::Shaky;
use crate::common::{add, add_call, calls, start};

#[tokio::test]
async fn throttling_in_the_middle_loses_nothing() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[add_call("t1", 1, 2)]))
            .reply(Reply::exception(Exception::new("ThrottlingException")))
            .reply(Reply::text("3.")),
    )
    .await;
    let agent = agent.tool(add()).build().unwrap();
    let error = agent.run("Add.").await.unwrap_err();
    let AgentErrorKind::Model(cause) = error.kind() else { panic!("{error:?}") };
    assert!(cause.is_throttled() && error.partial().is_none());
    let run = error.into_run().unwrap();
    assert_eq!(run.conversation().messages().len(), 3);
    let response = agent.run(Resume::run(run)).await.unwrap();
    assert_eq!(response.text(), "3.");
    assert_eq!(local.received()[2].chat().unwrap().messages, local.received()[1].chat().unwrap().messages);
}

#[tokio::test]
async fn a_stream_cut_in_a_tools_input_leaves_the_history_as_it_was() {
    let (_local, agent) = start(
        LocalBedrock::builder()
            .reply(
                Reply::text("Let me add.")
                    .with(bedrock_llm_schema::ToolUseBlock::new("t1", "add", json!({"a": 1, "b": 2})))
                    .cut_after(7),
            )
            .reply(calls(&[add_call("t1", 1, 2)]))
            .reply(Reply::text("3.")),
    )
    .await;
    let agent = agent.tool(add()).build().unwrap();
    let mut stream = agent.stream("Add.");
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(stream.next().await.is_none());
    assert!(error.partial().unwrap().text().starts_with("Let me"), "{:?}", error.partial());
    let run = error.into_run().unwrap();
    assert_eq!((run.conversation().messages().len(), run.calls().len()), (1, 0));
    assert_eq!(agent.run(Resume::run(run)).await.unwrap().text(), "3.");
}

#[tokio::test]
async fn a_tool_that_panics_is_told_to_the_model() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[("t1", "boom", json!({})), add_call("t2", 1, 2)]))
            .reply(Reply::text("Sorry.")),
    )
    .await;
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Anything {}
    let boom = tool_fn("boom", "Panics.", |_: Anything, _| async {
        if true {
            panic!("out of powder");
        }
        ToolResult::Ok("never")
    });
    let agent = agent.tool(boom).tool(add()).build().unwrap();
    let response = agent.run("Go.").await.unwrap();
    assert_eq!(response.tool_calls[0].failure(), Some("panicked"));
    assert_eq!(response.tool_calls[1].state(), ToolCallState::Complete);
    let asked = local.received()[1].chat().unwrap();
    let told = asked.messages[2].tool_results().next().unwrap().clone();
    assert_eq!(json!(told.content), json!([{"text": "panicked: out of powder"}]));
}

#[tokio::test]
async fn arguments_that_are_no_json_go_back_to_the_model() {
    let broken = || {
        Reply::events([
            StreamEvent::message_start(),
            StreamEvent::tool_use_start(0, "t1", "add"),
            StreamEvent::tool_input(0, r#"{"a": 1, "b": }"#),
            StreamEvent::block_stop(0),
            StreamEvent::message_stop(StopReason::ToolUse),
            StreamEvent::metadata(Usage::new(10, 5), 1),
        ])
    };
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(broken())
            .reply(calls(&[add_call("t2", 1, 2)]))
            .reply(Reply::text("3.")),
    )
    .await;
    let agent = agent.tool(add()).build().unwrap();
    let (events, response) = events(&agent, "Add.").await;
    assert_eq!(events[..4], ["iteration 1", "requested t1", "failed t1", "iteration 2"].map(str::to_owned));
    assert_eq!(response.text(), "3.");
    let asked = local.received()[1].chat().unwrap();
    let told = json!(asked.messages[2].tool_results().next().unwrap());
    assert_eq!(told["status"], json!("error"));
    assert!(told["content"][0]["text"].as_str().unwrap().contains(r#"{"a": 1, "b": }"#), "{told}");
}

#[tokio::test]
async fn tools_that_are_not_there_and_bad_arguments_are_told() {
    let (_local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[("t1", "sub", json!({})), ("t2", "add", json!({"a": 1}))]))
            .reply(Reply::text("Sorry.")),
    )
    .await;
    let agent = agent.tool(add()).build().unwrap();
    let response = agent.run("Go.").await.unwrap();
    let failures: Vec<_> = response.tool_calls.iter().map(|call| call.failure().unwrap()).collect();
    assert_eq!(failures, ["unknown", "bad_arguments"]);
}

#[tokio::test]
async fn a_store_that_is_down_fails_the_run_and_keeps_nothing_half() {
    let (_local, agent) = start(
        LocalBedrock::builder().reply(calls(&[("t1", "unplug", json!({}))])).reply(Reply::text("Back.")),
    )
    .await;
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Anything {}
    let store = Shaky::default();
    let is_down = Arc::clone(&store.is_down);
    let unplug = tool_fn("unplug", "Unplugs the store.", move |_: Anything, _| {
        let is_down = Arc::clone(&is_down);
        async move {
            is_down.store(true, Ordering::SeqCst);
            ToolResult::Ok("dark")
        }
    });
    let agent = agent.tool(unplug).store(store.clone()).session("s").build().unwrap();
    let error = agent.run("Go.").await.unwrap_err();
    assert!(matches!(error.kind(), AgentErrorKind::Store(StoreError::Unavailable { .. })), "{error:?}");
    assert_eq!(error.run().unwrap().conversation().messages().last().unwrap().role, Role::User);

    let refused = agent.run("Hello?").await.unwrap_err();
    assert!(refused.run().is_none(), "nothing is asked that cannot be kept");
    store.is_down.store(false, Ordering::SeqCst);
    let session = store.load("s").await.unwrap().unwrap();
    assert_eq!(session.calls[0].state(), ToolCallState::Running);
    assert_eq!(session.conversation.pending().count(), 1);
    let response = agent.run("Are you back?").await.unwrap();
    assert_eq!(response.text(), "Back.");
}
