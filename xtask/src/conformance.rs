//! `cargo xtask conformance`: every recorded exchange through the whole chat path.
//!
//! The work is the `conformance` package's, so that the tasks that need no AWS SDK do not wait for its build.

use std::path::PathBuf;

use anyhow::Result;

use crate::ci::Outcome;
use crate::{shell, workspace};

/// Run every recorded exchange through types, client, wire and local endpoint.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of recordings [default: that of `BEDROCK_LLM_RECORDINGS`, else ../shared/recordings]
    #[arg(long)]
    recordings: Option<PathBuf>,
    /// Only files whose path contains this.
    #[arg(long)]
    only: Option<String>,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let recordings = match self.recordings {
            Some(folder) => std::path::absolute(folder)?,
            None => workspace::recordings(),
        };
        let mut cargo = shell::cargo();
        cargo.args(["run", "--quiet", "-p", "conformance", "--", "--recordings"]).arg(recordings);
        if let Some(only) = &self.only {
            cargo.args(["--only", only]);
        }
        shell::run(&mut cargo)
    }
}

/// The step of CI. Missing recordings fail it: a proof that did not run proves nothing.
pub(crate) fn step() -> Result<Outcome> {
    Args { recordings: None, only: None }.run()?;
    Ok(Outcome::Passed)
}
