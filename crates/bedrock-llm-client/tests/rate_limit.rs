//! The rate limit over HTTP: the endpoint sees no more calls than the quotas admit.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use bedrock_llm_client::layers::{ModelLimits, RateLimitConfig, RateLimitLayer};
use bedrock_llm_local::{Exception, LocalBedrock, Reply};
use bedrock_llm_schema::{ErrorKind, Usage};
use common::{CLAUDE, NOVA, builder, chat, invoke};
use tower::{ServiceBuilder, ServiceExt as _};

#[tokio::test]
async fn the_endpoint_sees_no_more_than_the_requests_of_a_minute() {
    let local = LocalBedrock::start().await.unwrap();
    let config = RateLimitConfig::new().limit(ModelLimits::new(NOVA).requests_per_minute(3));
    let layer = RateLimitLayer::new(config.max_wait(Duration::ZERO)).unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(layer).service(bedrock);
    for number in 0..10 {
        let outcome = service.clone().oneshot(chat(NOVA)).await;
        assert_eq!(outcome.is_ok(), number < 3);
        if let Err(error) = outcome {
            assert_eq!(error.kind(), &ErrorKind::Overloaded);
            assert!(error.retry_after().is_some());
        }
        service.clone().oneshot(chat(CLAUDE)).await.unwrap();
    }
    let seen = local.received();
    assert_eq!(seen.len(), 13, "three of one model, and all of the other");
}

#[tokio::test]
async fn tokens_are_settled_with_what_the_service_reports() {
    let usage = Usage { cache_read_input_tokens: Some(5000), ..Usage::new(200, 30) };
    let local = LocalBedrock::builder().reply(Reply::text("x").usage(usage).forever()).start().await.unwrap();
    let limits = ModelLimits::new(NOVA).tokens_per_minute(12_000).output_burndown(5);
    let layer = RateLimitLayer::new(RateLimitConfig::new().limit(limits)).unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(layer.clone()).service(bedrock);
    let chat = |max| chat(NOVA).max_tokens(max);
    service.clone().oneshot(chat(10_000)).await.unwrap();
    let whole = layer.handle().status(&NOVA.into(), None).unwrap().tokens.unwrap().available;
    assert!(whole >= 12_000.0 - (200.0 + 30.0 * 5.0), "{whole}");
    let stream = service.clone().oneshot(chat(10_000).streaming()).await.unwrap();
    let open = layer.handle().status(&NOVA.into(), None).unwrap().tokens.unwrap().available;
    assert!(open < 6_000.0, "a stream's output stays reserved: {open}");
    stream.collect().await.unwrap();
    let closed = layer.handle().status(&NOVA.into(), None).unwrap().tokens.unwrap().available;
    assert!(closed >= whole - 350.0, "{closed}");
    let long = chat(10_000).message("word ".repeat(4000));
    let error = service.clone().oneshot(long).await.unwrap_err();
    assert!(error.message().contains("12000"), "{error}");
    assert_eq!(local.received().len(), 2);
}

#[tokio::test]
async fn a_native_body_is_charged_by_its_own_limit() {
    let local = LocalBedrock::start().await.unwrap();
    let limits = ModelLimits::new(CLAUDE).tokens_per_minute(1000);
    let layer = RateLimitLayer::new(RateLimitConfig::new().limit(limits)).unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(layer).service(bedrock);
    service.oneshot(invoke(CLAUDE)).await.unwrap();
}

#[tokio::test]
async fn a_throttled_model_is_asked_less() {
    let throttle = Reply::exception(Exception::new("ThrottlingException")).times(1);
    let local = LocalBedrock::builder().reply(throttle).start().await.unwrap();
    let config = RateLimitConfig::new().requests_per_minute(2).max_wait(Duration::ZERO);
    let layer = RateLimitLayer::new(config).unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(layer.clone()).service(bedrock);
    let error = service.clone().oneshot(chat(NOVA)).await.unwrap_err();
    assert!(error.is_throttled());
    let limit = layer.handle().status(&NOVA.into(), None).unwrap().requests.unwrap();
    assert!(limit.per_minute < 1.5 && limit.available < 1.0, "{limit:?}");
    let error = service.oneshot(chat(NOVA)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Overloaded);
    assert_eq!(local.received().len(), 1);
}
