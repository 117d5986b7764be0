//! `cargo xtask bench`: what a call costs. The work is the `bench` package's, built with optimisations.

use anyhow::Result;

use crate::shell;

/// Measure what a call costs: `chat` beside the raw SDK, `layers` in each layer of the client, `embed` for many
/// vectors, `agent` for each answer of an agent's loop, `pipeline` beside the same flows by hand.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure, and its options: `chat --rounds 9`, `layers`, `chat --help`.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    what: Vec<String>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let mut cargo = shell::cargo();
        cargo.args(["run", "--quiet", "--release", "-p", "bench"]);
        // counting makes allocations dearer, and the other benchmarks measure them
        let counts = match self.what.first().map(String::as_str) {
            Some("layers") => true,
            Some("pipeline") => self.what.iter().any(|word| word == "--memory"),
            _ => false,
        };
        if counts {
            cargo.args(["--features", "__count-allocations"]);
        }
        shell::run(cargo.arg("--").args(self.what))
    }
}
