//! Models that sum up and score, over a real socket, and what comes of those that fail.

use bedrock_llm_agent::memory::{
    MemoryConfig, MemoryUpdate, ModelScorer, OnFailure, Strategy, TokenBudget, Window,
};
use bedrock_llm_local::{Exception, LocalBedrock, Reply};
use bedrock_llm_schema::context::Summary;
use bedrock_llm_schema::{Conversation, ErrorKind, Message, StopReason, Usage};
use serde_json::{Value, json};

use crate::common::{SMALL, builder, prune, start, talk, units};

fn summary(text: &str) -> Reply {
    Reply::text(text).model(SMALL).usage(Usage::new(80, 2))
}

/// What the model was told, call by call.
fn asked(local: &LocalBedrock) -> Vec<String> {
    let text =
        |json: &Value| json["messages"][0]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    local.received().iter().map(|request| text(&request.json)).collect()
}

fn grow(conversation: &mut Conversation, questions: std::ops::Range<usize>) {
    for number in questions {
        conversation.push(Message::assistant("well")).unwrap();
        conversation.push(format!("{number} more")).unwrap();
    }
}

fn summarized(update: &MemoryUpdate) -> (&str, usize, usize, Option<u64>, Option<&str>) {
    let used = update.usage.as_ref().map(Usage::total);
    (update.strategy.as_str(), update.removed, update.summarized, used, update.failed.as_deref())
}

#[tokio::test]
async fn what_falls_out_is_summed_up_and_the_next_summary_builds_on_that() {
    let script = LocalBedrock::builder().reply(summary("They talked.")).reply(summary(" They talked on.\n"));
    let (local, client) = start(script).await;
    let memory = Window::new(2).summarize(Summary::by(SMALL).max_tokens(200));
    let mut conversation = talk(2);
    assert_eq!(prune(&memory, &mut conversation, &client).await.unwrap(), vec![]);

    let mut conversation = talk(4);
    let updates = prune(&memory, &mut conversation, &client).await.unwrap();
    assert_eq!(
        updates.iter().map(summarized).collect::<Vec<_>>(),
        [("window", 6, 0, None, None), ("summarize", 0, 6, Some(82), None)]
    );
    assert_eq!((units(&conversation).as_str(), conversation.summary()), ("3 last", Some("They talked.")));
    assert_eq!(local.received()[0].json["inferenceConfig"]["maxTokens"], 200);

    grow(&mut conversation, 5..8);
    prune(&memory, &mut conversation, &client).await.unwrap();
    assert_eq!((units(&conversation).as_str(), conversation.summary()), ("6 7", Some("They talked on.")));
    let asked = asked(&local);
    assert_eq!(asked.len(), 2);
    assert!(asked[0].starts_with("<conversation>\nuser:\n0 ask\n"), "{}", asked[0]);
    let built_on = "<summary_so_far>\nThey talked.\n</summary_so_far>\n<conversation>\nuser:\n3 ask\n";
    assert!(asked[1].starts_with(built_on) && !asked[1].contains("7 more"), "{}", asked[1]);
    let first = conversation.messages()[0].text();
    assert_eq!(first, "(Summary of the earlier conversation: They talked on.)\n\n6 more");
}

#[tokio::test]
async fn all_that_a_chain_takes_out_is_summed_up_once() {
    let (local, client) = start(LocalBedrock::builder().reply(summary("They talked."))).await;
    let config: MemoryConfig = serde_json::from_value(json!({
        "window": 6, "max_tokens": 60, "summarize_with": SMALL, "keep_first": 1,
    }))
    .unwrap();
    let mut conversation = talk(20);
    let updates = prune(&config, &mut conversation, &client).await.unwrap();
    let removed: usize = updates.iter().map(|update| update.removed).sum();
    assert_eq!(updates.last().unwrap().summarized, removed);
    assert!(updates.len() == 3 && removed > 30, "{updates:?}");
    assert!(units(&conversation).starts_with("0 1") && conversation.summary().is_some());
    let received = local.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].json["inferenceConfig"]["maxTokens"], 15, "a quarter");
}

#[tokio::test]
async fn a_budget_leaves_room_for_the_summary() {
    let (_local, client) = start(LocalBedrock::builder().reply(summary(&"word ".repeat(50)).forever())).await;
    let memory = TokenBudget::new(200).summarize(Summary::by(SMALL).max_tokens(60));
    let mut conversation = talk(30);
    prune(&memory, &mut conversation, &client).await.unwrap();
    let kept = units(&conversation);
    assert!(conversation.summary().is_some());
    assert_eq!(prune(&memory, &mut conversation, &client).await.unwrap(), vec![], "it fits with the summary");
    let mut without = talk(30);
    prune(&TokenBudget::new(200), &mut without, &client).await.unwrap();
    assert!(kept.len() < units(&without).len());
}

#[tokio::test]
async fn what_the_summing_models_window_does_not_hold_is_summed_up_piece_by_piece() {
    let script =
        LocalBedrock::builder().reply(summary("One.")).reply(summary("Two.")).reply(summary("Three."));
    let (local, client) = start(script).await;
    // the window has 128,000 tokens
    let mut conversation = Conversation::new();
    for number in 0..6 {
        conversation.push(format!("{number} {}", "word ".repeat(40_000))).unwrap();
        conversation.push(Message::assistant("yes")).unwrap();
    }
    conversation.push("last").unwrap();
    let updates = prune(&Window::new(1).summarize(SMALL), &mut conversation, &client).await.unwrap();
    assert_eq!(summarized(&updates[1]), ("summarize", 0, 12, Some(3 * 82), None));
    assert_eq!(conversation.summary(), Some("Three."));
    assert!(asked(&local)[2].starts_with("<summary_so_far>\nTwo.\n"));
}

#[tokio::test]
async fn a_summary_that_does_not_come_is_an_error_or_gone_without() {
    let throttled = Exception::new("ThrottlingException").message("Too many requests");
    let failures = [
        ("throttled for good", Reply::exception(throttled), false),
        ("hung up", Reply::hang_up(), false),
        ("a stream that is cut off", Reply::text("They talked.").cut_after(2), true),
        ("silent", Reply::text(" "), false),
        ("stopped", Reply::text("No.").stop_reason(StopReason::GuardrailIntervened), false),
    ];
    for (name, reply, by_stream) in failures {
        let local = LocalBedrock::builder().reply(reply.model(SMALL).forever()).start().await.unwrap();
        let client = builder(&local.endpoint()).chat_by_stream(by_stream).build().await.unwrap();
        let mut conversation = talk(9);
        conversation.set_summary("They met.");
        let before = conversation.clone();
        let memory = Window::new(2).summarize(SMALL);

        let failing = memory.clone().on_failure(OnFailure::Fail);
        let error = prune(&failing, &mut conversation, &client).await.unwrap_err();
        assert_eq!(conversation, before, "{name}");
        assert!(!error.to_string().contains("ask"), "{name}: {error}");

        let updates = prune(&memory, &mut conversation, &client).await.unwrap();
        assert_eq!((updates[0].removed, updates[1].summarized), (16, 0), "{name}");
        assert_eq!(updates[1].failed.as_deref(), Some(error.kind().as_str()), "{name}");
        assert_eq!((units(&conversation).as_str(), conversation.summary()), ("8 last", Some("They met.")));
        assert_eq!(local.received().len(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_summary_that_comes_half_way_is_kept() {
    let down = Exception::new("ThrottlingException").message("Too many requests");
    let script =
        LocalBedrock::builder().reply(summary("One.")).reply(Reply::exception(down).model(SMALL).forever());
    let (_local, client) = start(script).await;
    let mut conversation = Conversation::new();
    for _ in 0..4 {
        conversation.push("word ".repeat(40_000)).unwrap();
        conversation.push(Message::assistant("yes")).unwrap();
    }
    conversation.push("last").unwrap();
    let updates = prune(&Window::new(1).summarize(SMALL), &mut conversation, &client).await.unwrap();
    let update = &updates[1];
    assert!(update.summarized > 0 && update.summarized < 8 && update.failed.is_some(), "{update:?}");
    assert_eq!(conversation.summary(), Some("One."));
}

#[tokio::test]
async fn a_prune_that_is_dropped_leaves_the_conversation_as_it_was() {
    let slow = summary("Late.").delay(std::time::Duration::from_secs(600)).forever();
    let (_local, client) = start(LocalBedrock::builder().reply(slow)).await;
    let mut conversation = talk(9);
    let memory = Window::new(2).summarize(SMALL);
    let waited = std::time::Duration::from_millis(20);
    assert!(tokio::time::timeout(waited, prune(&memory, &mut conversation, &client)).await.is_err());
    assert_eq!(conversation, talk(9));
}

fn scores(scores: impl IntoIterator<Item = u8>) -> Reply {
    let scores: Vec<u8> = scores.into_iter().collect();
    Reply::text(json!({ "scores": scores }).to_string()).model(SMALL).usage(Usage::new(50, 5))
}

/// As a model without native JSON answers: it calls the tool it must call.
fn scores_by_tool(values: &[u8]) -> Reply {
    Reply::tool_use("t", "answer", json!({ "scores": values })).model(SMALL).usage(Usage::new(50, 5))
}

#[tokio::test]
async fn a_model_scores_each_unit_once() {
    let script = LocalBedrock::builder()
        .reply(scores([0, 9, 0, 8, 0]))
        .reply(scores([10, 0, 0]))
        .reply(scores_by_tool(&[1]));
    let (local, client) = start(script).await;
    let memory = Window::new(3).grow_to(4).by_importance_of(ModelScorer::by(SMALL));
    let mut conversation = talk(5);
    let updates = prune(&memory, &mut conversation, &client).await.unwrap();
    assert_eq!(
        updates.iter().map(summarized).collect::<Vec<_>>(),
        [("score", 0, 0, Some(55), None), ("importance", 6, 0, None, None)]
    );
    assert_eq!(units(&conversation), "1 3 last");

    grow(&mut conversation, 5..8);
    prune(&memory, &mut conversation, &client).await.unwrap();
    assert_eq!(units(&conversation), "1 last 7", "9 and 10 of 10 are the highest, 8 the next");
    let asked = asked(&local);
    assert_eq!(asked.len(), 2);
    assert!(
        asked[0].starts_with("<part number=\"1\">\nuser:\n0 ask\n")
            && asked[0].contains("Score the 5 parts.")
    );
    assert!(!asked[1].contains("1 ask") && asked[1].contains("Score the 3 parts."), "{}", asked[1]);
}

#[tokio::test]
async fn without_scores_the_oldest_go_or_it_is_an_error() {
    let down = Exception::new("ThrottlingException").message("Too many requests");
    for reply in [Reply::exception(down), scores([1, 2])] {
        let (_local, client) = start(LocalBedrock::builder().reply(reply.model(SMALL).forever())).await;
        let scorer = ModelScorer::by(SMALL);
        let failing = Window::new(2).by_importance_of(scorer.clone().on_failure(OnFailure::Fail));
        let mut conversation = talk(5);
        let error = prune(&failing, &mut conversation, &client).await.unwrap_err();
        assert!(error.is_throttled() || *error.kind() == ErrorKind::AnswerInvalid, "{error}");
        assert_eq!(conversation, talk(5));

        let updates =
            prune(&Window::new(2).by_importance_of(scorer), &mut conversation, &client).await.unwrap();
        assert_eq!(updates[0].failed.as_deref(), Some(error.kind().as_str()));
        assert_eq!(units(&conversation), "4 last");
    }
}
