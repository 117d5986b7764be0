//! What may be pushed, what is cut.

use serde_json::json;

use super::*;

fn call(id: &str) -> ToolUseBlock {
    ToolUseBlock::new(id, "look", json!({"at": id}))
}

fn said(id: &str) -> ToolResultBlock {
    ToolResultBlock::text(id, format!("saw {id}"))
}

fn refused(conversation: &mut Conversation, message: impl Into<Message>) -> String {
    let (before, message) = (conversation.clone(), message.into());
    let error = conversation.push(message.clone()).unwrap_err();
    assert_eq!(*conversation, before);
    let text = error.to_string();
    assert_eq!(error.into_message(), message);
    text
}

/// Two questions with a system turn and two tool rounds in the first.
fn long() -> Conversation {
    let mut conversation = Conversation::new();
    conversation.push("one").unwrap();
    conversation.push(Message::assistant(call("a")).with(call("b"))).unwrap();
    conversation.push_results([said("b"), said("a")]).unwrap();
    conversation.push(Message::assistant(call("a"))).unwrap();
    conversation.push(Message::user("be quick").with(said("a"))).unwrap();
    conversation.push(Message::assistant("done")).unwrap();
    conversation.push(Message::new(Role::System, ["be polite"])).unwrap();
    conversation.push("two").unwrap();
    conversation.push(Message::assistant("yes")).unwrap();
    conversation
}

#[test]
fn turns_that_would_break_it_are_refused_and_given_back() {
    let mut talk = Conversation::new();
    let early = "a conversation begins with the user; push the user's turn first";
    assert_eq!(refused(&mut talk, Message::assistant("hello")), early);
    assert_eq!(refused(&mut talk, Message::user(" ").with("")), "the turn says nothing; leave it out");
    let stray = "no tool call waits for results a in a turn of this role; leave them out";
    assert_eq!(refused(&mut talk, said("a")), stray);
    let misplaced = "tool calls a are not in a turn of the assistant; leave them out";
    assert_eq!(refused(&mut talk, call("a")), misplaced);

    talk.push("question").unwrap();
    let twice = "ids a come more than once in the turn; give each call its own";
    assert_eq!(refused(&mut talk, Message::assistant(call("a")).with(call("a"))), twice);
    talk.push(Message::assistant(call("a")).with(call("b"))).unwrap();
    assert_eq!(talk.pending().map(|call| call.tool_use_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let open = |ids| format!("tool calls {ids} have no result yet; push their results first");
    for message in
        [Message::user("well?"), Message::assistant("well"), Message::new(Role::System, ["be quick"])]
    {
        assert_eq!(refused(&mut talk, message), open("a, b"));
    }
    assert_eq!(refused(&mut talk, said("b")), open("a"));
    assert_eq!(
        refused(&mut talk, Message::user(said("a")).with(said("b")).with(said("b"))),
        twice.replace(" a ", " b ")
    );
    assert_eq!(refused(&mut talk, Message::assistant(said("a"))), stray);
    talk.push_results([said("b"), said("a")]).unwrap();
    assert_eq!(talk.pending().count(), 0);
}

#[test]
fn turns_of_one_role_are_one_and_are_tidied() {
    let mut talk = Conversation::new();
    talk.push("a").unwrap();
    talk.push(Message::user("").with("b")).unwrap();
    talk.push(Message::assistant(call("c"))).unwrap();
    let silent = ToolResultBlock { tool_use_id: "c".into(), ..ToolResultBlock::default() };
    talk.push(Message::user("d").with(silent)).unwrap();
    let result = ToolResultBlock::text("c", "(no output)");
    let wanted =
        [Message::user("a").with("b"), Message::assistant(call("c")), Message::user(result).with("d")];
    assert_eq!(talk.messages(), wanted);
}

#[test]
fn open_calls_can_be_given_up() {
    let mut talk = Conversation::new();
    talk.fail_pending("nothing to give up");
    assert!(talk.is_empty());
    talk.push("a").unwrap();
    talk.push(Message::assistant(call("b")).with(call("c"))).unwrap();
    talk.fail_pending("stopped by the user");
    let error = |id| ToolResultBlock::error(id, "stopped by the user");
    assert_eq!(talk.messages()[2], Message::user(error("b")).with(error("c")));
    talk.push("d").unwrap();
    assert_eq!(talk.messages().len(), 3);
}

#[test]
fn units_hold_a_question_with_all_its_tool_rounds() {
    let talk = long();
    assert_eq!(talk.units().map(<[Message]>::len).collect::<Vec<_>>(), [7, 2]);
    assert_eq!(talk.fork(1).messages(), &talk.messages()[..7]);
    assert_eq!(talk.fork(9), talk);

    let mut cut = talk.clone();
    assert_eq!(cut.truncate(1), &talk.messages()[7..]);
    assert_eq!(cut, talk.fork(1));
    cut.truncate(0);
    assert_eq!(cut, Conversation::new());
}

#[test]
fn a_system_turn_that_comes_first_belongs_to_the_first_question() {
    let mut talk = Conversation::new();
    talk.push(Message::new(Role::System, ["rules"])).unwrap();
    talk.push("one").unwrap();
    assert_eq!(talk.units().count(), 1);
    assert_eq!(talk.drop_oldest(1), [Message::user("one")]);
    assert_eq!(talk.messages(), [Message::new(Role::System, ["rules"])]);
}

#[test]
fn pruning_keeps_the_last_unit_and_what_the_system_said() {
    let mut talk = long();
    talk.push(Message::new(Role::System, ["be brief"])).unwrap();
    talk.push("three").unwrap();
    let one = |_: &Message| 1;
    assert_eq!(talk.clone().prune(11, one), Pruned { removed: vec![], size: 11, fits: true });

    let mut pruned = talk.clone();
    let Pruned { removed, size, fits } = pruned.prune(10, one);
    assert_eq!((removed.len(), size, fits), (6, 5, true));
    let polite = Message::new(Role::System, ["be polite"]);
    assert_eq!(pruned.messages()[..3], [Message::user("two"), polite.clone(), Message::assistant("yes")]);

    let Pruned { removed, size, fits } = talk.prune(2, one);
    assert_eq!((removed.len(), size, fits), (8, 3, false));
    assert_eq!(talk.messages(), [Message::user("three"), polite.with("be brief")]);
}

#[test]
fn serde_takes_sound_histories_alone_and_names_the_repair() {
    let mut talk = long();
    talk.push("three").unwrap();
    talk.push(Message::assistant(call("z"))).unwrap();
    let written = serde_json::to_value(&talk).unwrap();
    assert!(written.is_array());
    assert_eq!(serde_json::from_value::<Conversation>(written).unwrap(), talk);

    let broken = json!([{"role": "user", "content": [{"toolResult": {"toolUseId": "a", "content": [{"text": "secret"}]}}]}]);
    let error = serde_json::from_value::<Conversation>(broken.clone()).unwrap_err().to_string();
    assert_eq!(
        error,
        "the history is broken; load it with `Conversation::repair`, which would change \
         messages[0].content[0]: wrote a result of tool call a, which none waits for, as the user's text [R-TOOL-PAIR]"
    );
    let messages: Vec<Message> = serde_json::from_value(broken).unwrap();
    let error = Conversation::try_from(messages.clone()).unwrap_err();
    assert_eq!(error.changes(), Conversation::repair(messages.clone()).changes);
    assert!(!format!("{error:?}{error}").contains("secret"));
    assert_eq!(error.into_messages(), messages);
}

#[test]
fn nothing_said_is_shown_by_debug() {
    let mut talk = Conversation::new();
    talk.push("secret").unwrap();
    talk.push(Message::assistant(call("a")).with("secret")).unwrap();
    assert_eq!(format!("{talk:?}"), r#"Conversation { messages: 2, units: 1, pending: ["a"] }"#);
    let error = talk.push("secret").unwrap_err();
    assert_eq!(format!("{error:?}"), r#"ConversationError { refusal: OpenCalls(["a"]), .. }"#);
    assert!(!format!("{:?}", talk.prune(0, |_| 1)).contains("secret"));
}

#[test]
fn cache_points_alone_say_nothing() {
    let point = |role: Role| Message::new(role, [ContentBlock::cache_point(), " ".into()]);
    let mut conversation = Conversation::new();
    for _ in 0..2 {
        let refused = conversation.push(point(Role::User)).unwrap_err();
        assert!(matches!(refused.refusal(), Refusal::SaysNothing));
        conversation.push("a question").unwrap();
    }
    let history = vec![Message::user("a"), point(Role::Assistant), Message::user("b")];
    assert!(Conversation::try_from(history.clone()).is_err());
    let repaired = Conversation::repair(history);
    assert_eq!(repaired.conversation.messages(), [Message::user("a").with("b")]);
    assert_eq!(repaired.changes.len(), 2);
}
