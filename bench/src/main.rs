//! `cargo xtask bench`: what a call costs, `chat` through our client beside the raw SDK, `layers` in each layer; `embed`: what
//! many vectors cost; `agent`: what an agent's loop costs; `pipeline`: items a second beside the same flow by hand.
//!
//! In `chat` both talk over loopback to a stub server in a process of its own, so that only the client's work is counted.
//! Rounds alternate between the two, and the order within a pair swaps, so that a slow spell of the machine hits
//! both alike. What is reported is user + system time per call: the median over rounds, and the quartiles.

mod agent;
mod chat;
mod embed;
mod layers;
mod measure;
mod pipeline;
mod stub;

use std::alloc::System;

use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts what is allocated. Each time costs a few atomic additions, and so it is only there for `layers` and
/// `pipeline --memory`.
#[cfg_attr(feature = "__count-allocations", global_allocator)]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Parser)]
enum Args {
    /// Converse and ConverseStream.
    Chat(chat::Args),
    /// Each layer, and the default stack over the bare client.
    Layers(layers::Args),
    /// Many texts through `embed_stream`, and the decoding of a body.
    Embed(embed::Args),
    /// An agent's loop, without a store, with one in memory and with one on disk.
    Agent(agent::Args),
    /// Pipelines beside the same flows written by hand.
    Pipeline(pipeline::Args),
    /// The stub server that the benchmarks start for themselves.
    #[command(hide = true)]
    Stub(stub::Args),
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match Args::parse() {
        Args::Chat(args) => runtime.block_on(chat::run(&args)),
        Args::Layers(args) => runtime.block_on(layers::run(&args)),
        Args::Embed(args) => runtime.block_on(embed::run(&args)),
        Args::Agent(args) => runtime.block_on(agent::run(&args)),
        Args::Pipeline(args) => pipeline::run(&args),
        Args::Stub(args) => runtime.block_on(stub::serve(&args)),
    }
}
