//! A quota that refills steadily.

use std::time::Duration;

use tokio::time::Instant;

/// What rounding may take from a level; far below one token.
const ROUNDING: f64 = 1e-6;

/// A bucket of one minute's quota. It may be overdrawn: what a call used beyond its charge is owed.
#[derive(Debug)]
pub(super) struct Bucket {
    /// The quota of a minute, which is also the most the bucket holds.
    quota: f64,
    /// The part of the quota that flows in now.
    scale: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(quota: f64, now: Instant) -> Self {
        Self { quota, scale: 1.0, level: quota, at: now }
    }

    /// The most it holds.
    pub(super) fn quota(&self) -> f64 {
        self.quota
    }

    /// What flows in, a minute.
    pub(super) fn per_minute(&self) -> f64 {
        self.quota * self.scale
    }

    /// What it holds; below zero where more was used than was there.
    pub(super) fn level(&mut self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = self.quota.min(self.level + passed * self.per_minute() / 60.0);
        self.at = now;
        self.level
    }

    /// How long until it holds so much, if nobody takes anything.
    pub(super) fn wait_for(&mut self, amount: f64, now: Instant) -> Duration {
        let missing = amount - self.level(now);
        if missing <= ROUNDING {
            return Duration::ZERO;
        }
        // tokio's timer counts whole milliseconds
        let millis = (missing / self.per_minute() * 60_000.0).ceil();
        Duration::try_from_secs_f64(millis / 1000.0).unwrap_or(Duration::MAX)
    }

    pub(super) fn take(&mut self, amount: f64) {
        self.level -= amount;
    }

    pub(super) fn give_back(&mut self, amount: f64) {
        self.level = self.quota.min(self.level + amount);
    }

    pub(super) fn empty(&mut self, now: Instant) {
        self.level = self.level(now).min(0.0);
    }

    /// From now on this part of the quota flows in.
    pub(super) fn scale(&mut self, scale: f64, now: Instant) {
        self.level(now);
        self.scale = scale;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whoever waits as long as told finds what was asked for, and not much earlier. No more than a minute's quota
        /// and what has flowed in since ever leaves it.
        #[test]
        fn what_leaves_is_what_flowed_in(
            quota in 1_u32..1_000_000,
            steps in proptest::collection::vec((0_u64..30_000, 0.0_f64..1.0, 0.0_f64..1.0), 1..50),
        ) {
            let quota = f64::from(quota);
            let start = Instant::now();
            let mut now = start;
            let mut bucket = Bucket::new(quota, now);
            let mut gone = 0.0;
            for (pause, share, back) in steps {
                now += Duration::from_millis(pause);
                let amount = share * quota;
                let wait = bucket.wait_for(amount, now);
                if wait > Duration::from_millis(1) {
                    let early = now + wait - Duration::from_millis(2);
                    prop_assert!(bucket.wait_for(amount, early) > Duration::ZERO);
                }
                now += wait;
                prop_assert_eq!(bucket.wait_for(amount, now), Duration::ZERO);
                bucket.take(amount);
                bucket.give_back(amount * back);
                gone += amount * (1.0 - back);
                let flowed = quota * (1.0 + (now - start).as_secs_f64() / 60.0);
                prop_assert!(gone <= flowed * (1.0 + 1e-9) + 0.01, "{gone} of {flowed}");
                prop_assert!(bucket.level(now) <= quota);
            }
        }
    }

    #[test]
    fn what_is_owed_flows_in_first() {
        let now = Instant::now();
        let mut bucket = Bucket::new(60.0, now);
        bucket.take(90.0);
        assert_eq!(bucket.wait_for(10.0, now), Duration::from_secs(40));
        bucket.scale(0.5, now);
        assert_eq!(bucket.wait_for(10.0, now), Duration::from_secs(80));
    }
}
