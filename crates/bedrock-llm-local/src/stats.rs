//! What the endpoint counted: cheap enough for runs of hours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// How many models are counted apart; requests to more of them count in the total only.
const MODELS: usize = 1_000;

/// What an endpoint counted since it started. Requests of the control routes are not counted, their connections are.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let local = bedrock_llm_local::LocalBedrock::start().await?;
/// let stats = local.stats();
/// assert_eq!((stats.requests, stats.open_requests, stats.open_connections), (0, 0, 0));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that arrived with their body.
    pub requests: u64,
    /// The same by model, as its id stands in the path, percent-decoded; the first 1,000 models only.
    pub requests_by_model: BTreeMap<String, u64>,
    /// Requests under way: from the head's arrival until the answer's last byte is handed to the connection, or the client is gone.
    pub open_requests: u64,
    /// The most requests that ever were under way at once.
    pub peak_open_requests: u64,
    /// Connections taken.
    pub connections: u64,
    /// Connections open.
    pub open_connections: u64,
    /// Requests a [`FaultPlan`](crate::FaultPlan) hit, by [`Fault::kind`](crate::Fault::kind); `latency` where the answer was late and nothing else.
    pub faults: BTreeMap<&'static str, u64>,
}

/// The counters of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Stats>);

impl Counters {
    pub(crate) fn stats(&self) -> Stats {
        self.lock().clone()
    }

    pub(crate) fn request(&self, model: &str) {
        let mut stats = self.lock();
        stats.requests += 1;
        if let Some(count) = stats.requests_by_model.get_mut(model) {
            *count += 1;
        } else if !model.is_empty() && stats.requests_by_model.len() < MODELS {
            stats.requests_by_model.insert(model.to_owned(), 1);
        }
    }

    pub(crate) fn fault(&self, kind: &'static str) {
        *self.lock().faults.entry(kind).or_default() += 1;
    }

    /// A request under way, until this is dropped.
    pub(crate) fn open_request(self: &Arc<Self>) -> Open {
        let mut stats = self.lock();
        stats.open_requests += 1;
        stats.peak_open_requests = stats.peak_open_requests.max(stats.open_requests);
        Open { counters: Arc::clone(self), count: |stats| &mut stats.open_requests }
    }

    /// A connection, until this is dropped.
    pub(crate) fn open_connection(self: &Arc<Self>) -> Open {
        let mut stats = self.lock();
        stats.connections += 1;
        stats.open_connections += 1;
        Open { counters: Arc::clone(self), count: |stats| &mut stats.open_connections }
    }

    fn lock(&self) -> MutexGuard<'_, Stats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is counted while it lasts.
#[derive(Debug)]
pub(crate) struct Open {
    counters: Arc<Counters>,
    count: fn(&mut Stats) -> &mut u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        *(self.count)(&mut self.counters.lock()) -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_counted_while_it_lasts() {
        let counters = Arc::new(Counters::default());
        let (first, second) = (counters.open_request(), counters.open_request());
        let connection = counters.open_connection();
        drop(first);
        let stats = counters.stats();
        assert_eq!((stats.open_requests, stats.peak_open_requests, stats.open_connections), (1, 2, 1));
        drop((second, connection));
        let stats = counters.stats();
        assert_eq!((stats.open_requests, stats.peak_open_requests), (0, 2));
        assert_eq!((stats.open_connections, stats.connections), (0, 1));
    }

    #[test]
    fn models_are_counted_apart_up_to_a_limit() {
        let counters = Counters::default();
        for model in 0..MODELS + 5 {
            counters.request(&format!("m{model}"));
        }
        counters.request("m0");
        counters.request("");
        let stats = counters.stats();
        assert_eq!((stats.requests, stats.requests_by_model.len()), (MODELS as u64 + 7, MODELS));
        assert_eq!(stats.requests_by_model.get("m0"), Some(&2));
    }
}
