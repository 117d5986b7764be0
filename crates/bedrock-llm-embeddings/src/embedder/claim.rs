//! Who fetches what: the cache is asked when an input is admitted, and again when a call is about to go.

use std::future::Future;
use std::sync::Arc;

use bedrock_llm_schema::embed::{Element, EmbedInput};
use bedrock_llm_schema::{EmbedRequest, Error, ErrorKind, Request as _};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::EmbedService;
use super::run::Run;
use super::unit::Unit;
use crate::cache::{Flight, Kept, Known, Landed, wait};

/// How a wait for another's call ended.
pub(super) enum Waited {
    Landed(Landed),
    /// This call's time is over.
    Late,
}

/// An input that waits for another's call: its entry, and the wait.
pub(super) struct Waiter {
    entry: usize,
    flight: Flight,
    patience: Option<Instant>,
}

impl Waiter {
    pub(super) fn wait(self) -> impl Future<Output = (usize, Waited)> {
        let Self { entry, flight, patience } = self;
        async move {
            let waited = match patience {
                Some(patience) => match timeout_at(patience, wait(flight)).await {
                    Ok(landed) => Waited::Landed(landed),
                    Err(_) => Waited::Late,
                },
                None => Waited::Landed(wait(flight).await),
            };
            (entry, waited)
        }
    }
}

impl<T: Element, S: EmbedService> Run<T, S> {
    /// The units of a group that this run is to fetch itself: it has promised to, from now on. The others have their
    /// vectors by now, or wait for those who are on the way with them.
    pub(super) fn claim(&mut self, group: Vec<(Unit, EmbedInput)>) -> Vec<(Unit, EmbedInput)> {
        let mut claimed = Vec::with_capacity(group.len());
        for (unit, input) in group {
            let Some(entry) = self.entries.get_mut(unit.entry).filter(|entry| entry.wants(unit)) else {
                continue;
            };
            let unclaimed = entry.key.filter(|_| entry.is_unclaimed());
            let Some((cache, key)) = self.cache.as_ref().zip(unclaimed) else {
                claimed.push((unit, input));
                continue;
            };
            match cache.claim(key) {
                Ok(ticket) => {
                    entry.ticket = Some(ticket);
                    claimed.push((unit, input));
                }
                Err(Known::Vector(kept)) => {
                    cache.count_hits(entry.indices.len());
                    self.take_kept(unit.entry, input, &kept);
                }
                Err(Known::Flight(flight)) => {
                    let whole = entry.whole.take().unwrap_or(input);
                    entry.renew();
                    self.park(unit.entry, whole, flight);
                }
            }
        }
        claimed
    }

    /// Lets an entry wait for another's call.
    pub(super) fn park(&mut self, place: usize, input: EmbedInput, flight: Flight) {
        let limit = self.plan.options.as_ref().and_then(|options| options.timeout);
        let Some(entry) = self.entries.get_mut(place) else { return };
        entry.whole = Some(input);
        // without a runtime there is no clock
        if entry.patience.is_none() && Handle::try_current().is_ok() {
            // from the first wait on, whoever it is that goes
            entry.patience = limit.and_then(|limit| Instant::now().checked_add(limit));
        }
        self.waiters.push(Waiter { entry: place, flight, patience: entry.patience });
    }

    /// A wait is over.
    pub(super) fn waited(&mut self, place: usize, waited: Waited) {
        let Some(entry) = self.entries.get_mut(place) else { return };
        let Some(input) = entry.whole.take() else { return };
        let count = entry.indices.len();
        let shared = |run: &Self| run.cache.iter().for_each(|cache| cache.count_shared(count));
        match waited {
            Waited::Landed(Landed::Kept(kept)) => {
                shared(self);
                self.take_kept(place, input, &kept);
            }
            Waited::Landed(Landed::Failed(error)) => {
                shared(self);
                self.fail_entry(place, input, error);
            }
            Waited::Landed(Landed::GivenUp) => self.cut_into_queue(place, input),
            Waited::Late => {
                let message = "the call's time limit passed while another caller asked the same";
                let error = Error::new(ErrorKind::Timeout, message)
                    .with_operation_if_none(EmbedRequest::OPERATION)
                    .with_model_if_none(&self.plan.model);
                self.fail_entry(place, input, error);
            }
        }
    }

    /// Takes up a vector that was kept, or that another fetched.
    pub(super) fn take_kept(&mut self, place: usize, input: EmbedInput, kept: &Kept) {
        let Some(entry) = self.entries.get_mut(place) else { return };
        // the key says of what type the numbers are
        let row = kept.downcast_ref::<Vec<T>>().map(Vec::as_slice).unwrap_or_default();
        let placed = entry.indices.iter().try_for_each(|index| self.rows.place(*index, row));
        if let Err(error) = placed {
            let whole = entry.whole.take().unwrap_or(input);
            return self.fail_entry(place, whole, error);
        }
        let count = u64::try_from(entry.indices.len()).unwrap_or(u64::MAX);
        self.usage.cached = self.usage.cached.saturating_add(count);
        drop(entry.settle());
    }

    /// Cuts an entry's input into units that wait for their turn.
    pub(super) fn cut_into_queue(&mut self, place: usize, input: EmbedInput) {
        let mut units = Vec::new();
        self.cut(place, input, &mut units);
        // those that come together go together
        self.loose.extend(units);
    }
}

/// Asks for a place among the calls under way.
pub(super) async fn place(gate: Arc<tokio::sync::Semaphore>) -> Option<tokio::sync::OwnedSemaphorePermit> {
    // it is never closed
    gate.acquire_owned().await.ok()
}
