//! Items a second through pipelines, beside the same flow written by hand with streams, moka and rayon.
//!
//! Criterion measures each flow by itself. Work per item is next to nothing, so that what is compared is the way
//! between the nodes; only `compute` has real work, since it is about the use of cores.

mod flows;
mod memory;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use criterion::{BenchmarkId, Criterion, Throughput};

use flows::{Bar, FLOWS};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Seconds of measurement for each flow.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Measure only flows whose name has this in it.
    #[arg(long)]
    only: Option<String>,
    /// Show instead what memory is held while more and more items pass; needs the feature `__count-allocations`.
    #[arg(long)]
    memory: bool,
}

/// The least that our throughput may be of that by hand.
const BAR: f64 = 0.9;
/// The most that an item may cost in nodes composed by `then`.
const THEN_BAR: Duration = Duration::from_micros(1);

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if args.memory {
        return runtime.block_on(memory::run());
    }
    let results = tempfile::tempdir()?;
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(args.seconds))
        .output_directory(results.path());
    let chosen = |name: &str| args.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let flows = || FLOWS.iter().filter(|flow| chosen(flow.name));
    for flow in flows() {
        let mut group = criterion.benchmark_group(flow.name);
        group.throughput(Throughput::Elements(flow.items));
        for (id, run) in [("by hand", flow.by_hand), ("pipeline", flow.pipeline)] {
            group.bench_function(BenchmarkId::from_parameter(id), |bencher| {
                bencher.iter_custom(|rounds| {
                    // in a task, as a server runs it
                    let outcome = runtime.block_on(runtime.spawn(run(flow.items, rounds)));
                    outcome.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
                });
            });
        }
        group.finish();
    }

    let mut missed = Vec::new();
    println!("\n{:<44} {:>12} {:>12} {:>7}  bar", "ns an item", "by hand", "pipeline", "ratio");
    for flow in flows() {
        let by_hand = median(results.path(), flow.name, "by hand")? / flow.items as f64;
        let ours = median(results.path(), flow.name, "pipeline")? / flow.items as f64;
        let ratio = by_hand / ours;
        let (bar, met) = match flow.bar {
            Bar::Ratio => (format!("ratio ≥ {BAR}"), ratio >= BAR),
            Bar::Absolute => (format!("pipeline ≤ {THEN_BAR:?}"), ours <= THEN_BAR.as_nanos() as f64),
        };
        let told = if met { "met" } else { "NOT MET" };
        println!("{:<44} {by_hand:>12.1} {ours:>12.1} {ratio:>7.2}  {bar}: {told}", flow.name);
        if !met {
            missed.push(flow.name);
        }
    }
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

/// The median time of a round in nanoseconds, from where criterion has written it.
fn median(results: &Path, flow: &str, id: &str) -> anyhow::Result<f64> {
    let path = results.join(flow).join(id).join("new").join("estimates.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let estimates: serde_json::Value = serde_json::from_str(&text)?;
    let median = estimates.pointer("/median/point_estimate").and_then(serde_json::Value::as_f64);
    median.context("criterion wrote no median")
}

/// How long it takes to read a stream to its end, so many times.
async fn timed<S>(rounds: u64, stream: impl Fn() -> S) -> Duration
where
    S: futures_util::Stream,
{
    let begun = Instant::now();
    for _ in 0..rounds {
        let mut stream = std::pin::pin!(stream());
        while let Some(item) = futures_util::StreamExt::next(&mut stream).await {
            std::hint::black_box(&item);
        }
    }
    begun.elapsed()
}
