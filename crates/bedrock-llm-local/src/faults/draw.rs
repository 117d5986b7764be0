//! Random numbers that belong to a place: the same seed, rule and request number always draw the same.

use crate::mix::{STEP, mix};

/// `SplitMix64`, begun anew for each request, so that no draw depends on those before it.
#[derive(Debug)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64, rule: usize, number: u64) -> Self {
        let rule = u64::try_from(rule).unwrap_or(u64::MAX);
        Self(mix(mix(mix(seed.wrapping_add(STEP)) ^ rule).wrapping_add(STEP) ^ number))
    }

    /// The next number, from 0 up to but not including 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(STEP);
        // the upper 53 bits are what a float holds exactly
        (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_neighbours_differ() {
        for (seed, rule) in [(0, 0), (0, 1), (1, 0), (u64::MAX, 7)] {
            let draws: Vec<_> = (0..10_000).map(|number| Draw::new(seed, rule, number).unit()).collect();
            assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
            for tenth in 0..10 {
                let (low, high) = (f64::from(tenth) / 10.0, f64::from(tenth + 1) / 10.0);
                let share = draws.iter().filter(|draw| (low..high).contains(*draw)).count();
                assert!((850..1150).contains(&share), "{seed} {rule} {tenth}: {share}");
            }
        }
        let of = |seed, rule, number| Draw::new(seed, rule, number).unit();
        assert!(of(1, 2, 3).to_bits() == of(1, 2, 3).to_bits());
        assert!(of(1, 2, 3) != of(1, 3, 2) && of(1, 2, 3) != of(2, 1, 3) && of(1, 2, 3) != of(1, 2, 4));
    }
}
