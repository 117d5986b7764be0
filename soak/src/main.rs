//! `cargo xtask soak`: the default client against the local endpoint, with a third of all requests faulty.
//!
//! Every call must end in the answer that the endpoint was asked for, whole and once, or in a typed error; none may
//! outlast its deadline; and when all is over, memory, tasks, sockets and connections are what they were before.
//!
//! `cargo xtask soak crash`: an agent whose process is killed over and over.

mod calls;
mod crash;
mod faults;
mod leaks;
mod limits;
mod tally;

use std::alloc::System;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bedrock_llm_client::Client;
use bedrock_llm_client::layers::{CircuitBreakerConfig, RetryConfig};
use bedrock_llm_local::LocalBedrock;
use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::task::JoinSet;

use crate::leaks::Resources;
use crate::tally::Tally;

/// Counts what is allocated, so that a leak shows to the byte.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How long a call may take in all.
const DEADLINE: Duration = Duration::from_secs(6);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_secs(5);

#[derive(Parser)]
#[command(name = "cargo xtask soak", args_conflicts_with_subcommands = true)]
struct Args {
    /// How long to go on, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// What faults and calls are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calls at once.
    #[arg(long, default_value_t = 200)]
    concurrency: u32,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Kill an agent's process over and over, and see that nothing is lost.
    Crash(crash::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(What::Crash(args)) = &args.what {
        return Ok(if crash::run(args)? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let is_whole = runtime.block_on(run(&args))?;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(args: &Args) -> anyhow::Result<bool> {
    // everything that is made once and kept is made before the measuring
    drive(args, Duration::from_secs(2)).await.context("warming up")?;
    limits::run(Duration::from_secs(1), args.concurrency).await.context("warming up")?;
    let before = Resources::at_rest().await;
    let tally = drive(args, Duration::from_secs(args.seconds)).await?;
    let limits = limits::run(Duration::from_secs(3), args.concurrency).await?;
    let after = Resources::settled(&before).await;

    println!("{tally}");
    println!("{limits}");
    println!("{}", after.beside(&before));
    let failures: Vec<_> =
        tally.failures().into_iter().chain(limits.failures()).chain(after.leaks(&before)).collect();
    for failure in &failures {
        println!("FAILED: {failure}");
    }
    println!("soak: seed {}, {} calls, {} failures", args.seed, tally.calls(), failures.len());
    Ok(failures.is_empty())
}

/// One run: an endpoint, a client, callers until time is up, and the end of all of them.
async fn drive(args: &Args, time: Duration) -> anyhow::Result<Tally> {
    let local = LocalBedrock::builder().keep_received(0).faults(faults::plan(args.seed)?).start().await?;
    let client = client(&local).await?;
    let until = Instant::now() + time;
    let mut callers = JoinSet::new();
    for number in 0..args.concurrency {
        let caller = calls::Caller::new(client.clone(), args.seed, number);
        callers.spawn(caller.run(until));
    }
    let mut tally = Tally::default();
    while let Some(caller) = callers.join_next().await {
        tally.add(caller.context("a caller panicked")?);
    }
    let left = client.shutdown(DEADLINE).await;
    drop(client);
    // the kernel tells the endpoint of closed sockets a moment later
    let patience = Instant::now() + SLACK;
    while local.stats().open_connections > 0 && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tally.close(&local.stats(), left);
    local.shutdown().await;
    Ok(tally)
}

/// The default client, but for time limits and pauses that fit a run of seconds, and a patient breaker.
async fn client(local: &LocalBedrock) -> anyhow::Result<Client> {
    let retry =
        RetryConfig::default().base_delay(Duration::from_millis(20)).max_delay(Duration::from_millis(500));
    let client = Client::builder()
        .region("us-east-1")
        .credentials("AKIALOCAL", "local", None)
        .endpoint_url(local.endpoint())
        .operation_timeout(DEADLINE)
        .attempt_timeout(Duration::from_secs(2))
        .first_event_timeout(Duration::from_secs(2))
        .stream_idle_timeout(Duration::from_secs(1))
        .retry(retry)
        // the default opens at half of twenty calls, which a third of all can be by chance; then nothing is soaked
        .circuit_breaker(CircuitBreakerConfig::default().min_calls(100))
        .build()
        .await?;
    Ok(client)
}
