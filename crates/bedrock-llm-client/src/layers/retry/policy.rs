//! Whether and when, as tower asks it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bedrock_llm_schema::{Error, ErrorKind, ModelId, Request};
use tokio::time::{Instant, Sleep, sleep};
use tower::retry::Policy;
use tower::retry::budget::{Budget as _, TpsBudget};

use super::RetryConfig;
use crate::layers::deadline;

type Rule = Arc<dyn Fn(&Error) -> bool + Send + Sync>;

/// The [`tower::retry::Policy`] of [`RetryLayer`](super::RetryLayer). Clones share the budget; each counts the attempts
/// of one call.
#[derive(Clone)]
pub struct RetryPolicy {
    shared: Arc<Shared>,
    attempts: u32,
    started: Option<Instant>,
}

#[derive(Clone)]
struct Shared {
    config: RetryConfig,
    rule: Option<Rule>,
    budget: Arc<TpsBudget>,
    counts: Arc<Counts>,
}

/// What all calls together have come to.
#[derive(Debug, Default)]
struct Counts {
    retries: AtomicU64,
    given_up: AtomicU64,
}

/// Tells how often requests were sent again. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RetryHandle(Arc<Counts>);

impl RetryHandle {
    /// How many retries there were.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.0.retries.load(Ordering::Relaxed)
    }

    /// How many calls failed though another try might have helped: attempts, budget or time had run out.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.0.given_up.load(Ordering::Relaxed)
    }
}

impl RetryPolicy {
    pub(super) fn new(config: RetryConfig, budget: Arc<TpsBudget>) -> Self {
        Self {
            shared: Arc::new(Shared { config, rule: None, budget, counts: Arc::default() }),
            attempts: 0,
            started: None,
        }
    }

    pub(super) fn handle(&self) -> RetryHandle {
        RetryHandle(Arc::clone(&self.shared.counts))
    }

    pub(super) fn tries_again(&self) -> bool {
        self.shared.config.max_attempts > 1
    }

    pub(super) fn retry_if(mut self, rule: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.shared).rule = Some(Arc::new(rule));
        self
    }
}

/// What becomes of a failure.
enum Verdict {
    Again(Duration),
    /// Not worth another try.
    Final,
    /// Worth one, and not had.
    Exhausted(Option<&'static str>),
}

impl Shared {
    fn judge(&self, error: &Error, attempts: u32) -> Verdict {
        let config = &self.config;
        let is_worth_it = match &self.rule {
            Some(rule) => rule(error),
            // what has come of an answer is paid for
            None if error.partial().is_some_and(|part| !part.message.content.is_empty()) => false,
            None => error.is_retryable() || (config.timeouts && error.kind() == &ErrorKind::Timeout),
        };
        if !is_worth_it {
            return Verdict::Final;
        }
        if attempts >= config.max_attempts {
            return Verdict::Exhausted(None);
        }
        let asked = error.retry_after().unwrap_or_default();
        if asked > config.max_retry_after {
            return Verdict::Exhausted(Some("the service asks to wait for longer than `max_retry_after`"));
        }
        let pause = self.jitter(attempts).max(asked);
        if deadline::remaining().is_some_and(|left| left <= pause) {
            return Verdict::Exhausted(Some("the next try would come after the call's deadline"));
        }
        // last, since asking takes from it
        if !self.budget.withdraw() {
            return Verdict::Exhausted(Some("the budget for retries is used up: too many calls fail"));
        }
        Verdict::Again(pause)
    }

    /// Anything from nothing to the pause that doubles with each attempt. Full jitter: callers that failed together do
    /// not come back together.
    fn jitter(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let upper = self.config.base_delay.saturating_mul(1 << doublings).min(self.config.max_delay);
        upper.mul_f64(fastrand::f64())
    }
}

impl<R, A> Policy<R, A, Error> for RetryPolicy
where
    R: Request,
{
    type Future = Sleep;

    fn retry(&mut self, request: &mut R, result: &mut Result<A, Error>) -> Option<Sleep> {
        self.attempts += 1;
        let attempts = self.attempts;
        let Err(error) = result else {
            self.shared.budget.deposit();
            return None;
        };
        let verdict = self.shared.judge(error, attempts);
        let elapsed = self.started.map(|started| started.elapsed()).unwrap_or_default();
        error.note_attempts(attempts, elapsed);
        let model = request.model().map(ModelId::as_str);
        let kind = error.kind().as_str();
        match verdict {
            Verdict::Again(pause) => {
                tracing::debug!(
                    operation = R::OPERATION.as_str(),
                    model,
                    kind,
                    attempts,
                    ?pause,
                    "trying again"
                );
                self.shared.counts.retries.fetch_add(1, Ordering::Relaxed);
                Some(sleep(pause))
            }
            Verdict::Exhausted(why) => {
                tracing::debug!(operation = R::OPERATION.as_str(), model, kind, attempts, why, "given up");
                self.shared.counts.given_up.fetch_add(1, Ordering::Relaxed);
                error.note_exhausted(why);
                None
            }
            Verdict::Final => None,
        }
    }

    fn clone_request(&mut self, request: &R) -> Option<R> {
        self.started.get_or_insert_with(Instant::now);
        self.tries_again().then(|| request.clone())
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy").field("config", &self.shared.config).finish_non_exhaustive()
    }
}
