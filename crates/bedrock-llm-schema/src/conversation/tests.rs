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

mod cuts {
    //! What a conversation remembers of its units and their sizes is what it would count anew.

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A step in the life of a conversation.
    #[derive(Debug, Clone)]
    enum Step {
        Push(u8),
        Remove(Vec<bool>),
        Truncate(usize),
        Summary(&'static str),
        TakeSummary,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => any::<u8>().prop_map(Step::Push),
            2 => vec(any::<bool>(), 0..8).prop_map(Step::Remove),
            1 => (0_usize..8).prop_map(Step::Truncate),
            2 => prop_oneof![Just("They met."), Just("They met and parted."), Just(" ")].prop_map(Step::Summary),
            1 => Just(Step::TakeSummary),
        ]
    }

    fn push(talk: &mut Conversation, kind: u8) {
        let pending: Vec<ToolResultBlock> = talk.pending().map(|call| said(&call.tool_use_id)).collect();
        let message = match kind % 6 {
            0 if !pending.is_empty() => Message::new(Role::User, pending),
            1 => Message::assistant(call("a")).with(call("b")),
            2 => Message::assistant(format!("{kind}</think> of course")),
            3 => Message::new(Role::System, ["be polite"]),
            _ => Message::user(format!("question {kind}")),
        };
        // what does not fit is refused
        let _ = talk.push(message);
    }

    fn text_of(talk: &Conversation) -> String {
        talk.messages().iter().map(Message::text).collect()
    }

    proptest! {
        #[test]
        fn units_and_sizes_are_right_at_every_moment(steps in vec(step(), 1..60)) {
            // one that forgets what was thought, and one that a function makes
            let measures = [
                Measure::tokens(&"qwen.qwen3-32b-v1:0".into()),
                Measure::by(|message| message.content.len() as u64 + u64::from(message.text().contains("They"))),
            ];
            let mut talk = Conversation::new();
            for step in steps {
                let summary = talk.summary().map(str::to_owned);
                match step {
                    Step::Push(kind) => push(&mut talk, kind),
                    Step::Remove(out) => {
                        let before = text_of(&talk);
                        let is_out = |unit: usize| out.get(unit).copied().unwrap_or_default();
                        let removed = talk.remove(is_out);
                        prop_assert!(removed.iter().all(|message| message.role != Role::System));
                        let after: usize = text_of(&talk).len() + removed.iter().map(|it| it.text().len()).sum::<usize>();
                        if talk.summary() == summary.as_deref() {
                            prop_assert_eq!(before.len(), after);
                        } else {
                            prop_assert!(talk.messages().iter().all(|it| it.role == Role::System), "a summary was lost");
                        }
                    }
                    Step::Truncate(units) => drop(talk.truncate(units)),
                    Step::Summary(text) => {
                        if talk.set_summary(text) {
                            prop_assert_eq!(talk.summary(), Some(text));
                        } else {
                            prop_assert_eq!(talk.summary(), summary.as_deref());
                        }
                    }
                    Step::TakeSummary => {
                        prop_assert_eq!(talk.take_summary(), summary);
                        prop_assert_eq!(talk.summary(), None);
                    }
                }
                let mut anew = Conversation::try_from(talk.messages().to_vec()).unwrap();
                prop_assert_eq!(talk.units().collect::<Vec<_>>(), anew.units().collect::<Vec<_>>());
                prop_assert_eq!(talk.unit_count(), units(talk.messages()).count());
                for measure in &measures {
                    let tell = |talk: &mut Conversation| {
                        let sizes = talk.sizes(measure);
                        format!("{sizes:?} {}", sizes.total())
                    };
                    prop_assert_eq!(tell(&mut talk), tell(&mut anew));
                }
            }
        }
    }

    #[test]
    fn tokens_are_what_the_estimate_of_a_request_says() {
        for model in
            ["us.amazon.nova-lite-v1:0", "qwen.qwen3-32b-v1:0", "anthropic.claude-sonnet-4-20250514-v1:0"]
        {
            let mut talk = long();
            talk.push(Message::user("and now?")).unwrap();
            talk.push(Message::assistant("a thought</think>an answer")).unwrap();
            talk.push("more").unwrap();
            let of = |messages: &[Message]| {
                let request = crate::ChatRequest::new(model).messages(messages.to_vec());
                request.estimate_tokens().tokens()
            };
            let total = talk.sizes(&Measure::tokens(&model.into())).total();
            assert_eq!(of(talk.messages()) - of(&[]), total, "{model}");
        }
    }

    #[test]
    fn turns_are_counted_once_however_often_they_are_asked_for() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};

        let counted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&counted);
        let measure = Measure::by(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            1
        });
        let mut talk = Conversation::new();
        for number in 0..1_000 {
            talk.push(format!("question {number}")).unwrap();
            assert!(talk.sizes(&measure).total() <= 21);
            talk.push(Message::assistant("answer")).unwrap();
            if talk.sizes(&measure).total() > 20 {
                talk.remove(|unit| unit % 3 == 0);
            }
        }
        assert_eq!(counted.load(Ordering::Relaxed), 2_000);
    }

    #[test]
    fn a_text_that_only_looks_like_a_summary_is_none() {
        let told = "(Summary of the earlier conversation: They met.)\n\n";
        let mut talk = Conversation::new();
        assert!(!talk.set_summary("They met."));
        talk.push(Message::user(told)).unwrap();
        assert_eq!(talk.summary(), None);
        assert_eq!(talk.take_summary(), None);
        assert!(talk.set_summary("They parted."));
        assert_eq!(talk.summary(), Some("They parted."));
        assert_eq!(talk.drop_oldest(1), [Message::user(told)]);
    }
}
