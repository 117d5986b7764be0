//! How far a batch is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bedrock_llm_schema::{Response, Usage};

/// How far a [`Batch`](super::Batch) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Requests that were answered.
    pub succeeded: usize,
    /// Requests that failed.
    pub failed: usize,
    /// Requests that are under way.
    pub in_flight: usize,
    /// How many requests there are in all, where the input says exactly.
    pub total: Option<usize>,
    /// Input tokens of all answers, cached ones included. Answers from the client's own cache use none; a stream's
    /// tokens are counted when it ends.
    pub input_tokens: u64,
    /// Output tokens, as above.
    pub output_tokens: u64,
    /// Since the first request was taken.
    pub elapsed: Duration,
}

impl Progress {
    /// Requests that have their outcome.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.succeeded + self.failed
    }

    /// Finished requests per second; 0 before the first.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a rate, not a count
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.finished() as f64 / seconds } else { 0.0 }
    }

    /// How long the rest will take at this rate; `None` where the total is unknown or nothing is finished yet.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // an estimate
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.finished());
        let rate = self.rate();
        (rate > 0.0).then(|| Duration::try_from_secs_f64(left as f64 / rate).unwrap_or(Duration::MAX))
    }
}

/// Tokens of answers, those of streams that outlive the batch included.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    input: AtomicU64,
    output: AtomicU64,
}

impl Tokens {
    /// Counts what an answer used, when it ends.
    pub(super) fn count_in(self: &Arc<Self>, answer: &mut impl Response) {
        let tokens = Arc::clone(self);
        answer.on_end(move |end| {
            if let Some(usage) = end.usage.filter(|usage| !usage.is_replayed) {
                tokens.add(usage);
            }
        });
    }

    fn add(&self, usage: &Usage) {
        self.input.fetch_add(usage.total_input(), Ordering::Relaxed);
        self.output.fetch_add(usage.output_tokens, Ordering::Relaxed);
    }

    pub(super) fn input(&self) -> u64 {
        self.input.load(Ordering::Relaxed)
    }

    pub(super) fn output(&self) -> u64 {
        self.output.load(Ordering::Relaxed)
    }
}
