//! Conversations that their model's window does not hold: what is sent of them, who is asked before, what is said after.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_client::Client;
use bedrock_llm_client::layers::ContextLayer;
use bedrock_llm_local::{Builder, Exception, LocalBedrock, Reply};
use bedrock_llm_schema::context::Summary;
use bedrock_llm_schema::{
    Catalog, ChangeKind, ChatRequest, ContextPolicy, ErrorKind, Message, OnOverflow, Operation,
    ToolResultBlock, ToolUseBlock, Usage,
};
use common::{NOVA, builder, chat, count};
use serde_json::{Value, json};
use tower::ServiceBuilder;
use tower::limit::ConcurrencyLimitLayer;

/// A model that the service counts for.
const SONNET: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";
const SMALL: &str = "us.amazon.nova-micro-v1:0";

async fn start(policy: ContextPolicy, script: Builder) -> (LocalBedrock, Client) {
    let local = script.start().await.unwrap();
    let client = builder(&local.endpoint()).layer(ContextLayer::new(policy)).build().await.unwrap();
    (local, client)
}

/// So many rounds of a question and an answer, of about 200 tokens each, and a last question.
fn talk(model: &str, rounds: usize) -> ChatRequest {
    let turns = (0..rounds).flat_map(|round| {
        let words = |word: &str| format!("{word} {round}.{}", " word".repeat(97));
        [Message::user(words("Question")), Message::assistant(words("Answer"))]
    });
    ChatRequest::new(model).messages(turns).message("And now?")
}

/// What was asked for: operation, model, number of turns, and how the first of them begins.
fn seen(local: &LocalBedrock) -> Vec<(Operation, String, usize, String)> {
    let messages = |json: &Value| {
        let own = json["messages"].as_array();
        own.or_else(|| json["input"]["converse"]["messages"].as_array()).cloned().unwrap_or_default()
    };
    let one = |request: bedrock_llm_local::ReceivedRequest| {
        let messages = messages(&request.json);
        let first = messages[0]["content"][0]["text"].as_str().unwrap_or_default();
        let begins = first.chars().take(12).collect();
        (request.operation.unwrap(), request.model_id, messages.len(), begins)
    };
    local.received().into_iter().map(one).collect()
}

fn counted(tokens: u64) -> Reply {
    Reply::json(json!({"inputTokens": tokens})).on(Operation::CountTokens)
}

fn answer() -> Reply {
    Reply::text("Fine.").model(NOVA)
}

#[tokio::test]
async fn the_oldest_turns_go_and_the_answer_says_so() {
    let policy = ContextPolicy::new().max_input_tokens(1_000);
    let (local, client) = start(policy, LocalBedrock::builder().reply(answer().forever())).await;
    let whole = client.chat(talk(NOVA, 2)).await.unwrap();
    assert!(whole.changes.is_empty());
    let answer = client.chat(talk(NOVA, 8)).await.unwrap();
    assert_eq!(
        answer.changes.iter().map(|it| (it.rule, it.kind)).collect::<Vec<_>>(),
        [("CONTEXT", ChangeKind::Degraded)]
    );
    let stream = client.chat_stream(talk(NOVA, 8)).await.unwrap();
    assert_eq!(stream.changes(), answer.changes);
    let seen = seen(&local);
    assert_eq!(
        seen.iter().map(|it| (it.2, it.3.as_str())).collect::<Vec<_>>(),
        [(5, "Question 0. "), (7, "Question 5. "), (7, "Question 5. ")]
    );
}

#[tokio::test]
async fn a_growing_conversation_keeps_its_beginning_for_a_while() {
    let policy = ContextPolicy::new().max_input_tokens(4_000);
    let (local, client) = start(policy, LocalBedrock::builder().reply(answer().forever())).await;
    for rounds in 16..26 {
        client.chat(talk(NOVA, rounds)).await.unwrap();
    }
    let mut beginnings: Vec<String> = seen(&local).into_iter().map(|it| it.3).collect();
    beginnings.dedup();
    assert!(beginnings.len() <= 4, "{beginnings:?}");
}

#[tokio::test]
async fn the_service_is_asked_only_in_doubt_and_remembers_for_whom_it_does_not_count() {
    let chat_reply = || Reply::text("Fine.").on(Operation::Converse).forever();
    let script = LocalBedrock::builder().reply(chat_reply()).reply(counted(900)).reply(counted(1_100));
    let (local, client) = start(ContextPolicy::new().max_input_tokens(1_000), script).await;
    // about 800 tokens to 1,000: in doubt; the first count says that it fits, the second that it does not
    for (rounds, asked, sent) in [(1, false, 3), (4, true, 9), (4, true, 7), (9, false, 7)] {
        let before = local.received().len();
        client.chat(talk(SONNET, rounds)).await.unwrap();
        let new = seen(&local).split_off(before);
        let operations: Vec<_> = new.iter().map(|it| it.0).collect();
        let expected =
            if asked { &[Operation::CountTokens, Operation::Converse][..] } else { &[Operation::Converse] };
        assert_eq!(operations, expected, "{rounds}");
        assert_eq!(new.last().unwrap().2, sent, "{rounds}");
    }

    let refused =
        Exception::new("ValidationException").message("The provided model doesn't support counting tokens.");
    let script = LocalBedrock::builder()
        .reply(chat_reply())
        .reply(Reply::exception(refused).on(Operation::CountTokens));
    let (local, client) = start(ContextPolicy::new().max_input_tokens(1_000), script).await;
    for _ in 0..2 {
        client.chat(talk(SONNET, 4)).await.unwrap();
    }
    let operations: Vec<_> = seen(&local).into_iter().map(|it| it.0).collect();
    assert_eq!(operations, [Operation::CountTokens, Operation::Converse, Operation::Converse]);
}

#[tokio::test]
async fn a_count_that_fails_does_not_stop_the_call() {
    let down = Exception::new("ThrottlingException").message("Too many requests");
    let script = LocalBedrock::builder()
        .reply(Reply::exception(down).on(Operation::CountTokens).forever())
        .reply(Reply::text("Fine.").forever());
    let (local, client) = start(ContextPolicy::new().max_input_tokens(1_000), script).await;
    let answer = client.chat(talk(SONNET, 4)).await.unwrap();
    assert_eq!(answer.changes.len(), 1, "the estimate is taken with care");
    assert_eq!(local.received().len(), 2);
}

#[tokio::test]
async fn a_summary_comes_in_the_place_of_what_was_dropped_and_is_not_written_twice() {
    let summary = |text: &str| Reply::text(text).model(SMALL).usage(Usage::new(800, 20));
    let script = LocalBedrock::builder()
        .reply(answer().forever())
        .reply(summary("They talked."))
        .reply(summary("They talked on."));
    let policy = ContextPolicy::new()
        .max_input_tokens(2_000)
        .on_overflow(OnOverflow::Summarize(Summary::by(SMALL).max_tokens(200)));
    let (local, client) = start(policy, script).await;
    let answer = client.chat(talk(NOVA, 9)).await.unwrap();
    let said: Vec<_> = answer.changes.iter().map(|change| (change.kind, change.message.as_str())).collect();
    assert_eq!(said[0].0, ChangeKind::Degraded);
    let wrote = "put a summary by us.amazon.nova-micro-v1:0 before the user's next turn, which read 800 tokens and wrote 20";
    assert_eq!(said[1], (ChangeKind::Added, wrote));

    let received = local.received();
    assert_eq!(received.iter().map(|it| it.model_id.as_str()).collect::<Vec<_>>(), [SMALL, NOVA]);
    let told = received[0].json["messages"][0]["content"][0]["text"].as_str().unwrap();
    assert!(told.contains("Question 0.") && !told.contains("Question 8."));
    assert_eq!(received[0].json["inferenceConfig"]["maxTokens"], 200);
    let first = &received[1].json["messages"][0]["content"];
    assert_eq!(first[0]["text"], "(Summary of the earlier conversation: They talked.)\n\n");
    assert!(first[1]["text"].as_str().unwrap().starts_with("Question"));

    // the same turns again
    let answer = client.chat(talk(NOVA, 9)).await.unwrap();
    assert!(answer.changes[1].message.ends_with("was kept from an earlier call"));
    assert_eq!(local.received().len(), 3);
    // more of them: what was summed up is not read again
    client.chat(talk(NOVA, 14)).await.unwrap();
    let received = local.received();
    assert_eq!(received.len(), 5);
    let told = received[3].json["messages"][0]["content"][0]["text"].as_str().unwrap();
    assert!(told.contains("<summary_so_far>\nThey talked.\n") && !told.contains("Question 0."), "{told}");
    assert_eq!(
        received[4].json["messages"][0]["content"][0]["text"],
        "(Summary of the earlier conversation: They talked on.)\n\n"
    );
}

#[tokio::test]
async fn where_no_summary_comes_the_turns_go_all_the_same() {
    let down = Exception::new("ThrottlingException").message("Too many requests");
    let script = LocalBedrock::builder()
        .reply(answer().forever())
        .reply(Reply::exception(down).model(SMALL).forever());
    let (local, client) = start(ContextPolicy::new().max_input_tokens(3_000).summarize(SMALL), script).await;
    let answer = client.chat(talk(NOVA, 12)).await.unwrap();
    assert_eq!(
        (answer.changes[1].kind, answer.changes[1].message.as_str()),
        (
            ChangeKind::Warned,
            "no summary comes in their place: us.amazon.nova-micro-v1:0 failed (throttled on requests)"
        )
    );
    assert_eq!(local.received().len(), 2);
}

#[tokio::test]
async fn what_cannot_fit_is_refused_before_anything_is_sent() {
    let policy = ContextPolicy::new().max_input_tokens(500);
    let (local, client) = start(policy, LocalBedrock::builder()).await;
    let error = client.chat(chat(NOVA).system("word ".repeat(900))).await.unwrap_err();
    assert!(error.is_context_overflow());
    assert_eq!((error.operation(), error.model().unwrap().as_str()), (Some(Operation::Converse), NOVA));
    assert!(error.message().contains("must stay"), "{error}");
    let (same, client) = start(
        ContextPolicy::new().max_input_tokens(500).on_overflow(OnOverflow::Error),
        LocalBedrock::builder(),
    )
    .await;
    assert_eq!(client.chat(talk(NOVA, 9)).await.unwrap_err().kind(), &ErrorKind::ContextOverflow);
    assert_eq!(local.received().len() + same.received().len(), 0);
}

#[tokio::test]
async fn calls_and_results_stay_together_and_all_else_passes() {
    let policy = ContextPolicy::new().max_input_tokens(1_000);
    let script = LocalBedrock::builder().reply(answer().forever()).reply(counted(5));
    let (local, client) = start(policy, script).await;
    let mut request = talk(NOVA, 5);
    let call = Message::assistant(ToolUseBlock::new("t", "clock", json!({})));
    let result = Message::user(ToolResultBlock::text("t", "noon ".repeat(200)));
    request = request.message(call).message(result);
    client.chat(request).await.unwrap();
    let sent = local.received().remove(0).json;
    let messages = sent["messages"].as_array().unwrap();
    let last: Vec<_> = messages.iter().rev().take(3).map(|it| it["content"][0].clone()).collect();
    assert!(last[0]["toolResult"].is_object() && last[1]["toolUse"].is_object());
    assert_eq!(last[2]["text"], "And now?");
    // a request without a chat
    assert_eq!(
        client.count_tokens(count("anthropic.claude-sonnet-4-20250514-v1:0")).await.unwrap().input_tokens,
        5
    );
}

#[tokio::test]
async fn windows_are_the_catalogs() {
    let mut catalog = Catalog::builtin().clone();
    catalog.extend_toml(&format!("[models.\"{NOVA}\"]\nmax_input_tokens = 1000")).unwrap();
    let layer = ContextLayer::with_catalog(ContextPolicy::new(), catalog);
    let local = LocalBedrock::builder().reply(answer().forever()).start().await.unwrap();
    let client = builder(&local.endpoint()).layer(layer).build().await.unwrap();
    assert!(client.chat(talk(NOVA, 3)).await.unwrap().changes.is_empty());
    assert_eq!(client.chat(talk(NOVA, 6)).await.unwrap().changes.len(), 1);
    assert_eq!(
        client.chat(talk(NOVA, 3).max_tokens(500)).await.unwrap().changes.len(),
        1,
        "room for the answer"
    );
}

#[tokio::test]
async fn the_call_holds_no_place_while_its_helpers_wait_for_one() {
    let layers = ServiceBuilder::new()
        .layer(ContextLayer::new(ContextPolicy::new().max_input_tokens(3_000).summarize(SMALL)))
        .layer(ConcurrencyLimitLayer::new(1))
        .into_inner();
    let script =
        LocalBedrock::builder().reply(answer().forever()).reply(Reply::text("They talked.").model(SMALL));
    let local = script.start().await.unwrap();
    let client = builder(&local.endpoint()).layer(layers).build().await.unwrap();
    assert_eq!(client.chat(talk(NOVA, 12)).await.unwrap().changes.len(), 2);
    assert_eq!(local.received().len(), 2);
}
