//! How large batches are, and how long they wait.

use std::time::Duration;

use crate::ConfigError;
use crate::stage::Until;

/// A batch goes when this many more items than it may have failed elsewhere meanwhile.
const PASSING: usize = 1024;

/// When a batch is handed to its function.
///
/// - As soon as it has [`batch_size`](Self::batch_size) items.
/// - When its oldest item has waited [`max_wait`](Self::max_wait), if it has at least
///   [`min_batch_size`](Self::min_batch_size) items. A smaller one waits for one more `max_wait` until it has; then it
///   goes as it is, so nothing waits for longer than twice `max_wait`.
/// - At once when the input ends, or the run drains; and when more than 1024 items besides failed before it meanwhile.
///
/// A number is a batch size with the defaults of the others: `.batch(32, …)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchConfig {
    /// The most items a batch has; at least 1.
    pub batch_size: usize,
    /// How long an item waits for others; 50 ms if nothing else is said. Zero waits for none but those that are there
    /// already. In a run the clock is looked at while no item is there to be taken; it has steps of 1 ms.
    pub max_wait: Duration,
    /// Fewer items than this are given a second `max_wait`; 1 if nothing else is said, so there is none.
    pub min_batch_size: usize,
}

impl BatchConfig {
    /// Batches of up to this many items, which wait for 50 ms.
    #[must_use]
    pub const fn new(batch_size: usize) -> Self {
        Self { batch_size, max_wait: Duration::from_millis(50), min_batch_size: 1 }
    }

    /// How long an item waits for others.
    #[must_use]
    pub const fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Gives batches of fewer items a second `max_wait`.
    #[must_use]
    pub const fn min_batch_size(mut self, min_batch_size: usize) -> Self {
        self.min_batch_size = min_batch_size;
        self
    }

    pub(super) fn checked(self) -> Result<Self, ConfigError> {
        let Self { batch_size, min_batch_size, .. } = self;
        if batch_size == 0 {
            return Err(ConfigError::out_of_range("batch_size", batch_size, AT_LEAST_ONE));
        }
        if min_batch_size == 0 {
            return Err(ConfigError::out_of_range("min_batch_size", min_batch_size, AT_LEAST_ONE));
        }
        if min_batch_size > batch_size {
            let advice = "at most the `batch_size`, or no batch would be large enough";
            return Err(ConfigError::out_of_range("min_batch_size", min_batch_size, advice));
        }
        Ok(self)
    }

    pub(super) fn until(self) -> Until {
        Until {
            size: self.batch_size,
            wait: self.max_wait,
            least: self.min_batch_size,
            by_clock: false,
            // memory must not grow with the input
            passing: self.batch_size.saturating_add(PASSING),
        }
    }
}

/// What both sizes must be.
const AT_LEAST_ONE: &str = "a batch has at least one item";

impl From<usize> for BatchConfig {
    fn from(batch_size: usize) -> Self {
        Self::new(batch_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_are_named() {
        let refused = |config: BatchConfig| config.checked().unwrap_err().to_string();
        assert_eq!(refused(BatchConfig::new(0)), "`batch_size` is 0: a batch has at least one item");
        assert_eq!(
            refused(BatchConfig::new(4).min_batch_size(0)),
            "`min_batch_size` is 0: a batch has at least one item"
        );
        assert_eq!(
            refused(BatchConfig::new(4).min_batch_size(5)),
            "`min_batch_size` is 5: at most the `batch_size`, or no batch would be large enough"
        );
        assert!(BatchConfig::new(4).min_batch_size(4).checked().is_ok());
    }
}
