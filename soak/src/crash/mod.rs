//! `cargo xtask soak crash`: an agent whose process is killed (SIGKILL) at random points, over and over.
//!
//! A child process runs an agent with a SQLite store against the local endpoint, one run after another, and says of every
//! turn that the store kept it. Its tools write down what they do. After each kill the session must load and be sound, have
//! every turn that was said to be kept, and account for everything the tools did; the next child goes on from there.

mod acks;
mod check;
mod child;
mod script;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bedrock_llm_local::LocalBedrock;

use check::Found;
pub(crate) use child::Job;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often a child is killed.
    #[arg(long, default_value_t = 60)]
    kills: u32,
    /// What the moments of the kills and the pauses of the tools are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A child is killed after at most so many things it did: turns that were kept, and tools that took effect.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    within: u32,
    #[command(subcommand)]
    job: Option<Job>,
}

/// The session that all children work in.
const SESSION: &str = "crash";

pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match &args.job {
        Some(Job::Child(child)) => runtime.block_on(child.run()).map(|()| true),
        None => runtime.block_on(crash(args)),
    }
}

async fn crash(args: &Args) -> anyhow::Result<bool> {
    let folder = tempfile::tempdir()?;
    let local = script::endpoint().start().await?;
    let mut random = fastrand::Rng::with_seed(args.seed);
    let mut found = Found::default();
    let at = |kill| format!("at kill {kill} of seed {}", args.seed);
    for kill in 1..=args.kills {
        let mut child = start(folder.path(), &local, random.u64(..), None)?;
        // some never get to work: the file is opened and its schema made in that time
        let things = (random.u32(..8) > 0).then(|| random.u32(..args.within));
        let worked = things.map_or(Ok(()), |things| wait_for_work(&mut child, things));
        // a tool works for as long; a turn takes as long to be kept on a disk
        tokio::time::sleep(Duration::from_micros(random.u64(..8000))).await;
        child.kill()?;
        let status = child.wait()?;
        worked.with_context(|| at(kill))?;
        ensure!(is_killed(status), "{}: the child ended by itself: {status}", at(kill));
        found = check::check(folder.path()).await.with_context(|| at(kill))?;
    }
    let mut last = start(folder.path(), &local, random.u64(..), Some(found.runs + 2))?;
    ensure!(last.wait()?.success(), "the last child failed");
    let end = check::check(folder.path()).await.context("at the end")?;
    let failures = end.failures(&found);
    println!("crash: {end}");
    for failure in &failures {
        println!("FAILED: {failure}");
    }
    println!("crash: seed {}, {} kills, {} failures", args.seed, args.kills, failures.len());
    Ok(failures.is_empty())
}

fn start(folder: &Path, local: &LocalBedrock, seed: u64, until: Option<usize>) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["crash", "child", "--endpoint", &local.endpoint(), "--seed", &seed.to_string()]);
    command.arg("--folder").arg(folder);
    if let Some(until) = until {
        command.args(["--until", &until.to_string()]);
    }
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?)
}

/// Waits until the child has loaded its session and done so many things, of each of which it says a line.
fn wait_for_work(child: &mut Child, things: u32) -> anyhow::Result<()> {
    let mut lines = BufReader::new(child.stdout.as_mut().context("no output")?).lines();
    let begun = lines.next().transpose()?;
    ensure!(begun.as_deref() == Some(child::AT_WORK), "the child said {begun:?} and ended");
    for _ in 0..things {
        lines.next().context("the child ended")??;
    }
    Ok(())
}

#[cfg(unix)]
fn is_killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

/// Elsewhere a killed process has a code like any other.
#[cfg(not(unix))]
fn is_killed(status: ExitStatus) -> bool {
    !status.success()
}
