//! Concurrency over HTTP: the endpoint never has more calls open than there are places.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use bedrock_llm_client::layers::{ConcurrencyConfig, ConcurrencyLayer};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::{Call, CallOptions, ErrorKind, Priority};
use common::{NOVA, builder, chat};
use futures_util::future::join_all;
use tower::{ServiceBuilder, ServiceExt as _};

#[tokio::test]
async fn the_endpoint_sees_a_few_calls_at_a_time_and_then_all() {
    let slow = Reply::text("x").delay(Duration::from_millis(20)).forever();
    let local = LocalBedrock::builder().reply(slow).start().await.unwrap();
    let layer = ConcurrencyLayer::new(ConcurrencyConfig::new().max_concurrency(3)).unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(layer.clone()).service(bedrock);
    for outcome in join_all((0..12).map(|_| service.clone().oneshot(chat(NOVA)))).await {
        outcome.unwrap();
    }
    let status = layer.handle().status();
    assert_eq!((status.peak, status.in_flight, status.queued()), (3, 0, 0));
    assert_eq!(local.received().len(), 12);
}

#[tokio::test]
async fn a_stream_keeps_others_out_until_it_is_read() {
    let local = LocalBedrock::start().await.unwrap();
    let layer = ConcurrencyLayer::new(ConcurrencyConfig::new().max_concurrency(1).max_queue(0)).unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(layer.clone()).service(bedrock);
    let stream = service.clone().oneshot(chat(NOVA).streaming()).await.unwrap();
    let error = service.clone().oneshot(chat(NOVA)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Overloaded);
    assert_eq!(local.received().len(), 1, "the refused call was not sent");
    stream.collect().await.unwrap();
    service.clone().oneshot(chat(NOVA)).await.unwrap();
}

#[tokio::test]
async fn who_is_waited_for_goes_first() {
    let local = LocalBedrock::start().await.unwrap();
    let layer = ConcurrencyLayer::new(ConcurrencyConfig::new().max_concurrency(1)).unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(layer.clone()).service(bedrock);
    let stream = service.clone().oneshot(Call::new(chat(NOVA).streaming())).await.unwrap();
    let call = |priority, text: &str| {
        let call = Call::new(chat(NOVA).message(text)).with_options(CallOptions::new().priority(priority));
        service.clone().oneshot(call)
    };
    let calls = [
        call(Priority::Batch, "batch"),
        call(Priority::Normal, "normal"),
        call(Priority::Interactive, "interactive"),
    ];
    let (outcomes, _) = tokio::join!(join_all(calls), async {
        assert_eq!(layer.handle().status().queued(), 3);
        stream.collect().await.unwrap();
    });
    for outcome in outcomes {
        outcome.unwrap();
    }
    let order: Vec<_> = local
        .received()
        .iter()
        .skip(1)
        .map(|request| {
            let body = request.json.to_string();
            ["batch", "normal", "interactive"].into_iter().find(|name| body.contains(name)).unwrap()
        })
        .collect();
    assert_eq!(order, ["interactive", "normal", "batch"]);
}
