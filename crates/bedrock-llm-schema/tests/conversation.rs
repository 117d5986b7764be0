//! Conversations: any history is repaired without losing a text, and no sequence of calls breaks one.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;

use bedrock_llm_schema::conversation::Repaired;
use bedrock_llm_schema::{
    Catalog, ChatRequest, ContentBlock, Conversation, ImageBlock, ImageFormat, Message, Normalizer,
    ReasoningTextBlock, Role, ToolResultBlock, ToolResultContentBlock, ToolUseBlock, Violations,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The rules that a conversation keeps; settings, names of documents and the like are not its own.
const RULES: [&str; 5] = ["R-FIRST-TURN", "R-CONTENT", "R-BLANK-TEXT", "R-TOOL-PAIR", "R-TOOL-ID"];

/// What the request of a conversation breaks. Open calls of the last turn are answered first.
fn broken(conversation: &Conversation) -> Vec<String> {
    let mut closed = conversation.clone();
    closed.fail_pending("stopped");
    let alternate = closed.messages().windows(2).all(|pair| pair[0].role != pair[1].role);
    let Violations(violations) = match ChatRequest::new("m").messages(closed).validate() {
        Ok(()) => Violations(Vec::new()),
        Err(violations) => violations,
    };
    let violations = violations.iter().filter(|it| RULES.contains(&it.rule)).map(ToString::to_string);
    violations.chain((!alternate).then(|| "roles do not alternate".to_owned())).collect()
}

/// Every text that somebody wrote and that is not blank, blocks and results alike.
fn texts(messages: &[Message]) -> Vec<String> {
    let mut texts = Vec::new();
    for block in messages.iter().flat_map(|message| &message.content) {
        match block {
            ContentBlock::Text(text) => texts.push(text.clone()),
            ContentBlock::ReasoningContent(_) => texts.push(serde_json::to_string(block).unwrap()),
            ContentBlock::ToolResult(result) => {
                for piece in &result.content {
                    match piece {
                        ToolResultContentBlock::Text(text) => texts.push(text.clone()),
                        ToolResultContentBlock::Json(value) => texts.push(value.to_string()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    texts
}

/// Each text of the first list is in the second as often, be it within another.
fn first_missing(given: &[Message], kept: &[Message]) -> Option<String> {
    let mut kept = texts(kept);
    texts(given).into_iter().find(|text| match kept.iter().position(|it| it == text) {
        Some(place) => {
            kept.swap_remove(place);
            false
        }
        None => true,
    })
}

fn images(messages: &[Message]) -> usize {
    serde_json::to_string(messages).unwrap().matches("\"image\"").count()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just(" \n".to_owned()), "[a-z]{1,3}", any::<String>()]
}

/// Few, so that calls and results meet.
fn id() -> impl Strategy<Value = String> {
    "[a-c]"
}

fn result() -> impl Strategy<Value = ToolResultBlock> {
    let piece = prop_oneof![
        3 => text().prop_map(ToolResultContentBlock::Text),
        1 => text().prop_map(|text| json!({"said": text}).into()),
        1 => Just(ImageBlock::new(ImageFormat::Png, vec![1]).into()),
    ];
    (id(), vec(piece, 0..3), proptest::bool::weighted(0.1)).prop_map(|(id, content, served)| {
        let r#type = served.then(|| "nova_grounding_result".to_owned());
        ToolResultBlock { tool_use_id: id, content, r#type, ..ToolResultBlock::default() }
    })
}

fn block() -> impl Strategy<Value = ContentBlock> {
    prop_oneof![
        3 => text().prop_map(ContentBlock::Text),
        3 => id().prop_map(|id| ToolUseBlock::new(id, "look", json!({})).into()),
        1 => id().prop_map(|id| serde_json::from_value(
            json!({"toolUse": {"toolUseId": id, "name": "look", "input": {}, "type": "server_tool_use"}})).unwrap()),
        4 => result().prop_map(ContentBlock::ToolResult),
        1 => Just(ContentBlock::from(ImageBlock::new(ImageFormat::Png, vec![1]))),
        1 => Just(ContentBlock::cache_point()),
        1 => text().prop_map(|text| ContentBlock::ReasoningContent(ReasoningTextBlock::new(text).signed("s").into())),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![4 => Just(Role::User), 4 => Just(Role::Assistant), 1 => Just(Role::System)];
    (role, vec(block(), 0..5)).prop_map(|(role, content)| Message::new(role, content))
}

#[derive(Debug, Clone)]
enum Step {
    Push(Message),
    /// Answers the open calls, or some of them.
    Answer(usize),
    GiveUp,
    Truncate(usize),
    DropOldest(usize),
    Prune(u64),
    Fork(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => message().prop_map(Step::Push),
        6 => (0..4usize).prop_map(Step::Answer),
        3 => vec(text(), 0..3).prop_map(|texts| Step::Push(Message::new(Role::User, texts))),
        6 => vec(id(), 0..3).prop_map(|ids| Step::Push(Message::new(
            Role::Assistant,
            ids.into_iter().map(|id| ToolUseBlock::new(id, "look", json!({}))).collect::<Vec<_>>()
        ).with("let me see"))),
        1 => Just(Step::GiveUp),
        1 => (0..5usize).prop_map(Step::Truncate),
        1 => (0..3usize).prop_map(Step::DropOldest),
        2 => (0..12u64).prop_map(Step::Prune),
        1 => (0..5usize).prop_map(Step::Fork),
    ]
}

/// Whether no cut parted a call from its result; calls that were open before may be at the end. Without a system turn
/// between them, two turns may be in a row.
fn is_whole(turns: &[Message]) -> bool {
    let open =
        turns.last().filter(|last| last.role == Role::Assistant).into_iter().flat_map(Message::tool_uses);
    let results: Vec<_> = open.map(|call| ToolResultBlock::text(call.tool_use_id.clone(), "seen")).collect();
    let mut turns = turns.to_vec();
    if !results.is_empty() {
        turns.push(Message::new(Role::User, results));
    }
    Conversation::repair(turns).changes.iter().all(|change| change.rule == "R-ALTERNATE")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_history_is_repaired_without_losing_a_text(history in vec(message(), 0..10)) {
        let Repaired { conversation, changes, .. } = Conversation::repair(history.clone());
        prop_assert_eq!(broken(&conversation), Vec::<String>::new());
        prop_assert_eq!(conversation.pending().count(), 0);
        prop_assert_eq!(first_missing(&history, conversation.messages()), None);
        prop_assert_eq!(images(&history), images(conversation.messages()));
        prop_assert_eq!(changes.is_empty(), conversation.messages() == history);

        let again = Conversation::repair(conversation.messages().to_vec());
        prop_assert_eq!(&again.conversation, &conversation);
        prop_assert_eq!(again.changes, vec![]);
        prop_assert_eq!(Conversation::try_from(conversation.messages().to_vec()), Ok(conversation));
    }

    #[test]
    fn normalising_does_the_same_and_once_is_enough(history in vec(message(), 0..10)) {
        let id = "us.amazon.nova-lite-v1:0".into();
        let profile = Catalog::builtin().profile(&id);
        let once = Normalizer::new().normalize(ChatRequest::new(id).messages(history), &profile);
        prop_assert_eq!(Conversation::repair(once.request.messages.clone()).changes, vec![]);
        let twice = Normalizer::new().normalize(once.request.clone(), &profile);
        prop_assert_eq!(twice.request.messages, once.request.messages);
    }

    #[test]
    fn change_messages_show_no_text(history in vec(message(), 0..10), secret in "[A-Z]{12}") {
        let mut history = history;
        for block in history.iter_mut().flat_map(|message| &mut message.content) {
            match block {
                ContentBlock::Text(text) => text.push_str(&secret),
                ContentBlock::ToolResult(result) => result.content.push(secret.as_str().into()),
                ContentBlock::ToolUse(call) => call.input = json!({"said": secret}),
                _ => {}
            }
        }
        let shown = format!("{:?}", Conversation::repair(history));
        prop_assert!(!shown.contains(&secret), "{}", shown);
    }

    #[test]
    fn no_sequence_of_calls_breaks_a_conversation(steps in vec(step(), 0..25)) {
        let mut talk = Conversation::new();
        for step in steps {
            let before = talk.clone();
            match step {
                Step::Push(message) => if let Err(error) = talk.push(message.clone()) {
                    prop_assert_eq!(&talk, &before);
                    prop_assert_eq!(error.into_message(), message);
                } else {
                    prop_assert_eq!(first_missing(&[message], talk.messages()), None);
                },
                Step::Answer(count) => {
                    let ids: Vec<_> = talk.pending().take(count).map(|call| call.tool_use_id.clone()).collect();
                    let is_all = ids.len() == talk.pending().count() && !ids.is_empty();
                    let results: Vec<_> = ids.into_iter().map(|id| ToolResultBlock::text(id, "seen")).collect();
                    prop_assert_eq!(talk.push_results(results).is_ok(), is_all);
                }
                Step::GiveUp => {
                    talk.fail_pending("stopped");
                    prop_assert_eq!(talk.pending().count(), 0);
                }
                Step::Truncate(units) => {
                    let removed = talk.truncate(units);
                    prop_assert_eq!([talk.messages(), &removed].concat(), before.into_messages());
                }
                Step::Fork(units) => {
                    let fork = talk.fork(units);
                    prop_assert_eq!(&talk, &before);
                    prop_assert_eq!(fork.units().count(), before.units().count().min(units));
                    talk = fork;
                }
                Step::DropOldest(units) => {
                    let removed = talk.drop_oldest(units);
                    prop_assert!(is_whole(&removed), "a cut parted a call from its result");
                    let given = before.into_messages();
                    prop_assert_eq!(first_missing(&given, &[talk.messages(), &removed].concat()), None);
                }
                Step::Prune(limit) => {
                    let size = |message: &Message| message.content.len() as u64;
                    let pruned = talk.prune(limit, size);
                    prop_assert!(is_whole(&pruned.removed), "a cut parted a call from its result");
                    let left: u64 = talk.messages().iter().map(size).sum();
                    prop_assert_eq!((pruned.size, pruned.fits), (left, left <= limit));
                    prop_assert!(pruned.fits || talk.units().count() <= 1);
                    prop_assert_eq!(talk.units().last().is_some(), before.units().last().is_some());
                }
            }
            prop_assert_eq!(broken(&talk), Vec::<String>::new());
            prop_assert_eq!(Conversation::try_from(talk.messages().to_vec()), Ok(talk.clone()));
            prop_assert_eq!(talk.units().flatten().cloned().collect::<Vec<_>>(), talk.messages());
        }
    }
}

fn recorded_requests() -> Vec<(String, ChatRequest)> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings");
    let root =
        std::env::var_os("BEDROCK_LLM_RECORDINGS").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let mut requests = Vec::new();
    for operation in ["converse", "converse-stream"] {
        let Ok(folder) = std::fs::read_dir(root.join(operation)) else {
            println!("skipped: no recordings at {}", root.join(operation).display());
            continue;
        };
        for path in folder
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
        {
            let recording: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            if recording["response"]["status"] == 200 {
                let request = serde_json::from_value(recording["request"]["body"].clone()).unwrap();
                requests.push((path.display().to_string(), request));
            }
        }
    }
    requests
}

/// The service takes two turns of one role in a row from some models (recording a5fcd85a6162), a conversation has
/// them as one; nothing else that was accepted is changed.
#[test]
fn accepted_histories_are_sound_but_for_turns_in_a_row() {
    for (file, request) in recorded_requests() {
        let Repaired { conversation, changes, .. } = Conversation::repair(request.messages.clone());
        let in_a_row = request.messages.windows(2).filter(|pair| pair[0].role == pair[1].role).count();
        let rules: Vec<_> = changes.iter().map(|change| change.rule).collect();
        assert_eq!(rules, vec!["R-ALTERNATE"; in_a_row], "{file}: {changes:?}");
        assert_eq!(conversation.messages() == request.messages, in_a_row == 0, "{file}");
        assert_eq!(first_missing(&request.messages, conversation.messages()), None, "{file}");
    }
}
