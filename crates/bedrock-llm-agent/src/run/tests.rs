//! Runs as values.

use bedrock_llm_schema::stream::Accumulator;
use bedrock_llm_schema::{
    ChatResponse, ContentBlock, StopReason, StreamEvent, ToolResultStatus, ToolUseBlock, Usage,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn begin(limits: RunLimits) -> Run {
    let mut conversation = Conversation::new();
    conversation.push("Do it.").unwrap();
    Run::new(conversation, limits).unwrap()
}

fn answer(blocks: impl IntoIterator<Item = ContentBlock>, reason: StopReason) -> ChatResponse {
    ChatResponse::new(Message::new(Role::Assistant, blocks), reason, Usage::new(10, 5))
}

fn call(id: &str, name: &str, input: Value) -> ContentBlock {
    ToolUseBlock::new(id, name, input).into()
}

fn asks(calls: &[(&str, &str)]) -> ChatResponse {
    answer(calls.iter().map(|(id, name)| call(id, name, json!({}))), StopReason::ToolUse)
}

/// An answer whose last call ends in the middle of its arguments.
fn cut_off(reason: StopReason) -> ChatResponse {
    let mut answer = Accumulator::new();
    answer.push(&StreamEvent::text(0, "Let me see."));
    answer.push(&StreamEvent::tool_use_start(1, "t1", "add"));
    answer.push(&StreamEvent::tool_input(1, r#"{"a": 1, "#));
    answer.push(&StreamEvent::message_stop(reason));
    ChatResponse { usage: Usage::new(10, 5), ..answer.response() }
}

fn result(id: &str) -> ToolResultBlock {
    ToolResultBlock::text(id, "done")
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn results_stand_in_the_order_of_the_calls_whatever_came_first() {
    let mut run = begin(RunLimits::default());
    run.answered(asks(&[("t1", "a"), ("t2", "b"), ("t3", "c")]), None).unwrap();
    assert_eq!(run.step(), Step::CallTools(ids(&["t1", "t2", "t3"])));
    for id in ["t3", "t1"] {
        run.start(id).unwrap();
        run.complete(id, result(id)).unwrap();
    }
    run.deny("t2", "not today").unwrap();
    assert_eq!(run.step(), Step::CallModel);
    let told: Vec<_> = run.conversation().messages()[2].tool_results().collect();
    assert_eq!(told.iter().map(|result| result.tool_use_id.as_str()).collect::<Vec<_>>(), ["t1", "t2", "t3"]);
    assert_eq!(told[1], &ToolResultBlock::error("t2", "denied: not today"));
    assert_eq!(run.round(), []);
    assert_eq!(run.calls().len(), 3);
}

#[test]
fn what_a_state_does_not_allow_is_refused_and_changes_nothing() {
    let mut run = begin(RunLimits::default());
    run.answered(asks(&[("t1", "a")]), None).unwrap();
    let before = run.clone();
    let refused = run.complete("t1", result("t1")).unwrap_err().to_string();
    assert_eq!(refused, "tool call t1 is pending and cannot become complete");
    assert_eq!(run, before);
    run.start("t1").unwrap();
    run.fail("t1", "failed", result("t1")).unwrap();
    for error in [run.start("t1").map(drop), run.deny("t1", "no").map(drop), run.allow("t1", None)] {
        assert!(matches!(error, Err(RunError::Transition(_))), "{error:?}");
    }
    assert!(matches!(run.start("t2"), Err(RunError::NoCall(_))));
    assert!(matches!(run.answered(asks(&[]), None), Err(RunError::NotAsked)));
}

#[test]
fn a_human_is_waited_for_while_the_others_run() {
    let mut run = begin(RunLimits::default());
    run.answered(asks(&[("t1", "pay"), ("t2", "look")]), None).unwrap();
    run.ask("t1", "Pay 5 dollars?").unwrap();
    assert_eq!(run.step(), Step::CallTools(ids(&["t2"])));
    run.start("t2").unwrap();
    run.complete("t2", result("t2")).unwrap();
    assert_eq!(run.step(), Step::Approve(ids(&["t1"])));

    let mut run: Run = serde_json::from_value(serde_json::to_value(&run).unwrap()).unwrap();
    assert_eq!(run.step(), Step::Approve(ids(&["t1"])));
    run.allow("t1", Some(json!({"dollars": 3}))).unwrap();
    let call = run.call("t1").unwrap();
    assert!(call.is_approved() && call.question().is_none());
    assert_eq!(call.input(), &json!({"dollars": 3}));
    assert_eq!(run.step(), Step::CallTools(ids(&["t1"])));
    let said = run.conversation().messages()[1].tool_uses().next().unwrap();
    assert_eq!(said.input, json!({}), "the history keeps what the model said");
}

#[test]
fn a_cancelled_run_leaves_a_conversation_that_can_go_on() {
    let mut run = begin(RunLimits::default());
    run.answered(asks(&[("t1", "a"), ("t2", "b")]), None).unwrap();
    run.start("t1").unwrap();
    run.complete("t1", result("t1")).unwrap();
    run.start("t2").unwrap();
    let cancelled = run.cancel("enough");
    assert_eq!(cancelled.iter().map(ToolCall::id).collect::<Vec<_>>(), ["t2"]);
    assert_eq!(run.step(), Step::Done(AgentStop::Cancelled));
    assert!(run.cancel("again").is_empty());
    let states: Vec<_> = run.calls().iter().map(ToolCall::state).collect();
    assert_eq!(states, [ToolCallState::Complete, ToolCallState::Cancelled]);
    let mut conversation = run.into_conversation();
    conversation.push("What now?").unwrap();
}

#[test]
fn the_same_call_again_and_again_is_refused_then_ends_the_run() {
    let mut run = begin(RunLimits { max_repeats: Some(2), ..RunLimits::default() });
    for round in 1..=2 {
        run.answered(asks(&[("t1", "look")]), None).unwrap();
        assert_eq!(run.step(), Step::CallTools(ids(&["t1"])), "{round}");
        run.start("t1").unwrap();
        run.complete("t1", result("t1")).unwrap();
        assert_eq!(run.step(), Step::CallModel);
    }
    run.answered(asks(&[("t1", "look")]), None).unwrap();
    assert_eq!(run.step(), Step::CallModel, "refused without being run");
    assert_eq!(run.calls()[2].state(), ToolCallState::Denied);
    run.answered(asks(&[("t1", "look")]), None).unwrap();
    assert_eq!(run.step(), Step::Done(AgentStop::Loop("look".to_owned())));
}

#[test]
fn other_arguments_or_another_call_between_are_no_loop() {
    let mut run = begin(RunLimits { max_repeats: Some(1), ..RunLimits::default() });
    let orders = [json!({"a": 1, "b": {"c": 2, "d": 3}}), json!({"b": {"d": 3, "c": 2}, "a": 1})];
    let of_order = |place: usize| ToolCall::new(ToolUseBlock::new("t", "look", orders[place].clone()));
    let mut repeats = repeats::Repeats::default();
    assert_eq!(repeats.take(&[of_order(0), of_order(0)], Some(1)), [false, false], "one round is one time");
    assert_eq!(repeats.take(&[of_order(1)], Some(1)), [true], "the order of members is none");
    for n in 0..10 {
        let next =
            if n % 2 == 0 { call("t", "look", json!({"n": n / 4})) } else { call("t", "list", json!({})) };
        run.answered(answer([next], StopReason::ToolUse), None).unwrap();
        assert_eq!(run.step(), Step::CallTools(ids(&["t"])), "{n}");
        run.start("t").unwrap();
        run.complete("t", result("t")).unwrap();
        assert_eq!(run.step(), Step::CallModel);
    }
}

#[test]
fn limits_stop_a_run_before_the_next_answer() {
    let stop = |limits: RunLimits, cost: Option<&str>| {
        let mut run = begin(limits);
        run.answered(asks(&[("t1", "a")]), cost.map(|cost| cost.parse().unwrap())).unwrap();
        run.start("t1").unwrap();
        run.complete("t1", result("t1")).unwrap();
        run.spend(Duration::from_secs(60));
        run.step()
    };
    let budget = |budget: Budget| RunLimits { budget, ..RunLimits::default() };
    let spent = |spent: Spent| Step::Done(AgentStop::Budget(spent));
    let limits = RunLimits { max_iterations: 1, ..RunLimits::default() };
    assert_eq!(stop(limits, None), Step::Done(AgentStop::MaxIterations));
    assert_eq!(stop(budget(Budget { tokens: Some(15), ..Budget::default() }), None), spent(Spent::Tokens));
    assert_eq!(stop(budget(Budget { tokens: Some(16), ..Budget::default() }), None), Step::CallModel);
    let dollar = budget(Budget { cost: "1".parse().ok(), ..Budget::default() });
    assert_eq!(stop(dollar.clone(), Some("1.00")), spent(Spent::Cost));
    assert_eq!(stop(dollar.clone(), Some("0.99")), Step::CallModel);
    assert_eq!(stop(dollar, None), spent(Spent::Cost), "an unknown price is no low one");
    let minute = budget(Budget { time: Some(Duration::from_secs(60)), ..Budget::default() });
    assert_eq!(stop(minute, None), spent(Spent::Time));
    let stopping = RunLimits { stop_on: ["a".to_owned()].into(), ..RunLimits::default() };
    assert_eq!(stop(stopping, None), Step::Done(AgentStop::Tool("a".to_owned())));
}

#[test]
fn arguments_that_are_no_json_are_told_with_what_was_written() {
    let mut run = begin(RunLimits::default());
    run.answered(cut_off(StopReason::ToolUse), None).unwrap();
    assert_eq!(run.step(), Step::CallModel);
    let told = &run.conversation().messages()[2];
    let result = told.tool_results().next().unwrap();
    assert_eq!(result.status, Some(ToolResultStatus::Error));
    let text = format!("{:?}", result.content);
    assert!(text.contains("bad arguments: not JSON") && text.contains(r#"you wrote: {\"a\": 1, "#), "{text}");
    assert_eq!((run.calls()[0].starts(), run.calls()[0].failure()), (0, Some("bad_arguments")));
}

#[test]
fn a_call_that_max_tokens_cut_off_goes_by_policy() {
    let run_with = |on_max_tokens: OnMaxTokens| {
        let mut run = begin(RunLimits { on_max_tokens, ..RunLimits::default() });
        run.answered(cut_off(StopReason::MaxTokens), None).unwrap();
        run
    };
    let mut stopped = run_with(OnMaxTokens::Stop);
    assert_eq!(stopped.step(), Step::Done(AgentStop::MaxTokens));
    assert_eq!(stopped.conversation().messages()[1].text(), "Let me see.");

    let mut told = run_with(OnMaxTokens::Tell);
    assert_eq!(told.step(), Step::CallModel);
    let text = format!("{:?}", told.calls()[0].result().unwrap().content);
    assert!(text.contains("cut off"), "{text}");

    let mut grown = run_with(OnMaxTokens::Grow(1));
    assert_eq!((grown.step(), grown.progress().max_tokens()), (Step::CallModel, Some(10)));
    assert_eq!(grown.conversation().messages().len(), 1);
    grown.answered(cut_off(StopReason::MaxTokens), None).unwrap();
    assert_eq!(grown.step(), Step::Done(AgentStop::MaxTokens));
    assert_eq!(grown.progress().usage().total(), 30);
}

#[test]
fn whole_calls_beside_one_that_was_cut_off_are_cancelled() {
    let mut run = begin(RunLimits::default());
    let mut response = cut_off(StopReason::MaxTokens);
    response.message.content.push(call("t0", "add", json!({})));
    run.answered(response, None).unwrap();
    assert_eq!(run.step(), Step::Done(AgentStop::MaxTokens));
    assert_eq!(run.calls()[0].state(), ToolCallState::Cancelled);
    run.into_conversation().push("Go on.").unwrap();
}

#[test]
fn calls_without_ids_of_their_own_get_some() {
    let mut run = begin(RunLimits::default());
    run.answered(asks(&[("", "a"), ("t", "b"), ("t", "c"), ("", "d")]), None).unwrap();
    let Step::CallTools(found) = run.step() else { panic!("{run:?}") };
    let unique: std::collections::BTreeSet<_> = found.iter().collect();
    assert_eq!((unique.len(), found[1].as_str()), (4, "t"));
    assert!(found.iter().all(|id| !id.is_empty()));
}

/// A broken call is failed, and no other, whatever its id.
#[test]
fn a_broken_call_is_the_one_that_fails() {
    for id in ["", "t0"] {
        let mut answer = Accumulator::new();
        answer.push(&StreamEvent::tool_use_start(0, "t0", "add"));
        answer.push(&StreamEvent::tool_input(0, "{}"));
        answer.push(&StreamEvent::block_stop(0));
        answer.push(&StreamEvent::tool_use_start(1, id, "pay"));
        answer.push(&StreamEvent::tool_input(1, r#"{"a": "#));
        answer.push(&StreamEvent::block_stop(1));
        answer.push(&StreamEvent::message_stop(StopReason::ToolUse));
        let mut run = begin(RunLimits::default());
        run.answered(answer.response(), None).unwrap();
        let states: Vec<_> = run.calls().iter().map(|call| (call.name(), call.state())).collect();
        assert_eq!(states, [("add", ToolCallState::Pending), ("pay", ToolCallState::Failed)], "{id:?}");
        assert_eq!(run.step(), Step::CallTools(ids(&["t0"])));
    }
}

#[test]
fn a_call_that_had_begun_is_not_told_as_one_that_never_did() {
    let mut run = begin(RunLimits::default());
    run.answered(asks(&[("t1", "pay"), ("t2", "look")]), None).unwrap();
    run.start("t1").unwrap();
    let cancelled = run.cancel("enough");
    let failures: Vec<_> = cancelled.iter().map(|call| call.failure().unwrap()).collect();
    assert_eq!(failures, ["interrupted", "cancelled"]);
    let told = format!("{:?}", cancelled[0].result().unwrap().content);
    assert!(told.contains("nobody knows whether it took effect"), "{told}");
}

#[test]
fn an_answer_without_content_ends_the_run_and_leaves_no_turn() {
    let mut run = begin(RunLimits::default());
    run.answered(answer([], StopReason::EndTurn), None).unwrap();
    assert_eq!(run.step(), Step::Done(AgentStop::EndTurn));
    assert_eq!(run.conversation().messages().len(), 1);
}

#[test]
fn a_run_that_cannot_be_is_not_read() {
    let mut run = begin(RunLimits::default());
    run.answered(asks(&[("t1", "a")]), None).unwrap();
    let written = serde_json::to_value(&run).unwrap();
    let broken = |pointer: &str, value: Value| {
        let mut broken = written.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        serde_json::from_value::<Run>(broken).unwrap_err().to_string()
    };
    assert!(broken("/calls", json!([])).contains("calls are not those"));
    assert!(broken("/calls/0/toolUseId", json!("t2")).contains("calls are not those"));
    assert!(broken("/calls/0/state", json!("complete")).contains("has no result"));
    assert!(broken("/calls/0/state", json!("running")).contains("never began"));
}

#[test]
fn debug_shows_nothing_that_was_said() {
    let mut run = begin(RunLimits::default());
    run.answered(answer([call("t1", "a", json!({"key": "secret"}))], StopReason::ToolUse), None).unwrap();
    run.fail("t1", "failed", ToolResultBlock::text("t1", "secret")).unwrap();
    assert_eq!(run.step(), Step::CallModel);
    let shown = format!("{run:?}");
    assert!(!shown.contains("secret") && !shown.contains("Do it") && shown.contains("t1"), "{shown}");
}

#[derive(Debug, Clone)]
enum Act {
    Answer(Vec<(u8, u8)>, bool),
    Start(u8),
    Complete(u8),
    Fail(u8),
    Deny(u8),
    Ask(u8),
    Allow(u8),
    Store,
    Cancel,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (prop::collection::vec((0..4u8, 0..3u8), 0..4), any::<bool>())
            .prop_map(|(calls, text)| Act::Answer(calls, text)),
        6 => (0..4u8).prop_map(Act::Start),
        6 => (0..4u8).prop_map(Act::Complete),
        2 => (0..4u8).prop_map(Act::Fail),
        1 => (0..4u8).prop_map(Act::Deny),
        1 => (0..4u8).prop_map(Act::Ask),
        1 => (0..4u8).prop_map(Act::Allow),
        2 => Just(Act::Store),
        1 => Just(Act::Cancel),
    ];
    prop::collection::vec(act, 0..60)
}

proptest! {
    /// Whatever is done in whatever order: the conversation is sound, its open calls are those of the round, a call that is
    /// done stays as it is, and after the end somebody can say something.
    #[test]
    fn any_order_leaves_a_sound_run(acts in acts()) {
        let limits = RunLimits { max_repeats: Some(1), max_iterations: 6, ..RunLimits::default() };
        let mut run = begin(limits);
        let mut done: Vec<ToolCall> = Vec::new();
        for act in acts {
            let id = |n: u8| run.round().get(usize::from(n)).map_or("none".to_owned(), |call| call.id().to_owned());
            match act {
                Act::Answer(calls, has_text) => {
                    let text = has_text.then(|| ContentBlock::from("Hm."));
                    let calls = calls.iter().map(|(id, name)| {
                        call(&format!("t{id}"), &format!("tool{name}"), json!({}))
                    });
                    let given = answer(text.into_iter().chain(calls), StopReason::ToolUse);
                    let _ = run.answered(given, None);
                }
                Act::Start(n) => drop(run.start(&id(n)).map(drop)),
                Act::Complete(n) => { let id = id(n); drop(run.complete(&id, result(&id)).map(drop)); }
                Act::Fail(n) => { let id = id(n); drop(run.fail(&id, "failed", result(&id)).map(drop)); }
                Act::Deny(n) => drop(run.deny(&id(n), "no").map(drop)),
                Act::Ask(n) => drop(run.ask(&id(n), "May it?").map(drop)),
                Act::Allow(n) => drop(run.allow(&id(n), None)),
                Act::Store => run = serde_json::from_value(serde_json::to_value(&run).unwrap()).unwrap(),
                Act::Cancel => drop(run.cancel("enough")),
            }
            let step = run.step();
            prop_assert_eq!(&step, &run.step(), "asking twice changes nothing");
            let messages = run.conversation().messages().to_vec();
            prop_assert!(Conversation::try_from(messages).is_ok());
            let open: Vec<&str> = run.conversation().pending().map(|call| call.tool_use_id.as_str()).collect();
            let round: Vec<&str> = run.round().iter().map(ToolCall::id).collect();
            prop_assert_eq!(open, round);
            prop_assert!(run.calls().iter().filter(|call| call.state().is_final()).count() >= done.len());
            for (place, call) in run.calls().iter().enumerate() {
                if let Some(before) = done.get(place).filter(|before| before.state().is_final()) {
                    prop_assert_eq!(before, call);
                }
            }
            done = run.calls().iter().take_while(|call| call.state().is_final()).cloned().collect();
            if let Step::Done(_) = step {
                prop_assert!(run.round().is_empty());
                let mut conversation = run.conversation().clone();
                prop_assert!(conversation.push("And now?").is_ok());
            }
        }
        run.cancel("the end");
        prop_assert!(run.calls().iter().all(|call| call.state().is_final()));
        prop_assert!(run.into_conversation().push("And now?").is_ok());
    }
}
