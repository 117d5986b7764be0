//! What a job did.

use crate::ItemError;

/// How many failures a report has in full.
const TOLD: usize = 10;

/// What a job did, this time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct JobReport {
    /// Items that were read, those that could not be included.
    pub read: u64,
    /// Items that were done before, by the checkpoint, and not done again.
    pub skipped: u64,
    /// Results that were written.
    pub written: u64,
    /// Items that failed, or parts of them.
    pub failed: u64,
    /// The first 10 failures.
    pub failures: Vec<ItemError>,
    /// Items that are done with, durably.
    pub acknowledged: u64,
    /// The item it began with, where it went on from a checkpoint.
    pub resumed_at: Option<u64>,
    /// How it ended.
    pub ended: Ended,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// It did not come to an end of its own: it failed.
    #[default]
    Failed,
    /// The source had no more.
    Complete,
    /// It was told to drain: what was read is done.
    Drained,
    /// It was cancelled: what was done is committed.
    Cancelled,
}

impl JobReport {
    pub(super) fn add_failure(&mut self, error: &ItemError) {
        self.failed += 1;
        if self.failures.len() < TOLD {
            self.failures.push(error.clone());
        }
    }
}
