//! The quotas of one model in one region, and the calls that wait for them in turn.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use bedrock_llm_schema::ThrottleScope;
use tokio::time::Instant;

use super::adaptive::{Adaptive, Meter, PAUSE};
use super::bucket::Bucket;
use super::config::ModelLimits;

/// A rate that was cut while no limit was set is unlimited again from this multiple of what was seen then.
const UNLIMITED_AGAIN: f64 = 2.0;

/// The quotas of one model in one region, and who waits for them. It has no lock of its own.
#[derive(Debug)]
pub(super) struct Limiter {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    /// Whether the limit on requests is only there since the model throttled.
    is_learned: bool,
    adaptive: Option<(Adaptive, Meter)>,
    queue: VecDeque<Waiter>,
    queued_tokens: f64,
    next_place: u64,
}

#[derive(Debug)]
struct Waiter {
    place: u64,
    tokens: f64,
    waker: Option<Waker>,
}

/// What comes of asking for one's turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The charge is taken.
    Yours,
    /// First in the queue, for so long at most.
    In(Duration),
    /// Behind others.
    Behind,
}

impl Limiter {
    pub(super) fn new(limits: &ModelLimits, adaptive: bool, now: Instant) -> Self {
        let bucket = |quota: Option<u32>| quota.map(|quota| Bucket::new(f64::from(quota), now));
        Self {
            requests: bucket(limits.requests_per_minute),
            tokens: bucket(limits.tokens_per_minute),
            is_learned: false,
            adaptive: adaptive.then(|| (Adaptive::new(now), Meter::new(now))),
            queue: VecDeque::new(),
            queued_tokens: 0.0,
            next_place: 0,
        }
    }

    /// Takes the charge if nobody waits and it is there.
    pub(super) fn take_at_once(&mut self, tokens: f64, now: Instant) -> bool {
        self.grow(now);
        self.queue.is_empty() && self.take(tokens, now).is_none()
    }

    /// Takes the charge, or says how long until it is there.
    fn take(&mut self, tokens: f64, now: Instant) -> Option<Duration> {
        let wait = self.wait_for(1.0, tokens, now);
        if !wait.is_zero() {
            return Some(wait);
        }
        if let Some(bucket) = &mut self.requests {
            bucket.take(1.0);
        }
        if let Some(bucket) = &mut self.tokens {
            bucket.take(tokens);
        }
        if let Some((_, meter)) = &mut self.adaptive {
            meter.count(now);
        }
        None
    }

    fn wait_for(&mut self, requests: f64, tokens: f64, now: Instant) -> Duration {
        let wait = |bucket: &mut Option<Bucket>, amount| {
            bucket.as_mut().map_or(Duration::ZERO, |bucket| bucket.wait_for(amount, now))
        };
        wait(&mut self.requests, requests).max(wait(&mut self.tokens, tokens))
    }

    /// A place at the end of the queue, or how long the wait would be where that is longer than allowed.
    pub(super) fn enqueue(&mut self, tokens: f64, most: Duration, now: Instant) -> Result<u64, Duration> {
        self.grow(now);
        let ahead = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        let wait = self.wait_for(f64::from(ahead) + 1.0, self.queued_tokens + tokens, now);
        if wait > most {
            return Err(wait);
        }
        let place = self.next_place;
        self.next_place += 1;
        self.queue.push_back(Waiter { place, tokens, waker: None });
        self.queued_tokens += tokens;
        Ok(place)
    }

    /// Asks for one's turn. Who is not first is woken when that may have changed.
    pub(super) fn poll_turn(&mut self, place: u64, waker: &Waker, now: Instant) -> (Turn, Option<Waker>) {
        self.grow(now);
        let first = self.queue.front().map(|first| (first.place, first.tokens));
        let turn = match first {
            Some((first, tokens)) if first == place => match self.take(tokens, now) {
                None => return (Turn::Yours, self.leave(place)),
                // a rate that grows is looked at again
                Some(wait) if self.is_reduced() => Turn::In(wait.min(PAUSE)),
                Some(wait) => Turn::In(wait),
            },
            _ => Turn::Behind,
        };
        if let Some(waiter) = self.queue.iter_mut().find(|waiter| waiter.place == place) {
            match &mut waiter.waker {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        (turn, None)
    }

    /// Leaves the queue, and gives who is to be woken: the one who is first now.
    pub(super) fn leave(&mut self, place: u64) -> Option<Waker> {
        let index = self.queue.iter().position(|waiter| waiter.place == place)?;
        let waiter = self.queue.remove(index)?;
        self.queued_tokens = if self.queue.is_empty() { 0.0 } else { self.queued_tokens - waiter.tokens };
        if index == 0 { self.first() } else { None }
    }

    fn first(&mut self) -> Option<Waker> {
        self.queue.front_mut()?.waker.take()
    }

    /// Settles a charge of tokens with what was used.
    pub(super) fn settle(&mut self, charged: f64, used: f64) -> Option<Waker> {
        let bucket = self.tokens.as_mut()?;
        if used > charged {
            bucket.take(used - charged);
            return None;
        }
        bucket.give_back(charged - used);
        self.first()
    }

    /// A call let through at `admitted` was throttled. Gives the part of the full rate from now on where it was cut.
    pub(super) fn throttled(&mut self, scope: ThrottleScope, admitted: Instant, now: Instant) -> Option<f64> {
        self.grow(now);
        let (adaptive, meter) = self.adaptive.as_mut()?;
        if scope == ThrottleScope::DailyTokens || !adaptive.throttled(admitted, now) {
            return None;
        }
        if self.requests.is_none() && self.tokens.is_none() {
            self.requests = Some(Bucket::new(meter.per_minute(now), now));
            self.is_learned = true;
        }
        self.rescale(now);
        // the service has nothing left, whatever we believed
        let used_up = match scope {
            ThrottleScope::Tokens if self.tokens.is_some() => &mut self.tokens,
            _ => &mut self.requests,
        };
        if let Some(bucket) = used_up {
            bucket.empty(now);
        }
        Some(self.adaptive.as_ref().map_or(1.0, |(adaptive, _)| adaptive.scale()))
    }

    /// Lets a rate that was cut grow.
    fn grow(&mut self, now: Instant) {
        let most = if self.is_learned { UNLIMITED_AGAIN } else { 1.0 };
        let Some((adaptive, _)) = &mut self.adaptive else { return };
        if !adaptive.grow(most, now) {
            return;
        }
        if self.is_learned && adaptive.scale() >= most {
            *adaptive = Adaptive::new(now);
            self.requests = None;
            self.is_learned = false;
        } else {
            self.rescale(now);
        }
    }

    fn is_reduced(&self) -> bool {
        self.is_learned || self.adaptive.as_ref().is_some_and(|(adaptive, _)| adaptive.scale() < 1.0)
    }

    fn rescale(&mut self, now: Instant) {
        let Some((adaptive, _)) = &self.adaptive else { return };
        for bucket in [&mut self.requests, &mut self.tokens].into_iter().flatten() {
            bucket.scale(adaptive.scale(), now);
        }
    }

    /// Whether tokens are limited, so that a call must say how many it wants.
    pub(super) fn token_quota(&self) -> Option<f64> {
        self.tokens.as_ref().map(Bucket::quota)
    }

    pub(super) fn reading(&mut self, now: Instant) -> Reading {
        self.grow(now);
        let read = |bucket: &mut Option<Bucket>| {
            bucket.as_mut().map(|bucket| (bucket.per_minute(), bucket.level(now)))
        };
        Reading {
            requests: read(&mut self.requests),
            tokens: read(&mut self.tokens),
            waiting: self.queue.len(),
        }
    }

    /// Whether a new one would be no different.
    pub(super) fn is_fresh(&mut self, now: Instant) -> bool {
        self.grow(now);
        let full = [&mut self.requests, &mut self.tokens]
            .into_iter()
            .flatten()
            .all(|bucket| bucket.level(now) >= bucket.quota() && bucket.per_minute() >= bucket.quota());
        full && self.queue.is_empty() && !self.is_learned
    }
}

/// Rate a minute and level of each bucket, and how many wait.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) requests: Option<(f64, f64)>,
    pub(super) tokens: Option<(f64, f64)>,
    pub(super) waiting: usize,
}
