//! The circuit breaker over HTTP: the endpoint sees no more calls than the circuit lets through.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use bedrock_llm_client::layers::{CircuitBreakerConfig, CircuitBreakerLayer, CircuitState};
use bedrock_llm_local::{Exception, LocalBedrock, Reply};
use bedrock_llm_schema::{ChatRequest, ErrorKind};
use common::{CLAUDE, NOVA, builder, chat};
use tower::{ServiceBuilder, ServiceExt as _};

fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig::new().min_calls(4).half_open_probes(2)
}

#[tokio::test]
async fn a_model_that_fails_is_left_alone_and_others_are_not() {
    let failing = Reply::exception(Exception::new("InternalServerException")).model(NOVA).forever();
    let local = LocalBedrock::builder().reply(failing).start().await.unwrap();
    let layer = CircuitBreakerLayer::new(config()).unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(layer.clone()).service(bedrock);
    let mut kinds = Vec::new();
    for _ in 0..10 {
        let error = service.clone().oneshot(chat(NOVA)).await.unwrap_err();
        kinds.push(error.kind().clone());
    }
    assert_eq!(kinds[..4], [const { ErrorKind::Internal }; 4]);
    assert_eq!(kinds[4..], [const { ErrorKind::CircuitOpen }; 6]);
    assert_eq!(local.received().len(), 4, "the endpoint sees no call that the circuit refuses");
    service.clone().oneshot(chat(CLAUDE)).await.unwrap();
    assert!(matches!(layer.handle().state(&NOVA.into(), None), CircuitState::Open { .. }));
    assert_eq!(layer.handle().state(&CLAUDE.into(), None), CircuitState::Closed);
}

#[tokio::test]
async fn throttled_and_refused_calls_leave_it_closed() {
    let throttle = Reply::exception(Exception::new("ThrottlingException")).times(6);
    let refuse = Reply::exception(Exception::new("ValidationException")).times(6);
    let local = LocalBedrock::builder().reply(throttle).reply(refuse).start().await.unwrap();
    let layer = CircuitBreakerLayer::new(config()).unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(layer.clone()).service(bedrock);
    for _ in 0..12 {
        service.clone().oneshot(chat(NOVA)).await.unwrap_err();
    }
    assert_eq!(local.received().len(), 12);
    assert_eq!(layer.handle().state(&NOVA.into(), None), CircuitState::Closed);
}

#[tokio::test]
async fn streams_that_break_open_it_and_one_that_is_read_closes_it() {
    let broken = Reply::text("a longer answer in several words").cut_after(3).times(4);
    let local = LocalBedrock::builder().reply(broken).start().await.unwrap();
    let config = config().open_for(Duration::from_millis(1)).half_open_probes(1);
    let layer = CircuitBreakerLayer::new(config).unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(layer.clone()).service(bedrock);
    let open = || service.clone().oneshot(ChatRequest::streaming(chat(NOVA)));
    for _ in 0..4 {
        assert_eq!(layer.handle().state(&NOVA.into(), None), CircuitState::Closed);
        open().await.unwrap().collect().await.unwrap_err();
    }
    assert_ne!(layer.handle().state(&NOVA.into(), None), CircuitState::Closed);
    let probe = loop {
        match open().await {
            Ok(stream) => break stream,
            Err(error) => assert_eq!(error.kind(), &ErrorKind::CircuitOpen),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(layer.handle().state(&NOVA.into(), None), CircuitState::HalfOpen);
    probe.collect().await.unwrap();
    assert_eq!(layer.handle().state(&NOVA.into(), None), CircuitState::Closed);
}
