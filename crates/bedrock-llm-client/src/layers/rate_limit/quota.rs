//! What a call is charged on entry, and what is settled at its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{Error, ErrorKind, ModelId, Request, Retry, ThrottleScope, Usage};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::config::ModelLimits;
use super::limiter::Limiter;
use crate::layers::by_target::Idle;

/// The quotas of one model in one region, shared by the calls that go there.
#[derive(Debug)]
pub(super) struct Quota {
    pub(super) model: ModelId,
    pub(super) region: Option<Arc<str>>,
    output_burndown: f64,
    max_output: u64,
    limiter: Mutex<Limiter>,
    warned: AtomicBool,
}

/// What a call asks of the token quota.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Charge {
    pub(super) input: f64,
    pub(super) output: f64,
}

impl Charge {
    pub(super) fn tokens(self) -> f64 {
        self.input + self.output
    }
}

impl Quota {
    pub(super) fn new(
        model: ModelId,
        region: Option<Arc<str>>,
        limits: &ModelLimits,
        profile: &ModelProfile,
        adaptive: bool,
    ) -> Self {
        let output_burndown = limits.output_burndown.or(profile.quota.output_burndown).unwrap_or(1);
        Self {
            model,
            region,
            output_burndown: f64::from(output_burndown),
            max_output: profile.max_output_tokens.unwrap_or(0),
            limiter: Mutex::new(Limiter::new(limits, adaptive, Instant::now())),
            warned: AtomicBool::new(false),
        }
    }

    pub(super) fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the service reserves when a call comes in.
    ///
    /// # Errors
    /// When that is more than the quota of a minute, so that the call would wait for ever.
    pub(super) fn charge<R: Request>(&self, request: &R) -> Result<Charge, Error> {
        // counting the input costs time, and is for nothing where tokens are not limited
        let Some(quota) = self.limiter().token_quota() else { return Ok(Charge::default()) };
        let asked = request.max_output_tokens();
        let charge = Charge {
            input: count(request.estimate_input_tokens()),
            output: count(asked.unwrap_or(self.max_output)),
        };
        if charge.output * 2.0 > quota && !self.warned.swap(true, Ordering::Relaxed) {
            warn!(
                model = self.model.as_str(),
                region = self.region.as_deref(),
                max_tokens = charge.output,
                is_model_maximum = asked.is_none(),
                tokens_per_minute = quota,
                "one answer's `max_tokens` reserves more than half of the tokens per minute; set it to what the answer needs"
            );
        }
        if charge.tokens() <= quota {
            return Ok(charge);
        }
        let whose = if asked.is_some() {
            "`max_tokens`"
        } else {
            "the model's most output, as `max_tokens` is not set"
        };
        let message = format!(
            "the call reserves {} tokens (about {} of input and {} for {whose}) and the quota is {quota} a minute",
            charge.tokens(),
            charge.input,
            charge.output,
        );
        Err(self.error(message).with_retry(Retry::Permanent).with_hint(
            "set `max_tokens` to what the answer needs, shorten the input, or raise `tokens_per_minute`",
        ))
    }

    pub(super) fn too_long(&self, wait: Option<Duration>, most: Duration) -> Error {
        let waiting = match wait {
            Some(wait) => format!("the wait for quota would take {wait:.1?}, and {most:.1?} are allowed"),
            None => format!("the wait for quota took longer than {most:.1?}"),
        };
        debug!(
            model = self.model.as_str(),
            region = self.region.as_deref(),
            ?wait,
            "call refused by the rate limit"
        );
        let error =
            self.error(waiting).with_hint("ask less often, raise `max_wait` or the call's time limit");
        match wait {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }

    fn error(&self, message: String) -> Error {
        Error::new(ErrorKind::Overloaded, message).with_model_if_none(&self.model)
    }

    /// What the service counts at the end.
    fn used(&self, usage: &Usage) -> f64 {
        count(usage.input_tokens)
            + count(usage.cache_write())
            + count(usage.output_tokens) * self.output_burndown
    }
}

impl Idle for Quota {
    fn is_idle(&self) -> bool {
        self.limiter().is_fresh(Instant::now())
    }
}

/// Token counts are far below what a float holds exactly.
#[allow(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
fn count(tokens: u64) -> f64 {
    tokens as f64
}

/// Not under the lock: who is woken may ask for it at once.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A charge that was taken and is not settled yet. Dropped, it keeps the input and gives the output back.
#[derive(Debug)]
pub(super) struct Ticket {
    quota: Arc<Quota>,
    charge: Charge,
    admitted: Instant,
    settled: bool,
}

impl Ticket {
    /// For a charge that was taken.
    pub(super) fn new(quota: Arc<Quota>, charge: Charge) -> Self {
        Self { quota, charge, admitted: Instant::now(), settled: false }
    }

    /// The call ended with this usage, where the service said one.
    pub(super) fn used(mut self, usage: Option<&Usage>) {
        let used = usage.map_or(self.charge.input, |usage| self.quota.used(usage));
        self.settle(used);
    }

    /// The call failed before or during its answer.
    pub(super) fn failed(mut self, error: &Error, usage: Option<&Usage>) {
        let used = match usage {
            Some(usage) => self.quota.used(usage),
            None if may_have_worked(error.kind()) => self.charge.input,
            None => 0.0,
        };
        self.settle(used);
        if let ErrorKind::Throttled(scope) = error.kind() {
            self.throttled(*scope);
        }
    }

    fn throttled(&self, scope: ThrottleScope) {
        let scale = self.quota.limiter().throttled(scope, self.admitted, Instant::now());
        if let Some(scale) = scale {
            warn!(
                model = self.quota.model.as_str(),
                region = self.quota.region.as_deref(),
                scale,
                "throttled: the rate of calls is cut"
            );
        }
    }

    fn settle(&mut self, used: f64) {
        self.settled = true;
        let next = self.quota.limiter().settle(self.charge.tokens(), used);
        wake(next);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(self.charge.input);
        }
    }
}

/// Whether a model may have read the input before the call failed.
fn may_have_worked(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Timeout
            | ErrorKind::ModelTimeout
            | ErrorKind::ModelError
            | ErrorKind::ModelStreamError
            | ErrorKind::Internal
            | ErrorKind::StreamStalled
            | ErrorKind::StreamTruncated
            | ErrorKind::Decode
    )
}

/// A place in the queue. Dropped, it is left without a trace.
#[derive(Debug)]
pub(super) struct Place {
    quota: Arc<Quota>,
    number: u64,
}

impl Place {
    pub(super) fn new(quota: Arc<Quota>, number: u64) -> Self {
        Self { quota, number }
    }

    /// See [`Limiter::poll_turn`].
    pub(super) fn poll_turn(&self, waker: &Waker) -> super::limiter::Turn {
        let (turn, next) = self.quota.limiter().poll_turn(self.number, waker, Instant::now());
        wake(next);
        turn
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let next = self.quota.limiter().leave(self.number);
        wake(next);
    }
}
