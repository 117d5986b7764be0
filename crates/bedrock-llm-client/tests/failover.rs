//! Failover around the base service, over HTTP: the region of a call is that of its signature.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_client::Bedrock;
use bedrock_llm_client::layers::{
    Failover, FailoverConfig, FailoverLayer, FailoverTarget, PrepareLayer, RetryConfig, RetryLayer,
};
use bedrock_llm_local::{LocalBedrock, ReceivedRequest, Reply};
use bedrock_llm_schema::{CacheTtl, Call, ContentBlock, ErrorKind, Message, SystemContentBlock, ToolSpec};
use common::{CLAUDE, NOVA, builder, chat, invoke};
use serde_json::json;
use tower::{Layer as _, ServiceBuilder, ServiceExt as _};

const MICRO: &str = "us.amazon.nova-micro-v1:0";

/// The region in the credential scope: `Credential=AKID/20260101/us-east-1/bedrock/aws4_request`.
fn region(request: &ReceivedRequest) -> String {
    let scope = request.header("authorization").unwrap().split("Credential=").nth(1).unwrap();
    scope.split('/').nth(2).unwrap().to_owned()
}

fn sent(local: &LocalBedrock) -> Vec<(String, String)> {
    local.received().iter().map(|it| (it.model_id.clone(), region(it))).collect()
}

async fn start(reply: Reply) -> (LocalBedrock, Bedrock) {
    let local = LocalBedrock::builder().reply(reply).start().await.unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    (local, bedrock)
}

fn around(bedrock: Bedrock, config: FailoverConfig) -> Failover<Bedrock> {
    FailoverLayer::new(config.home_region("us-east-1")).unwrap().layer(bedrock)
}

fn down_in(home: &'static str) -> Reply {
    Reply::exception("ServiceUnavailableException").when(move |it| region(it) == home).forever()
}

#[tokio::test]
async fn a_region_that_is_down_is_left_for_another() {
    let (local, bedrock) = start(down_in("us-east-1")).await;
    let config = FailoverConfig::default().fence(["us"]).target(FailoverTarget::region("us-west-2"));
    let service = around(bedrock, config);
    let whole = service.clone().oneshot(Call::new(chat(NOVA))).await.unwrap();
    let who = whole.answered_by.unwrap();
    assert_eq!(
        (who.region.as_deref(), who.moves[0].error.clone()),
        (Some("us-west-2"), Some(ErrorKind::Unavailable))
    );
    let stream = service.clone().oneshot(Call::new(chat(NOVA)).streaming()).await.unwrap();
    assert_eq!(stream.answered_by().unwrap().region.as_deref(), Some("us-west-2"));
    assert!(!stream.collect().await.unwrap().text().is_empty());
    // twice down: passed over from here on
    service.oneshot(Call::new(invoke(CLAUDE))).await.unwrap();
    let home = (NOVA.to_owned(), "us-east-1".to_owned());
    let away = |model: &str| (model.to_owned(), "us-west-2".to_owned());
    let native = (CLAUDE.to_owned(), "us-east-1".to_owned());
    assert_eq!(sent(&local), [home.clone(), away(NOVA), home, away(NOVA), native, away(CLAUDE)]);
}

#[tokio::test]
async fn each_model_gets_its_own_form_and_each_place_its_retries() {
    let reply = Reply::exception("ThrottlingException").model(NOVA).forever();
    let (local, bedrock) = start(reply).await;
    let retry = RetryConfig::default().max_attempts(2).base_delay(std::time::Duration::from_millis(1));
    let target = FailoverTarget::model(CLAUDE);
    let service = ServiceBuilder::new()
        .layer(FailoverLayer::new(FailoverConfig::default().target(target)).unwrap())
        .layer(PrepareLayer::new(&bedrock))
        .layer(RetryLayer::new(retry).unwrap())
        .service(bedrock);
    // Claude wants a tool's name in its own alphabet and top-k in another place than Nova
    let tool = ToolSpec::new("look.up", "Looks it up", json!({"type": "object", "properties": {}}));
    let answer =
        service.oneshot(Call::new(chat(NOVA).tool(tool).additional_field("top_k", 5))).await.unwrap();
    let who = answer.answered_by.unwrap();
    assert_eq!((who.model.as_str(), who.moves.len()), (CLAUDE, 1));
    let received = local.received();
    let models: Vec<_> = received.iter().map(|it| it.model_id.as_str()).collect();
    assert_eq!(models, [NOVA, NOVA, CLAUDE]);
    assert_eq!(received[0].json["additionalModelRequestFields"], json!({"inferenceConfig": {"topK": 5}}));
    assert_eq!(received[2].json["additionalModelRequestFields"], json!({"top_k": 5}));
}

#[tokio::test]
async fn a_picture_passes_over_a_model_that_does_not_see() {
    let (local, bedrock) = start(Reply::exception("ModelNotReadyException").model(NOVA).forever()).await;
    let config = [MICRO, "us.amazon.nova-pro-v1:0"].into_iter().map(FailoverTarget::model);
    let service = around(bedrock, config.fold(FailoverConfig::default(), FailoverConfig::target));
    let png = bedrock_llm_schema::Blob::from_base64(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    );
    let image = bedrock_llm_schema::ImageBlock::new(bedrock_llm_schema::ImageFormat::Png, png.unwrap());
    let request = chat(NOVA).message(Message::assistant("Well?")).message(Message::user("This.").with(image));
    let answer = service.oneshot(Call::new(request)).await.unwrap();
    let moves = answer.answered_by.unwrap().moves;
    assert_eq!((moves[1].model.as_str(), moves[1].error.clone()), (MICRO, None));
    assert_eq!(sent(&local).len(), 2);
}

#[tokio::test]
async fn a_stream_that_breaks_before_its_first_event_moves_on() {
    let broken = Reply::text("never").exception_after(0, "InternalServerException").model(NOVA);
    let (local, bedrock) = start(broken).await;
    let config = FailoverConfig::default().target(FailoverTarget::model(MICRO));
    let stream = around(bedrock, config).oneshot(Call::new(chat(NOVA)).streaming()).await.unwrap();
    assert_eq!(stream.answered_by().unwrap().model.as_str(), MICRO);
    assert!(!stream.collect().await.unwrap().text().is_empty());
    assert_eq!(sent(&local).len(), 2);
}

#[tokio::test]
async fn a_warm_prompt_cache_is_worth_a_short_wait() {
    // the second call is throttled once, and asks for a pause of 20 ms
    let throttled = Reply::exception("ThrottlingException")
        .header("x-amz-retry-after", "20")
        .when(|it| it.json["messages"].as_array().unwrap().len() > 1);
    let (local, bedrock) = start(throttled).await;
    let claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let service = around(bedrock, FailoverConfig::default().target(FailoverTarget::region("us-west-2")));
    let point = bedrock_llm_schema::CachePointBlock::with_ttl(CacheTtl::FiveMinutes);
    let request = chat(claude)
        .system("Answer as a pirate would, and at length. ".repeat(800))
        .system(SystemContentBlock::CachePoint(point));
    let first = service.clone().oneshot(Call::new(request.clone())).await.unwrap();
    assert!(first.usage.cache_write() > 5000, "{:?}", first.usage);
    let later = request.message(Message::assistant("Arr")).message(ContentBlock::from("And now?"));
    let second = service.oneshot(Call::new(later)).await.unwrap();
    assert!(second.usage.cache_read() > 5000);
    assert!(sent(&local).iter().all(|(_, region)| region == "us-east-1"), "{:?}", sent(&local));
    assert_eq!(sent(&local).len(), 3);
}
