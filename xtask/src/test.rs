//! `cargo xtask test`: every test of the workspace with cargo alone, closed by one line of counts.
//!
//! Cargo, rustc and a C compiler are all it needs. One `cargo test` with all features takes unit, integration
//! and documentation tests of every crate, the examples' own tests among them.

use anyhow::{Result, bail};

use crate::{shell, workspace};

/// Run every test with plain cargo.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// More for `cargo test`: `-p CRATE`, a test's name, …
    #[arg(allow_hyphen_values = true, value_name = "CARGO ARGUMENT")]
    more: Vec<String>,
    /// For the test programs: `-- --nocapture`, …
    #[arg(last = true, value_name = "TEST ARGUMENT")]
    harness: Vec<String>,
}

impl Args {
    /// Runs the tests and prints the counts.
    pub(crate) fn run(self) -> Result<()> {
        let mut cargo = shell::cargo();
        cargo.args(["test", "--all-features", "--no-fail-fast"]).args(self.rest());

        let recordings = workspace::recordings();
        if recordings.is_dir() {
            cargo.env("BEDROCK_LLM_RECORDINGS", &recordings);
        } else {
            missing_recordings();
        }

        let mut count = Count::default();
        let status = shell::lines(&mut cargo, |line| {
            println!("{line}");
            count.add(line);
        })?;
        if !recordings.is_dir() {
            missing_recordings();
        }
        println!("\n{} passed, {} failed, {} skipped", count.passed, count.failed, count.ignored);
        shell::check(&cargo, status)?;
        if count.failed > 0 {
            bail!("{} tests failed, but `cargo test` said it succeeded", count.failed);
        }
        Ok(())
    }

    /// The rest of cargo's command line: the whole workspace unless packages are named, for cargo lets
    /// `--workspace` win over `-p`.
    fn rest(self) -> Vec<String> {
        let mut rest = self.more; // clap leaves a `--` in here unless it comes first
        if !self.harness.is_empty() {
            rest.push("--".to_owned());
        }
        rest.extend(self.harness);
        let packages = |argument: &String| argument.starts_with("-p") || argument.starts_with("--package");
        if !rest.iter().take_while(|argument| *argument != "--").any(packages) {
            rest.insert(0, "--workspace".to_owned());
        }
        rest
    }
}

fn missing_recordings() {
    println!(
        "NOTE: no recordings at {}; tests that replay recorded exchanges say so and pass without them \
         (set BEDROCK_LLM_RECORDINGS to their folder)",
        workspace::recordings().display()
    );
}

/// Sums of the lines that close each test binary.
#[derive(Debug, Default, PartialEq)]
struct Count {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Count {
    /// Takes `test result: ok. 3 passed; 0 failed; 1 ignored; …`, and nothing else.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in counts.split("; ") {
            let mut words = part.split(' ');
            let Some(number) = words.next().and_then(|word| word.parse::<usize>().ok()) else { continue };
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_what_cargo_test_prints() {
        let mut count = Count::default();
        for line in [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s",
            "test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "test tests::result ... ok",
            "9 passed; 9 failed",
        ] {
            count.add(line);
        }
        assert_eq!(count, Count { passed: 5, failed: 4, ignored: 1 });
    }

    #[test]
    fn hands_on_what_follows() {
        #[derive(clap::Parser)]
        struct Task {
            #[command(flatten)]
            args: Args,
        }
        let rest = |line: &str| {
            let task = <Task as clap::Parser>::try_parse_from(line.split(' ')).unwrap();
            task.args.rest().join(" ")
        };
        assert_eq!(rest("test"), "--workspace");
        assert_eq!(rest("test -- --list"), "--workspace -- --list");
        assert_eq!(rest("test --lib some_test -- -p"), "--workspace --lib some_test -- -p");
        assert_eq!(rest("test -p xtask some_test -- -q"), "-p xtask some_test -- -q");
        assert_eq!(rest("test --package=xtask"), "--package=xtask");
    }
}
