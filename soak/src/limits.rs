//! With breaker, rate limit and places on, the endpoint sees no more calls than they allow.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bedrock_llm_client::Client;
use bedrock_llm_client::layers::{CircuitBreakerConfig, ConcurrencyConfig, RateLimitConfig, RetryConfig};
use bedrock_llm_local::LocalBedrock;
use bedrock_llm_schema::ChatRequest;
use tokio::task::JoinSet;

/// A model that answers, and one that always fails.
const SOUND: &str = "us.amazon.nova-lite-v1:0";
const BROKEN: &str = "local.error.ServiceUnavailableException";

const REQUESTS_PER_MINUTE: u32 = 300;
const PLACES: usize = 10;
const MIN_CALLS: u32 = 10;
const PROBES: u32 = 2;
const OPEN_FOR: Duration = Duration::from_millis(500);

/// What the endpoint saw of each model, and the most it may have seen.
pub(crate) struct Limits {
    sound: u64,
    sound_at_most: u64,
    broken: u64,
    broken_at_most: u64,
    at_once: u64,
    refused: u64,
}

/// Calls both models from many callers for a while.
pub(crate) async fn run(time: Duration, concurrency: u32) -> anyhow::Result<Limits> {
    let local = LocalBedrock::builder().keep_received(0).start().await?;
    let client = Client::builder()
        .region("us-east-1")
        .credentials("AKIALOCAL", "local", None)
        .endpoint_url(local.endpoint())
        .retry(RetryConfig::default().max_attempts(1))
        .circuit_breaker(
            CircuitBreakerConfig::default().min_calls(MIN_CALLS).open_for(OPEN_FOR).half_open_probes(PROBES),
        )
        .rate_limit(
            RateLimitConfig::default().requests_per_minute(REQUESTS_PER_MINUTE).max_wait(Duration::ZERO),
        )
        .concurrency(ConcurrencyConfig::default().max_concurrency(PLACES))
        .build()
        .await?;
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for number in 0..concurrency {
        let client = client.clone();
        callers.spawn(async move {
            let model = if number % 2 == 0 { SOUND } else { BROKEN };
            let mut refused = 0_u64;
            while started.elapsed() < time {
                let answer = client.chat(ChatRequest::new(model).message("say hello")).await;
                // what a layer holds back never reached the endpoint
                refused += u64::from(answer.is_err_and(|error| error.status().is_none()));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            refused
        });
    }
    let mut refused = 0;
    while let Some(caller) = callers.join_next().await {
        refused += caller.context("a caller panicked")?;
    }
    let took = started.elapsed();
    client.shutdown(Duration::from_secs(5)).await;
    let stats = local.stats();
    let seen = |model: &str| stats.requests_by_model.get(model).copied().unwrap_or(0);
    let minutes = took.as_secs_f64() / 60.0;
    let openings = (took.as_secs_f64() / OPEN_FOR.as_secs_f64()).ceil() as u64 + 1;
    let limits = Limits {
        sound: seen(SOUND),
        // a minute's worth at once, and what comes in the meantime
        sound_at_most: u64::from(REQUESTS_PER_MINUTE)
            + (f64::from(REQUESTS_PER_MINUTE) * minutes).ceil() as u64,
        broken: seen(BROKEN),
        // until it opens, with those under way or waiting for a place then; and the probes of each time it half-opens
        broken_at_most: u64::from(MIN_CALLS) + u64::from(concurrency / 2) + openings * u64::from(PROBES),
        at_once: stats.peak_open_requests,
        refused,
    };
    local.shutdown().await;
    Ok(limits)
}

impl Limits {
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if self.sound > self.sound_at_most || self.sound == 0 {
            failures.push(format!("rate limit: {} calls, allowed {}", self.sound, self.sound_at_most));
        }
        if self.broken > self.broken_at_most || self.broken < u64::from(MIN_CALLS) {
            failures.push(format!("breaker: {} calls, allowed {}", self.broken, self.broken_at_most));
        }
        if self.at_once > PLACES as u64 {
            failures.push(format!("concurrency: {} at once, allowed {PLACES}", self.at_once));
        }
        if self.refused == 0 {
            failures.push("nothing was held back".to_owned());
        }
        failures
    }
}

impl std::fmt::Display for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "with limits on, the endpoint saw {} of at most {} calls to a sound model, {} of at most {} to a broken one, \
             {} of at most {PLACES} at once; {} were held back",
            self.sound, self.sound_at_most, self.broken, self.broken_at_most, self.at_once, self.refused
        )
    }
}
