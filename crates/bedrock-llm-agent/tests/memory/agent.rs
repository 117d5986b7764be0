//! Memories in an agent's loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bedrock_llm_agent::agent::AgentErrorKind;
use bedrock_llm_agent::memory::{OnFailure, Strategy as _, TokenBudget, Window};
use bedrock_llm_agent::run::AgentStop;
use bedrock_llm_agent::{Agent, ToolResult, tool_fn};
use bedrock_llm_local::{Exception, LocalBedrock, Reply};
use bedrock_llm_schema::conversation::Measure;
use bedrock_llm_schema::{Catalog, Conversation};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::common::{NOVA, SMALL, builder, start, talk, units};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Anything {}

#[tokio::test]
async fn a_session_stays_short_and_is_summed_up() {
    let script = LocalBedrock::builder()
        .reply(Reply::text("They talked.").model(SMALL).forever())
        .reply(Reply::text("Well.").model(NOVA).forever());
    let (local, client) = start(script).await;
    let memory = Window::new(2).keep_first(1).summarize(SMALL);
    let agent = Agent::builder(client).model(NOVA).memory(memory).build().unwrap().session("s");
    let mut summaries = 0;
    for number in 0..9 {
        let response = agent.run(format!("{number} ask")).await.unwrap();
        summaries += response.memory_updates.iter().filter(|update| update.summarized > 0).count();
    }
    let asked: Vec<_> = local.received().into_iter().filter(|request| request.model_id == NOVA).collect();
    let sent = |number: usize| Conversation::try_from(asked[number].chat().unwrap().messages).unwrap();
    assert_eq!((asked.len(), summaries), (9, 3));
    // the first, and two or three more
    assert_eq!((0..9).map(|number| sent(number).unit_count()).max(), Some(4));
    let last = sent(8);
    assert_eq!((units(&last).as_str(), last.summary()), ("0 7 8", Some("They talked.")));
    // the store has it all, and what the model is told now
    let turns = agent.store().turns("s", 0, usize::MAX).await.unwrap();
    assert_eq!(turns.iter().map(|record| record.turn.messages.len()).sum::<usize>(), 18);
    let session = agent.store().load("s").await.unwrap().unwrap();
    assert_eq!(session.conversation.unit_count(), 3);
}

#[tokio::test]
async fn the_loop_has_each_turn_counted_once() {
    let rounds = 20;
    let mut script = LocalBedrock::builder();
    for round in 0..rounds {
        script = script.reply(Reply::tool_use(format!("t{round}"), "count", json!({"round": round})));
    }
    let (_local, client) = start(script.reply(Reply::text("Done."))).await;
    let counted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&counted);
    let measure = Measure::by(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        1
    });
    let tool = tool_fn("count", "Counts.", |_: Anything, _| async move { ToolResult::Ok(1) });
    let memory = TokenBudget::new(1_000).measured_by(measure);
    let agent = Agent::builder(client).model(NOVA).tool(tool).memory(memory).build().unwrap();
    let response = agent.run("Count.").await.unwrap();
    assert_eq!((response.stop, response.iterations), (AgentStop::EndTurn, 21));
    assert_eq!(counted.load(Ordering::Relaxed), 41, "the question, and two turns for each round");
}

#[tokio::test]
async fn the_window_is_for_the_system_prompt_and_the_answer_too() {
    let mut catalog = Catalog::builtin().clone();
    catalog.extend_toml(&format!("[models.\"{NOVA}\"]\nmax_input_tokens = 400")).unwrap();
    let local = LocalBedrock::builder().reply(Reply::text("Well.").forever()).start().await.unwrap();
    let client = builder(&local.endpoint()).catalog(catalog).build().await.unwrap();
    let agent = || Agent::builder(client.clone()).model(NOVA).memory(TokenBudget::of_window());
    // about 270 tokens with care, and half of the window at most is reserved
    let removed = async |agent: Agent| {
        let response = agent.run(talk(40)).await.unwrap();
        response.memory_updates.iter().map(|update| update.removed).sum::<usize>()
    };
    assert_eq!(removed(agent().build().unwrap()).await, 0);
    let prompted = removed(agent().system("word ".repeat(150)).build().unwrap()).await;
    assert!(prompted > 0);
    let request = bedrock_llm_schema::ChatRequest::new(NOVA).max_tokens(190);
    assert!(removed(agent().request(request).build().unwrap()).await > 0);
}

#[tokio::test]
async fn a_memory_that_fails_or_is_cancelled_leaves_the_run_its_conversation() {
    let slow = Reply::text("Late.").model(SMALL).delay(Duration::from_secs(600)).forever();
    let (_local, client) = start(LocalBedrock::builder().reply(slow)).await;
    let memory = Window::new(2).summarize(SMALL);
    let token = CancellationToken::new();
    let agent = Agent::builder(client).model(NOVA).memory(memory.clone()).build().unwrap();
    let agent = agent.with_cancellation(token.clone());
    let (response, ()) = tokio::join!(agent.run(talk(9)), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        token.cancel();
    });
    let response = response.unwrap();
    assert_eq!(response.stop, AgentStop::Cancelled);
    assert_eq!(response.run.conversation(), &talk(9));

    let down = Reply::exception(Exception::new("ThrottlingException")).model(SMALL).forever();
    let (_local, client) = start(LocalBedrock::builder().reply(down)).await;
    let memory = memory.on_failure(OnFailure::Fail);
    let agent = Agent::builder(client).model(NOVA).memory(memory).build().unwrap();
    let error = agent.run(talk(9)).await.unwrap_err();
    assert!(matches!(error.kind(), AgentErrorKind::Memory(error) if error.is_throttled()), "{error:?}");
    assert_eq!(error.run().unwrap().conversation(), &talk(9));
}
