//! Hooks and approvals.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bedrock_llm_agent::agent::{Approval, Hook, ModelVerdict, Resume, ToolVerdict};
use bedrock_llm_agent::run::{AgentStop, Run, ToolCall, ToolCallState};
use bedrock_llm_agent::{ToolOutput, ToolResult, tool_fn};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::{ChatRequest, ChatResponse, ContentBlock, ToolResultBlock};
use serde_json::json;

use super::events;
use crate::common::{Pair, add, add_call, calls, counting, start};

type Verdict = dyn Fn(&ToolCall) -> ToolVerdict + Send + Sync;

/// Says of calls what the test says.
struct Judge(Box<Verdict>);

impl Judge {
    fn new(judge: impl Fn(&ToolCall) -> ToolVerdict + Send + Sync + 'static) -> Self {
        Self(Box::new(judge))
    }
}

impl Hook for Judge {
    async fn before_tool(&self, call: &ToolCall, _run: &Run) -> ToolVerdict {
        (self.0)(call)
    }
}

#[tokio::test]
async fn hooks_change_deny_answer_and_see_what_came() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[add_call("t1", 1, 2), add_call("t2", 3, 4), add_call("t3", 5, 6)]))
            .reply(Reply::text("Done.")),
    )
    .await;
    struct Stamp;
    impl Hook for Stamp {
        async fn after_tool(&self, call: &ToolCall, result: &mut ToolResultBlock, _run: &Run) {
            assert_eq!(call.state(), ToolCallState::Running);
            result.content.push(json!({"stamped": call.id()}).into());
        }
    }
    let agent = agent
        .tool(add())
        .hook(Judge::new(|call| match call.id() {
            "t1" => ToolVerdict::RunWith(json!({"a": 10, "b": 20})),
            "t2" => ToolVerdict::Deny("no sums of 3".to_owned()),
            _ => ToolVerdict::Answer(ToolOutput::text("eleven")),
        }))
        .hook(Stamp)
        .build()
        .unwrap();
    let response = agent.run("Add.").await.unwrap();
    let states: Vec<_> = response.tool_calls.iter().map(|call| call.state().as_str()).collect();
    assert_eq!(states, ["complete", "denied", "complete"]);
    let asked = local.received()[1].chat().unwrap();
    let results: Vec<_> = asked.messages[2].tool_results().map(|result| json!(result.content)).collect();
    assert_eq!(results[0], json!([{"json": {"result": 30}}, {"json": {"stamped": "t1"}}]));
    assert_eq!(results[1], json!([{"text": "denied: no sums of 3"}]));
    assert_eq!(results[2], json!([{"text": "eleven"}, {"json": {"stamped": "t3"}}]));
    assert_eq!(asked.messages[1].tool_uses().next().unwrap().input, json!({"a": 1, "b": 2}));
}

#[tokio::test]
async fn hooks_change_requests_and_answers_and_stop_runs() {
    struct Around(Arc<Mutex<usize>>);
    impl Hook for Around {
        async fn before_model(&self, request: &mut ChatRequest, run: &Run) -> ModelVerdict {
            request.request_metadata.get_or_insert_default().insert("round".to_owned(), "1".to_owned());
            *self.0.lock().unwrap() += 1;
            match run.progress().iterations() {
                1 => ModelVerdict::Stop("enough".to_owned()),
                _ => ModelVerdict::Go,
            }
        }

        async fn after_model(&self, response: &mut ChatResponse, _run: &Run) -> ModelVerdict {
            response.message.content.insert(0, ContentBlock::from("[checked] "));
            ModelVerdict::Go
        }
    }
    let (local, agent) = start(LocalBedrock::builder().reply(Reply::text("Hm.").with(add_use()))).await;
    let asked = Arc::new(Mutex::new(0));
    let agent = agent.tool(add()).hook(Around(Arc::clone(&asked))).build().unwrap();
    let response = agent.run("Add.").await.unwrap();
    assert_eq!(response.stop, AgentStop::Hook("enough".to_owned()));
    assert_eq!((*asked.lock().unwrap(), response.iterations), (2, 1));
    assert_eq!(response.message.text(), "[checked] Hm.");
    assert!(local.received()[0].chat().unwrap().request_metadata.unwrap().contains_key("round"));
}

fn add_use() -> ContentBlock {
    bedrock_llm_schema::ToolUseBlock::new("t1", "add", json!({"a": 1, "b": 2})).into()
}

#[tokio::test]
async fn a_stop_after_the_answer_cancels_its_calls() {
    struct Stop;
    impl Hook for Stop {
        async fn after_model(&self, _response: &mut ChatResponse, _run: &Run) -> ModelVerdict {
            ModelVerdict::Stop("seen".to_owned())
        }
    }
    let (_local, agent) = start(LocalBedrock::builder().reply(calls(&[("t1", "count", json!({}))]))).await;
    let (tool, count) = counting("count");
    let agent = agent.tool(tool).hook(Stop).build().unwrap();
    let (events, response) = events(&agent, "Count.").await;
    assert_eq!(events, ["iteration 1", "requested t1", "cancelled t1", r#"done Hook("seen")"#]);
    assert_eq!(count.load(Ordering::SeqCst), 0);
    response.run.into_conversation().push("Go on.").unwrap();
}

/// Asks a human about sums from 10 on.
fn careful() -> Judge {
    Judge::new(|call| match call.input()["a"].as_i64() {
        Some(10..) => ToolVerdict::Ask(format!("Add {}?", call.input()["a"])),
        _ => ToolVerdict::Run,
    })
}

#[tokio::test]
async fn a_human_is_asked_at_once_where_one_is_there() {
    let (_local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[add_call("t1", 10, 2), add_call("t2", 20, 4), add_call("t3", 30, 1)]))
            .reply(Reply::text("Done.")),
    )
    .await;
    let agent = agent
        .tool(add())
        .hook(careful())
        .approve_with(|call| async move {
            match call.question() {
                Some("Add 10?") => Approval::Allow,
                Some("Add 20?") => Approval::AllowWith(json!({"a": 0, "b": 0})),
                _ => Approval::Deny("too much".to_owned()),
            }
        })
        .build()
        .unwrap();
    let (events, response) = events(&agent, "Add.").await;
    assert_eq!(
        events,
        [
            "iteration 1",
            "requested t1",
            "requested t2",
            "requested t3",
            "ask t1",
            "ask t2",
            "ask t3",
            "denied t3",
            "started t1",
            "started t2",
            "complete t1",
            "complete t2",
            "iteration 2",
            "done EndTurn"
        ]
    );
    let results: Vec<_> =
        response.tool_calls.iter().map(|call| json!(call.result().unwrap().content)).collect();
    assert_eq!(results[..2], [json!([{"json": {"result": 12}}]), json!([{"json": {"result": 0}}])]);
}

#[tokio::test]
async fn what_a_human_allows_another_hook_may_still_deny() {
    let (_local, agent) =
        start(LocalBedrock::builder().reply(calls(&[add_call("t1", 10, 2)])).reply(Reply::text("Done.")))
            .await;
    let agent = agent
        .tool(add())
        .hook(careful())
        .hook(Judge::new(|call| match call.input()["b"].as_i64() {
            Some(99) => ToolVerdict::Deny("never 99".to_owned()),
            _ => ToolVerdict::Run,
        }))
        .approve_with(|_| async { Approval::AllowWith(json!({"a": 10, "b": 99})) })
        .build()
        .unwrap();
    let response = agent.run("Add.").await.unwrap();
    assert_eq!(response.tool_calls[0].state(), ToolCallState::Denied);
}

#[tokio::test]
async fn without_one_the_run_is_suspended_and_goes_on_elsewhere() {
    let script = LocalBedrock::builder()
        .reply(calls(&[add_call("t1", 10, 2), add_call("t2", 1, 1)]))
        .reply(Reply::text("12 and 2."));
    let (local, agent) = start(script).await;
    let build = || async {
        let client = crate::common::client(&local.endpoint()).build().await.unwrap();
        bedrock_llm_agent::Agent::builder(client)
            .model(crate::common::NOVA)
            .tool(add())
            .hook(careful())
            .build()
            .unwrap()
    };
    let agent = agent.tool(add()).hook(careful()).build().unwrap();
    let response = agent.run("Add.").await.unwrap();
    assert_eq!(response.stop, AgentStop::Suspended);
    let waiting: Vec<_> = response.approvals().map(|call| (call.id(), call.question())).collect();
    assert_eq!(waiting, [("t1", Some("Add 10?"))]);
    assert_eq!(response.tool_calls[1].state(), ToolCallState::Complete, "the other has run");
    drop(agent);

    // kept as text, gone on with by another agent
    let kept = serde_json::to_string(&response.run).unwrap();
    let other = build().await;
    let run: Run = serde_json::from_str(&kept).unwrap();
    let still = other.run(Resume::run(run.clone())).await.unwrap();
    assert_eq!(still.stop, AgentStop::Suspended, "nobody has said a word");
    let response = other.run(Resume::run(run).allow("t1")).await.unwrap();
    assert_eq!((response.text().as_str(), response.iterations), ("12 and 2.", 2));
    let results = local.received()[1].chat().unwrap().messages[2].tool_results().count();
    assert_eq!(results, 2);
    local.assert_done();
}

#[tokio::test]
async fn a_word_on_a_call_that_is_not_there_is_an_error_that_keeps_the_run() {
    let (_local, agent) = start(LocalBedrock::builder().reply(calls(&[add_call("t1", 10, 2)]))).await;
    let agent = agent.tool(add()).hook(careful()).build().unwrap();
    let run = agent.run("Add.").await.unwrap().run;
    let error = agent.run(Resume::run(run.clone()).allow("t9")).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no tool call t9 in this round");
    assert_eq!(error.into_run(), Some(run));
}

#[tokio::test]
async fn a_tool_gets_the_arguments_a_hook_gave() {
    let (_local, agent) =
        start(LocalBedrock::builder().reply(calls(&[add_call("t1", 1, 2)])).reply(Reply::text("Done.")))
            .await;
    let seen = Arc::new(Mutex::new(None));
    let sink = Arc::clone(&seen);
    let tool = tool_fn("add", "Adds.", move |pair: Pair, _| {
        *sink.lock().unwrap() = Some((pair.a, pair.b));
        async { ToolResult::Ok("ok") }
    });
    let bad = Judge::new(|_| ToolVerdict::RunWith(json!({"a": 7, "b": "x"})));
    let agent = agent.tool(tool).hook(bad).build().unwrap();
    let response = agent.run("Add.").await.unwrap();
    assert_eq!(response.tool_calls[0].failure(), Some("bad_arguments"), "a hook's arguments are checked too");
    assert_eq!(*seen.lock().unwrap(), None);
}
