//! The flows, each by hand and as a pipeline.

use std::hint::black_box;
use std::pin::Pin;
use std::time::Duration;

use bedrock_llm_pipeline::{BatchConfig, BoxError, CacheConfig, Pipeline};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::oneshot;

use super::timed;

/// One flow, and how it is measured: so many items, so many times.
pub(crate) struct Flow {
    pub(crate) name: &'static str,
    pub(crate) items: u64,
    pub(crate) bar: Bar,
    pub(crate) by_hand: Run,
    pub(crate) pipeline: Run,
}

pub(crate) enum Bar {
    /// Of the throughput by hand.
    Ratio,
    /// Of the time an item takes.
    Absolute,
}

type Run = fn(u64, u64) -> Pin<Box<dyn Future<Output = Duration> + Send>>;

pub(crate) const FLOWS: &[Flow] = &[
    Flow {
        name: "5 nodes, 16 items at once in each",
        items: 10_000,
        bar: Bar::Ratio,
        by_hand: |items, rounds| Box::pin(five_buffered_by_hand(items, rounds)),
        pipeline: |items, rounds| Box::pin(five_buffered(items, rounds)),
    },
    Flow {
        name: "5 nodes in a row (by hand and_then)",
        items: 10_000,
        bar: Bar::Absolute,
        by_hand: |items, rounds| Box::pin(five_by_hand(items, rounds)),
        pipeline: |items, rounds| Box::pin(five(items, rounds)),
    },
    Flow {
        name: "batches of 32",
        items: 10_000,
        bar: Bar::Ratio,
        by_hand: |items, rounds| Box::pin(batch_by_hand(items, rounds)),
        pipeline: |items, rounds| Box::pin(batch(items, rounds)),
    },
    Flow {
        name: "cached, 90 % hits",
        items: 10_000,
        bar: Bar::Ratio,
        by_hand: |items, rounds| Box::pin(cached_by_hand(items, rounds)),
        pipeline: |items, rounds| Box::pin(cached(items, rounds)),
    },
    Flow {
        name: "compute on rayon",
        items: 2_000,
        bar: Bar::Ratio,
        by_hand: |items, rounds| Box::pin(compute_by_hand(items, rounds)),
        pipeline: |items, rounds| Box::pin(compute(items, rounds)),
    },
];

async fn step(number: u64) -> Result<u64, BoxError> {
    Ok(black_box(number).wrapping_mul(3) ^ 1)
}

async fn five_by_hand(items: u64, rounds: u64) -> Duration {
    timed(rounds, || {
        let numbers = stream::iter((0..items).map(Ok));
        numbers.and_then(step).and_then(step).and_then(step).and_then(step).and_then(step)
    })
    .await
}

async fn five(items: u64, rounds: u64) -> Duration {
    let pipeline = Pipeline::new().then(step).then(step).then(step).then(step).then(step);
    timed(rounds, || pipeline.run(stream::iter(0..items))).await
}

async fn five_buffered_by_hand(items: u64, rounds: u64) -> Duration {
    async fn next(number: Result<u64, BoxError>) -> Result<u64, BoxError> {
        step(number?).await
    }
    timed(rounds, || {
        let numbers = stream::iter(0..items).map(step).buffered(16);
        let numbers = numbers.map(next).buffered(16).map(next).buffered(16);
        numbers.map(next).buffered(16).map(next).buffered(16)
    })
    .await
}

async fn five_buffered(items: u64, rounds: u64) -> Duration {
    let pipeline = Pipeline::new().then(step).parallel(16).then(step).parallel(16).then(step).parallel(16);
    let pipeline = pipeline.then(step).parallel(16).then(step).parallel(16);
    timed(rounds, || pipeline.run(stream::iter(0..items))).await
}

const BATCH: usize = 32;
const MAX_WAIT: Duration = Duration::from_millis(50);

async fn step_batch(numbers: Vec<u64>) -> Result<Vec<u64>, BoxError> {
    Ok(numbers.into_iter().map(|number| black_box(number).wrapping_mul(3) ^ 1).collect())
}

async fn batch_by_hand(items: u64, rounds: u64) -> Duration {
    timed(rounds, || {
        let batches = tokio_stream::StreamExt::chunks_timeout(stream::iter(0..items), BATCH, MAX_WAIT);
        batches
            .then(step_batch)
            .map_ok(|numbers| stream::iter(numbers.into_iter().map(Ok::<_, BoxError>)))
            .try_flatten()
    })
    .await
}

async fn batch(items: u64, rounds: u64) -> Duration {
    let pipeline = Pipeline::new().batch(BatchConfig::new(BATCH).max_wait(MAX_WAIT), step_batch);
    let pipeline = pipeline.unwrap_or_else(|error| panic!("{error}"));
    timed(rounds, || pipeline.run(stream::iter(0..items))).await
}

const KEPT: u64 = 1_000;

/// Nine of ten numbers come again and again.
fn mostly_known(number: u64) -> u64 {
    if number.is_multiple_of(10) { fastrand::u64(KEPT..) } else { number % KEPT }
}

async fn cached_by_hand(items: u64, rounds: u64) -> Duration {
    let cache: moka::future::Cache<u64, u64> = moka::future::Cache::new(10_000);
    timed(rounds, || {
        let cache = cache.clone();
        let numbers = stream::iter(0..items).map(mostly_known);
        let look_up = move |number| {
            let cache = cache.clone();
            async move { cache.try_get_with(number, step(number)).await }
        };
        numbers.map(look_up).buffered(16)
    })
    .await
}

async fn cached(items: u64, rounds: u64) -> Duration {
    let pipeline = Pipeline::new().then(step).cached(CacheConfig::max_items(10_000));
    let pipeline = pipeline.unwrap_or_else(|error| panic!("{error}")).parallel(16);
    timed(rounds, || pipeline.run(stream::iter(0..items).map(mostly_known))).await
}

/// Some 20 µs of work.
fn work(number: u64) -> u64 {
    (0..10_000).fold(black_box(number), |sum, step| (sum ^ step).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

async fn compute_by_hand(items: u64, rounds: u64) -> Duration {
    timed(rounds, || {
        let on_rayon = |number| {
            let (sender, receiver) = oneshot::channel();
            rayon::spawn(move || _ = sender.send(work(number)));
            receiver
        };
        stream::iter(0..items).map(on_rayon).buffered(4)
    })
    .await
}

async fn compute(items: u64, rounds: u64) -> Duration {
    let pipeline = Pipeline::new().compute(work);
    timed(rounds, || pipeline.run(stream::iter(0..items))).await
}
