//! One call for all who ask for the same at the same time.
//!
//! Not the cache's own: there, whoever came first does the call alone, and if it is not polled, as in a run that nobody
//! reads, the others wait for ever. Here the call is done by whoever waits.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

use futures_core::future::BoxFuture;
use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};

use crate::probe::locked;

/// A call under way.
type Flight<T> = Shared<BoxFuture<'static, T>>;

/// The calls under way, each for a key.
pub(super) struct Flights<K, T>(Mutex<Open<K, T>>);

struct Open<K, T> {
    ticket: u64,
    flights: HashMap<K, (u64, WeakShared<BoxFuture<'static, T>>)>,
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Mutex::new(Open { ticket: 0, flights: HashMap::new() }))
    }
}

impl<K: Hash + Eq, T> Flights<K, T> {
    /// The call for this key; if there is none, what is made of the key and a ticket.
    pub(super) fn join<F>(&self, key: K, begin: impl FnOnce(K, u64) -> F) -> Flight<T>
    where
        K: Clone,
        T: Clone,
        F: Future<Output = T> + Send + 'static,
    {
        let mut open = locked(&self.0);
        if let Some(flight) = open.flights.get(&key).and_then(|(_, flight)| flight.upgrade()) {
            return flight;
        }
        open.ticket += 1;
        let ticket = open.ticket;
        let flight = begin(key.clone(), ticket).boxed().shared();
        // there is one to look after unless it is done, and it has not been polled
        if let Some(weak) = flight.downgrade() {
            open.flights.insert(key, (ticket, weak));
        }
        flight
    }

    /// Ends the call of this ticket, and keeps what it made, unless it was forgotten.
    pub(super) fn land(&self, key: &K, ticket: u64, keep: impl FnOnce()) {
        let mut open = locked(&self.0);
        if open.flights.get(key).is_some_and(|(open, _)| *open == ticket) {
            keep();
            open.flights.remove(key);
        }
    }

    /// Forgets the call for this key, at once with what is kept.
    pub(super) fn forget(&self, key: &K, forget_kept: impl FnOnce()) {
        let mut open = locked(&self.0);
        forget_kept();
        open.flights.remove(key);
    }

    /// Forgets all calls, at once with what is kept.
    pub(super) fn forget_all(&self, forget_kept: impl FnOnce()) {
        let mut open = locked(&self.0);
        forget_kept();
        open.flights.clear();
    }
}
