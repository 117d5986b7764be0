//! The project's own tasks. `cargo xtask --help` lists them.
//!
//! One file (or folder) per task, each with a clap `Args` struct whose `run` does the work. A new task is
//! its `mod` line and one variant of [`Task`] with its arm in [`main`]; a new step of CI is one line of
//! `ci::STEPS`.

mod bench;
mod ci;
mod clients;
mod conformance;
mod deps;
mod floors;
mod fuzz_seeds;
mod metadata;
mod msrv;
mod postgres;
mod shell;
mod soak;
mod table;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// Tasks of the bedrock-llm workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Run every test with plain cargo.
    Test(test::Args),
    /// Run everything CI runs beside the tests.
    Ci(ci::Args),
    /// Check who depends on whom, and count the dependencies of each crate.
    Deps(deps::Args),
    /// Check the house rules that the compiler and clippy do not know.
    Tidy(tidy::Args),
    /// Run boto3 against the local endpoint.
    Clients(clients::Args),
    /// Run every recorded exchange through the whole chat path.
    Conformance(conformance::Args),
    /// Measure what a call costs beside the raw SDK.
    Bench(bench::Args),
    /// Drive the default client through every kind of fault, many calls at once.
    Soak(soak::Args),
    /// Make the fuzz target's seed corpus.
    FuzzSeeds(fuzz_seeds::Args),
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::Test(args) => args.run(),
        Task::Ci(args) => args.run(),
        Task::Deps(args) => args.run(),
        Task::Tidy(args) => args.run(),
        Task::Clients(args) => args.run(),
        Task::Conformance(args) => args.run(),
        Task::Bench(args) => args.run(),
        Task::Soak(args) => args.run(),
        Task::FuzzSeeds(args) => args.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
