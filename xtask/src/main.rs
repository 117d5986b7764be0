//! The project's own tasks. `cargo xtask --help` lists them.
//!
//! One file (or folder) per task, each with a clap `Args` struct whose `run` does the work. A new task is
//! its `mod` line and one variant of [`Task`] with its arm in [`main`]; a new step of CI is one line of
//! `ci::STEPS`.

mod ci;
mod clients;
mod deps;
mod metadata;
mod msrv;
mod shell;
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
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::Test(args) => args.run(),
        Task::Ci(args) => args.run(),
        Task::Deps(args) => args.run(),
        Task::Tidy(args) => args.run(),
        Task::Clients(args) => args.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
