//! What the default client survives, over a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use bedrock_llm_client::layers::{
    CacheConfig, CircuitState, ConcurrencyConfig, FailoverConfig, FailoverTarget, RateLimitConfig,
    RetryConfig,
};
use bedrock_llm_client::{Client, ClientBuilder};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::{
    Call, CallOptions, Error, ErrorKind, Operation, Retry, StreamEvent, StreamRecovery, ThrottleScope,
};
use common::{CLAUDE, NOVA, chat, default_builder};

/// Retries at once, so that no test waits.
fn quick(endpoint: &str) -> ClientBuilder {
    default_builder(endpoint).retry(RetryConfig::default().base_delay(Duration::ZERO))
}

async fn start(script: bedrock_llm_local::Builder) -> (LocalBedrock, Client) {
    let local = script.start().await.unwrap();
    let client = quick(&local.endpoint()).build().await.unwrap();
    (local, client)
}

#[tokio::test]
async fn what_may_pass_is_tried_again_on_every_operation() {
    for (place, (operation, reply)) in [
        (Operation::Converse, Reply::exception("ThrottlingException")),
        (Operation::ConverseStream, Reply::exception("ServiceUnavailableException")),
        (Operation::InvokeModel, Reply::exception("ModelNotReadyException")),
        (Operation::InvokeModelWithResponseStream, Reply::hang_up()),
        (Operation::CountTokens, Reply::exception("InternalServerException")),
        (Operation::ApplyGuardrail, Reply::exception("ModelTimeoutException")),
    ]
    .into_iter()
    .enumerate()
    {
        let (local, client) = start(LocalBedrock::builder().reply(reply.on(operation).times(2))).await;
        let (name, outcome) =
            common::every_operation(&client, CLAUDE).await.swap_remove([0, 1, 4, 5, 2, 3][place]);
        outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(name, operation.as_str());
        local.assert_done();
    }
}

#[tokio::test]
async fn the_error_tells_of_all_attempts() {
    let (local, client) = start(LocalBedrock::builder()).await;
    let error = client.chat(chat("local.error.ThrottlingException")).await.unwrap_err();
    assert_eq!((error.attempts(), local.received().len()), (4, 4));
    assert_eq!((error.retry(), error.elapsed().is_some()), (Retry::Exhausted, true));
    assert!(error.is_throttled() && error.request_id().is_some() && error.model().is_some(), "{error:?}");
    // what cannot pass is sent once
    client.chat(chat("local.error.ValidationException")).await.unwrap_err();
    assert_eq!(local.received().len(), 5);
    // and a client without layers tries everything once
    let bare = Client::bare().sdk_config(&common::offline()).credentials("A", "s", None);
    let bare = bare.endpoint_url(local.endpoint()).build().await.unwrap();
    bare.chat(chat("local.error.ThrottlingException")).await.unwrap_err();
    assert_eq!(local.received().len(), 6);
}

#[tokio::test]
async fn an_exception_as_a_stream_s_first_event_is_tried_again() {
    let broken = Reply::text("x").exception_after(0, "ThrottlingException");
    let (local, client) =
        start(LocalBedrock::builder().reply(broken).reply(Reply::text("Hello there."))).await;
    let answer = client.chat_stream(chat(NOVA)).await.unwrap().collect().await.unwrap();
    assert_eq!(answer.text(), "Hello there.");
    local.assert_done();
}

#[tokio::test]
async fn a_stream_that_breaks_later_is_recovered_where_that_is_asked_for() {
    let cut = || Reply::text("one two three four five six seven").cut_after(4);
    let script = LocalBedrock::builder().reply(cut()).reply(cut()).reply(Reply::text("one two three"));
    let (local, client) = start(script).await;
    let error = client.chat_stream(chat(NOVA)).await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::StreamTruncated);
    assert!(error.partial().unwrap().text().starts_with("one"), "{error:?}");

    let careful = client.with(CallOptions::new().recovery(StreamRecovery::Restart));
    let mut stream = careful.chat_stream(chat(NOVA)).await.unwrap();
    let mut restarts = 0;
    while let Some(event) = stream.next().await {
        restarts += usize::from(event.unwrap().is_restart());
    }
    assert_eq!((restarts, stream.response().text().as_str()), (1, "one two three"));
    local.assert_done();
}

#[tokio::test]
async fn a_text_is_continued_without_a_seam() {
    let haiku = "anthropic.claude-3-5-haiku-20241022-v1:0";
    let continues = Reply::text(" two three").when(|request| {
        let last = request.chat().and_then(|chat| chat.messages.last().cloned());
        last.is_some_and(|last| last.text() == "one")
    });
    let one = [StreamEvent::message_start(), StreamEvent::text(0, "one "), StreamEvent::text(0, "lost")];
    let script = LocalBedrock::builder().reply(Reply::events(one).cut_after(2)).reply(continues);
    let local = script.start().await.unwrap();
    let client = quick(&local.endpoint()).stream_recovery(StreamRecovery::Continue).build().await.unwrap();
    let mut stream = client.chat_stream(chat(haiku)).await.unwrap();
    while let Some(event) = stream.next().await {
        assert!(!event.unwrap().is_restart());
    }
    assert_eq!(stream.response().text(), "one two three");
    local.assert_done();
}

#[tokio::test]
async fn whole_answers_by_way_of_streams() {
    let script = LocalBedrock::builder()
        .reply(Reply::text("whole"))
        .reply(Reply::text("one two three four five six").stall_after(4));
    let local = script.start().await.unwrap();
    let builder =
        quick(&local.endpoint()).chat_by_stream(true).stream_idle_timeout(Duration::from_millis(60));
    let client = builder.build().await.unwrap();
    assert_eq!(client.chat(chat(NOVA)).await.unwrap().text(), "whole");
    let error = client.chat(chat(NOVA)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (&ErrorKind::StreamStalled, false),
        "its tokens are paid"
    );
    assert!(error.partial().unwrap().text().starts_with("one"));
    let operations: Vec<_> = local.received().iter().map(|request| request.operation.unwrap()).collect();
    assert_eq!(operations, [Operation::ConverseStream; 2], "and it was not tried again");
}

#[tokio::test]
async fn a_deadline_bounds_all_attempts() {
    let throttled = Reply::exception("ThrottlingException").header("retry-after", "30").forever();
    let (local, client) = start(LocalBedrock::builder().reply(throttled)).await;
    let call = Call::new(chat(NOVA)).with_options(CallOptions::new().timeout(Duration::from_secs(20)));
    let error = client.send(call).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Throttled(ThrottleScope::Requests));
    assert_eq!(
        (error.attempts(), local.received().len()),
        (1, 1),
        "a pause it would not outlive is not begun"
    );
}

#[tokio::test]
async fn a_model_that_fails_is_left_alone_for_a_while() {
    let local = LocalBedrock::start().await.unwrap();
    let once = RetryConfig::default().max_attempts(1);
    let client = default_builder(&local.endpoint()).retry(once).build().await.unwrap();
    let broken = "local.error.ServiceUnavailableException";
    for _ in 0..22 {
        client.chat(chat(broken)).await.unwrap_err();
    }
    let error = client.chat(chat(broken)).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (&ErrorKind::CircuitOpen, false));
    assert!(error.retry_after().is_some_and(|wait| wait <= Duration::from_secs(30)), "{error:?}");
    assert_eq!(local.received().len(), 20, "the default opens after twenty failures");
    // other models are not concerned
    client.chat(chat(NOVA)).await.unwrap();
    let circuits = client.circuit_breaker().unwrap();
    assert!(matches!(circuits.state(&broken.into(), None), CircuitState::Open { .. }));
    circuits.force_close(&broken.into(), None);
    client.chat(chat(broken)).await.unwrap_err();
    assert_eq!(local.received().len(), 22);
}

#[tokio::test]
async fn an_answer_that_is_kept_is_not_asked_for_again() {
    let local = LocalBedrock::start().await.unwrap();
    let client = quick(&local.endpoint()).cache(CacheConfig::default()).build().await.unwrap();
    let request = chat(NOVA).temperature(0.0);
    let first = client.chat(request.clone()).await.unwrap();
    let second = client.chat(request.clone()).await.unwrap();
    let streamed = client.chat_stream(request).await.unwrap().collect().await.unwrap();
    assert_eq!(local.received().len(), 1);
    assert_eq!((second.text(), streamed.text()), (first.text(), first.text()));
    assert!(second.usage.is_replayed && streamed.usage.is_replayed && !first.usage.is_replayed);
    client.chat(chat(NOVA)).await.unwrap();
    assert_eq!(local.received().len(), 2, "an answer that would come out otherwise is not kept");
    assert_eq!(client.answer_cache().unwrap().hits(), 2);
}

#[tokio::test]
async fn another_region_answers_when_home_does_not() {
    let local = LocalBedrock::builder()
        .reply(Reply::exception("ServiceUnavailableException").times(4))
        .start()
        .await
        .unwrap();
    let config = FailoverConfig::default().target(FailoverTarget::region("us-west-2"));
    let client = quick(&local.endpoint()).failover(config).build().await.unwrap();
    let answer = client.chat(chat(NOVA)).await.unwrap();
    let by = answer.answered_by.unwrap();
    assert_eq!((by.region.as_deref(), by.moves.len()), (Some("us-west-2"), 1));
    assert_eq!(by.moves[0].error, Some(ErrorKind::Unavailable));
    let received = local.received();
    let scopes: Vec<_> = received.iter().map(|request| request.header("authorization").unwrap()).collect();
    assert!(scopes[..4].iter().all(|scope| scope.contains("/us-east-1/")), "its own attempts come first");
    assert!(scopes[4].contains("/us-west-2/") && scopes.len() == 5);
    let streamed = client.chat_stream(chat(NOVA)).await.unwrap().collect().await.unwrap();
    assert_eq!(streamed.answered_by.unwrap().region, None, "home again");
}

#[tokio::test]
async fn no_more_calls_than_are_allowed_reach_the_endpoint() {
    let local = LocalBedrock::builder().reply(Reply::text("slow").delay(Duration::from_millis(20)).forever());
    let local = local.start().await.unwrap();
    let concurrency = ConcurrencyConfig::new().max_concurrency(3);
    let client = quick(&local.endpoint()).concurrency(concurrency).build().await.unwrap();
    futures_util::future::join_all((0..20).map(|_| client.chat(chat(NOVA)))).await.into_iter().for_each(
        |answer| {
            answer.unwrap();
        },
    );
    assert_eq!(client.concurrency().unwrap().status().peak, 3);
    assert!(local.stats().peak_open_requests <= 3, "{:?}", local.stats());

    let limits = RateLimitConfig::new().requests_per_minute(2).max_wait(Duration::ZERO);
    let client = quick(&local.endpoint()).rate_limit(limits).build().await.unwrap();
    let before = local.stats().requests;
    let mut refused = 0;
    for _ in 0..5 {
        refused += usize::from(
            client.chat(chat(NOVA)).await.is_err_and(|error| error.kind() == &ErrorKind::Overloaded),
        );
    }
    assert_eq!((local.stats().requests - before, refused), (2, 3));
}

/// All connections of the endpoint are closed, at the latest when the kernel has told it so.
async fn no_connection_is_left(local: &LocalBedrock) {
    while local.stats().open_connections > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_is_shut_down_leaves_nothing() {
    let (local, client) = start(LocalBedrock::builder().reply(Reply::text("Hello there."))).await;
    let mut stream = client.chat_stream(chat(NOVA)).await.unwrap();
    let clone = client.clone();
    let shutting = tokio::spawn(async move { clone.shutdown(Duration::from_secs(3600)).await });
    // new work is refused while what is under way goes on
    let refused = loop {
        match client.chat(chat(NOVA)).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!((refused.kind(), refused.is_retryable()), (&ErrorKind::ShutDown, false));
    while let Some(event) = stream.next().await {
        event.unwrap();
    }
    drop(stream);
    assert_eq!(shutting.await.unwrap(), 0);
    no_connection_is_left(&local).await;
    assert_eq!(client.shutdown(Duration::ZERO).await, 0, "again is harmless");
}

#[tokio::test]
async fn what_does_not_end_in_time_is_let_out_with_what_came() {
    let script = LocalBedrock::builder()
        .reply(Reply::text("one two three four").stall_after(3).on(Operation::ConverseStream))
        .reply(Reply::text("late").delay(Duration::from_secs(3600)).on(Operation::Converse));
    let (local, client) = start(script).await;
    let stream = client.chat_stream(chat(NOVA)).await.unwrap();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.chat(chat(NOVA)).await }
    });
    while local.received().len() < 2 {
        tokio::task::yield_now().await;
    }
    let collecting = tokio::spawn(stream.collect());
    assert_eq!(client.shutdown(Duration::from_millis(20)).await, 2);
    let error: Error = collecting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::ShutDown);
    assert!(error.partial().is_some_and(|part| !part.text().is_empty()), "{error:?}");
    assert_eq!(call.await.unwrap().unwrap_err().kind(), &ErrorKind::ShutDown);
    no_connection_is_left(&local).await;
}
