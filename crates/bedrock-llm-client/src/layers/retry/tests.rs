//! What is tried again, how often and how soon.

use std::time::Duration;

use bedrock_llm_schema::{
    Call, CallOptions, ChatRequest, ChatStream, ChatStreamRequest, ErrorKind, Retry as Status, StopReason,
    StreamEvent, ThrottleScope,
};
use futures_util::stream;
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::*;
use crate::layers::DeadlineLayer;
use crate::layers::probe::{Probe, answer, failure, seconds};

const THROTTLED: ErrorKind = ErrorKind::Throttled(ThrottleScope::Requests);

fn request() -> Call<ChatRequest> {
    Call::new(ChatRequest::new("m"))
}

/// Fails this often, then answers.
fn failing(times: usize, kind: ErrorKind) -> Probe<Call<ChatRequest>> {
    Probe::new(move |_, number| {
        let outcome = if number < times { Err(failure(kind.clone())) } else { Ok(answer("done")) };
        async move { outcome }
    })
}

fn layer(config: RetryConfig) -> RetryLayer {
    RetryLayer::new(config).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again() {
    let service = failing(3, THROTTLED);
    assert_eq!(
        layer(RetryConfig::default()).layer(service.clone()).oneshot(request()).await.unwrap().text(),
        "done"
    );
    assert_eq!(service.seen().calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_last_error_tells_of_all_attempts() {
    let service = failing(9, ErrorKind::Unavailable);
    let config = RetryConfig::default().max_attempts(3).base_delay(Duration::from_secs(1));
    let started = Instant::now();
    let error = layer(config).layer(service.clone()).oneshot(request()).await.unwrap_err();
    assert_eq!((error.attempts(), service.seen().calls()), (3, 3));
    assert_eq!((error.retry(), error.is_retryable()), (Status::Exhausted, false));
    assert_eq!(error.elapsed(), Some(started.elapsed()));
    assert!(
        started.elapsed() <= Duration::from_secs(3),
        "pauses of up to 1 s and 2 s: {:?}",
        started.elapsed()
    );
    assert!(error.to_string().contains("3 attempts in"), "{error}");
    // a second retry around the first does not multiply attempts
    let twice = layer(RetryConfig::default()).layer(layer(RetryConfig::default()).layer(service.clone()));
    twice.oneshot(request()).await.unwrap_err();
    assert_eq!(service.seen().calls(), 3 + 4);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_pass_is_not() {
    for kind in [
        ErrorKind::Validation,
        ErrorKind::AccessDenied,
        ErrorKind::Timeout,
        ErrorKind::Throttled(ThrottleScope::DailyTokens),
        ErrorKind::CircuitOpen,
        ErrorKind::Overloaded,
    ] {
        let service = failing(1, kind.clone());
        let error =
            layer(RetryConfig::default()).layer(service.clone()).oneshot(request()).await.unwrap_err();
        assert_eq!((service.seen().calls(), error.attempts()), (1, 1), "{kind}");
    }
    let service = failing(1, ErrorKind::Timeout);
    layer(RetryConfig::default().timeouts(true)).layer(service.clone()).oneshot(request()).await.unwrap();
    let service = failing(1, ErrorKind::ModelError);
    let own = layer(RetryConfig::default()).retry_if(|error| error.kind() == &ErrorKind::ModelError);
    own.clone().layer(service.clone()).oneshot(request()).await.unwrap();
    let service = failing(1, THROTTLED);
    own.layer(service).oneshot(request()).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured() {
    let asking = |wait: u64| {
        Probe::<Call<ChatRequest>>::new(move |_, number| async move {
            match number {
                0 => Err(failure(THROTTLED).with_retry_after(Duration::from_secs(wait))),
                _ => Ok(answer("done")),
            }
        })
    };
    let started = Instant::now();
    layer(RetryConfig::default()).layer(asking(30)).oneshot(request()).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(30));
    let started = Instant::now();
    let error = layer(RetryConfig::default()).layer(asking(61)).oneshot(request()).await.unwrap_err();
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(error.hint().unwrap().contains("max_retry_after"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_not_spent_on_sleeping() {
    let service = Probe::<Call<ChatRequest>>::new(|_, _| async {
        seconds(1).await;
        Err(failure(THROTTLED).with_retry_after(Duration::from_secs(10)))
    });
    let retry = layer(RetryConfig::default());
    let stack = DeadlineLayer::new(Duration::from_secs(11)).layer(retry.layer(service));
    let started = Instant::now();
    let error = stack.clone().oneshot(request()).await.unwrap_err();
    assert_eq!((error.kind(), started.elapsed().as_secs()), (&THROTTLED, 1));
    assert!(error.hint().unwrap().contains("deadline"), "{error}");
    let patient = request().with_options(CallOptions::new().timeout(Duration::from_secs(13)));
    let error = stack.oneshot(patient).await.unwrap_err();
    assert_eq!(error.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn retries_have_a_budget() {
    let service = failing(usize::MAX, THROTTLED);
    let budget = RetryBudget::default().min_per_second(1).percent(0.0).ttl(Duration::from_secs(5));
    let layer = layer(RetryConfig::default().base_delay(Duration::ZERO).budget(budget));
    for _ in 0..10 {
        layer.layer(service.clone()).oneshot(request()).await.unwrap_err();
    }
    assert_eq!(service.seen().calls(), 10 + 5, "five retries in five seconds, for all calls");
    let error = layer.layer(service).oneshot(request()).await.unwrap_err();
    assert!(error.hint().unwrap().contains("budget"), "{error}");
    assert_eq!((layer.handle().retries(), layer.handle().given_up()), (5, 11));
}

#[tokio::test(start_paused = true)]
async fn attempts_share_the_content() {
    let service = failing(2, THROTTLED);
    layer(RetryConfig::default()).layer(service.clone()).oneshot(request()).await.unwrap();
    let requests = service.seen().requests();
    assert!(requests.windows(2).all(|pair| std::ptr::eq(&raw const *pair[0], &raw const *pair[1])));
}

/// A stream of these texts, broken after them by an error of this kind if there is one.
fn streamed(texts: &'static [&'static str], broken: Option<ErrorKind>) -> ChatStream {
    let mut events: Vec<_> = texts.iter().map(|text| Ok(StreamEvent::text(0, *text))).collect();
    events.push(match broken {
        Some(kind) => Err(failure(kind)),
        None => Ok(StreamEvent::message_stop(StopReason::EndTurn)),
    });
    ChatStream::new(stream::iter(events), None)
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_tried_again_until_its_first_event() {
    let service = Probe::<Call<ChatStreamRequest>>::new(|_, number| async move {
        match number {
            0 => Err(failure(THROTTLED)),
            1 => Ok(streamed(&[], Some(ErrorKind::Internal))),
            _ => Ok(streamed(&["a", "b"], None)),
        }
    });
    let stream =
        layer(RetryConfig::default()).layer(service.clone()).oneshot(request().streaming()).await.unwrap();
    assert_eq!((stream.collect().await.unwrap().text(), service.seen().calls()), ("ab".to_owned(), 3));

    let service = Probe::<Call<ChatStreamRequest>>::new(|_, _| async {
        Ok(streamed(&["a"], Some(ErrorKind::Internal)))
    });
    let stream =
        layer(RetryConfig::default()).layer(service.clone()).oneshot(request().streaming()).await.unwrap();
    let error = stream.collect().await.unwrap_err();
    assert_eq!((error.kind(), service.seen().calls()), (&ErrorKind::Internal, 1));
}

#[test]
fn settings_out_of_range_are_named() {
    let message = |config: RetryConfig| RetryLayer::new(config).unwrap_err().message().to_owned();
    assert!(message(RetryConfig::default().max_attempts(0)).contains("`retry.max_attempts`"));
    assert!(message(RetryConfig::default().max_delay(Duration::ZERO)).contains("`retry.max_delay`"));
    let budget = RetryBudget::default();
    for (budget, name) in [
        (budget.ttl(Duration::from_secs(61)), "`retry.budget.ttl`"),
        (budget.percent(-1.0), "`retry.budget.percent`"),
        (budget.percent(f32::NAN), "`retry.budget.percent`"),
        (budget.min_per_second(u32::MAX), "`retry.budget.min_per_second`"),
    ] {
        assert!(message(RetryConfig::default().budget(budget)).contains(name), "{name}");
    }
}
