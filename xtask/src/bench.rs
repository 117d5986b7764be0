//! `cargo xtask bench`: what a call costs. The work is the `bench` package's, built with optimisations.

use anyhow::Result;

use crate::shell;

/// Measure what a call costs through us and through the raw SDK.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure, and its options: `chat`, `chat --rounds 9`, `chat --help`.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    what: Vec<String>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        shell::run(shell::cargo().args(["run", "--quiet", "--release", "-p", "bench", "--"]).args(self.what))
    }
}
