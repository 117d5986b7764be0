//! `cargo xtask soak`: the default client through every kind of fault, and agents that are killed. The work is the `soak` package's.

use anyhow::Result;

use crate::ci::Outcome;
use crate::shell;

/// Drive the default client through every kind of fault, many calls at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Options of the run: `--seconds 60`, `--seed 7`, `--concurrency 200`, `--help`; or `crash --kills 500`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        shell::run(shell::cargo().args(["run", "--quiet", "-p", "soak", "--"]).args(self.options))
    }
}

/// The step of CI: a short run. A longer one is for a quiet hour.
pub(crate) fn step() -> Result<Outcome> {
    Args { options: vec!["--seconds".to_owned(), "10".to_owned()] }.run()?;
    Ok(Outcome::Passed)
}

/// The step of CI that kills agents. Nextest has a shorter one, with another seed.
pub(crate) fn crash_step() -> Result<Outcome> {
    Args { options: ["crash", "--kills", "80"].map(str::to_owned).to_vec() }.run()?;
    Ok(Outcome::Passed)
}
