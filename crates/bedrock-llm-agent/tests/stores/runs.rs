//! Runs and their tool calls.

use bedrock_llm_agent::run::{Run, RunLimits, Step, ToolCallState};
use bedrock_llm_agent::store::{StoreError, Turn};
use bedrock_llm_schema::{
    ChatResponse, Conversation, Message, Role, StopReason, ToolResultBlock, ToolUseBlock, Usage,
};
use serde_json::json;

use crate::given::{assistant, call, loaded, user};
use crate::place::{Outcome, Place};

fn asks_for(ids: &[&str]) -> ChatResponse {
    let calls = ids.iter().map(|id| ToolUseBlock::new(*id, "weather", json!({"city": "Paris", "of": id})));
    ChatResponse::new(Message::new(Role::Assistant, calls), StopReason::ToolUse, Usage::default())
}

/// A run is written turn by turn, and after every one of them another process could go on with it.
pub(crate) async fn a_run_is_gone_on_with(place: &Place) -> Outcome {
    let store = place.open().await?;
    let mut conversation = Conversation::new();
    conversation.push("How is the weather?")?;
    let mut run = Run::new(conversation, RunLimits::default())?;
    let mut version = 0;
    let mut said = 0;
    let mut begins_run = true;
    let other = place.open().await?;
    let mut commit = async |run: &Run, calls: &[&str]| {
        let mut turn = Turn::default();
        turn.messages = run.conversation().messages().get(said..).unwrap_or_default().to_vec();
        said += turn.messages.len();
        turn.calls = run.round().iter().filter(|call| calls.contains(&call.id())).cloned().collect();
        turn.run = Some(run.progress().clone());
        turn.begins_run = std::mem::take(&mut begins_run);
        version = store.append("s", version, turn).await?;
        let session = loaded(&*other, "s").await?;
        // beside what was said since it was asked last, which only the first process knows
        assert_eq!(json!(session.run()?), json!(run));
        Ok::<_, StoreError>(())
    };
    commit(&run, &[]).await?;
    // some models count their calls anew in every round
    for round in 0..2 {
        assert_eq!(run.step(), Step::CallModel);
        run.answered(asks_for(&["1", "2"]), None)?;
        commit(&run, &["1", "2"]).await?;
        run.start("1")?;
        commit(&run, &["1"]).await?;
        run.complete("1", ToolResultBlock::text("1", format!("{round} degrees")))?;
        run.start("2")?;
        commit(&run, &["1", "2"]).await?;
        run.fail("2", "timed_out", ToolResultBlock::error("2", "timed out"))?;
        commit(&run, &["2"]).await?;
    }
    assert_eq!(run.step(), Step::CallModel);
    commit(&run, &[]).await?;
    assert_eq!(run.calls().len(), 4);
    Ok(())
}

pub(crate) async fn calls_are_those_of_the_run(place: &Place) -> Outcome {
    let store = place.open().await?;
    let mut turn = user("One");
    turn.begins_run = true;
    turn.calls = vec![call("a", "running")?, call("b", "running")?];
    let mut version = store.append("s", 0, turn).await?;
    let mut turn = assistant("Two");
    turn.calls = vec![call("b", "complete")?, call("c", "pending")?];
    version = store.append("s", version, turn).await?;
    let states = async || {
        let session = loaded(&*store, "s").await?;
        let states = session.calls.iter().map(|call| (call.id().to_owned(), call.state()));
        Ok::<Vec<_>, StoreError>(states.collect())
    };
    let named = |id: &str, state| (id.to_owned(), state);
    let expected = [
        named("a", ToolCallState::Running),
        named("b", ToolCallState::Complete),
        named("c", ToolCallState::Pending),
    ];
    assert_eq!(states().await?, expected);
    // what is told twice is one call; a new one, with its own place in the run, may have an old id
    let mut turn = Turn::default();
    let mut again = json!(call("a", "pending")?);
    again["number"] = json!(3);
    turn.calls = vec![call("b", "complete")?, call("a", "failed")?, serde_json::from_value(again)?];
    version = store.append("s", version, turn).await?;
    let expected = [
        named("a", ToolCallState::Failed),
        named("b", ToolCallState::Complete),
        named("c", ToolCallState::Pending),
        named("a", ToolCallState::Pending),
    ];
    assert_eq!(states().await?, expected);
    let mut turn = user("Three");
    turn.begins_run = true;
    version = store.append("s", version, turn).await?;
    assert_eq!(states().await?, []);
    let mut turn = assistant("Four");
    turn.calls = vec![call("a", "denied")?];
    store.append("s", version, turn).await?;
    assert_eq!(states().await?, [named("a", ToolCallState::Denied)]);
    Ok(())
}
