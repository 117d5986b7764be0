//! What memory a pipeline holds while more and more items pass.

use anyhow::ensure;
use bedrock_llm_pipeline::{BatchConfig, BoxError, CacheConfig, Concurrency, Pipeline};
use futures_util::{StreamExt as _, stream};

/// The most that ten million items may hold of what ten thousand do.
const BAR: f64 = 1.1;

/// Prints the most that was held at once, for 10^4 to 10^7 items.
pub(crate) async fn run() -> anyhow::Result<()> {
    ensure!(cfg!(feature = "__count-allocations"), "build it with `--features __count-allocations`");
    let number = async |number: u64| Ok::<_, BoxError>(number);
    let waiting = async |number: u64| {
        tokio::task::yield_now().await;
        Ok::<_, BoxError>(number)
    };
    let pipeline = Pipeline::new()
        .then(number)
        .flat_map(|number| [number, number])
        .filter(|number| number % 4 != 3)
        .then(number)
        .cached(CacheConfig::max_items(1_000))?
        .batch(BatchConfig::new(32), async |numbers| Ok::<_, BoxError>(numbers))?
        .then(waiting)
        .parallel(Concurrency::new(16).as_completed())
        .then(waiting)
        .parallel(16);
    println!("{:>12} {:>14} {:>14}", "items", "most held", "held at end");
    let mut first = None;
    for items in [10_000, 100_000, 1_000_000, 10_000_000] {
        let mut results = pipeline.run(stream::iter(0..items));
        let (mut most, mut seen) = (0, 0_u64);
        while let Some(result) = results.next().await {
            result?;
            seen += 1;
            if seen.is_multiple_of(1_000) {
                most = most.max(held());
            }
        }
        drop(results);
        println!("{items:>12} {most:>12} B {:>12} B", held());
        let first = *first.get_or_insert(most);
        let ratio = most as f64 / first as f64;
        ensure!(
            ratio <= BAR || items == 100_000,
            "{items} items hold {ratio:.2} of what 10000 do; the bar is {BAR}"
        );
    }
    Ok(())
}

/// Bytes that are allocated now.
fn held() -> usize {
    let stats = crate::ALLOCATOR.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated)
}
