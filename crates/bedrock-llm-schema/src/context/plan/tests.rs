//! What goes, what stays, and what is said of it.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::context::OnOverflow;
use crate::{ToolResultBlock, ToolUseBlock};

const MODEL: &str = "us.amazon.nova-lite-v1:0";

fn profile() -> ModelProfile {
    ModelProfile::new(MODEL)
}

/// Exact, so that a word is a token.
fn plan(policy: &ContextPolicy, request: &ChatRequest) -> Result<Option<ContextPlan>, Error> {
    policy.plan(request, &profile(), TokenCount::Exact(request.estimate_tokens().tokens()))
}

fn trimmed(policy: &ContextPolicy, request: &ChatRequest) -> (ChatRequest, Trimmed) {
    let mut request = request.clone();
    let trimmed = plan(policy, &request).unwrap().unwrap().apply(&mut request);
    (request, trimmed)
}

/// So many questions and answers of 10 tokens each, numbered, and a last question.
fn talk(questions: usize) -> ChatRequest {
    let ten = |number: usize, word: &str| format!("{number} {}", format!("{word} ").repeat(9));
    let turns = (0..questions)
        .flat_map(|number| [Message::user(ten(number, "ask")), Message::assistant(ten(number, "say"))]);
    ChatRequest::new(MODEL).messages(turns).message("last")
}

fn first_words(request: &ChatRequest) -> String {
    let word = |message: &Message| message.text().split(' ').next().unwrap_or_default().to_owned();
    request.messages.iter().filter(|it| it.role == Role::User).map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_oldest_units_go_and_it_is_said() {
    let request = talk(10);
    assert_eq!(request.estimate_tokens().tokens(), 201);
    let exactly = ContextPolicy::new().max_input_tokens(150).trim_to(1.0);
    let (left, trimmed) = trimmed(&exactly, &request);
    assert_eq!(first_words(&left), "3 4 5 6 7 8 9 last");
    assert_eq!(trimmed.removed, request.messages[..6]);
    assert_eq!(
        trimmed.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "messages[0]: dropped 6 turns of the conversation: of 201 tokens about 141 are left, 150 may be [CONTEXT]"
        ]
    );
    assert!(plan(&exactly, &left).unwrap().is_none());
    assert!(plan(&ContextPolicy::new().max_input_tokens(201), &request).unwrap().is_none());
    assert!(plan(&ContextPolicy::new(), &request).unwrap().is_none(), "nobody knows what fits");
}

#[test]
fn the_window_is_the_models_less_what_is_reserved() {
    let mut profile = profile();
    profile.max_input_tokens = Some(1_000);
    let budget = |policy: ContextPolicy, request: &ChatRequest| policy.budget(request, &profile);
    assert_eq!(budget(ContextPolicy::new(), &talk(1)), Some(1_000));
    assert_eq!(budget(ContextPolicy::new(), &talk(1).max_tokens(300)), Some(700));
    assert_eq!(budget(ContextPolicy::new(), &talk(1).max_tokens(900)), Some(500));
    assert_eq!(budget(ContextPolicy::new().reserve(100), &talk(1).max_tokens(300)), Some(900));
    assert_eq!(budget(ContextPolicy::new().max_input_tokens(50), &talk(1).max_tokens(300)), Some(50));
}

#[test]
fn a_growing_history_keeps_its_beginning_for_a_while() {
    let policy = ContextPolicy::new().max_input_tokens(400);
    let firsts: Vec<String> = (20..35)
        .map(|questions| {
            let (left, _) = trimmed(&policy, &talk(questions));
            first_words(&left).split(' ').next().unwrap_or_default().to_owned()
        })
        .collect();
    // in steps of a quarter of 400 tokens, which is five questions
    assert_eq!(firsts.join(" "), "5 5 5 5 10 10 10 10 10 15 15 15 15 20 20");
}

#[test]
fn an_estimate_is_taken_with_care() {
    let policy = ContextPolicy::new().max_input_tokens(240);
    let request = talk(10);
    assert!(plan(&policy, &request).unwrap().is_none());
    let planned = policy.plan(&request, &profile(), TokenCount::Estimated(201)).unwrap().unwrap();
    assert_eq!((planned.before(), planned.budget()), (251, 240));
    assert!(planned.after() <= 240);
}

#[test]
fn pins_first_units_and_turns_of_the_system_stay() {
    let mut request = talk(10);
    request.messages.insert(2, Message::new(Role::System, ["polite"]));
    let policy = ContextPolicy::new()
        .max_input_tokens(120)
        .trim_to(1.0)
        .keep_first(1)
        .pin(|message| message.text().starts_with("4 say"));
    let (left, trimmed) = trimmed(&policy, &request);
    assert_eq!(first_words(&left), "0 4 7 8 9 last");
    assert_eq!(left.messages[2], Message::new(Role::System, ["polite"]));
    assert_eq!(trimmed.changes[0].path, "messages[3]");
    let mut summed_up = left.clone();
    trimmed.put(&mut summed_up, "summary ");
    assert!(summed_up.messages[3].text().starts_with("summary 4 ask"));
}

#[test]
fn what_cannot_fit_is_refused_with_its_sizes() {
    let request = talk(3).system("word ".repeat(100));
    let error = plan(&ContextPolicy::new().max_input_tokens(90), &request).unwrap_err();
    assert!(error.is_context_overflow());
    assert_eq!(
        error.message(),
        "the request has 161 tokens, of which about 101 must stay (system prompt, tools, pinned turns, the last question with what came of it), and may have 90"
    );
    assert!(error.hint().unwrap().contains("shorten"));
    let refusing = ContextPolicy::new().max_input_tokens(160).on_overflow(OnOverflow::Error);
    assert_eq!(
        plan(&refusing, &request).unwrap_err().message(),
        "the request has 161 tokens, and may have 160"
    );
    let summing = ContextPolicy::new().max_input_tokens(160).summarize("m");
    assert!(
        plan(&summing, &request).unwrap_err().message().ends_with("may have 160, less 1000 for a summary")
    );
}

#[test]
fn a_broken_history_is_repaired_before_it_is_cut_and_not_else() {
    let mut request = talk(3);
    request.messages.insert(0, Message::user(ToolResultBlock::text("lost", "found")));
    let policy = |tokens| ContextPolicy::new().max_input_tokens(tokens).trim_to(1.0);
    assert!(plan(&policy(100), &request).unwrap().is_none());
    let (left, trimmed) = trimmed(&policy(40), &request);
    assert_eq!(first_words(&left), "2 last");
    let rules: Vec<_> = trimmed.changes.iter().map(|change| change.rule).collect();
    assert!(rules.contains(&"R-TOOL-PAIR") && rules.last() == Some(&"CONTEXT"), "{rules:?}");
}

/// Histories of questions, each with rounds of tools, answers and turns of the system in between.
fn history() -> impl Strategy<Value = Vec<Message>> {
    let round = (1..3_usize, 1..20_usize);
    let unit = (1..30_usize, vec(round, 0..3), 0..20_usize, any::<bool>());
    vec(unit, 1..12).prop_map(|units| {
        let mut conversation = Conversation::new();
        let mut push = |message: Message| conversation.push(message).unwrap();
        for (number, (asked, rounds, said, system)) in units.into_iter().enumerate() {
            push(Message::user(format!("q{number} ").repeat(asked)));
            for (calls, result) in rounds {
                let ids = || (0..calls).map(|call| format!("c{call}"));
                push(Message::new(Role::Assistant, ids().map(|id| ToolUseBlock::new(id, "look", json!({})))));
                let results = ids().map(|id| ToolResultBlock::text(id, "saw ".repeat(result)));
                push(Message::new(Role::User, results));
            }
            push(Message::assistant("yes ".repeat(said + 1)));
            if system {
                push(Message::new(Role::System, [format!("s{number}")]));
            }
        }
        let _ = conversation.push("last");
        conversation.into_messages()
    })
}

proptest! {
    #[test]
    fn what_is_left_is_sound_and_fits(
        messages in history(),
        budget in 1..800_u64,
        trim_to in 0.0..=1.0,
        keep_first in 0..3_usize,
        pinned in 0..12_usize,
    ) {
        let request = ChatRequest::new(MODEL).system("short").messages(messages);
        let is_pinned = move |message: &Message| message.text().starts_with(&format!("q{pinned} "));
        let policy = ContextPolicy::new()
            .max_input_tokens(budget)
            .trim_to(trim_to)
            .keep_first(keep_first)
            .pin(is_pinned);
        let mut left = request.clone();
        match policy.trim(&mut left, &profile()) {
            Err(error) => {
                prop_assert!(error.is_context_overflow());
                prop_assert_eq!(&left, &request);
                // all that could go would not have been enough
                let stays = |number: usize, unit: &[Message]| policy.keeps(number, unit);
                let count = units(&request.messages).count();
                let least: u64 = units(&request.messages).enumerate().map(|(number, unit)| {
                    let whole = number + 1 == count || stays(number, unit);
                    let turns = unit.iter().filter(|it| whole || it.role == Role::System);
                    turns.map(|it| Weights::of(&MODEL.into()).turn(it)).sum::<u64>()
                }).sum();
                let front = Weights::of(&MODEL.into()).front(&Prompt::of(&request));
                prop_assert!((front + least) * 100 / 80 + 1 > budget);
            }
            Ok(changes) => {
                prop_assert!(*left.estimate_tokens().range().end() <= budget);
                prop_assert!(Conversation::try_from(left.messages.clone()).is_ok());
                prop_assert_eq!(changes.is_empty(), left == request);
                let last = |request: &ChatRequest| {
                    request.messages.iter().rfind(|it| it.role != Role::System).cloned()
                };
                prop_assert_eq!(last(&left), last(&request));
                prop_assert_eq!(&left.system, &request.system);

                let texts = |request: &ChatRequest, role: Role| -> Vec<String> {
                    let turns = request.messages.iter().filter(move |it| it.role == role);
                    turns.flat_map(|it| &it.content).filter_map(|it| it.as_text().map(Into::into)).collect()
                };
                prop_assert_eq!(texts(&left, Role::System), texts(&request, Role::System));
                // what is left is in order, and what is kept is there
                let (all, left_over) = (texts(&request, Role::User), texts(&left, Role::User));
                let mut rest = all.iter();
                prop_assert!(left_over.iter().all(|text| rest.any(|it| it == text)));
                prop_assert!(all.iter().take(keep_first).all(|text| left_over.contains(text)));
                let pin = format!("q{pinned} ");
                prop_assert!(all.iter().filter(|it| it.starts_with(&pin)).all(|text| left_over.contains(text)));

                let once = left.clone();
                prop_assert_eq!(policy.trim(&mut left, &profile()).unwrap(), vec![]);
                prop_assert_eq!(left, once);
            }
        }
    }
}
