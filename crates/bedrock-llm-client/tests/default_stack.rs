//! What the default client survives, over a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use bedrock_llm_client::layers::RetryConfig;
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
