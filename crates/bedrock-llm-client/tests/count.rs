//! Counting tokens: whom the service is asked about, and when it is not asked.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_client::Client;
use bedrock_llm_local::{Builder, Exception, LocalBedrock, Reply};
use bedrock_llm_schema::tokens::TokenCount;
use bedrock_llm_schema::{Catalog, ChatRequest, ErrorKind, Operation};
use common::{NOVA, builder, chat, start};
use serde_json::json;

const SONNET: &str = "anthropic.claude-sonnet-4-20250514-v1:0";
const US_SONNET: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";
const APPLICATION: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/1arbu5hu2sjr";

fn counted(tokens: u64) -> Reply {
    Reply::json(json!({"inputTokens": tokens})).on(Operation::CountTokens)
}

fn refused(name: &str, message: &str) -> Reply {
    Reply::exception(Exception::new(name).message(message)).on(Operation::CountTokens)
}

/// The models that were asked for.
fn models(local: &LocalBedrock) -> Vec<String> {
    local.received().into_iter().map(|request| request.model_id).collect()
}

async fn with_base(base: &str, script: Builder) -> (LocalBedrock, Client) {
    let local = script.start().await.unwrap();
    let mut catalog = Catalog::builtin().clone();
    catalog.set_base_model(APPLICATION, base);
    let client = builder(&local.endpoint()).catalog(catalog).build().await.unwrap();
    (local, client)
}

fn estimate(request: &ChatRequest) -> TokenCount {
    let estimate = request.estimate_tokens();
    assert!(matches!(estimate, TokenCount::Estimated(tokens) if tokens > 0));
    estimate
}

#[tokio::test]
async fn the_service_counts_by_the_plain_id() {
    let (local, client) = start(LocalBedrock::builder().reply(counted(17).times(2))).await;
    for model in [SONNET, US_SONNET] {
        assert_eq!(client.count(chat(model)).await.unwrap(), TokenCount::Exact(17));
    }
    assert_eq!(models(&local), [SONNET, SONNET]);
    let (local, client) = with_base(US_SONNET, LocalBedrock::builder().reply(counted(18))).await;
    assert_eq!(client.count(chat(APPLICATION)).await.unwrap(), TokenCount::Exact(18));
    assert_eq!(models(&local), [SONNET]);
}

#[tokio::test]
async fn that_a_model_is_not_counted_for_is_remembered() {
    let script = || {
        LocalBedrock::builder()
            .reply(refused("ValidationException", "The provided model doesn't support counting tokens."))
            .reply(counted(17))
    };
    let (local, client) = start(script()).await;
    for _ in 0..2 {
        assert_eq!(client.count(chat(SONNET)).await.unwrap(), estimate(&chat(SONNET)));
    }
    assert_eq!(models(&local), [SONNET]);
    // of other models nothing was said
    let other = "anthropic.claude-3-7-sonnet-20250219-v1:0";
    assert_eq!(client.count(chat(other)).await.unwrap(), TokenCount::Exact(17));
}

#[tokio::test]
async fn a_plain_id_that_was_guessed_may_be_wrong_and_the_callers_own_may_not() {
    for (message, kind) in [
        ("The provided model identifier is invalid.", ErrorKind::InvalidModelId),
        (
            "Invocation of model ID x with on-demand throughput isn\u{2019}t supported.",
            ErrorKind::InferenceProfileRequired,
        ),
    ] {
        let script =
            || LocalBedrock::builder().reply(refused("ValidationException", message)).reply(counted(17));
        let (local, client) = start(script()).await;
        for _ in 0..2 {
            assert_eq!(client.count(chat(US_SONNET)).await.unwrap(), estimate(&chat(US_SONNET)));
        }
        assert_eq!(models(&local), [SONNET]);
        let (_local, client) = with_base(SONNET, script()).await;
        assert_eq!(client.count(chat(APPLICATION)).await.unwrap(), estimate(&chat(APPLICATION)));

        let (_local, client) = start(script()).await;
        assert_eq!(client.count(chat(SONNET)).await.unwrap_err().kind(), &kind);
        assert_eq!(client.count(chat(SONNET)).await.unwrap(), TokenCount::Exact(17));
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_request_comes_through_and_is_not_remembered() {
    for (name, message, kind) in [
        (
            "ValidationException",
            "This model doesn't support the video content block that you provided.",
            ErrorKind::Unsupported,
        ),
        ("ValidationException", "The field messages is empty.", ErrorKind::Validation),
        ("AccessDeniedException", "You don't have access to the model.", ErrorKind::AccessDenied),
    ] {
        let script = LocalBedrock::builder().reply(refused(name, message)).reply(counted(17));
        let (local, client) = start(script).await;
        assert_eq!(client.count(chat(US_SONNET)).await.unwrap_err().kind(), &kind, "{message}");
        assert_eq!(client.count(chat(US_SONNET)).await.unwrap(), TokenCount::Exact(17));
        assert_eq!(local.received().len(), 2);
    }
}

#[tokio::test]
async fn nobody_is_asked_where_the_answer_is_known() {
    // Nova is known not to be counted for; nothing is known of the model behind an opaque ARN
    let (local, client) = start(LocalBedrock::builder()).await;
    for model in [NOVA, APPLICATION] {
        assert_eq!(client.count(chat(model)).await.unwrap(), estimate(&chat(model)), "{model}");
    }
    assert_eq!(models(&local), [""; 0]);
}

#[test]
fn a_blocking_client_counts_too() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let local = runtime.block_on(LocalBedrock::builder().reply(counted(17)).start()).unwrap();
    let client = builder(&local.endpoint()).build_blocking().unwrap();
    assert_eq!(client.count(chat(US_SONNET)).unwrap(), TokenCount::Exact(17));
    assert_eq!(models(&local), [SONNET]);
}
