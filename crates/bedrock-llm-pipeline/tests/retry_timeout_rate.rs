//! Nodes that are tried again, that may take only so long, and that begin only so often.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use bedrock_llm_pipeline::{BoxError, ConfigError, EventKind, Pipeline, RateLimit, RetryConfig, TimedOut};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Instant, sleep};

/// Says after how many seconds to come back.
#[derive(Debug, thiserror::Error)]
#[error("call {call}: come back in {after} s")]
struct Busy {
    call: u64,
    after: u64,
}

/// Counts calls, and refuses all up to the last.
fn busy_until(last: u64) -> (Arc<AtomicU64>, impl Fn(u64) -> Result<u64, Busy> + Send + Sync + 'static) {
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let function = move |number| {
        let call = count.fetch_add(1, SeqCst) + 1;
        if call < last { Err(Busy { call, after: 7 }) } else { Ok(number) }
    };
    (calls, function)
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_after_growing_pauses() {
    let (calls, function) = busy_until(4);
    let config = RetryConfig::attempts(5).min_delay(Duration::from_secs(1)).max_delay(Duration::from_secs(2));
    let pipeline = Pipeline::new().try_map(function).retry(config).unwrap();
    let mut events = pipeline.subscribe();
    let begun = Instant::now();
    assert_eq!(pipeline.execute(5).await.unwrap(), 5);
    // pauses of 1, 2 and 2 s, and up to as much again
    assert!((5..10).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(calls.load(SeqCst), 4);
    let node = &pipeline.stats().nodes[0];
    assert_eq!((node.entered, node.left, node.failed, node.retries), (1, 1, 0, 3));
    let retried: Vec<_> = std::iter::from_fn(|| events.next().now_or_never().flatten())
        .filter_map(|event| match event.kind {
            EventKind::Retried { attempt, delay } => Some((attempt, delay >= Duration::from_secs(1))),
            _ => None,
        })
        .collect();
    assert_eq!(retried, [(2, true), (3, true), (4, true)]);
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_is_the_items() {
    let (calls, function) = busy_until(u64::MAX);
    let pipeline = Pipeline::new().try_map(function).retry(RetryConfig::attempts(3)).unwrap();
    let error = pipeline.execute(1).await.unwrap_err();
    assert_eq!(error.cause().downcast_ref::<Busy>().unwrap().call, 3);
    assert_eq!(calls.load(SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn the_failure_says_whether_and_when() {
    let (_, function) = busy_until(3);
    let after = |cause: &(dyn std::error::Error + Send + Sync + 'static)| {
        cause.downcast_ref::<Busy>().map(|busy| Duration::from_secs(busy.after))
    };
    // of a pipeline inside, the cause is what is asked
    let inner = Pipeline::new().try_map(function);
    let config = RetryConfig::attempts(3).max_delay(Duration::from_secs(2)).delay_from(after);
    let pipeline = Pipeline::new().node(inner).retry(config).unwrap();
    let begun = Instant::now();
    pipeline.execute(1).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 14);

    let (calls, function) = busy_until(3);
    let first =
        RetryConfig::attempts(3).when(|cause| cause.downcast_ref::<Busy>().is_some_and(|busy| busy.call < 1));
    let pipeline = Pipeline::new().try_map(function).retry(first).unwrap();
    pipeline.execute(1).await.unwrap_err();
    assert_eq!(calls.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_not_tried_again() {
    let calls = Arc::new(AtomicU64::new(0));
    let panics = || {
        let count = Arc::clone(&calls);
        move |_: u64| -> u64 {
            count.fetch_add(1, SeqCst);
            panic!("no")
        }
    };
    let plain = Pipeline::new().map(panics()).retry(RetryConfig::attempts(3)).unwrap();
    assert!(plain.execute(1).await.unwrap_err().is_panic());
    let inner = Pipeline::new().map(panics());
    let nested = Pipeline::new().node(inner).retry(RetryConfig::attempts(3)).unwrap();
    assert!(nested.execute(1).await.unwrap_err().is_panic());
    assert_eq!(calls.load(SeqCst), 2);
}

/// Waits as many seconds as it is told.
async fn wait(secs: u64) -> Result<u64, BoxError> {
    sleep(Duration::from_secs(secs)).await;
    Ok(secs)
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_stopped() {
    let pipeline = Pipeline::new().then(wait).timeout(Duration::from_secs(5)).unwrap().parallel(4);
    let outcomes: Vec<_> = pipeline.run(stream::iter([4, 6, 1])).collect().await;
    assert_eq!(*outcomes[0].as_ref().unwrap(), 4);
    let cause = outcomes[1].as_ref().unwrap_err().cause().downcast_ref::<TimedOut>();
    assert_eq!(cause.unwrap().after, Duration::from_secs(5));
    assert_eq!(*outcomes[2].as_ref().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn modifiers_hold_for_what_is_before_them() {
    let retry = || RetryConfig::attempts(3).delay_from(|_| Some(Duration::from_secs(1)));
    let limit = Duration::from_secs(5);
    let begun = Instant::now();
    let each = Pipeline::new().then(wait).timeout(limit).unwrap().retry(retry()).unwrap();
    each.execute(60).await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 3 * 5 + 2);
    let begun = Instant::now();
    let all = Pipeline::new().then(wait).retry(retry()).unwrap().timeout(limit).unwrap();
    all.execute(60).await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_that_of_all_runs_and_calls() {
    let pipeline =
        Pipeline::new().then(wait).rate_limit(RateLimit::per_second(10).burst(5)).unwrap().parallel(4);
    let begun = Instant::now();
    let run = || pipeline.run(stream::iter([0; 20])).try_collect::<Vec<_>>();
    let (one, other, single) = tokio::join!(run(), run(), pipeline.execute(0));
    assert_eq!((one.unwrap().len(), other.unwrap().len(), single.unwrap()), (20, 20, 0));
    // five at once, and the other 36 one every 100 ms
    assert_eq!(begun.elapsed().as_millis() / 10, 360);
}

#[tokio::test(start_paused = true)]
async fn a_rate_counts_attempts_or_items() {
    let refuse = |_: u64| Err::<u64, _>("no");
    let retry = || RetryConfig::attempts(4).min_delay(Duration::ZERO).max_delay(Duration::ZERO);
    let limit = RateLimit::per_minute(60);
    let begun = Instant::now();
    let attempts = Pipeline::new().try_map(refuse).rate_limit(limit).unwrap().retry(retry()).unwrap();
    assert_eq!(attempts.run(stream::iter([1, 2])).count().await, 2);
    assert_eq!(begun.elapsed().as_secs(), 7);
    let begun = Instant::now();
    let items = Pipeline::new().try_map(refuse).retry(retry()).unwrap().rate_limit(limit).unwrap();
    assert_eq!(items.run(stream::iter([1, 2])).count().await, 2);
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let node = || Pipeline::new().map(|number: u64| number);
    let field = |error: ConfigError| match error {
        ConfigError::OutOfRange { field, .. } => field,
        other => panic!("{other}"),
    };
    let timeout = node().timeout(Duration::ZERO).unwrap_err();
    assert_eq!(timeout.to_string(), "`timeout` is 0ns: give an item some time");
    let retry = |config| field(node().retry(config).unwrap_err());
    assert_eq!(retry(RetryConfig::attempts(0)), "RetryConfig::attempts");
    assert_eq!(retry(RetryConfig::attempts(2).factor(0.5)), "RetryConfig::factor");
    assert_eq!(retry(RetryConfig::attempts(2).factor(f32::NAN)), "RetryConfig::factor");
    assert_eq!(retry(RetryConfig::attempts(2).max_delay(Duration::ZERO)), "RetryConfig::min_delay");
    let rate = |limit| field(node().rate_limit(limit).unwrap_err());
    assert_eq!(rate(RateLimit::per_second(0)), "RateLimit::new");
    assert_eq!(rate(RateLimit::new(2, Duration::from_nanos(1))), "RateLimit::new");
    assert_eq!(rate(RateLimit::per_second(1).burst(0)), "RateLimit::burst");
    assert_eq!(rate(RateLimit::new(1, Duration::MAX)), "RateLimit");
    assert_eq!(rate(RateLimit::per_minute(1).burst(u32::MAX)), "RateLimit");
}
