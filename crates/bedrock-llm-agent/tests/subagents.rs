//! Agents as tools of agents.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::{Arc, OnceLock};

use bedrock_llm_agent::run::{AgentStop, ToolCallState};
use bedrock_llm_agent::{Agent, Context, Data, Tool, ToolError, ToolOutput, ToolResult, tool_fn};
use bedrock_llm_client::Client;
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::model::Cost;
use bedrock_llm_schema::{ToolSpec, ToolUseBlock, Usage};
use common::{NOVA, SONNET, add, add_call, calls, client};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

async fn connect(local: &LocalBedrock) -> Client {
    client(&local.endpoint()).build().await.unwrap()
}

fn research(id: &str, task: &str) -> Reply {
    calls(&[(id, "research", json!({"task": task}))])
}

#[tokio::test]
async fn its_answer_is_the_tools_and_its_use_is_counted() {
    let local = LocalBedrock::builder()
        .reply(research("t1", "What is 1 + 2?").model(NOVA))
        .reply(calls(&[add_call("t1", 1, 2)]).model(SONNET))
        .reply(Reply::text("It is 3.").usage(Usage::new(100, 10)).model(SONNET))
        .reply(Reply::text("Three.").usage(Usage::new(20, 4)).model(NOVA))
        .start()
        .await
        .unwrap();
    let client = connect(&local).await;
    let helper = Agent::builder(client.clone()).model(SONNET).tool(add()).build().unwrap();
    let agent = Agent::builder(client.clone())
        .model(NOVA)
        .tool(helper.as_tool("research", "Finds facts."))
        .build()
        .unwrap();
    let response = agent.run("1 + 2?").await.unwrap();
    assert_eq!((response.text().as_str(), response.iterations), ("Three.", 2));
    // 10 + 5 for its call, 100 + 10 for its answer
    assert_eq!((response.usage.total(), response.used_by_tools.usage.total()), (39, 125));
    assert_eq!((response.used_by_tools.answers, response.total_usage().total()), (2, 164));
    let call = &response.tool_calls[0];
    assert_eq!((call.state(), call.used()), (ToolCallState::Complete, &response.used_by_tools));
    let price = |model: &str, usage: Usage| client.profile(&model.into()).prices.cost(&usage, None).unwrap();
    let by_tools = price(SONNET, Usage::new(110, 15));
    assert_eq!(response.used_by_tools.cost, Some(by_tools));
    assert_eq!(response.cost, Some(by_tools + price(NOVA, Usage::new(30, 9))));

    let asked = local.received();
    assert_eq!(asked[1].chat().unwrap().messages[0].text(), "What is 1 + 2?");
    assert!(serde_json::to_string(&asked[3].json).unwrap().contains("It is 3."));
    local.assert_done();
}

#[tokio::test]
async fn what_it_uses_counts_against_the_budget() {
    let script = || {
        LocalBedrock::builder()
            .reply(research("t1", "Much.").model(NOVA))
            .reply(Reply::text("Much.").usage(Usage::new(5_000, 10)).model(SONNET))
            .reply(Reply::text("done").model(NOVA))
    };
    for (tokens, cost, stop) in [
        (Some(1_000), None, AgentStop::Budget(bedrock_llm_agent::run::Spent::Tokens)),
        (None, "0.001".parse::<Cost>().ok(), AgentStop::Budget(bedrock_llm_agent::run::Spent::Cost)),
        (Some(10_000), None, AgentStop::EndTurn),
    ] {
        let local = script().start().await.unwrap();
        let client = connect(&local).await;
        let helper = Agent::builder(client.clone()).model(SONNET).build().unwrap();
        let mut agent = Agent::builder(client).model(NOVA).tool(helper.as_tool("research", "Finds facts."));
        if let Some(tokens) = tokens {
            agent = agent.max_tokens_used(tokens);
        }
        if let Some(cost) = cost {
            agent = agent.max_cost(cost);
        }
        assert_eq!(agent.build().unwrap().run("Go.").await.unwrap().stop, stop);
    }
}

/// A tool that calls an agent which has this tool.
struct Again(Arc<OnceLock<Agent>>);

impl Tool for Again {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("research", "Asks again.", json!({"type": "object"}))
    }

    async fn call(&self, arguments: Value, context: Context) -> Result<ToolOutput, ToolError> {
        let agent = self.0.get().ok_or_else(|| ToolError::permanent("not yet"))?;
        agent.as_tool("research", "Asks again.").call(arguments, context).await
    }
}

#[tokio::test]
async fn agents_that_call_each_other_come_to_an_end() {
    for (depth, asked) in [(0, 2), (2, 6)] {
        // whoever has a result gives it back, all others ask again
        let local = LocalBedrock::builder()
            .reply(
                Reply::text("That is all.")
                    .when(|request| request.chat().is_some_and(|chat| chat.messages.len() > 1))
                    .forever(),
            )
            .reply(research("t1", "Again.").forever())
            .start()
            .await
            .unwrap();
        let client = connect(&local).await;
        let place = Arc::new(OnceLock::new());
        let agent = Agent::builder(client).model(NOVA).max_depth(depth).tool(Again(Arc::clone(&place)));
        let agent = agent.build().unwrap();
        place.set(agent.clone()).unwrap();
        let response = agent.run("Go.").await.unwrap();
        assert_eq!(response.text(), "That is all.");
        assert_eq!(local.received().len(), asked);
        assert_eq!(response.used_by_tools.answers as usize, asked - 2);
        let deepest = local
            .received()
            .into_iter()
            .filter(|request| request.json.to_string().contains("as deep as they may"))
            .count();
        assert_eq!(deepest, 1);
    }
}

struct Tenant(&'static str);

#[tokio::test]
async fn data_goes_through_and_arguments_may_have_a_type() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Question {
        topic: String,
        depth: u8,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Nothing {}
    let whose = tool_fn("whose", "Tells whose it is.", |_: Nothing, context: Context| async move {
        ToolResult::Ok(context.data::<Tenant>().map_or("nobody", |tenant| tenant.0))
    });
    let local = LocalBedrock::builder()
        .reply(calls(&[("t1", "research", json!({"topic": "bees"}))]))
        .reply(calls(&[("t2", "research", json!({"topic": "bees", "depth": 3}))]))
        .reply(calls(&[("t1", "whose", json!({}))]))
        .reply(Reply::text("Ann's."))
        .reply(Reply::text("They are Ann's."))
        .start()
        .await
        .unwrap();
    let client = connect(&local).await;
    let helper = Agent::builder(client.clone()).model(NOVA).tool(whose).build().unwrap();
    let helper = helper
        .as_tool("research", "Finds facts.")
        .taking(|question: Question| format!("{} down to {}", question.topic, question.depth));
    let agent = Agent::builder(client).model(NOVA).tool(helper).build().unwrap();
    let response = agent.with_data(Data::new().with(Tenant("Ann"))).run("Whose are the bees?").await.unwrap();
    assert_eq!(response.text(), "They are Ann's.");
    assert_eq!(response.tool_calls[0].failure(), Some("bad_arguments"));
    let asked = local.received();
    assert_eq!(asked[2].chat().unwrap().messages[0].text(), "bees down to 3");
    assert!(asked[3].json.to_string().contains("\"Ann\""));
    local.assert_done();
}

#[tokio::test]
async fn why_it_has_no_answer_is_told() {
    let local = LocalBedrock::builder()
        .reply(research("t1", "Go.").model(NOVA))
        .reply(calls(&[add_call("t1", 1, 2)]).model(SONNET))
        .reply(research("t2", "Go.").model(NOVA))
        .reply(Reply::exception("AccessDeniedException").model(SONNET))
        .reply(Reply::text("I cannot.").model(NOVA))
        .start()
        .await
        .unwrap();
    let client = connect(&local).await;
    let helper = Agent::builder(client.clone()).model(SONNET).tool(add()).max_iterations(1).build().unwrap();
    let tool = helper.as_tool("research", "Finds facts.");
    let agent = Agent::builder(client).model(NOVA).tool(tool).build().unwrap();
    let response = agent.run("Go.").await.unwrap();
    let told: Vec<String> = response
        .tool_calls
        .iter()
        .map(|call| serde_json::to_string(&call.result().unwrap().content).unwrap())
        .collect();
    assert!(told[0].contains("did not come to an end (too many steps)"), "{told:?}");
    assert!(told[1].contains("failed: ") && told[1].contains("denied"), "{told:?}");
    assert_eq!(response.text(), "I cannot.");
    local.assert_done();
}

#[tokio::test]
async fn it_is_cancelled_with_the_call_and_what_it_used_is_kept() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Nothing {}
    let token = CancellationToken::new();
    let cancel = token.clone();
    // cancels the whole while the inner agent works
    let stop = tool_fn("stop", "Stops.", move |_: Nothing, _| {
        cancel.cancel();
        async { std::future::pending::<ToolResult<()>>().await }
    });
    let local = LocalBedrock::builder()
        .reply(research("t1", "Go."))
        .reply(calls(&[("t1", "stop", json!({}))]))
        .start()
        .await
        .unwrap();
    let client = connect(&local).await;
    let helper = Agent::builder(client.clone()).model(NOVA).tool(stop).build().unwrap();
    let tool = helper.as_tool("research", "Finds facts.");
    let agent = Agent::builder(client).model(NOVA).tool(tool).build().unwrap().with_cancellation(token);
    let response = agent.run("Go.").await.unwrap();
    assert_eq!(response.stop, AgentStop::Cancelled);
    assert_eq!(response.tool_calls[0].state(), ToolCallState::Cancelled);
    assert_eq!(response.used_by_tools.usage.total(), 15);
    local.assert_done();
}

#[tokio::test]
async fn in_a_session_it_remembers_the_calls_before() {
    let local = LocalBedrock::builder()
        .reply(Reply::content([
            ToolUseBlock::new("t1", "research", json!({"task": "first"})),
            ToolUseBlock::new("t2", "research", json!({"task": "second"})),
        ]))
        .reply(Reply::text("one"))
        .reply(Reply::text("two"))
        .reply(Reply::text("done"))
        .start()
        .await
        .unwrap();
    let client = connect(&local).await;
    let helper = Agent::builder(client.clone()).model(NOVA).build().unwrap().session("helper");
    let tool = helper.as_tool("research", "Finds facts.");
    assert_eq!((tool.policy().max_concurrency, tool.policy().is_idempotent), (Some(1), false));
    let agent = Agent::builder(client).model(NOVA).tool(tool).build().unwrap();
    let response = agent.run("Go.").await.unwrap();
    assert!(response.tool_calls.iter().all(|call| call.state() == ToolCallState::Complete));
    let session = helper.store().load("helper").await.unwrap().unwrap();
    assert_eq!(session.conversation.messages().len(), 4);
    local.assert_done();
}
