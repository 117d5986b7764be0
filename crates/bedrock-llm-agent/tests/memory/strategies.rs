//! What each strategy takes out.

use bedrock_llm_agent::memory::{
    Draft, Memory as _, MemoryConfig, MemoryContext, MemoryUpdate, Strategy, TokenBudget, Window,
};
use bedrock_llm_schema::conversation::Measure;
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{Conversation, Error, Message, ModelId, Role, ToolResultBlock, ToolUseBlock};
use serde_json::json;

use crate::common::{NOVA, lonely, prune, talk, units};

/// What a memory leaves of so many questions, and what it says that it did.
async fn left(memory: impl Strategy, questions: usize) -> (String, Vec<(String, usize)>) {
    let mut conversation = talk(questions);
    let updates = prune(&memory, &mut conversation, &lonely().await).await.unwrap();
    let told = updates.into_iter().map(|update| (update.strategy, update.removed)).collect();
    (units(&conversation), told)
}

fn told(strategy: &str, removed: usize) -> Vec<(String, usize)> {
    vec![(strategy.to_owned(), removed)]
}

#[tokio::test]
async fn a_window_lets_a_conversation_grow_and_cuts_it_then() {
    let window = || Window::new(4);
    assert_eq!(left(window(), 5).await, ("0 1 2 3 4 last".to_owned(), vec![]));
    assert_eq!(left(window(), 6).await, ("3 4 5 last".to_owned(), told("window", 6)));
    assert_eq!(left(window().grow_to(4), 4).await, ("1 2 3 last".to_owned(), told("window", 2)));
    assert_eq!(left(window().grow_to(1), 4).await.0, "1 2 3 last", "not fewer than are kept");
    assert_eq!(left(Window::new(0), 9).await.0, "last");
    assert_eq!(left(None::<Window>, 9).await.1, vec![]);

    let mut empty = Conversation::new();
    assert_eq!(prune(&window(), &mut empty, &lonely().await).await.unwrap(), vec![]);
}

#[tokio::test]
async fn what_is_pinned_stays_and_does_not_count() {
    let pinned = || Window::new(2).grow_to(2).keep_first(1).pin(|message| message.text() == "3 say");
    assert_eq!(left(pinned(), 6).await, ("0 3 5 last".to_owned(), told("window", 6)));
    assert_eq!(left(pinned(), 1).await, ("0 last".to_owned(), vec![]));
    let two_pins = Window::new(2).pin(|message| message.text() == "1 ask").pin(|it| it.text() == "2 ask");
    assert_eq!(left(two_pins, 8).await.0, "1 2 7 last");
    // of one strategy, not of the next
    let chain = Window::new(2).keep_first(1).then(Window::new(1));
    assert_eq!(left(chain, 8).await.0, "last");
}

#[tokio::test]
async fn tokens_are_kept_within_a_number_a_measure_or_the_window() {
    let turns = || Measure::by(|_| 1);
    let most = TokenBudget::new(8).measured_by(turns());
    // 9 turns are too many, 6 are left: with the last one 5
    assert_eq!(left(most.clone(), 4).await, ("2 3 last".to_owned(), told("token_budget", 4)));
    assert_eq!(left(most.clone(), 3).await.1, vec![]);
    assert_eq!(left(most.trim_to(0.2), 4).await.0, "last");
    // about 4 tokens each, by estimate and with care
    assert_eq!(left(TokenBudget::new(40), 3).await.1, vec![]);
    let (kept, told) = left(TokenBudget::new(40), 20).await;
    assert_eq!((kept.as_str(), told[0].1), ("17 18 19 last", 34));

    let client = lonely().await;
    let mut profile = ModelProfile::new(NOVA);
    let of = async |profile: &ModelProfile, reserved: u64| {
        let mut conversation = talk(20);
        let context = MemoryContext::new(&client, profile).reserve(reserved);
        TokenBudget::of_window().prune(&mut conversation, &context).await.unwrap();
        units(&conversation).split(' ').count()
    };
    assert_eq!(of(&profile, 0).await, 21, "nobody knows the window");
    profile.max_input_tokens = Some(1_000);
    assert_eq!(of(&profile, 0).await, 21);
    profile.max_input_tokens = Some(80);
    let (free, reserved, overreserved) =
        (of(&profile, 0).await, of(&profile, 40).await, of(&profile, 900).await);
    assert_eq!((free, reserved, overreserved), (8, 4, 4));
}

#[tokio::test]
async fn the_least_important_go_first() {
    let even = |unit: &[Message]| f64::from(u8::from(unit[0].text().as_bytes()[0].is_multiple_of(2)));
    let kept = left(Window::new(4).by_importance(even), 8).await;
    assert_eq!(kept, ("2 4 6 last".to_owned(), told("importance", 10)));
    let recent = Window::new(4).by_importance(even).recency(9.0);
    assert_eq!(left(recent, 8).await.0, "5 6 7 last");
    let silly = Window::new(4).by_importance(|_| f64::NAN).recency(f64::INFINITY);
    assert_eq!(left(silly, 8).await.0, "5 6 7 last");
    let budget = TokenBudget::new(8).measured_by(Measure::by(|_| 1)).by_importance(even);
    assert_eq!(left(budget.keep_first(2), 5).await.0, "0 1 last");
}

#[tokio::test]
async fn strategies_go_on_from_each_other() {
    let chain = Window::new(6).then(TokenBudget::new(8).measured_by(Measure::by(|_| 1)));
    let (kept, told) = left(chain, 20).await;
    assert_eq!(kept, "18 19 last");
    assert_eq!(told, [("window".to_owned(), 30), ("token_budget".to_owned(), 6)]);
}

#[tokio::test]
async fn a_unit_in_progress_is_left_alone_and_calls_keep_their_results() {
    let mut conversation = talk(9);
    let call = |id: &str| ToolUseBlock::new(id, "look", json!({}));
    conversation.push(Message::assistant(call("a")).with(call("b"))).unwrap();
    conversation.push_results(["a", "b"].map(|id| ToolResultBlock::text(id, "seen"))).unwrap();
    conversation.push(Message::assistant(call("c"))).unwrap();
    let mut cut = conversation.clone();
    let updates = prune(&TokenBudget::new(1).then(Window::new(1)), &mut cut, &lonely().await).await.unwrap();
    assert_eq!(updates.iter().map(|update| update.removed).sum::<usize>(), 18);
    assert_eq!(cut.messages(), &conversation.messages()[18..]);
    assert_eq!(cut.pending().count(), 1);
}

#[tokio::test]
async fn turns_of_the_system_stay_and_are_not_counted_as_removed() {
    let mut conversation = talk(3);
    conversation.push(Message::new(Role::System, ["be brief"])).unwrap();
    conversation.push("and now?").unwrap();
    let updates = prune(&Window::new(1), &mut conversation, &lonely().await).await.unwrap();
    assert_eq!(updates[0].removed, 7);
    assert_eq!(
        conversation.messages(),
        [Message::user("and now?"), Message::new(Role::System, ["be brief"])]
    );
}

/// Asks for what a draft does not give.
struct Greedy;

impl Strategy for Greedy {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        assert_eq!(draft.candidates(), [1, 2]);
        assert!(!draft.remove(0, "greedy"), "it is pinned");
        assert!(draft.remove(1, "greedy"));
        assert!(!draft.remove(1, "greedy"), "it is gone");
        assert!(!draft.remove(3, "greedy") && !draft.remove(4, "greedy"), "the last stays");
        assert_eq!((draft.candidates(), draft.unit_count()), (vec![2], 3));
        assert_eq!(draft.unit(0)[0].text(), "0 ask", "the summary is not shown");
        assert_eq!(draft.summary(), Some("They met."));
        let tokens = Measure::tokens(&context.profile.id);
        let size = draft.size(&tokens);
        let goes = draft.removable(2, &tokens);
        draft.remove(2, "greedy");
        assert_eq!(draft.size(&tokens), size - goes);
        Ok(())
    }
}

#[tokio::test]
async fn a_draft_gives_no_more_than_it_may() {
    let mut conversation = talk(3);
    assert!(conversation.set_summary("They met."));
    let updates = prune(&Greedy.keep_first(1), &mut conversation, &lonely().await).await.unwrap();
    let mut expected = MemoryUpdate::of("greedy");
    expected.removed = 4;
    assert_eq!(updates, [expected]);
    assert_eq!(units(&conversation), "0 last");
    assert_eq!(conversation.summary(), Some("They met."));
}

#[tokio::test]
async fn a_configuration_says_all_of_it_and_debug_shows_nothing() {
    let config: MemoryConfig = toml::from_str("window = 2\nkeep_first = 1\nmax_tokens = 1000").unwrap();
    assert_eq!(left(config.clone(), 8).await.0, "0 7 last");
    let small: MemoryConfig = serde_json::from_value(json!({"max_tokens": 40})).unwrap();
    assert_eq!(left(small, 20).await.0, "17 18 19 last");
    assert_eq!(left(MemoryConfig::default(), 20).await.1, vec![]);
    assert_eq!(serde_json::to_value(&config).unwrap()["window"], 2);
    assert!(toml::from_str::<MemoryConfig>("windows = 2").is_err());
    for wrong in ["max_tokens = -1", "on_failure = \"shrug\""] {
        assert!(toml::from_str::<MemoryConfig>(wrong).is_err(), "{wrong}");
    }

    let mut conversation = talk(2);
    let draft_of = |conversation: &mut Conversation| format!("{conversation:?}");
    assert!(!draft_of(&mut conversation).contains("ask"));
    let memory = Window::new(2).by_importance(|_| 0.0).keep_first(1).summarize("m");
    assert!(format!("{memory:?}").contains("low: 2"));
    let update = serde_json::to_value(MemoryUpdate::of("window")).unwrap();
    assert_eq!(update, json!({"strategy": "window", "removed": 0, "summarized": 0}));
    assert_eq!(ModelId::from(NOVA).as_str(), NOVA);
}
