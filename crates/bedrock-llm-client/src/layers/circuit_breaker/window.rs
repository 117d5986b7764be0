//! The calls a circuit looks back on.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::CircuitBreakerConfig;

/// How a call came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Succeeded,
    Failed,
    Throttled,
}

/// The latest calls: no older than the window's span, no more than it holds.
#[derive(Debug, Default)]
pub(super) struct Window {
    calls: VecDeque<Ended>,
    counts: Counts,
}

#[derive(Debug)]
struct Ended {
    at: Instant,
    outcome: Outcome,
    slow: bool,
}

/// How many calls of each sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
    pub(super) throttled: u32,
}

impl Counts {
    /// Whether so many are reason to open.
    pub(super) fn trip(self, config: &CircuitBreakerConfig) -> bool {
        let reaches = |count: u32, share: f64| f64::from(count) >= share * f64::from(self.calls) && count > 0;
        self.calls >= config.min_calls
            && (reaches(self.failed, config.failure_rate)
                || reaches(self.slow, config.slow_call_rate)
                || config.throttle_rate.is_some_and(|share| reaches(self.throttled, share)))
    }
}

impl Window {
    pub(super) fn record(&mut self, now: Instant, outcome: Outcome, slow: bool, most: u32) {
        self.calls.push_back(Ended { at: now, outcome, slow });
        self.counts.calls += 1;
        self.counts.failed += u32::from(outcome == Outcome::Failed);
        self.counts.throttled += u32::from(outcome == Outcome::Throttled);
        self.counts.slow += u32::from(slow);
        if self.counts.calls > most {
            self.forget_first();
        }
    }

    /// What the window holds now.
    pub(super) fn counts(&mut self, now: Instant, span: Duration) -> Counts {
        while self.calls.front().is_some_and(|call| now.duration_since(call.at) >= span) {
            self.forget_first();
        }
        self.counts
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn forget_first(&mut self) {
        let Some(call) = self.calls.pop_front() else { return };
        self.counts.calls -= 1;
        self.counts.failed -= u32::from(call.outcome == Outcome::Failed);
        self.counts.throttled -= u32::from(call.outcome == Outcome::Throttled);
        self.counts.slow -= u32::from(call.slow);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![Just(Outcome::Succeeded), Just(Outcome::Failed), Just(Outcome::Throttled)]
    }

    proptest! {
        #[test]
        fn it_counts_as_one_who_goes_through_all_calls_each_time(
            steps in proptest::collection::vec((0_u64..500, outcome(), any::<bool>()), 1..200),
            span in 1_u64..5000,
            most in 1_u32..50,
        ) {
            let (start, span) = (Instant::now(), Duration::from_millis(span));
            let mut window = Window::default();
            let mut all = Vec::new();
            let mut passed = 0;
            for (pause, outcome, slow) in steps {
                passed += pause;
                let now = start + Duration::from_millis(passed);
                window.record(now, outcome, slow, most);
                all.push((now, outcome, slow));
                let kept: Vec<_> = all
                    .iter()
                    .rev()
                    .take(most as usize)
                    .filter(|(at, ..)| *at + span > now)
                    .collect();
                let count = |is: &dyn Fn(Outcome, bool) -> bool| {
                    u32::try_from(kept.iter().filter(|(_, outcome, slow)| is(*outcome, *slow)).count()).unwrap()
                };
                let wanted = Counts {
                    calls: count(&|_, _| true),
                    failed: count(&|outcome, _| outcome == Outcome::Failed),
                    slow: count(&|_, slow| slow),
                    throttled: count(&|outcome, _| outcome == Outcome::Throttled),
                };
                prop_assert_eq!(window.counts(now, span), wanted);
                prop_assert!(window.calls.len() <= most as usize);
            }
        }
    }

    #[test]
    fn shares_are_reached_and_not_only_passed() {
        let config = CircuitBreakerConfig::new().min_calls(4);
        let counts = |failed| Counts { calls: 4, failed, ..Counts::default() };
        assert!(!counts(1).trip(&config));
        assert!(counts(2).trip(&config));
        assert!(!Counts { calls: 3, failed: 3, ..Counts::default() }.trip(&config), "too few calls");
        let throttled = Counts { calls: 4, throttled: 4, ..Counts::default() };
        assert!(!throttled.trip(&config));
        assert!(throttled.trip(&config.throttle_rate(0.9)));
    }
}
