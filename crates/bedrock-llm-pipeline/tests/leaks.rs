//! Many runs leave nothing behind: those that end, and those that are dropped on the way.

use std::alloc::System;
use std::time::Duration;

use bedrock_llm_pipeline::{BatchConfig, BoxError, Concurrency, Pipeline};
use futures_util::{StreamExt as _, stream};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that are allocated now.
fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated)
}

/// In a file of its own, since tests beside it would be counted too.
#[tokio::test(start_paused = true)]
async fn a_thousand_runs_hold_no_more_than_one() {
    let pipeline = Pipeline::new()
        .map(|number: u64| number.to_string())
        .then(async |text: String| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if text.ends_with('7') { Err("seven") } else { Ok(text) }
        })
        .parallel(Concurrency::new(4).as_completed())
        .batch(BatchConfig::new(8), async |texts: Vec<String>| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok::<_, BoxError>(texts)
        })
        .unwrap()
        .flat_map(|text: String| [text.clone(), text]);
    let runs = async |count: usize| {
        for run in 0..count {
            let results = pipeline.run(stream::iter(0..40));
            // some to the end, some dropped while items are under way, some cancelled
            match run % 3 {
                0 => drop(results.collect::<Vec<_>>().await),
                1 => drop(results.take(run % 20).collect::<Vec<_>>().await),
                _ => {
                    results.handle().cancel();
                    assert_eq!(results.count().await, 0);
                }
            }
            // callers that go away
            let call = tokio::time::timeout(Duration::from_micros(1), pipeline.execute_all(1));
            assert!(call.await.is_err());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // what grows once: the runtime, histograms
    runs(100).await;
    let before = held();
    runs(1_000).await;
    let after = held();
    assert!(after < before + 4_096, "{before} bytes were held before, {after} after");
}
