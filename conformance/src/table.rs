//! The result, by operation and family.

use std::collections::BTreeMap;
use std::fmt;

use crate::case::Verdict;

#[derive(Default)]
struct Row {
    passed: usize,
    failed: usize,
}

/// Counts by operation and family.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<(String, String), Row>);

impl Table {
    pub(crate) fn add(&mut self, operation: &str, family: &str, verdict: &Verdict) {
        let row = self.0.entry((operation.to_owned(), family.to_owned())).or_default();
        match verdict {
            Verdict::Passed => row.passed += 1,
            Verdict::Failed(_) => row.failed += 1,
        }
    }

    pub(crate) fn failed(&self) -> usize {
        self.0.values().map(|row| row.failed).sum()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<30} {:<14} {:>6} {:>6}", "operation", "family", "passed", "failed")?;
        for ((operation, family), row) in &self.0 {
            writeln!(f, "{operation:<30} {family:<14} {:>6} {:>6}", row.passed, row.failed)?;
        }
        let sum = |count: fn(&Row) -> usize| self.0.values().map(count).sum::<usize>();
        writeln!(f, "{} exchanges", sum(|row| row.passed + row.failed))?;
        writeln!(f, "{} passed, {} failed", sum(|row| row.passed), self.failed())
    }
}
