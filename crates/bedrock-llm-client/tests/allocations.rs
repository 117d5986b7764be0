//! Layers share a request: what they allocate does not grow with it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bedrock_llm_client::layers::{
    AttemptTimeoutLayer, CircuitBreakerConfig, CircuitBreakerLayer, ConcurrencyConfig, ConcurrencyLayer,
    DeadlineLayer, FailoverConfig, FailoverLayer, FailoverTarget, RateLimitConfig, RateLimitLayer,
    RecoveryLayer, RetryConfig, RetryLayer, StreamTimeoutLayer,
};
use bedrock_llm_schema::{
    Call, ChatRequest, ChatResponse, Error, ErrorKind, Message, StopReason, StreamRecovery, ThrottleScope,
    Usage,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Every layer that passes a request on, over a service that throttles every other call. The cache is not among them:
/// where it is asked for it writes the request once, for its key.
fn stack() -> impl Service<Call<ChatRequest>, Response = ChatResponse, Error = Error> + Clone {
    let calls = Arc::new(AtomicU32::new(0));
    let base = service_fn(move |_: Call<ChatRequest>| {
        let answer = if calls.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            Ok(ChatResponse::new(Message::assistant("done"), StopReason::EndTurn, Usage::new(1, 1)))
        } else {
            Err(Error::new(ErrorKind::Throttled(ThrottleScope::Requests), "as told"))
        };
        std::future::ready(answer)
    });
    let limits =
        RateLimitConfig::default().requests_per_minute(u32::MAX).tokens_per_minute(u32::MAX).adaptive(false);
    ServiceBuilder::new()
        .layer(DeadlineLayer::new(Duration::from_secs(9)))
        .layer(RecoveryLayer::new(StreamRecovery::Restart))
        .layer(
            FailoverLayer::new(FailoverConfig::default().target(FailoverTarget::region("us-west-2")))
                .unwrap(),
        )
        .layer(RetryLayer::new(RetryConfig::default().base_delay(Duration::ZERO)).unwrap())
        .layer(CircuitBreakerLayer::new(CircuitBreakerConfig::default()).unwrap())
        .layer(RateLimitLayer::new(limits).unwrap())
        .layer(ConcurrencyLayer::new(ConcurrencyConfig::default()).unwrap())
        .layer(StreamTimeoutLayer::new().idle(Duration::from_secs(9)))
        .layer(AttemptTimeoutLayer::new(Duration::from_secs(9)))
        .service(base)
}

/// Bytes allocated by a call with a question of so many characters, its retry included.
async fn allocated(characters: usize) -> usize {
    let request = |words: &str| {
        Call::new(ChatRequest::new("us.amazon.nova-lite-v1:0").message(words.repeat(characters / 9)))
    };
    let service = stack();
    // what is made once and kept is made by the first call
    service.clone().oneshot(request("warm up, ")).await.unwrap();
    let asked = request("a moon's ");
    let region = Region::new(ALLOCATOR);
    service.oneshot(asked).await.unwrap();
    region.change().bytes_allocated
}

#[tokio::test(start_paused = true)]
async fn what_layers_allocate_does_not_grow_with_the_request() {
    let (short, long) = (allocated(900).await, allocated(900_000).await);
    assert!(long < short + 4096, "{short} bytes for a short request, {long} for a long one");
}
