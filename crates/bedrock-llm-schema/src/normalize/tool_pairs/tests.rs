//! Broken pairs and what becomes of them.

use serde_json::json;

use super::*;

fn call(id: &str) -> ToolUseBlock {
    ToolUseBlock::new(id, "look", json!({"at": id}))
}

fn said(id: &str) -> ToolResultBlock {
    ToolResultBlock::text(id, format!("saw {id}"))
}

fn failed(id: &str) -> ToolResultBlock {
    ToolResultBlock::error(id, NOT_RUN)
}

fn mended_for(mut messages: Vec<Message>, profile: &ModelProfile) -> (Vec<Message>, Vec<String>) {
    let mut changes = Changes::default();
    mend(&mut messages, profile, &mut changes);
    assert!(is_paired(&messages, false));
    let mut again = messages.clone();
    let mut none = Changes::default();
    mend(&mut again, profile, &mut none);
    assert_eq!((&again, none.into_list()), (&messages, vec![]));
    (messages, changes.into_list().iter().map(ToString::to_string).collect())
}

fn mended(messages: Vec<Message>) -> (Vec<Message>, Vec<String>) {
    mended_for(messages, &ModelProfile::default())
}

#[test]
fn a_right_history_stays_in_whatever_order_its_results_are() {
    let turns = vec![
        Message::user("q"),
        Message::assistant("let me see").with(call("a")).with(call("b")),
        Message::user(said("b")).with(ContentBlock::cache_point()).with(said("a")).with("and hurry"),
        Message::assistant(call("a")),
        Message::user(said("a")),
    ];
    assert_eq!(mended(turns.clone()), (turns, vec![]));
}

#[test]
fn tools_that_the_service_ran_are_left_alone() {
    // as in recording 255578d9aafd
    let turns: Vec<Message> = serde_json::from_value(json!([
        {"role": "user", "content": [{"text": "q"}]},
        {"role": "assistant", "content": [
            {"toolUse": {"toolUseId": "s", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}},
            {"toolResult": {"toolUseId": "s", "content": [], "type": "nova_grounding_result"}},
            {"text": "found"},
            {"toolUse": {"toolUseId": "a", "name": "look", "input": {}}}]},
    ]))
    .unwrap();
    let (messages, changes) = mended(turns.clone());
    assert_eq!(messages[..2], turns);
    assert_eq!(messages[2..], [Message::user(failed("a"))]);
    assert_eq!(
        changes,
        ["messages[1].content: gave an error result to tool calls that had none: a [R-TOOL-PAIR]"]
    );
}

#[test]
fn results_are_gathered_from_later_turns_in_the_order_of_the_calls() {
    let (messages, changes) = mended(vec![
        Message::assistant(call("a")).with(call("b")).with(call("c")),
        Message::user("wait").with(said("c")),
        Message::user(said("b")),
        Message::assistant("hm").with(said("a")),
        Message::user("next"),
    ]);
    assert_eq!(
        messages,
        [
            Message::assistant(call("a")).with(call("b")).with(call("c")),
            Message::user(said("a")).with(said("b")).with(said("c")).with("wait"),
            Message::assistant("hm"),
            Message::user("next"),
        ]
    );
    assert_eq!(
        changes,
        [
            "messages[0].content: gathered the results of tool calls in the next turn: a, b, c [R-TOOL-PAIR]",
            "messages[2]: left out a turn of the user of which nothing remains [R-CONTENT]",
        ]
    );
}

#[test]
fn a_result_answers_the_latest_turn_that_waits_for_it() {
    let (messages, _) = mended(vec![
        Message::assistant(call("a")),
        Message::user("q"),
        Message::assistant(call("a")),
        Message::user(said("a")),
    ]);
    assert_eq!(messages[1], Message::user(failed("a")).with("q"));
    assert_eq!(messages[3], Message::user(said("a")));
}

#[test]
fn missing_results_become_errors_whose_status_the_profile_may_forbid() {
    let mut bare = ModelProfile::default();
    bare.tools.result_status = Some(false);
    for (profile, status) in [(ModelProfile::default(), Some(ToolResultStatus::Error)), (bare, None)] {
        let turns = vec![Message::assistant(call("a")), Message::assistant(call("b")), Message::user("q")];
        let (messages, changes) = mended_for(turns, &profile);
        let result = |id: &str| ToolResultBlock { status: status.clone(), ..failed(id) };
        assert_eq!(messages[1], Message::user(result("a")));
        assert_eq!(messages[3], Message::user(result("b")).with("q"));
        assert_eq!(changes.len(), 2);
    }
}

#[test]
fn results_without_a_call_become_the_users_text_and_keep_their_media() {
    let image = crate::ImageBlock::new(crate::ImageFormat::Png, vec![1]);
    let mut seen = said("x");
    seen.content.extend([json!({"deep": 1}).into(), image.clone().into()]);
    let (messages, changes) = mended(vec![
        Message::user(seen).with("q"),
        Message::assistant(call("a")).with(failed("y")),
        Message::user(said("a")).with(said("a")),
        Message::new(Role::System, [said("z")]),
        Message::assistant("done"),
    ]);
    let error = "(Error of tool call y:)";
    assert_eq!(
        messages,
        [
            Message::user("(Result of tool call x:)")
                .with("saw x")
                .with(r#"{"deep":1}"#)
                .with(image)
                .with("q"),
            Message::assistant(call("a")),
            Message::user(said("a")).with(error).with(NOT_RUN).with("(Result of tool call a:)").with("saw a"),
            Message::user("(Result of tool call z:)").with("saw z"),
            Message::assistant("done"),
        ]
    );
    assert!(changes.iter().all(|change| !change.contains("saw") && !change.contains("deep")));
}

#[test]
fn calls_that_are_not_the_assistants_become_text() {
    let (messages, _) = mended(vec![Message::user(call("a")), Message::assistant("b").with(said("a"))]);
    assert_eq!(
        messages,
        [
            Message::user(r#"(Call of tool look: {"at":"a"})"#),
            Message::assistant("b"),
            Message::user("(Result of tool call a:)").with("saw a"),
        ]
    );
}

#[test]
fn repeated_ids_are_renamed_and_their_results_with_them_in_order() {
    let long = "x".repeat(ID_MAX);
    let (messages, changes) = mended(vec![
        Message::assistant(call("a")).with(call("a")).with(call("a_2")).with(call(&long)).with(call(&long)),
        Message::user(ToolResultBlock::text("a", "one"))
            .with(ToolResultBlock::text("a", "two"))
            .with(said("a_2")),
    ]);
    let ids = |message: &Message| -> Vec<String> {
        let calls = message.content.iter().filter_map(as_call).map(|it| &it.tool_use_id);
        calls.chain(message.content.iter().filter_map(as_result).map(|it| &it.tool_use_id)).cloned().collect()
    };
    let renamed = format!("{}_5", &long[..ID_MAX - 2]);
    assert_eq!(ids(&messages[0]), ["a", "a_3", "a_2", &long, &renamed]);
    assert_eq!(ids(&messages[1]), ids(&messages[0]));
    assert_eq!(messages[1].content[1], ToolResultBlock::text("a_3", "two").into());
    assert!(changes[0].ends_with("renamed a repeated tool call a to a_3 [R-TOOL-ID]"));
}

#[test]
fn results_come_before_the_other_content() {
    let (messages, changes) =
        mended(vec![Message::assistant(call("a")), Message::user("first").with(said("a")).with("last")]);
    assert_eq!(messages[1], Message::user(said("a")).with("first").with("last"));
    assert_eq!(changes, ["messages[1].content: put tool results before the other content [R-TOOL-PAIR]"]);
}

#[test]
fn ids_of_another_service_are_bent_with_their_results() {
    let long = "x".repeat(70);
    let ids = ["fc|1", "fc_1", "", &long];
    let calls = ids.iter().fold(Message::assistant("so"), |message, id| message.with(call(id)));
    let results = Message::new(Role::User, ids.map(said));
    let (messages, changes) = mended(vec![Message::user("q"), calls, results]);
    let given: Vec<_> = messages[1].tool_uses().map(|call| call.tool_use_id.clone()).collect();
    assert_eq!(given, ["fc_1_2", "fc_1", "call", &"x".repeat(64)]);
    let answered: Vec<_> = messages[2].tool_results().map(|result| result.tool_use_id.clone()).collect();
    assert_eq!(answered, given);
    assert_eq!(changes.len(), 3);
    assert_eq!(changes[0], "messages[1].content[1]: tool call \"fc|1\" is fc_1_2 now [R-TOOL-ID]");
}
