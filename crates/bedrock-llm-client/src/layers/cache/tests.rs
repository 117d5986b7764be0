//! What is asked, what is answered from memory, and who waits for whom.

use std::time::Duration;

use bedrock_llm_schema::request::CacheUse;
use bedrock_llm_schema::{
    Call, CallOptions, ChatRequest, ChatResponse, ChatStream, ChatStreamRequest, CountTokensRequest,
    ErrorKind, Request as _, StopReason, StreamEvent, ToolSpec, Usage,
};
use futures_util::future::join_all;
use futures_util::stream;
use tokio::time::Instant;
use tower::{Service as _, ServiceExt as _};

use super::*;
use crate::layers::probe::{Probe, answer, failure, seconds};

fn layer(config: CacheConfig) -> CacheLayer {
    CacheLayer::new(config).unwrap()
}

fn cache() -> CacheLayer {
    layer(CacheConfig::default())
}

/// A request whose answer would come out the same again.
fn chat(text: &str) -> Call<ChatRequest> {
    Call::new(ChatRequest::new("m").message(text).temperature(0.0))
}

fn with(call: Call<ChatRequest>, options: CallOptions) -> Call<ChatRequest> {
    call.with_options(options)
}

/// Answers with the number of the call, after some seconds.
fn counting(after: u64) -> Probe<Call<ChatRequest>> {
    Probe::new(move |_, number| async move {
        seconds(after).await;
        Ok(answer(&number.to_string()))
    })
}

fn streamed(number: usize, pause: u64) -> ChatStream {
    let events = [
        StreamEvent::message_start(),
        StreamEvent::text(0, number.to_string()),
        StreamEvent::message_stop(StopReason::EndTurn),
        StreamEvent::metadata(Usage::new(10, 5), 1),
    ];
    let events = stream::iter(events);
    ChatStream::new(
        Box::pin(stream::unfold(events, move |mut events| async move {
            seconds(pause).await;
            futures_util::StreamExt::next(&mut events).await.map(|event| (Ok(event), events))
        })),
        None,
    )
}

/// Streams the number of the call, with some seconds between events.
fn streaming(pause: u64) -> Probe<Call<ChatStreamRequest>> {
    Probe::new(move |_, number| async move { Ok(streamed(number, pause)) })
}

#[tokio::test]
async fn an_answer_is_given_again_and_says_so() {
    let (probe, layer) = (counting(0), cache());
    let mut service = layer.layer(probe.clone());
    for hits in 0..3 {
        let given = service.ready().await.unwrap().call(chat("a")).await.unwrap();
        assert_eq!((given.text(), given.usage.is_replayed), ("0".to_owned(), hits > 0));
    }
    service.ready().await.unwrap().call(chat("b")).await.unwrap();
    let handle = layer.handle();
    assert_eq!((probe.seen().calls(), handle.hits(), handle.misses(), handle.entries()), (2, 2, 2, 2));
    assert!(handle.bytes() > 200);
    handle.invalidate_all();
    assert_eq!((handle.entries(), handle.bytes()), (0, 0));
    // another service of the same layer shares the answers
    service.ready().await.unwrap().call(chat("a")).await.unwrap();
    let other = counting(0);
    assert_eq!(layer.layer(other.clone()).oneshot(chat("a")).await.unwrap().text(), "2");
    assert_eq!(other.seen().calls(), 0);
}

#[tokio::test]
async fn which_calls_are_kept_is_said_by_the_call_or_the_policy() {
    let warm = || Call::new(ChatRequest::new("m").message("a").temperature(0.5));
    let unsaid = || Call::new(ChatRequest::new("m").message("a"));
    let tools = || {
        let tool = ToolSpec::new("t", "does", serde_json::json!({"type": "object"}));
        Call::new(ChatRequest::new("m").message("a").temperature(0.0).tool(tool))
    };
    let saying = |call, cache| with(call, CallOptions::new().cache(cache));
    for (policy, call, is_kept) in [
        (CachePolicy::Repeatable, chat("a"), true),
        (CachePolicy::Repeatable, warm(), false),
        (CachePolicy::Repeatable, unsaid(), false),
        (CachePolicy::Repeatable, tools(), false),
        (CachePolicy::Repeatable, saying(tools(), CacheUse::Use), true),
        (CachePolicy::Repeatable, saying(chat("a"), CacheUse::Bypass), false),
        (CachePolicy::OnRequest, chat("a"), false),
        (CachePolicy::OnRequest, saying(warm(), CacheUse::Use), true),
        (CachePolicy::Always, unsaid(), true),
        (CachePolicy::Always, saying(chat("a"), CacheUse::Bypass), false),
    ] {
        let probe = counting(0);
        let service = layer(CacheConfig::default().policy(policy)).layer(probe.clone());
        for _ in 0..2 {
            service.clone().oneshot(call.clone()).await.unwrap();
        }
        assert_eq!(probe.seen().calls() == 1, is_kept, "{policy:?} {call:?}");
    }
}

#[tokio::test]
async fn model_and_region_tell_requests_apart_and_labels_do_not() {
    let probe = counting(0);
    let service = cache().layer(probe.clone());
    let mut calls = vec![chat("a"); 3];
    calls[1].set_model("n".into());
    calls[2].set_region("eu-west-1");
    for call in calls {
        service.clone().oneshot(call).await.unwrap();
    }
    assert_eq!(probe.seen().calls(), 3);
    let labelled = ChatRequest::new("m").message("a").temperature(0.0).request_metadata("team", "a");
    assert!(service.oneshot(Call::new(labelled)).await.unwrap().usage.is_replayed);
}

#[tokio::test(start_paused = true)]
async fn answers_grow_old() {
    let probe = counting(0);
    let config = CacheConfig::default().ttl(Duration::from_secs(100)).tti(Duration::from_secs(30));
    let service = layer(config).layer(probe.clone());
    let ask = || async { service.clone().oneshot(chat("a")).await.unwrap().text() };
    assert_eq!(ask().await, "0");
    for _ in 0..4 {
        seconds(24).await;
        assert_eq!(ask().await, "0", "asked for within 30 s each time");
    }
    seconds(4).await;
    assert_eq!(ask().await, "1", "100 s old");
    seconds(30).await;
    assert_eq!(ask().await, "2", "not asked for in 30 s");
}

#[tokio::test]
async fn answers_make_room_by_their_size() {
    let config = CacheConfig::default().max_bytes(4000).policy(CachePolicy::Always);
    let (layer, long) = (layer(config), "x".repeat(1000));
    let service = layer.layer(Probe::new(move |_: Call<ChatRequest>, _| {
        let text = long.clone();
        async move { Ok(answer(&text)) }
    }));
    for number in 0..20 {
        service.clone().oneshot(chat(&number.to_string())).await.unwrap();
    }
    let handle = layer.handle();
    assert!((1..=3).contains(&handle.entries()) && handle.bytes() <= 4000, "{handle:?}");
}

#[tokio::test]
async fn what_is_cut_off_or_fails_is_not_kept() {
    let probe = Probe::new(|_: Call<ChatRequest>, number| async move {
        match number {
            0 => Err(failure(ErrorKind::Internal)),
            1 => Ok(ChatResponse { stop_reason: StopReason::MaxTokens, ..answer("1") }),
            _ => Ok(answer("2")),
        }
    });
    let service = cache().layer(probe.clone());
    let ask = || service.clone().oneshot(chat("a"));
    assert_eq!(ask().await.unwrap_err().kind(), &ErrorKind::Internal);
    for text in ["1", "2", "2"] {
        assert_eq!(ask().await.unwrap().text(), text);
    }
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_key_ask_once() {
    let (probe, layer) = (counting(10), cache());
    let service = layer.layer(probe.clone());
    let started = Instant::now();
    let given = join_all((0..5).map(|_| service.clone().oneshot(chat("a")))).await;
    let replayed = given.iter().filter(|given| given.as_ref().unwrap().usage.is_replayed).count();
    assert_eq!((replayed, probe.seen().calls(), started.elapsed().as_secs()), (4, 1, 10));
    let handle = layer.handle();
    assert_eq!((handle.shared_flights(), handle.hits(), handle.misses()), (4, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn when_the_one_who_asks_is_cancelled_one_other_goes() {
    let probe = counting(10);
    let service = cache().layer(probe.clone());
    let first = tokio::spawn(service.clone().oneshot(chat("a")));
    seconds(1).await;
    let others = tokio::spawn(join_all((0..4).map(|_| service.clone().oneshot(chat("a")))));
    seconds(1).await;
    first.abort();
    for given in others.await.unwrap() {
        assert_eq!(given.unwrap().text(), "1");
    }
    assert_eq!((probe.seen().calls(), probe.seen().peak()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_error_is_shared_but_for_one_that_is_the_caller_s_own() {
    for (kind, calls) in [(ErrorKind::Unavailable, 1), (ErrorKind::Timeout, 3), (ErrorKind::Overloaded, 3)] {
        let told = kind.clone();
        let probe = Probe::new(move |_: Call<ChatRequest>, number| {
            let kind = told.clone();
            async move {
                seconds(5).await;
                let retry_after = Duration::from_secs(7);
                if number == 0 {
                    Err(failure(kind).with_retry_after(retry_after))
                } else {
                    Ok(answer("late"))
                }
            }
        });
        let service = cache().layer(probe.clone());
        let given = join_all((0..3).map(|_| service.clone().oneshot(chat("a")))).await;
        assert_eq!(probe.seen().calls(), calls, "{kind:?}");
        for (number, given) in given.into_iter().enumerate() {
            if number == 0 || calls == 1 {
                let error = given.unwrap_err();
                assert_eq!((error.kind(), error.retry_after()), (&kind, Some(Duration::from_secs(7))));
            } else {
                assert_eq!(given.unwrap().text(), "late");
            }
        }
        // and is not kept
        service.oneshot(chat("a")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_keeps_its_own_time_limit() {
    let probe = counting(10);
    let service = cache().layer(probe.clone());
    let patient = tokio::spawn(service.clone().oneshot(chat("a")));
    seconds(1).await;
    let started = Instant::now();
    let hurried = with(chat("a"), CallOptions::new().timeout(Duration::from_secs(3)));
    let error = service.oneshot(hurried).await.unwrap_err();
    assert_eq!((error.kind(), started.elapsed().as_secs()), (&ErrorKind::Timeout, 3));
    patient.await.unwrap().unwrap();
    assert_eq!(probe.seen().calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_holds_no_place() {
    let probe = counting(10);
    let limited = tower::limit::ConcurrencyLimit::new(probe.clone(), 2);
    let service = cache().layer(limited);
    let same = tokio::spawn(join_all((0..3).map(|_| service.clone().oneshot(chat("a")))));
    seconds(1).await;
    let started = Instant::now();
    service.oneshot(chat("b")).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 10, "the second place was free");
    same.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_recorded_while_it_passes_and_shared_when_it_is_whole() {
    let (probe, layer) = (streaming(2), cache());
    let service = layer.layer(probe.clone());
    let mut live = service.clone().oneshot(chat("a").streaming()).await.unwrap();
    let waiting = tokio::spawn(service.clone().oneshot(chat("a").streaming()));
    let mut events = Vec::new();
    while let Some(event) = live.next().await {
        events.push(event.unwrap());
    }
    let mut again = waiting.await.unwrap().unwrap();
    let started = Instant::now();
    let mut replayed = Vec::new();
    while let Some(event) = again.next().await {
        replayed.push(event.unwrap());
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    let StreamEvent::Metadata(metadata) = &mut replayed[3] else { panic!("{replayed:?}") };
    assert!(std::mem::take(&mut metadata.usage.is_replayed));
    assert_eq!(replayed, events);
    assert_eq!(probe.seen().calls(), 1);
    // the same answer, whole
    let whole = counting(0);
    let answer = layer.layer(whole.clone()).oneshot(chat("a")).await.unwrap();
    assert_eq!((answer.text(), answer.usage.is_replayed, whole.seen().calls()), ("0".to_owned(), true, 0));
    // and a whole answer as a stream
    layer.layer(whole.clone()).oneshot(chat("b")).await.unwrap();
    let stream = service.oneshot(chat("b").streaming()).await.unwrap();
    let made = stream.collect().await.unwrap();
    assert_eq!((made.text(), made.usage.is_replayed, probe.seen().calls()), ("0".to_owned(), true, 1));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_stream_goes_by_itself_when_it_comes_to_nothing() {
    let probe = streaming(0);
    let service = cache().layer(probe.clone());
    // abandoned
    let live = service.clone().oneshot(chat("a").streaming()).await.unwrap();
    let waiting = tokio::spawn(service.clone().oneshot(chat("a").streaming()));
    seconds(1).await;
    drop(live);
    assert_eq!(waiting.await.unwrap().unwrap().collect().await.unwrap().text(), "1");
    assert_eq!(probe.seen().calls(), 2);
    // read too slowly
    let service = cache().layer(streaming(0));
    let _slow = service.clone().oneshot(chat("a").streaming()).await.unwrap();
    let started = Instant::now();
    let other = service.clone().oneshot(chat("a").streaming()).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 30);
    assert_eq!(other.collect().await.unwrap().text(), "1");
    // what that one brought is there for the next
    assert!(service.oneshot(chat("a").streaming()).await.unwrap().collect().await.unwrap().usage.is_replayed);
}

#[tokio::test]
async fn plain_requests_are_kept_too_and_counts_of_tokens_always() {
    let probe = Probe::new(|_: CountTokensRequest, number| async move {
        let input_tokens = u64::try_from(number).unwrap();
        Ok(bedrock_llm_schema::CountTokensResponse { input_tokens, ..Default::default() })
    });
    let service = cache().layer(probe.clone());
    for _ in 0..3 {
        let count = CountTokensRequest::from(ChatRequest::new("m").message("a"));
        assert_eq!(service.clone().oneshot(count).await.unwrap().input_tokens, 0);
    }
    assert_eq!(probe.seen().calls(), 1);
}

#[test]
fn settings_out_of_range_are_named() {
    let zero = Duration::ZERO;
    for (config, name) in [
        (CacheConfig::default().max_bytes(0), "cache.max_bytes"),
        (CacheConfig::default().ttl(zero), "cache.ttl"),
        (CacheConfig::default().ttl(Duration::MAX), "cache.ttl"),
        (CacheConfig::default().tti(zero), "cache.tti"),
    ] {
        let error = CacheLayer::new(config).unwrap_err();
        assert!(error.kind() == &ErrorKind::Config && error.message().contains(name), "{error}");
    }
}
