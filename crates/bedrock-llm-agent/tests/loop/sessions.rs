//! Sessions: kept turns, open runs, two writers.

use std::sync::atomic::Ordering;

use bedrock_llm_agent::agent::{AgentErrorKind, Approval, Hook, OnInterrupted, Resume, ToolVerdict};
use bedrock_llm_agent::memory::Window;
use bedrock_llm_agent::run::{AgentStop, Run, ToolCall, ToolCallState};
use bedrock_llm_agent::store::{Conflict, MemoryStore, OnConflict, StateStore as _, StoreError, Turn};
use bedrock_llm_agent::{Agent, Context, ToolExt as _, ToolResult, tool_fn};
use bedrock_llm_local::{Exception, LocalBedrock, Reply};
use bedrock_llm_schema::{Conversation, Message, ToolUseBlock};
use serde_json::json;

use super::events;
use super::shaky::Shaky;
use crate::common::{NOVA, add, add_call, calls, client, counting, start};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Anything {}

/// A tool that never answers.
fn endless(name: &str) -> impl bedrock_llm_agent::Tool + use<> {
    tool_fn(name, "Never ends.", |_: Anything, _| async {
        std::future::pending::<()>().await;
        ToolResult::Ok("never")
    })
}

#[tokio::test]
async fn every_turn_is_kept_as_it_comes() {
    let (_local, agent) =
        start(LocalBedrock::builder().reply(calls(&[add_call("t1", 1, 2)])).reply(Reply::text("3."))).await;
    let agent = agent.tool(add()).session("sums").build().unwrap();
    let response = agent.run("Add.").await.unwrap();
    let turns = agent.store().turns("sums", 0, 10).await.unwrap();
    let kept: Vec<_> = turns
        .iter()
        .map(|record| {
            let states: Vec<_> = record.turn.calls.iter().map(|call| call.state().as_str()).collect();
            (record.turn.messages.len(), states, record.turn.run.is_some())
        })
        .collect();
    assert_eq!(
        kept,
        [(1, vec![], true), (1, vec!["running"], true), (1, vec!["complete"], true), (1, vec![], false)]
    );
    let session = agent.store().load("sums").await.unwrap().unwrap();
    assert_eq!(&session.conversation, response.run.conversation());
}

#[tokio::test]
async fn state_lives_as_long_as_the_session() {
    let (_local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[("t1", "visit", json!({})), ("t2", "visit", json!({}))]))
            .reply(Reply::text("Twice."))
            .reply(calls(&[("t1", "visit", json!({}))]))
            .reply(Reply::text("Thrice.")),
    )
    .await;
    let visit = tool_fn("visit", "Counts visits.", |_: Anything, context: Context| async move {
        let visits = context.state().get::<u32>("visits").unwrap().unwrap_or(0) + 1;
        context.state().set("visits", visits).unwrap();
        ToolResult::Ok(visits)
    });
    let agent = agent.tool(visit).session("place").build().unwrap();
    let response = agent.run("Visit twice.").await.unwrap();
    assert_eq!(response.state_changes.len(), 2);
    let response = agent.run("Once more.").await.unwrap();
    assert_eq!(response.state_changes[0].before, Some(json!(2)));
    assert_eq!(agent.store().load("place").await.unwrap().unwrap().state["visits"], json!(3));
}

#[tokio::test]
async fn a_run_that_was_dropped_is_closed_by_what_is_said_next() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[("t1", "endless", json!({})), ("t2", "count", json!({}))]))
            .reply(Reply::text("Fine.")),
    )
    .await;
    let (count, counted) = counting("count");
    let agent = agent.tool(endless("endless")).tool(count).session("s").build().unwrap();
    let mut stream = agent.stream("Go.");
    while counted.load(Ordering::SeqCst) == 0 {
        stream.next().await.unwrap().unwrap();
    }
    drop(stream);
    let open = agent.store().load("s").await.unwrap().unwrap();
    assert!(open.run().unwrap().is_some(), "the store knows of the run");

    let response = agent.run("What now?").await.unwrap();
    assert_eq!((response.text().as_str(), response.tool_calls.len()), ("Fine.", 0));
    let asked = local.received()[1].chat().unwrap();
    let told: Vec<_> =
        asked.messages[2].tool_results().map(|result| json!(result)["status"].clone()).collect();
    assert_eq!(told, [json!("error"), json!("error")]);
    assert_eq!(asked.messages[4].text(), "What now?");
    let endless = json!(asked.messages[2].tool_results().next().unwrap());
    assert!(endless["content"][0]["text"].as_str().unwrap().contains("nobody knows"), "{endless}");
}

#[tokio::test]
async fn what_cannot_be_said_ends_no_run() {
    struct Ask;
    impl Hook for Ask {
        async fn before_tool(&self, _call: &ToolCall, _run: &Run) -> ToolVerdict {
            ToolVerdict::Ask("May it?".to_owned())
        }
    }
    let (_local, agent) =
        start(LocalBedrock::builder().reply(calls(&[add_call("t1", 1, 2)])).reply(Reply::text("3."))).await;
    let agent = agent.tool(add()).hook(Ask).session("s").build().unwrap();
    assert_eq!(agent.run("Add.").await.unwrap().stop, AgentStop::Suspended);
    assert!(agent.run("").await.is_err());
    let response = agent.run(Resume::session().allow("t1")).await.unwrap();
    assert_eq!(response.text(), "3.");
}

#[tokio::test]
async fn what_has_run_is_kept_before_a_human_is_asked() {
    struct AskForSums;
    impl Hook for AskForSums {
        async fn before_tool(&self, call: &ToolCall, _run: &Run) -> ToolVerdict {
            if call.name() == "add" { ToolVerdict::Ask("May it?".to_owned()) } else { ToolVerdict::Run }
        }
    }
    let (_local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[("t1", "pay", json!({})), add_call("t2", 1, 2)]))
            .reply(Reply::text("Paid.")),
    )
    .await;
    let store = MemoryStore::new();
    let seen = store.clone();
    let (pay, _) = counting("pay");
    let agent = agent
        .tool(pay.idempotent(false))
        .tool(add())
        .hook(AskForSums)
        .approve_with(move |_| {
            let seen = seen.clone();
            async move {
                let session = seen.load("s").await.unwrap().unwrap();
                assert_eq!(session.calls[0].state(), ToolCallState::Complete);
                Approval::Allow
            }
        })
        .store(store)
        .session("s")
        .build()
        .unwrap();
    assert_eq!(agent.run("Pay.").await.unwrap().text(), "Paid.");
}

#[tokio::test]
async fn a_memory_tells_questions_apart_that_tools_ended() {
    let script =
        (0..6).fold(LocalBedrock::builder(), |script, _| script.reply(calls(&[add_call("t1", 1, 2)])));
    let (_local, agent) = start(script).await;
    let agent = agent.tool(add()).stop_on("add").memory(Window::new(2)).session("s").build().unwrap();
    for _ in 0..6 {
        agent.run("Add.").await.unwrap();
    }
    let session = agent.store().load("s").await.unwrap().unwrap();
    assert!(session.conversation.unit_count() < 6, "{:?}", session.conversation);
    assert_eq!(
        agent.store().turns("s", 0, 100).await.unwrap().iter().filter(|turn| turn.turn.begins_run).count(),
        6
    );
}

#[tokio::test]
async fn a_merge_that_would_spoil_the_session_is_refused() {
    let open_call = Message::assistant(ToolUseBlock::new("t9", "add", json!({})));
    let theirs = || vec![Turn::said([Message::user("Mine?"), open_call.clone()])];
    let merged = async |merge: fn(&Conflict) -> Option<Turn>| {
        let (_local, agent) = start(LocalBedrock::builder()).await;
        let store = Shaky::default();
        *store.theirs.lock().unwrap() = theirs();
        let agent = agent.store(store).session("s").on_conflict(OnConflict::merge(1, merge)).build().unwrap();
        let error = agent.run("Where am I?").await.unwrap_err();
        assert_eq!(agent.store().load("s").await.unwrap().unwrap().conversation.messages().len(), 2);
        error
    };
    let unsound = merged(|conflict| Some((*conflict.ours).clone())).await;
    assert!(matches!(unsound.kind(), AgentErrorKind::Store(StoreError::Unsound { .. })), "{unsound:?}");
    let error = merged(|_| Some(Turn::default())).await.to_string();
    assert_eq!(error, "on_conflict: the merged turn has no run that could go on");
}

/// A session whose process ended while it ran these tools.
async fn interrupted(store: &MemoryStore, endpoint: &str) {
    let client = client(endpoint).build().await.unwrap();
    let agent = Agent::builder(client)
        .model(NOVA)
        .tool(endless("read"))
        .tool(endless("pay").idempotent(false))
        .store(store.clone())
        .session("s")
        .build()
        .unwrap();
    let mut stream = agent.stream("Go.");
    let mut started = 0;
    while started < 2 {
        let event = stream.next().await.unwrap().unwrap();
        started += usize::from(crate::common::told(&event).starts_with("started"));
    }
    // the turn that says that they run is kept before they do
    let pull = stream.next();
    tokio::select! {
        biased;
        event = pull => panic!("{event:?}"),
        () = async { while store.load("s").await.unwrap().unwrap().calls.is_empty() { tokio::task::yield_now().await } } => {}
    }
}

#[tokio::test]
async fn what_must_not_run_twice_does_not_unless_that_is_wanted() {
    for (policy, expected) in [
        (OnInterrupted::RunIdempotent, ["failed t2", "started t1", "complete t1"].as_slice()),
        (OnInterrupted::RunAll, &["started t1", "started t2", "complete t1", "complete t2"]),
        (OnInterrupted::RunNone, &["failed t1", "failed t2"]),
    ] {
        let local = LocalBedrock::builder()
            .reply(calls(&[("t1", "read", json!({})), ("t2", "pay", json!({}))]))
            .reply(Reply::text("Done."))
            .start()
            .await
            .unwrap();
        let store = MemoryStore::new();
        interrupted(&store, &local.endpoint()).await;
        let (read, _) = counting("read");
        let (pay, paid) = counting("pay");
        let agent = Agent::builder(client(&local.endpoint()).build().await.unwrap())
            .model(NOVA)
            .tool(read)
            .tool(pay.idempotent(false))
            .store(store)
            .session("s")
            .on_interrupted(policy)
            .build()
            .unwrap();
        let (events, response) = events(&agent, Resume::session()).await;
        assert_eq!(events[..expected.len()], *expected, "{policy:?}");
        assert_eq!(response.text(), "Done.");
        let call = &response.tool_calls[1];
        match policy {
            OnInterrupted::RunAll => assert_eq!((call.starts(), paid.load(Ordering::SeqCst)), (2, 1)),
            _ => assert_eq!((call.failure(), paid.load(Ordering::SeqCst)), (Some("interrupted"), 0)),
        }
    }
}

#[tokio::test]
async fn a_run_whose_model_failed_goes_on_later() {
    let (_local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[add_call("t1", 1, 2)]))
            .reply(Reply::exception(Exception::new("ThrottlingException")))
            .reply(Reply::text("3.")),
    )
    .await;
    let agent = agent.tool(add()).session("s").build().unwrap();
    let error = agent.run("Add.").await.unwrap_err();
    assert!(matches!(error.kind(), AgentErrorKind::Model(error) if error.is_throttled()));
    assert_eq!(error.run().unwrap().calls()[0].state(), ToolCallState::Complete);
    let response = agent.run(Resume::session()).await.unwrap();
    assert_eq!((response.text().as_str(), response.iterations), ("3.", 2));
    let error = agent.run(Resume::session()).await.unwrap_err().to_string();
    assert_eq!(error, "resume: the session `s` has no run to go on with");
}

#[tokio::test]
async fn of_two_writers_one_is_told_of_the_other() {
    let (_local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[("t1", "interfere", json!({}))]))
            .reply(Reply::text("I was faster.")),
    )
    .await;
    let store = MemoryStore::new();
    let other = store.clone();
    let interfere = tool_fn("interfere", "Writes to the session.", move |_: Anything, _| {
        let store = other.clone();
        async move {
            let seen = store.load("s").await.unwrap().unwrap().version;
            store.append("s", seen, Turn::default()).await.unwrap();
            ToolResult::Ok("written")
        }
    });
    let agent = agent.tool(interfere).store(store.clone()).session("s").build().unwrap();
    let error = agent.run("Go.").await.unwrap_err();
    let AgentErrorKind::Store(StoreError::Conflict(conflict)) = error.kind() else { panic!("{error:?}") };
    assert_eq!((conflict.theirs.len(), conflict.ours.calls.len()), (1, 1));
    assert_eq!(error.run().unwrap().calls()[0].state(), ToolCallState::Complete);
    let session = store.load("s").await.unwrap().unwrap();
    assert_eq!(session.calls[0].state(), ToolCallState::Running, "nothing half-written");
}

#[tokio::test]
async fn where_another_is_faster_at_the_beginning_it_goes_by_policy() {
    let said = |text: &str| Turn::said([Message::user(text), Message::assistant("Yes.")]);
    let run = async |policy: OnConflict, theirs: Vec<Turn>| {
        let (local, agent) = start(LocalBedrock::builder().reply(Reply::text("Here."))).await;
        let store = Shaky::default();
        *store.theirs.lock().unwrap() = theirs;
        let agent = agent.store(store).session("s").on_conflict(policy).build().unwrap();
        let response = agent.run("Where am I?").await;
        let asked = local.received().first().and_then(bedrock_llm_local::ReceivedRequest::chat);
        let texts: Vec<_> =
            asked.into_iter().flat_map(|asked| asked.messages).map(|said| said.text()).collect();
        (response, texts)
    };
    let (failed, asked) = run(OnConflict::Fail, vec![said("Mine?")]).await;
    assert!(matches!(failed.unwrap_err().kind(), AgentErrorKind::Store(StoreError::Conflict(_))));
    assert_eq!(asked, Vec::<String>::new(), "nothing was asked of the model");

    let twice = || vec![said("Mine?"), said("Mine too?")];
    let (failed, _) = run(OnConflict::Reload { attempts: 1 }, twice()).await;
    assert!(matches!(failed.unwrap_err().kind(), AgentErrorKind::Store(StoreError::Conflict(_))));
    let (response, asked) = run(OnConflict::Reload { attempts: 2 }, twice()).await;
    assert_eq!(response.unwrap().text(), "Here.");
    assert_eq!(asked, ["Mine too?", "Yes.", "Mine?", "Yes.", "Where am I?"]);

    let merge = |conflict: &Conflict| {
        let mut turn = (*conflict.ours).clone();
        turn.messages = vec![Message::user(format!("{} turns later: where am I?", conflict.theirs.len()))];
        Some(turn)
    };
    let (response, asked) = run(OnConflict::merge(2, merge), twice()).await;
    assert_eq!(response.unwrap().text(), "Here.");
    assert_eq!(asked.last().unwrap(), "1 turns later: where am I?");
    let (failed, _) = run(OnConflict::merge(2, |_| None), twice()).await;
    assert!(matches!(failed.unwrap_err().kind(), AgentErrorKind::Store(StoreError::Conflict(_))));
}

#[tokio::test]
async fn a_conversation_can_take_the_place_of_the_sessions_own() {
    let (local, agent) =
        start(LocalBedrock::builder().reply(Reply::text("One.")).reply(Reply::text("Two."))).await;
    let agent = agent.session("s").build().unwrap();
    agent.run("First.").await.unwrap();
    let mut conversation = Conversation::new();
    conversation.push("Another beginning.").unwrap();
    let response = agent.run(conversation).await.unwrap();
    assert_eq!(response.stop, AgentStop::EndTurn);
    assert_eq!(local.received()[1].chat().unwrap().messages.len(), 1);
    assert_eq!(agent.store().load("s").await.unwrap().unwrap().conversation.messages().len(), 2);
    assert_eq!(agent.store().turns("s", 0, 10).await.unwrap().len(), 4, "the transcript has it all");
}
