//! What came of all calls.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bedrock_llm_local::Stats;
use bedrock_llm_schema::{Error, ErrorKind};

use crate::{DEADLINE, SLACK, faults};

/// How many wrong answers are shown.
const SHOWN: usize = 5;

/// What came of one call.
pub(crate) enum Outcome {
    Answered,
    /// An answer, and not the one that was asked for.
    Wrong(String),
    Failed(Error),
}

/// What came of all calls.
#[derive(Default)]
pub(crate) struct Tally {
    answered: BTreeMap<&'static str, u64>,
    failed: BTreeMap<&'static str, u64>,
    errors: BTreeMap<&'static str, u64>,
    wrong: Vec<String>,
    untyped: Vec<String>,
    attempts: u64,
    longest: Duration,
    faults: BTreeMap<&'static str, u64>,
    requests: u64,
    open: (u64, u64),
    left: usize,
}

impl Tally {
    pub(crate) fn note(&mut self, kind: &'static str, outcome: Outcome, took: Duration) {
        self.longest = self.longest.max(took);
        match outcome {
            Outcome::Answered => *self.answered.entry(kind).or_default() += 1,
            Outcome::Wrong(what) => self.wrong.push(what),
            Outcome::Failed(error) => {
                *self.failed.entry(kind).or_default() += 1;
                *self.errors.entry(error.kind().as_str()).or_default() += 1;
                self.attempts += u64::from(error.attempts());
                if error.kind() == &ErrorKind::Unexpected {
                    self.untyped.push(format!("{kind}: {error:?}"));
                }
            }
        }
    }

    /// Adds what another caller saw.
    pub(crate) fn add(&mut self, other: Self) {
        let sums = [
            (&mut self.answered, other.answered),
            (&mut self.failed, other.failed),
            (&mut self.errors, other.errors),
        ];
        for (sum, other) in sums {
            other.into_iter().for_each(|(kind, count)| *sum.entry(kind).or_default() += count);
        }
        self.wrong.extend(other.wrong);
        self.untyped.extend(other.untyped);
        self.attempts += other.attempts;
        self.longest = self.longest.max(other.longest);
    }

    /// Takes what the endpoint saw, when the client is gone.
    pub(crate) fn close(&mut self, stats: &Stats, left: usize) {
        self.faults.clone_from(&stats.faults);
        self.requests = stats.requests;
        self.open = (stats.open_requests, stats.open_connections);
        self.left = left;
    }

    pub(crate) fn calls(&self) -> u64 {
        self.answered.values().chain(self.failed.values()).sum::<u64>() + self.wrong.len() as u64
    }

    /// What must not be.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let mut check = |is_wrong: bool, what: String| {
            if is_wrong {
                failures.push(what);
            }
        };
        for (what, list) in [("wrong answers", &self.wrong), ("errors without a kind", &self.untyped)] {
            let shown = list.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n  ");
            check(!list.is_empty(), format!("{} {what}:\n  {shown}", list.len()));
        }
        check(
            self.longest > DEADLINE + SLACK,
            format!("a call took {:.1?}, its deadline was {DEADLINE:?}", self.longest),
        );
        check(self.answered.is_empty(), "nothing was answered".to_owned());
        let missing = faults::kinds().filter(|kind| !self.faults.contains_key(kind)).collect::<Vec<_>>();
        check(!missing.is_empty(), format!("these faults never happened: {}", missing.join(", ")));
        let (requests, connections) = self.open;
        check(
            requests + connections > 0,
            format!("{requests} requests and {connections} connections are open after the end"),
        );
        check(self.left > 0, format!("{} calls were under way after the last caller had gone", self.left));
        failures
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24}{:>10}{:>10}", "call", "answered", "failed")?;
        let kinds: std::collections::BTreeSet<_> = self.answered.keys().chain(self.failed.keys()).collect();
        for kind in kinds {
            let count = |map: &BTreeMap<_, u64>| map.get(*kind).copied().unwrap_or(0);
            writeln!(f, "{kind:<24}{:>10}{:>10}", count(&self.answered), count(&self.failed))?;
        }
        let list = |map: &BTreeMap<&str, u64>| {
            map.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "errors: {}", list(&self.errors))?;
        let faulty: u64 = self.faults.values().sum();
        writeln!(f, "faults: {faulty} of {} requests: {}", self.requests, list(&self.faults))?;
        write!(f, "longest call {:.2?}, deadline {DEADLINE:?}", self.longest)
    }
}
