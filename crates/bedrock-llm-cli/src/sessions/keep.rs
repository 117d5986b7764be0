//! Deleting sessions, and going back in them.

use std::io::IsTerminal as _;
use std::time::{Duration, SystemTime};

use bedrock_llm_agent::store::{Retention, SqliteStore, StateStore as _, StoreError};
use rustyline::DefaultEditor;

use super::version;
use crate::agent::shorten;
use crate::print;

pub(super) async fn delete(store: &SqliteStore, names: &[String], yes: bool) -> anyhow::Result<()> {
    if !yes {
        anyhow::ensure!(std::io::stdin().is_terminal(), "nobody can be asked here: give --yes to delete");
        let list = shorten(&names.join(", "), 300);
        let line = DefaultEditor::new()?.readline(&format!("Delete {list} for good? [y/N] "))?;
        anyhow::ensure!(["y", "yes"].contains(&line.trim().to_lowercase().as_str()), "nothing was deleted");
    }
    let mut missing = None;
    for name in names {
        if store.delete(name).await? {
            print::line(format_args!("deleted {name}"))?;
        } else {
            missing.get_or_insert(name);
        }
    }
    match missing {
        Some(name) => Err(StoreError::NoSession { session: name.clone() }.into()),
        None => Ok(()),
    }
}

pub(super) async fn prune(
    store: &SqliteStore,
    max_idle: Option<Duration>,
    max_sessions: Option<usize>,
) -> anyhow::Result<()> {
    let mut retention = Retention::default();
    (retention.max_idle, retention.max_sessions) = (max_idle, max_sessions);
    for name in store.retain(retention, SystemTime::now()).await? {
        print::line(format_args!("deleted {name}"))?;
    }
    Ok(())
}

pub(super) async fn snapshot(store: &SqliteStore, name: &str, label: &str) -> anyhow::Result<()> {
    let version = store.snapshot(name, label).await?;
    Ok(print::line(format_args!("{label} is version {version} of {name}"))?)
}

pub(super) async fn rollback(store: &SqliteStore, name: &str, to: &str) -> anyhow::Result<()> {
    let to = version(store, name, to).await?;
    let now = store.rollback(name, to).await?;
    Ok(print::line(format_args!("{name} is at version {now}"))?)
}

pub(super) async fn branch(
    store: &SqliteStore,
    name: &str,
    new: &str,
    at: Option<&str>,
) -> anyhow::Result<()> {
    let missing = || StoreError::NoSession { session: name.to_owned() };
    let at = match at {
        Some(meant) => version(store, name, meant).await?,
        None => store.load(name).await?.ok_or_else(missing)?.version,
    };
    let now = store.branch(name, at, new).await?;
    Ok(print::line(format_args!("{new} is at version {now}"))?)
}
