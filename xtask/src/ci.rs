//! `cargo xtask ci`: all that CI runs beside the tests, every step to its end, and a table at the close.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::builder::PossibleValuesParser;

use crate::table::Table;
use crate::{clients, conformance, deps, floors, msrv, postgres, shell, soak, tidy, tools, workspace};

/// A step: what it is called, what it does, and the function that does it.
struct Step(&'static str, &'static str, fn() -> Result<Outcome>);

/// Cheap ones first. A task that is its own subcommand lends its function.
const STEPS: &[Step] = &[
    Step("lock", "Cargo.lock is committed and fits the manifests", lock),
    Step("fmt", "rustfmt would change nothing", fmt),
    Step("tidy", "house rules", tidy::step),
    Step("deps", "who depends on whom", deps::step),
    Step("floors", "everything builds with the lowest versions allowed", floors::step),
    Step("msrv", "rust-version is the AWS SDK's", msrv::step),
    Step("clippy", "no lint with all features", clippy),
    Step("clippy-default", "no lint with default features", clippy_default),
    Step("doc", "rustdoc without a warning", doc),
    Step("features", "every crate builds with every pair of its features", features),
    Step("deny", "licences, bans and sources of dependencies", deny),
    Step("advisories", "no known vulnerability in dependencies", advisories),
    Step("book", "docs/ builds", book),
    Step("conformance", "every recorded exchange through the whole chat path", conformance::step),
    Step("soak", "the default client through every kind of fault", soak::step),
    Step("crash", "an agent whose process is killed over and over", soak::crash_step),
    Step("postgres", "the stores' tests on a real PostgreSQL server", postgres::step),
    Step("clients", "boto3 against the local endpoint", clients::step),
];

/// How a step ended when it did not fail.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    /// Passed, with something worth saying in the table.
    Noted(String),
    /// Not run, and why.
    Skipped(String),
}

/// Run everything CI runs beside the tests.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run this step alone (may be repeated).
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(STEPS.iter().map(|step| step.0)))]
    only: Vec<String>,
    /// Leave this step out (may be repeated).
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(STEPS.iter().map(|step| step.0)))]
    skip: Vec<String>,
}

impl Args {
    /// Runs the steps that were asked for.
    pub(crate) fn run(self) -> Result<()> {
        let wanted = |name: &str| {
            (self.only.is_empty() || self.only.iter().any(|only| only == name))
                && !self.skip.iter().any(|skip| skip == name)
        };
        let steps: Vec<&Step> = STEPS.iter().filter(|step| wanted(step.0)).collect();
        if steps.is_empty() {
            bail!("no step is left to run");
        }
        let (table, failed) = run_all(&steps);
        print!("\n{table}");
        if !failed.is_empty() {
            bail!("{} of {} steps failed: {}", failed.len(), steps.len(), failed.join(", "));
        }
        Ok(())
    }
}

/// Runs every step, whatever the ones before it did; returns the table and the names of those that failed.
fn run_all(steps: &[&Step]) -> (Table, Vec<&'static str>) {
    let mut table = Table::new(["step", "result", "seconds", "note"]);
    let mut failed = Vec::new();
    for Step(name, what, run) in steps {
        eprintln!("\n== {name}: {what}");
        let start = Instant::now();
        let (result, note) = match run() {
            Ok(Outcome::Passed) => ("ok", String::new()),
            Ok(Outcome::Noted(note)) => ("ok", note),
            Ok(Outcome::Skipped(why)) => ("skipped", why),
            Err(error) => {
                eprintln!("{name} FAILED: {error:#}");
                failed.push(*name);
                ("FAILED", format!("{error:#}").lines().next().unwrap_or_default().to_owned())
            }
        };
        table.row([(*name).to_owned(), result.to_owned(), seconds(start.elapsed()), note]);
        // stdout and stderr end up in one log: keep their order
        let _ = std::io::stdout().flush();
    }
    (table, failed)
}

fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    shell::run(shell::cargo().args(arguments))?;
    Ok(Outcome::Passed)
}

/// Cargo has brought the lock file up to date by now, to build this very program; in CI that must have changed nothing.
fn lock() -> Result<Outcome> {
    shell::output(shell::cargo().args(["metadata", "--locked", "--format-version", "1"]))?;
    if !workspace::in_ci() {
        return Ok(Outcome::Noted("that it is committed is checked in CI".to_owned()));
    }
    let mut tracked = shell::command("git");
    shell::output(tracked.args(["ls-files", "--error-unmatch", "Cargo.lock"]))
        .context("Cargo.lock is not committed")?;
    let mut unchanged = shell::command("git");
    shell::run(unchanged.args(["diff", "--exit-code", "HEAD", "--", "Cargo.lock"]))
        .context("Cargo.lock is out of date")?;
    Ok(Outcome::Passed)
}

fn fmt() -> Result<Outcome> {
    cargo(&["fmt", "--all", "--check"])
}

fn clippy() -> Result<Outcome> {
    cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
}

/// Reaches the code under `cfg(not(feature = …))`.
fn clippy_default() -> Result<Outcome> {
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn doc() -> Result<Outcome> {
    let mut cargo = shell::cargo();
    cargo.args(["doc", "--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-D warnings");
    shell::run(&mut cargo)?;
    Ok(Outcome::Passed)
}

/// Without `--no-dev-deps`: that edits manifests while it runs, and `cargo check` of a library leaves dev-dependencies
/// and their features aside by itself since resolver 2. Unpublished crates have no features that users combine.
fn features() -> Result<Outcome> {
    let mut hack = tools::HACK.command()?;
    hack.args(["hack", "check", "--workspace", "--ignore-private", "--feature-powerset", "--depth", "2"]);
    shell::run(&mut hack)?;
    Ok(Outcome::Passed)
}

fn deny() -> Result<Outcome> {
    let mut deny = tools::DENY.command()?;
    shell::run(deny.args(["--all-features", "check", "bans", "licenses", "sources"]))?;
    Ok(Outcome::Passed)
}

/// The database is a git repository, which a machine that reaches package registries alone does not reach.
fn advisories() -> Result<Outcome> {
    let mut fetch = tools::DENY.command()?;
    if let Err(error) = shell::run(fetch.args(["fetch", "db"])) {
        let note = format!("NOT CHECKED, the advisory database cannot be fetched: {error}");
        println!("{note}");
        return Ok(Outcome::Skipped(note));
    }
    let mut deny = tools::DENY.command()?;
    shell::run(deny.args(["--all-features", "check", "--disable-fetch", "advisories"]))?;
    Ok(Outcome::Passed)
}

fn book() -> Result<Outcome> {
    let mut mdbook = tools::MDBOOK.command()?;
    mdbook.args(["build", "docs", "--dest-dir"]).arg(workspace::root().join("docs/book"));
    shell::run(&mut mdbook)?;
    Ok(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_does_not_stop_the_next() {
        let steps = [
            Step("a", "", || Err(anyhow::anyhow!("cause").context("broke"))),
            Step("b", "", || Ok(Outcome::Skipped("no need".to_owned()))),
            Step("c", "", || Ok(Outcome::Passed)),
        ];
        let (table, failed) = run_all(&steps.iter().collect::<Vec<_>>());
        let table = table.to_string();
        assert_eq!(failed, ["a"]);
        assert!(
            table.contains("broke: cause") && table.contains("skipped") && table.contains("no need"),
            "{table}"
        );
        assert!(table.lines().any(|line| line.starts_with("c     ok")), "{table}");
    }

    #[test]
    fn steps_have_names_of_their_own() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.0).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
