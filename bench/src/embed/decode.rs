//! Decoding a Titan body, beside `serde_json`'s parsing of the same bytes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bedrock_llm_providers::{InvocationMetrics, Registry};
use serde::Deserialize;

use super::Bar;
use super::answers::titan_body;

const MODEL: &str = "amazon.titan-embed-text-v2:0";
const DIMENSIONS: usize = 1024;
/// How often longer than `serde_json`.
const BAR: f64 = 1.5;

/// What somebody without us would parse the body into; the rest of it is skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plain {
    embedding: Vec<f32>,
    input_text_token_count: u64,
}

/// Prints both, and says what became of the bar. Both alternate, and so does their order.
pub(super) fn run(rounds: u32) -> anyhow::Result<Bar> {
    const DECODES: u32 = 100;
    let body = titan_body(DIMENSIONS);
    let registry = Registry::default();
    let codec = registry.embed(&MODEL.into())?;
    let ours = || -> anyhow::Result<usize> {
        let mut response = codec.decode_response(&body, &InvocationMetrics::default())?;
        let vectors = response.take::<f32>().context("no floats came")?;
        Ok(black_box(vectors).width())
    };
    let plain = || -> anyhow::Result<usize> {
        let plain: Plain = serde_json::from_slice(&body)?;
        black_box(plain.input_text_token_count);
        Ok(black_box(plain.embedding).len())
    };
    let (mut our_times, mut plain_times) = (Vec::new(), Vec::new());
    // one round to warm up, its times thrown away
    for round in 0..=rounds {
        let (our_time, plain_time) = if round % 2 == 0 {
            let our_time = time(DECODES, ours)?;
            (our_time, time(DECODES, plain)?)
        } else {
            let plain_time = time(DECODES, plain)?;
            (time(DECODES, ours)?, plain_time)
        };
        if round > 0 {
            our_times.push(our_time);
            plain_times.push(plain_time);
        }
    }
    let (our_time, plain_time) = (median(our_times), median(plain_times));
    let ratio = our_time.as_secs_f64() / plain_time.as_secs_f64();
    let bar = if ratio <= BAR { Bar::Passed } else { Bar::Missed };
    println!(
        "decoding a Titan body of {DIMENSIONS} floats ({} bytes), median of {rounds} rounds of {DECODES}:",
        body.len()
    );
    println!(
        "  serde_json into Vec<f32> {:>8.2} µs   bedrock-llm {:>8.2} µs   ratio {ratio:.2} (bar: {BAR:.2}) {}",
        micros(plain_time),
        micros(our_time),
        bar.shown()
    );
    Ok(bar)
}

fn time(times: u32, decode: impl Fn() -> anyhow::Result<usize>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    for _ in 0..times {
        ensure!(decode()? == DIMENSIONS, "numbers are missing");
    }
    Ok(start.elapsed() / times)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}
