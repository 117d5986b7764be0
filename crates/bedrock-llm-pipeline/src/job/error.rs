//! Why a job ended before its source did.

use super::JobReport;
use crate::{BoxError, ItemError};

/// Why a job ended before its source did. What was committed stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// An item failed, and failures were not to be skipped.
    #[error("an item failed, {} were done before it", report.acknowledged)]
    #[non_exhaustive]
    Item {
        /// The failure.
        #[source]
        error: ItemError,
        /// What was done.
        report: Box<JobReport>,
    },
    /// The source gave no more.
    #[error("the source failed after {} items", report.read)]
    #[non_exhaustive]
    Source {
        /// Why.
        #[source]
        cause: BoxError,
        /// What was done.
        report: Box<JobReport>,
    },
    /// The sink took no more.
    #[error("the sink failed after {} results", report.written)]
    #[non_exhaustive]
    Sink {
        /// Why.
        #[source]
        cause: BoxError,
        /// What was done.
        report: Box<JobReport>,
    },
    /// The checkpoint does not fit, or cannot be written.
    #[cfg(feature = "files")]
    #[error("the job cannot go on from its checkpoint")]
    #[non_exhaustive]
    Checkpoint {
        /// Why.
        #[source]
        cause: super::CheckpointError,
    },
}

impl JobError {
    /// What was done before it failed; none if it did not begin.
    #[must_use]
    pub fn report(&self) -> Option<&JobReport> {
        match self {
            Self::Item { report, .. } | Self::Source { report, .. } | Self::Sink { report, .. } => {
                Some(report)
            }
            #[cfg(feature = "files")]
            Self::Checkpoint { .. } => None,
        }
    }
}
