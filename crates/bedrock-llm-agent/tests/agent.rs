//! The loop over a real socket.

mod common;

use bedrock_llm_agent::agent::AgentStream;
use bedrock_llm_agent::run::{AgentStop, ToolCallState};
use bedrock_llm_agent::{Agent, AgentResponse};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::Usage;
use common::{add, add_call, calls, start, told};

#[test]
fn auto_traits() {
    fn is_send<T: Send>(_: &T) {}
    fn futures(agent: &Agent) {
        is_send(&agent.run("Hi"));
    }
    fn is_all<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    fn is_stream<T: Send + Unpin + std::fmt::Debug + 'static>() {}
    is_all::<Agent>();
    is_all::<AgentResponse>();
    is_stream::<AgentStream>();
    let _ = futures;
}

#[tokio::test]
async fn tools_run_until_the_model_has_answered() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[add_call("t1", 1, 2), add_call("t2", 3, 4)]))
            .reply(Reply::text("3 and 7.").usage(Usage::new(20, 4))),
    )
    .await;
    let agent = agent.system("Be brief.").tool(add()).build().unwrap();
    let response = agent.run("What is 1 + 2, and 3 + 4?").await.unwrap();
    assert_eq!((response.text().as_str(), response.stop.clone()), ("3 and 7.", AgentStop::EndTurn));
    assert_eq!((response.iterations, response.usage.total()), (2, 39));
    let states: Vec<_> = response.tool_calls.iter().map(|call| (call.id(), call.state())).collect();
    assert_eq!(states, [("t1", ToolCallState::Complete), ("t2", ToolCallState::Complete)]);

    let asked = local.received();
    let second = asked[1].chat().unwrap();
    assert_eq!(second.messages.len(), 3);
    let results: Vec<_> =
        second.messages[2].tool_results().map(|result| result.tool_use_id.as_str()).collect();
    assert_eq!(results, ["t1", "t2"]);
    assert_eq!(second.system_text().as_deref(), Some("Be brief."));
    local.assert_done();
}

#[tokio::test]
async fn a_stream_says_what_happens() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(Reply::text("Let me see.").with(bedrock_llm_schema::ToolUseBlock::new(
                "t1",
                "add",
                serde_json::json!({"a": 1, "b": 2}),
            )))
            .reply(Reply::text("3.")),
    )
    .await;
    let agent = agent.tool(add()).build().unwrap();
    let mut stream = agent.stream("What is 1 + 2?");
    let mut events: Vec<String> = Vec::new();
    while let Some(event) = stream.next().await {
        let event = told(&event.unwrap());
        match (events.last_mut(), event.strip_prefix("text ")) {
            (Some(last), Some(more)) if last.starts_with("text ") => last.push_str(more),
            _ => events.push(event),
        }
    }
    assert_eq!(
        events,
        [
            "iteration 1",
            "text Let me see.",
            "requested t1",
            "started t1",
            "complete t1",
            "iteration 2",
            "text 3.",
            "done EndTurn"
        ]
    );
    local.assert_done();
}

#[tokio::test]
async fn a_session_goes_on_where_it_ended() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[add_call("t1", 1, 2)]))
            .reply(Reply::text("3."))
            .reply(Reply::text("I said 3.")),
    )
    .await;
    let agent = agent.tool(add()).build().unwrap().session("sums");
    agent.run("What is 1 + 2?").await.unwrap();
    let response = agent.run("What did you say?").await.unwrap();
    assert_eq!(response.text(), "I said 3.");
    assert_eq!(local.received()[2].chat().unwrap().messages.len(), 5);
    let session = agent.store().load("sums").await.unwrap().unwrap();
    assert_eq!(session.conversation.messages().len(), 6);
    assert!(session.progress.is_none());
    assert_eq!(&session.conversation, response.run.conversation());
}
