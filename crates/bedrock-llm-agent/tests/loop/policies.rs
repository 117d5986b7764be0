//! Limits, choices, cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bedrock_llm_agent::agent::{Hook, ModelVerdict, ToolVerdict};
use bedrock_llm_agent::memory::{Memory, MemoryContext, MemoryUpdate};
use bedrock_llm_agent::run::{AgentStop, OnMaxTokens, Run, Spent, ToolCall, ToolCallState};
use bedrock_llm_agent::{AgentEvent, Context, ToolResult, tool_fn};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::{
    ChatRequest, ChatResponse, Conversation, Error, StopReason, StreamEvent, ToolChoice, ToolResultBlock,
    Usage,
};
use serde_json::json;
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

use super::events;
use crate::common::{add, add_call, calls, start};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Anything {}

#[tokio::test]
async fn tools_run_side_by_side_and_results_keep_the_models_order() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[("t1", "meet", json!({})), ("t2", "meet", json!({})), ("t3", "meet", json!({}))]))
            .reply(Reply::text("Met.")),
    )
    .await;
    // nobody gets on unless all three are there
    let barrier = Arc::new(Barrier::new(3));
    let tool = tool_fn("meet", "Waits for the others.", move |_: Anything, context: Context| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            ToolResult::Ok(context.tool_use_id().to_owned())
        }
    });
    let agent = agent.tool(tool).build().unwrap();
    agent.run("Meet.").await.unwrap();
    let asked = local.received()[1].chat().unwrap();
    let told: Vec<_> = asked.messages[2].tool_results().map(|result| json!(result.content)).collect();
    assert_eq!(told, [json!([{"text": "t1"}]), json!([{"text": "t2"}]), json!([{"text": "t3"}])]);
}

#[tokio::test]
async fn one_at_a_time_where_that_is_wanted() {
    let (_local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[("t1", "work", json!({})), ("t2", "work", json!({}))]))
            .reply(Reply::text("Done.")),
    )
    .await;
    let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, most) = (Arc::clone(&running), Arc::clone(&peak));
    let tool = tool_fn("work", "Works.", move |_: Anything, _| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::SeqCst);
            ToolResult::Ok("ok")
        }
    });
    let agent = agent.tool(tool).max_parallel_tools(1).build().unwrap();
    let (events, _) = events(&agent, "Work.").await;
    assert_eq!(peak.load(Ordering::SeqCst), 1);
    assert_eq!(events[3..7], ["started t1", "complete t1", "started t2", "complete t2"].map(str::to_owned));
}

#[tokio::test]
async fn what_a_memory_uses_counts_against_the_budget() {
    struct Costly;
    impl Memory for Costly {
        async fn prune(
            &self,
            _conversation: &mut Conversation,
            _context: &MemoryContext<'_>,
        ) -> Result<Vec<MemoryUpdate>, Error> {
            let mut update = MemoryUpdate::of("costly");
            (update.usage, update.cost) = (Some(Usage::new(900, 100)), "0.5".parse().ok());
            Ok(vec![update])
        }
    }
    let (local, agent) = start(LocalBedrock::builder()).await;
    let response = agent.memory(Costly).max_tokens_used(1000).build().unwrap().run("Hi").await.unwrap();
    assert_eq!(response.stop, AgentStop::Budget(Spent::Tokens));
    assert_eq!(response.cost, "0.5".parse().ok());
    assert_eq!(response.total_usage().total(), 1000);
    assert_eq!(local.received().len(), 0, "nothing more is asked");
    let (_local, agent) = start(LocalBedrock::builder()).await;
    let agent = agent.memory(Costly).max_cost("0.4".parse().unwrap()).build().unwrap();
    assert_eq!(agent.run("Hi").await.unwrap().stop, AgentStop::Budget(Spent::Cost));
}

/// A hook that never comes to an end, at one of its places.
struct Stuck(&'static str);

impl Stuck {
    async fn wait(&self, place: &str, token: &CancellationToken) {
        if self.0 == place {
            token.cancel();
            std::future::pending::<()>().await;
        }
    }
}

struct StuckAt(Stuck, CancellationToken);

impl Hook for StuckAt {
    async fn before_model(&self, _request: &mut ChatRequest, _run: &Run) -> ModelVerdict {
        self.0.wait("before model", &self.1).await;
        ModelVerdict::Go
    }

    async fn after_model(&self, _response: &mut ChatResponse, _run: &Run) -> ModelVerdict {
        self.0.wait("after model", &self.1).await;
        ModelVerdict::Go
    }

    async fn before_tool(&self, _call: &ToolCall, _run: &Run) -> ToolVerdict {
        self.0.wait("before tool", &self.1).await;
        ToolVerdict::Run
    }

    async fn after_tool(&self, _call: &ToolCall, _result: &mut ToolResultBlock, _run: &Run) {
        self.0.wait("after tool", &self.1).await;
    }
}

#[tokio::test]
async fn a_hook_that_hangs_can_be_cancelled_anywhere() {
    for (place, turns, state) in [
        ("before model", 1, None),
        ("after model", 3, Some(ToolCallState::Cancelled)),
        ("before tool", 3, Some(ToolCallState::Cancelled)),
        ("after tool", 3, Some(ToolCallState::Complete)),
    ] {
        let (_local, agent) = start(LocalBedrock::builder().reply(calls(&[add_call("t1", 1, 2)]))).await;
        let token = CancellationToken::new();
        let hook = StuckAt(Stuck(place), token.clone());
        let agent = agent.tool(add()).hook(hook).build().unwrap().with_cancellation(token);
        let response = agent.run("Add.").await.unwrap();
        assert_eq!(response.stop, AgentStop::Cancelled, "{place}");
        assert_eq!(response.run.conversation().messages().len(), turns, "{place}");
        assert_eq!(response.tool_calls.first().map(ToolCall::state), state, "{place}");
    }
}

#[tokio::test]
async fn a_tool_that_cannot_be_dropped_sees_that_nobody_waits() {
    let (_local, agent) = start(LocalBedrock::builder().reply(calls(&[("t1", "block", json!({}))]))).await;
    let (begun, ended) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (has_begun, has_ended) = (Arc::clone(&begun), Arc::clone(&ended));
    let tool = tool_fn("block", "Waits until nobody does.", move |_: Anything, context: Context| {
        let (begun, ended) = (Arc::clone(&has_begun), Arc::clone(&has_ended));
        tokio::spawn(async move {
            begun.wait().await;
            context.cancellation().cancelled().await;
            ended.wait().await;
        });
        std::future::pending::<ToolResult<String>>()
    });
    let agent = agent.tool(tool).build().unwrap();
    tokio::select! {
        _ = agent.run("Block.") => unreachable!("the tool never answers"),
        _ = begun.wait() => {}
    }
    ended.wait().await;
}

#[tokio::test]
async fn a_tool_choice_holds_for_the_first_answer_alone() {
    let (local, agent) =
        start(LocalBedrock::builder().reply(calls(&[add_call("t1", 1, 2)])).reply(Reply::text("3."))).await;
    let agent = agent.tool(add()).tool_choice(ToolChoice::any()).build().unwrap();
    agent.run("Add.").await.unwrap();
    let choices: Vec<_> =
        local.received().iter().map(|asked| asked.chat().unwrap().tool_config.unwrap().tool_choice).collect();
    assert_eq!(choices, [Some(ToolChoice::any()), None]);
}

#[tokio::test]
async fn a_stream_can_be_waited_for() {
    let (_local, agent) =
        start(LocalBedrock::builder().reply(Reply::text("Hi.")).reply(Reply::text("Hi."))).await;
    let agent = agent.build().unwrap();
    assert_eq!(agent.stream("Hi").collect().await.unwrap().text(), "Hi.");
    let mut stream = agent.stream("Hi");
    while stream.next().await.is_some() {}
    assert!(stream.next().await.is_none());
    assert!(stream.collect().await.unwrap_err().to_string().starts_with("collect: "));
}

#[tokio::test]
async fn a_tool_can_end_the_run() {
    let (local, agent) = start(LocalBedrock::builder().reply(calls(&[add_call("t1", 1, 2)]))).await;
    let agent = agent.tool(add()).stop_on("add").build().unwrap();
    let response = agent.run("Add.").await.unwrap();
    assert_eq!(response.stop, AgentStop::Tool("add".to_owned()));
    assert_eq!(response.run.conversation().messages().len(), 3, "its result is in the history");
    local.assert_done();
}

#[tokio::test]
async fn budgets_end_the_run() {
    let looping = || {
        LocalBedrock::builder().reply(calls(&[add_call("t1", 1, 2)]).usage(Usage::new(900, 100)).forever())
    };
    let (_local, agent) = start(looping()).await;
    let stop =
        agent.tool(add()).max_repeats(None).max_iterations(3).build().unwrap().run("Add.").await.unwrap();
    assert_eq!((stop.stop, stop.iterations), (AgentStop::MaxIterations, 3));
    let (_local, agent) = start(looping()).await;
    let stop = agent
        .tool(add())
        .max_repeats(None)
        .max_tokens_used(2_000)
        .build()
        .unwrap()
        .run("Add.")
        .await
        .unwrap();
    assert_eq!((stop.stop, stop.iterations), (AgentStop::Budget(Spent::Tokens), 2));
    let (_local, agent) = start(looping()).await;
    // 0.00006 for 1000 in, 0.00024 for 1000 out: 0.000078 an answer
    let cost = "0.0002".parse().unwrap();
    let stop = agent.tool(add()).max_repeats(None).max_cost(cost).build().unwrap().run("Add.").await.unwrap();
    assert_eq!((stop.stop, stop.iterations), (AgentStop::Budget(Spent::Cost), 3));
    assert_eq!(stop.run.progress().cost().unwrap().to_string(), "0.000234");
    let (_local, agent) = start(looping()).await;
    let stop = agent.tool(add()).build().unwrap().run("Add.").await.unwrap();
    assert_eq!((stop.stop, stop.iterations), (AgentStop::Loop("add".to_owned()), 5));
}

const HOUR: Duration = Duration::from_secs(3600);

/// An hour goes by. Over real sockets the clock cannot be stopped all the time.
async fn an_hour_goes_by() {
    tokio::time::pause();
    tokio::time::advance(HOUR).await;
}

#[tokio::test]
async fn time_that_is_over_gives_up_what_is_under_way() {
    let (_local, agent) = start(LocalBedrock::builder().reply(calls(&[("t1", "sleep", json!({}))]))).await;
    let tool = tool_fn("sleep", "Sleeps.", |_: Anything, _| async {
        an_hour_goes_by().await;
        std::future::pending::<()>().await;
        ToolResult::Ok("never")
    });
    let agent = agent.tool(tool).max_time(HOUR).build().unwrap();
    let (events, response) = events(&agent, "Sleep.").await;
    assert_eq!(response.stop, AgentStop::Budget(Spent::Time));
    assert_eq!(events[2..], ["started t1", "cancelled t1", "done Budget(Time)"].map(str::to_owned));
    response.run.into_conversation().push("And now?").unwrap();
}

#[tokio::test]
async fn a_model_that_takes_too_long_is_not_waited_for() {
    struct Late;
    impl Hook for Late {
        async fn before_model(&self, _request: &mut ChatRequest, _run: &Run) -> ModelVerdict {
            an_hour_goes_by().await;
            ModelVerdict::Go
        }
    }
    let (local, agent) = start(LocalBedrock::builder().reply(Reply::text("Late."))).await;
    let agent = agent.hook(Late).max_time(HOUR).build().unwrap();
    let response = agent.run("Hurry.").await.unwrap();
    assert_eq!((response.stop, response.iterations), (AgentStop::Budget(Spent::Time), 0));
    assert_eq!(local.received().len(), 0);
}

#[tokio::test]
async fn a_cancelled_run_keeps_what_was_read_and_can_go_on() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(Reply::text("Once upon a time there was a bear").stall_after(4))
            .reply(Reply::text("Who cares.")),
    )
    .await;
    let token = CancellationToken::new();
    let agent = agent.build().unwrap().session("tale");
    let mut stream = agent.with_cancellation(token.clone()).stream("Tell a tale.");
    let mut read = String::new();
    let response = loop {
        match stream.next().await.unwrap().unwrap() {
            AgentEvent::Text(text) => {
                read.push_str(&text);
                token.cancel();
            }
            AgentEvent::Done(response) => break response,
            _ => {}
        }
    };
    assert_eq!(response.stop, AgentStop::Cancelled);
    assert!(!read.is_empty() && response.text().starts_with(&read), "{read:?} {:?}", response.text());
    let next = agent.run("What of it?").await.unwrap();
    assert_eq!(next.text(), "Who cares.");
    let asked = local.received()[1].chat().unwrap();
    assert_eq!(asked.messages[1].text(), response.text());
    assert_eq!(asked.messages.len(), 3);
}

#[tokio::test]
async fn a_cancelled_tool_is_dropped_and_its_token_is_cancelled() {
    let (_local, agent) =
        start(LocalBedrock::builder().reply(calls(&[("t1", "wait", json!({})), add_call("t2", 1, 2)]))).await;
    let token = CancellationToken::new();
    let cancel = token.clone();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let tool = tool_fn("wait", "Waits.", move |_: Anything, context: Context| {
        let (cancel, count) = (cancel.clone(), Arc::clone(&count));
        async move {
            let own = context.cancellation().clone();
            tokio::spawn(async move {
                own.cancelled().await;
                count.fetch_add(1, Ordering::SeqCst);
            });
            cancel.cancel();
            std::future::pending::<()>().await;
            ToolResult::Ok("never")
        }
    });
    let agent = agent.tool(tool).tool(add()).build().unwrap().with_cancellation(token);
    let response = agent.run("Wait.").await.unwrap();
    assert_eq!(response.stop, AgentStop::Cancelled);
    assert_eq!(response.tool_calls[0].state(), ToolCallState::Cancelled);
    response.run.into_conversation().push("And now?").unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

/// An answer that `max_tokens` ends in the middle of a call's arguments.
fn cut_off(said: u64) -> Reply {
    Reply::events([
        StreamEvent::message_start(),
        StreamEvent::tool_use_start(0, "t1", "add"),
        StreamEvent::tool_input(0, r#"{"a": 1, "#),
        StreamEvent::block_stop(0),
        StreamEvent::message_stop(StopReason::MaxTokens),
        StreamEvent::metadata(Usage::new(10, said), 1),
    ])
}

#[tokio::test]
async fn an_answer_that_was_cut_off_is_asked_for_again_with_more_room() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(cut_off(100))
            .reply(calls(&[add_call("t1", 1, 2)]))
            .reply(Reply::text("3.")),
    )
    .await;
    let request = ChatRequest::new(crate::common::NOVA).max_tokens(100);
    let agent = agent.request(request).tool(add()).on_max_tokens(OnMaxTokens::Grow(2)).build().unwrap();
    let (_, response) = events(&agent, "Add.").await;
    assert_eq!((response.text().as_str(), response.iterations), ("3.", 3));
    let asked: Vec<_> = local.received().iter().map(|asked| asked.chat().unwrap()).collect();
    let most: Vec<_> =
        asked.iter().map(|asked| asked.inference_config.as_ref().unwrap().max_tokens).collect();
    assert_eq!(most, [Some(100), Some(200), Some(200)]);
    assert_eq!(asked[1].messages, asked[0].messages);
}

#[tokio::test]
async fn an_agent_that_cannot_be_is_not_built() {
    let (_local, agent) = start(LocalBedrock::builder()).await;
    let error = agent.model("").build().unwrap_err().to_string();
    assert!(error.starts_with("model: "), "{error}");
    let (_local, agent) = start(LocalBedrock::builder()).await;
    let error = agent.stop_on("sub").build().unwrap_err().to_string();
    assert_eq!(error, "stop_on: there is no tool named `sub`");
    let (_local, agent) = start(LocalBedrock::builder()).await;
    let error = agent.tool(add()).tool(add()).build().unwrap_err().to_string();
    assert!(error.contains("`add`"), "{error}");
    let (_local, agent) = start(LocalBedrock::builder()).await;
    let error = agent.model("amazon.titan-text-express-v1").tool(add()).build().unwrap_err().to_string();
    assert!(error.starts_with("tools: ") && error.contains("titan"), "{error}");
    let (_local, agent) = start(LocalBedrock::builder()).await;
    let cost = "1".parse().unwrap();
    let error = agent.model("vendor.unknown-v1").max_cost(cost).build().unwrap_err().to_string();
    assert!(error.starts_with("max_cost: "), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_is_told_in_one_piece() {
    let script = LocalBedrock::builder().reply(Reply::text("All of it, in one piece."));
    let (local, agent) = start(script).await;
    let mut stream = agent.streaming(false).build().unwrap().stream("Hi.");
    let mut texts = Vec::new();
    while let Some(event) = stream.next().await {
        if let AgentEvent::Text(text) = event.unwrap() {
            texts.push(text);
        }
    }
    assert_eq!(texts, ["All of it, in one piece."]);
    assert!(local.received()[0].path.ends_with("/converse"), "{}", local.received()[0].path);
}
