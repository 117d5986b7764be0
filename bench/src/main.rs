//! `cargo xtask bench chat`: CPU time of a call through our client beside the raw SDK.
//!
//! Both talk over loopback to a stub server in a process of its own, so that only the client's work is counted.
//! Rounds alternate between the two, and the order within a pair swaps, so that a slow spell of the machine hits
//! both alike. What is reported is user + system time per call: the median over rounds, and the quartiles.

mod chat;
mod measure;
mod stub;

use clap::Parser;

#[derive(Parser)]
enum Args {
    /// Converse and ConverseStream.
    Chat(chat::Args),
    /// The stub server that the benchmarks start for themselves.
    #[command(hide = true)]
    Stub,
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match Args::parse() {
        Args::Chat(args) => runtime.block_on(chat::run(&args)),
        Args::Stub => runtime.block_on(stub::serve()),
    }
}
