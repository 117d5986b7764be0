//! How models in regions have been of late.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::FailoverConfig;
use super::fence::Place;

/// The failures that are remembered. Places that are well have no record.
#[derive(Debug, Default)]
pub(super) struct Health {
    places: Mutex<HashMap<Place, Record>>,
    /// How many records there are, so that calls look no further while all is well.
    troubled: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) failures: u32,
    last: Instant,
    /// Passed over until then; past it one call is a probe, which moves it on.
    until: Option<Instant>,
}

/// How many records are kept before old ones are cleared away.
const MANY: usize = 1000;

impl Health {
    /// Whether a call passes a place over. Where its time is up the call is let through as a probe, and others keep away
    /// for as long again unless it succeeds.
    pub(super) fn is_cooling(&self, place: &Place, config: &FailoverConfig) -> bool {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut places = self.places();
        let Some(record) = places.get_mut(place) else { return false };
        let Some(until) = record.until else { return false };
        let now = Instant::now();
        if now >= until {
            record.until = now.checked_add(config.cooldown);
            tracing::debug!(model = %place.model, region = place.region.as_deref(), "failover probes it again");
            return false;
        }
        true
    }

    /// Takes note of a failure; one that lasts lets the place cool down at once.
    pub(super) fn failed(&self, place: &Place, lasts: bool, config: &FailoverConfig) {
        let now = Instant::now();
        let mut places = self.places();
        if places.len() >= MANY {
            let keep = config.window.max(config.cooldown);
            places.retain(|_, record| {
                record.last + keep > now || record.until.is_some_and(|until| until > now)
            });
        }
        let new = Record { failures: 0, last: now, until: None };
        let record = places.entry(place.clone()).or_insert(new);
        if now.duration_since(record.last) > config.window {
            record.failures = 0;
        }
        record.failures = record.failures.saturating_add(1);
        record.last = now;
        // a probe that fails cools down again, whatever the count
        if lasts || record.until.is_some() || record.failures >= config.failures {
            record.until = now.checked_add(config.cooldown);
            tracing::warn!(
                model = %place.model, region = place.region.as_deref(), failures = record.failures,
                cooldown = ?config.cooldown, "failover passes it over for a while",
            );
        }
        self.troubled.store(places.len(), Ordering::Relaxed);
    }

    /// Takes note of an answer: the place is well.
    pub(super) fn succeeded(&self, place: &Place) {
        if self.troubled.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut places = self.places();
        if places.remove(place).is_some_and(|record| record.until.is_some()) {
            tracing::warn!(model = %place.model, region = place.region.as_deref(), "failover has it back");
        }
        self.troubled.store(places.len(), Ordering::Relaxed);
    }

    /// What is remembered, each with the time until it is asked again.
    pub(super) fn records(&self) -> Vec<(Place, u32, Option<Duration>)> {
        let now = Instant::now();
        let cooling = |record: &Record| {
            record.until.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero())
        };
        let places = self.places();
        places.iter().map(|(place, record)| (place.clone(), record.failures, cooling(record))).collect()
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Place, Record>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
