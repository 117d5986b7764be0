//! How a tool is run.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// How a tool is run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ToolPolicy {
    /// How long one attempt may take; `None`, the default, as long as it likes.
    pub timeout: Option<Duration>,
    /// Whether and how soon it is tried again; the default is never.
    pub retry: ToolRetry,
    /// How many calls of it may run at once, in all runs that share its registry; `None`, the default, any number.
    pub max_concurrency: Option<usize>,
    /// The tool that is asked in its place when it has failed for good, with the same arguments.
    pub fallback: Option<String>,
    /// The group it belongs to.
    pub group: Option<String>,
    /// Whether running it twice does no more than running it once; `true`. One that is not is never tried again by
    /// itself after it began, and a run that is resumed says so before it runs it a second time.
    pub is_idempotent: bool,
}

/// Whether and how soon a tool is tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ToolRetry {
    /// The most attempts, the first included; 1.
    pub max_attempts: usize,
    /// The first pause; 200 ms. Each further one is twice as long; a random part of it is added.
    pub base_delay: Duration,
    /// The longest pause; 10 s.
    pub max_delay: Duration,
}

impl Default for ToolPolicy {
    fn default() -> Self {
        Self {
            timeout: None,
            retry: ToolRetry::default(),
            max_concurrency: None,
            fallback: None,
            group: None,
            is_idempotent: true,
        }
    }
}

impl Default for ToolRetry {
    fn default() -> Self {
        Self { max_attempts: 1, base_delay: Duration::from_millis(200), max_delay: Duration::from_secs(10) }
    }
}

impl ToolRetry {
    /// So many attempts, the first included; 0 counts as 1.
    #[must_use]
    pub fn attempts(max_attempts: usize) -> Self {
        Self { max_attempts, ..Self::default() }
    }

    /// Sets the first pause.
    #[must_use]
    pub fn base_delay(mut self, delay: Duration) -> Self {
        self.base_delay = delay;
        self
    }

    /// Sets the longest pause.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The pauses, one before each further attempt.
    pub(super) fn pauses(&self) -> ExponentialBackoff {
        ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(self.base_delay)
            .with_max_delay(self.max_delay)
            .with_max_times(self.max_attempts.saturating_sub(1))
            .build()
    }
}

impl ToolPolicy {
    /// Sets how long one attempt may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets whether and how soon it is tried again.
    #[must_use]
    pub fn retry(mut self, retry: ToolRetry) -> Self {
        self.retry = retry;
        self
    }

    /// Sets how many calls of it may run at once; 0 counts as 1.
    #[must_use]
    pub fn max_concurrency(mut self, most: usize) -> Self {
        self.max_concurrency = Some(most);
        self
    }

    /// Sets the tool that is asked in its place when it has failed for good.
    #[must_use]
    pub fn or_else(mut self, tool: impl Into<String>) -> Self {
        self.fallback = Some(tool.into());
        self
    }

    /// Sets the group it belongs to.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets whether running it twice does no more than running it once.
    #[must_use]
    pub fn idempotent(mut self, is_idempotent: bool) -> Self {
        self.is_idempotent = is_idempotent;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_pause_before_each_further_attempt() {
        assert_eq!(ToolRetry::default().pauses().count(), 0);
        assert_eq!(ToolRetry::attempts(0).pauses().count(), 0);
        let retry =
            ToolRetry::attempts(4).base_delay(Duration::from_secs(1)).max_delay(Duration::from_secs(3));
        let pauses: Vec<_> = retry.pauses().map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses.len(), 3);
        assert!(pauses[0] >= 1 && pauses[1] >= 2 && pauses[2] >= 3 && pauses[2] <= 6, "{pauses:?}");
    }
}
