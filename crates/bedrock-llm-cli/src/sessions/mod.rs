//! `bedrock-llm sessions`: what `agent` keeps.

mod export;
mod keep;
mod show;
mod transcript;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use bedrock_llm_agent::store::{SessionInfo, SqliteStore, StateStore as _};
use clap::Subcommand;
use serde_json::json;

use crate::agent::shorten;
use crate::print;
use crate::store::Place;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List sessions, the one used last first.
    List {
        /// Only those whose names begin with this.
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
        /// As JSON, a session a line.
        #[arg(long)]
        json: bool,
    },
    /// Show what was said in a session.
    Show {
        name: String,
        /// Show the tool calls instead, with their arguments and results.
        #[arg(long)]
        calls: bool,
        /// As JSON, on one line.
        #[arg(long)]
        json: bool,
    },
    /// Write a whole session, as JSON for programs or as Markdown for people.
    Export {
        name: String,
        #[arg(long, value_enum, default_value = "json")]
        format: export::Format,
        /// Where it goes; - is standard output. A file must be new.
        #[arg(short, long, default_value = "-")]
        output: PathBuf,
    },
    /// Delete sessions for good.
    Delete {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Without asking.
        #[arg(short, long)]
        yes: bool,
    },
    /// Delete the sessions that are past keeping, and say which they were.
    #[command(group = clap::ArgGroup::new("rule").required(true).multiple(true))]
    Prune {
        /// Those that were not used for this long, such as 30d.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, group = "rule")]
        max_idle: Option<Duration>,
        /// All but so many, those used last.
        #[arg(long, value_name = "N", group = "rule")]
        max_sessions: Option<usize>,
    },
    /// Give the version a session is at a name, for rollback and branch.
    Snapshot { name: String, label: String },
    /// Take a session back to a version: what came after it is gone.
    Rollback {
        name: String,
        /// The number of a version, as `show` tells it, or the name of a snapshot.
        #[arg(long, value_name = "VERSION|SNAPSHOT")]
        to: String,
    },
    /// Make another session of a session, which goes its own way from there.
    Branch {
        name: String,
        new: String,
        /// From a version or a snapshot [default: as it is now]
        #[arg(long, value_name = "VERSION|SNAPSHOT")]
        at: Option<String>,
    },
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.place.open_if_there()?;
    let Some(store) = store else {
        eprintln!("No sessions are kept yet.");
        return match args.command {
            Command::List { .. } | Command::Prune { .. } => Ok(()),
            _ => anyhow::bail!("there is no such session"),
        };
    };
    match args.command {
        Command::List { prefix, json } => list(&store, &prefix, json).await,
        Command::Show { name, calls, json } => show::run(&store, &name, calls, json).await,
        Command::Export { name, format, output } => export::run(&store, &name, format, &output).await,
        Command::Delete { names, yes } => keep::delete(&store, &names, yes).await,
        Command::Prune { max_idle, max_sessions } => keep::prune(&store, max_idle, max_sessions).await,
        Command::Snapshot { name, label } => keep::snapshot(&store, &name, &label).await,
        Command::Rollback { name, to } => keep::rollback(&store, &name, &to).await,
        Command::Branch { name, new, at } => keep::branch(&store, &name, &new, at.as_deref()).await,
    }
}

async fn list(store: &SqliteStore, prefix: &str, json: bool) -> anyhow::Result<()> {
    let sessions = store.list(prefix).await?;
    for session in &sessions {
        let SessionInfo { id, version, created, updated, is_open, .. } = session;
        if json {
            let (created, updated) = (date(*created), date(*updated));
            print::line(
                json!({"name": id, "version": version, "created": created, "updated": updated, "isOpen": is_open}),
            )?;
        } else {
            let open = if *is_open { "open" } else { "" };
            print::line(format_args!("{}  {open:<4}  {}", date(*updated), shorten(id, 512)))?;
        }
    }
    if sessions.is_empty() {
        eprintln!("No sessions.");
    }
    Ok(())
}

/// A time as RFC 3339 has it, in UTC, to the second.
fn date(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The version that is meant by the name of a snapshot or by its number.
async fn version(store: &SqliteStore, name: &str, meant: &str) -> anyhow::Result<u64> {
    if let Some(version) = store.snapshot_version(name, meant).await? {
        return Ok(version);
    }
    meant.parse().ok().with_context(|| format!("the session `{name}` has no snapshot `{meant}`"))
}
