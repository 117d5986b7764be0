//! Where the sessions of `agent` are kept: an SQLite file.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bedrock_llm_agent::store::SqliteStore;
use etcetera::BaseStrategy as _;

/// The variable that names the file.
const VARIABLE: &str = "BEDROCK_LLM_STORE";

/// Which file.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// SQLite file with the sessions; made where there is none [default: the one that `BEDROCK_LLM_STORE` names, else
    /// bedrock-llm/sessions.db in your folder for programs' data]
    #[arg(long, value_name = "FILE", global = true)]
    store: Option<PathBuf>,
}

impl Place {
    /// Opens the sessions, and makes the file where there is none.
    pub(crate) fn open(&self) -> anyhow::Result<SqliteStore> {
        let path = match self.named() {
            Some(path) => path,
            None => {
                let path = by_default()?;
                path.parent().map_or(Ok(()), make_private)?;
                path
            }
        };
        open(&path)
    }

    /// Opens the sessions; `None` where there is no file yet.
    pub(crate) fn open_if_there(&self) -> anyhow::Result<Option<SqliteStore>> {
        let path = self.named().map_or_else(by_default, Ok)?;
        if path.exists() { open(&path).map(Some) } else { Ok(None) }
    }

    fn named(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        self.store.clone().or_else(variable)
    }
}

fn open(path: &Path) -> anyhow::Result<SqliteStore> {
    SqliteStore::open(path).with_context(|| format!("{} cannot be used as store of sessions", path.display()))
}

fn by_default() -> anyhow::Result<PathBuf> {
    let folders = etcetera::choose_base_strategy()
        .context("your home folder is not known: say with --store where sessions are to be kept")?;
    Ok(folders.data_dir().join("bedrock-llm").join("sessions.db"))
}

/// Makes a folder that is not for other users: sessions are what was said.
fn make_private(folder: &Path) -> anyhow::Result<()> {
    let mut maker = std::fs::DirBuilder::new();
    maker.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
    maker.create(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))
}
