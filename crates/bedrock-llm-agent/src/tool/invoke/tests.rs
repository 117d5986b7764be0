//! Tests of calls, in time that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{Tool, ToolExt as _, ToolRetry, tool_fn, tool_fn_blocking};

#[derive(Deserialize, JsonSchema)]
struct City {
    city: String,
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

fn call(name: &str) -> ToolUseBlock {
    ToolUseBlock::new("call_1", name, json!({"city": "Paris"}))
}

fn registry(tools: impl IntoIterator<Item = ToolRegistry>) -> ToolRegistry {
    tools.into_iter().fold(ToolRegistry::new(), |mut all, one| {
        all.merge(&one).unwrap();
        all
    })
}

fn one(tool: impl Tool) -> ToolRegistry {
    ToolRegistry::new().with(tool).unwrap()
}

/// Fails so many times, then answers.
fn moody(name: &'static str, failures: usize) -> (impl Tool, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let tool = tool_fn(name, "Fails at first.", move |at: City, _| {
        let count = Arc::clone(&count);
        async move {
            match count.fetch_add(1, Ordering::Relaxed) {
                turn if turn < failures => Err(ToolError::failed("not now")),
                _ => Ok(format!("sun in {}", at.city)),
            }
        }
    });
    (tool, asked)
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_after_a_pause() {
    let (tool, asked) = moody("weather", 2);
    let tools = one(tool.retry(ToolRetry::attempts(3).base_delay(Duration::from_secs(1))));
    let invoked = tools.invoke(&call("weather"), &Context::new()).await;
    assert_eq!(invoked.result.unwrap(), ToolOutput::text("sun in Paris"));
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    let [invocation] = invoked.invocations.as_slice() else { panic!("{:?}", invoked.invocations) };
    assert_eq!((invocation.attempts, invocation.failure), (3, None));
    assert!(invocation.elapsed >= Duration::from_secs(3), "{invocation:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_idempotent_is_tried_once() {
    let (tool, asked) = moody("pay", 9);
    let tools = one(tool.retry(ToolRetry::attempts(3)).idempotent(false));
    let invoked = tools.invoke(&call("pay"), &Context::new()).await;
    assert_eq!(invoked.result.unwrap_err().to_string(), "failed: not now");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn bad_arguments_never_reach_the_tool() {
    let (tool, asked) = moody("weather", 0);
    let (other, other_asked) = moody("other", 0);
    let tools = registry([one(tool.or_else("other")), one(other)]);
    let bad = ToolUseBlock::new("call_1", "weather", json!({"city": 7}));
    let invoked = tools.invoke(&bad, &Context::new()).await;
    assert_eq!(invoked.invocations[0].attempts, 0);
    let result = invoked.into_result("call_1");
    assert_eq!(
        result,
        ToolResultBlock::error("call_1", "bad arguments: /city: value is not of type \"string\"")
    );
    assert_eq!((asked.load(Ordering::Relaxed), other_asked.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_fallback_answers_for_what_failed_for_good() {
    let slow = tool_fn("slow", "Never ends.", |_: City, _| std::future::pending::<Result<(), ToolError>>());
    let (other, _) = moody("other", 0);
    let tools = registry([one(slow.timeout(Duration::from_secs(2)).or_else("other")), one(other)]);
    tools.check().unwrap();
    let invoked = tools.invoke(&call("slow"), &Context::new()).await;
    assert_eq!(invoked.result.unwrap(), ToolOutput::text("sun in Paris"));
    let asked: Vec<_> = invoked.invocations.iter().map(|it| (it.tool.as_str(), it.failure)).collect();
    assert_eq!(asked, [("slow", Some("timed_out")), ("other", None)]);
    assert_eq!(invoked.invocations[0].elapsed, Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_fallbacks_ends() {
    let (a, _) = moody("a", 9);
    let (b, _) = moody("b", 9);
    let tools = registry([one(a.or_else("b")), one(b.or_else("a"))]);
    let invoked = tools.invoke(&call("a"), &Context::new()).await;
    assert_eq!(invoked.invocations.len(), 2);
    assert_eq!(invoked.result.unwrap_err().kind(), "failed");
}

#[tokio::test]
async fn panics_are_failures() {
    let tools = registry([
        one(tool_fn("early", "", |_: Nothing, _| {
            if true {
                panic!("before the future");
            }
            async { Ok::<_, ToolError>(()) }
        })),
        one(tool_fn("late", "", |_: Nothing, _| async {
            let number = 7;
            if number == 7 {
                panic!("at {number}");
            }
            Ok::<_, ToolError>(())
        })),
        one(tool_fn_blocking("sync", "", |_: Nothing, _| -> Result<(), ToolError> {
            std::panic::panic_any(3)
        })),
    ]);
    for (name, words) in [("early", "before the future"), ("late", "at 7"), ("sync", "without a word")] {
        let call = ToolUseBlock::new("call_1", name, json!({}));
        let error = tools.invoke(&call, &Context::new()).await.result.unwrap_err();
        assert_eq!(error.to_string(), format!("panicked: {words}"));
    }
}

#[tokio::test]
async fn sync_tools_run_off_the_workers() {
    let here = std::thread::current().id();
    let tool = tool_fn_blocking("where", "", move |_: Nothing, context: Context| {
        Ok::<_, ToolError>((std::thread::current().id() == here, context.tool_use_id().to_owned()))
    });
    let call = ToolUseBlock::new("call_9", "where", json!({}));
    let output = one(tool).invoke(&call, &Context::new()).await.result.unwrap();
    assert_eq!(output, ToolOutput::json(json!({"result": [false, "call_9"]})));
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_than_may() {
    let running = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&running);
    let tool = tool_fn("busy", "", move |_: Nothing, _| {
        let count = Arc::clone(&count);
        async move {
            let now = count.fetch_add(1, Ordering::SeqCst) + 1;
            sleep(Duration::from_secs(1)).await;
            count.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, ToolError>(now)
        }
    });
    let tools = one(tool.max_concurrency(2));
    let shared = tools.filtered(|_| true);
    let began = Instant::now();
    let call = ToolUseBlock::new("call_1", "busy", json!({}));
    let context = Context::new();
    let calls =
        (0..6).map(|turn| if turn % 2 == 0 { &tools } else { &shared }).map(|it| it.invoke(&call, &context));
    for invoked in futures_util::future::join_all(calls).await {
        let output = invoked.result.unwrap();
        assert!([1, 2].map(ToolOutput::json).contains(&output), "{output:?}");
    }
    assert_eq!(began.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_ends_at_once() {
    let slow = tool_fn("slow", "", |_: Nothing, _| std::future::pending::<Result<(), ToolError>>());
    let cancellation = CancellationToken::new();
    let context = Context::new().with_cancellation(cancellation.clone());
    let (tools, call) = (one(slow), ToolUseBlock::new("call_1", "slow", json!({})));
    let (invoked, ()) = tokio::join!(tools.invoke(&call, &context), async {
        sleep(Duration::from_secs(1)).await;
        cancellation.cancel();
    });
    assert_eq!(invoked.result.unwrap_err().kind(), "cancelled");
    let again = tools.invoke(&call, &context).await;
    assert_eq!(again.invocations[0].attempts, 0, "a cancelled run begins nothing");
}

#[tokio::test]
async fn an_unknown_tool_names_those_there_are() {
    let (tool, _) = moody("weather", 0);
    let error = one(tool).invoke(&call("wether"), &Context::new()).await.result.unwrap_err();
    assert_eq!(error.to_string(), "there is no tool named `wether`; there are: weather");
}
