//! Asks a model that throttles for less, and then slowly for more again.

use std::time::Duration;

use tokio::time::Instant;

/// A throttled call leaves this part of the rate.
const CUT: f64 = 0.5;
/// This much of the full rate comes back each second.
const GROWTH: f64 = 0.02;
/// The least part of the full rate.
const LEAST: f64 = 0.01;
/// No two cuts are closer.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// How long calls are counted to know how many there are a minute.
const SPAN: Duration = Duration::from_secs(10);

/// The part of the full rate that is asked for. It grows with time and not with calls that succeed: a rate so low that
/// no call passes would never grow.
#[derive(Debug)]
pub(super) struct Adaptive {
    scale: f64,
    cut_at: Option<Instant>,
    grown_at: Instant,
}

impl Adaptive {
    pub(super) fn new(now: Instant) -> Self {
        Self { scale: 1.0, cut_at: None, grown_at: now }
    }

    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    /// A call that was let through at `admitted` was throttled. One that was let through before the last cut tells
    /// nothing about the rate since. `true` when the rate was cut.
    pub(super) fn throttled(&mut self, admitted: Instant, now: Instant) -> bool {
        if self.cut_at.is_some_and(|cut| admitted < cut || now.duration_since(cut) < PAUSE) {
            return false;
        }
        self.scale = (self.scale * CUT).max(LEAST);
        self.cut_at = Some(now);
        self.grown_at = now;
        true
    }

    /// Lets the rate grow by the whole seconds that have passed. `true` when it did.
    pub(super) fn grow(&mut self, most: f64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.grown_at).as_secs();
        if self.scale >= most || passed == 0 {
            return false;
        }
        let steps = u32::try_from(passed).unwrap_or(u32::MAX);
        self.scale = (self.scale + GROWTH * f64::from(steps)).min(most);
        self.grown_at += Duration::from_secs(passed);
        true
    }
}

/// How many calls there are a minute, from the latest ten to twenty seconds.
#[derive(Debug)]
pub(super) struct Meter {
    since: Instant,
    before: u32,
    now: u32,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, before: 0, now: 0 }
    }

    pub(super) fn count(&mut self, now: Instant) {
        self.turn(now);
        self.now = self.now.saturating_add(1);
    }

    /// Calls a minute: at least one.
    pub(super) fn per_minute(&mut self, now: Instant) -> f64 {
        self.turn(now);
        let earlier = if self.before > 0 { SPAN } else { Duration::ZERO };
        let span = (now.saturating_duration_since(self.since) + earlier).max(PAUSE);
        (f64::from(self.before.saturating_add(self.now)) / span.as_secs_f64() * 60.0).max(1.0)
    }

    fn turn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if passed >= SPAN {
            self.before = if passed < SPAN * 2 { self.now } else { 0 };
            self.now = 0;
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_burst_is_cut_once() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut adaptive = Adaptive::new(start);
        assert!(adaptive.throttled(start, at(100)));
        assert!(!adaptive.throttled(at(50), at(2000)), "it was let through before the cut");
        assert!(!adaptive.throttled(at(200), at(300)), "too soon");
        assert!(adaptive.throttled(at(1100), at(1200)));
        assert!((adaptive.scale() - 0.25).abs() < 1e-9);
        for second in 0..100 {
            adaptive.throttled(at(3000 + second * 1000), at(3000 + second * 1000));
        }
        assert!((adaptive.scale() - LEAST).abs() < 1e-9);
    }

    #[test]
    fn it_grows_by_the_second() {
        let start = Instant::now();
        let mut adaptive = Adaptive::new(start);
        adaptive.throttled(start, start);
        let mut grown = 0;
        for tenth in 0..=400 {
            grown += u32::from(adaptive.grow(1.0, start + Duration::from_millis(tenth * 100)));
        }
        assert_eq!(grown, 25, "from a half to the whole in steps of a fiftieth");
        assert!((adaptive.scale() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn calls_are_counted_over_the_latest_seconds() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        for call in 0..150 {
            meter.count(start + Duration::from_millis(call * 100));
        }
        let rate = meter.per_minute(start + Duration::from_secs(15));
        assert!((580.0..=620.0).contains(&rate), "{rate}");
        let rate = meter.per_minute(start + Duration::from_secs(100));
        assert!((rate - 1.0).abs() < 1e-9, "{rate}");
    }
}
