//! The layer, what its services share, and the handle to read it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bedrock_llm_schema::Error;
use tokio::time::Instant;
use tower::Layer;

use super::places::Places;
use super::{Concurrency, ConcurrencyConfig};

/// Lets at most so many calls through at a time; the others wait in a bounded queue by priority.
///
/// - A call holds its place until its answer is whole, and a **stream until it ends**, breaks or is dropped.
/// - Who waits is served by [`CallOptions::priority`](bedrock_llm_schema::CallOptions::priority), interactive before normal before
///   batch, and in order of arrival within one. A waiting call counts as one priority higher after each
///   [`age`](ConcurrencyConfig::age), without an end, so that nobody starves: whoever has waited two ages longer than
///   every interactive call goes before them.
/// - When the queue is full the **newcomer** is refused with [`Overloaded`](bedrock_llm_schema::ErrorKind::Overloaded),
///   whatever its priority: a call that was told to wait is never sent away for another.
/// - A wait ends with `Overloaded` after [`max_wait`](ConcurrencyConfig::max_wait) or when the call's
///   [deadline](super::super::deadline::remaining) comes. How long a wait will take is not known before: it depends on
///   how long others take.
///
/// All operations and models share the places of one layer. Goes *inside* retry (a call asleep in backoff holds no
/// place) and inside the rate limit (one that waits for quota holds none either). Does not cover readiness.
/// Cancellation: who waits and is dropped leaves no trace, even when a place was granted a moment before; a dropped
/// call or stream gives its place back. A future that is kept and not polled holds the place it was granted.
///
/// Why not a crate: `tower`'s concurrency limit and tokio's semaphore know neither priorities nor a bound for who waits.
///
/// ```
/// use bedrock_llm_client::layers::{ConcurrencyConfig, ConcurrencyLayer};
/// use tower::ServiceBuilder;
///
/// let limit = ConcurrencyLayer::new(ConcurrencyConfig::new().max_concurrency(8))?;
/// let handle = limit.handle();
/// let builder = ServiceBuilder::new().layer(limit);
/// assert_eq!(handle.status().in_flight, 0);
/// # Ok::<(), bedrock_llm_schema::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConcurrencyLayer {
    shared: Arc<Shared>,
}

/// What the services of one layer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: ConcurrencyConfig,
    places: Mutex<Places>,
}

impl Shared {
    pub(super) fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConcurrencyLayer {
    /// With these settings.
    ///
    /// # Errors
    /// See [`ConcurrencyConfig::validate`].
    pub fn new(config: ConcurrencyConfig) -> Result<Self, Error> {
        config.validate()?;
        let places = Places::new(config.max_concurrency, config.max_queue, config.age);
        Ok(Self { shared: Arc::new(Shared { config, places: Mutex::new(places) }) })
    }

    /// Reads the places of all services this layer makes.
    #[must_use]
    pub fn handle(&self) -> ConcurrencyHandle {
        ConcurrencyHandle { shared: Arc::clone(&self.shared) }
    }
}

impl<S> Layer<S> for ConcurrencyLayer {
    type Service = Concurrency<S>;

    fn layer(&self, inner: S) -> Concurrency<S> {
        Concurrency { inner, shared: Arc::clone(&self.shared) }
    }
}

/// How many calls there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrencyStatus {
    /// Calls under way, streams included.
    pub in_flight: usize,
    /// The most calls that ever were under way.
    pub peak: usize,
    /// Interactive calls that wait.
    pub queued_interactive: usize,
    /// Normal calls that wait.
    pub queued_normal: usize,
    /// Batch calls that wait.
    pub queued_batch: usize,
}

impl ConcurrencyStatus {
    /// All calls that wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued_interactive + self.queued_normal + self.queued_batch
    }
}

/// Reads the places of a [`ConcurrencyLayer`]. Clones are one handle.
#[derive(Debug, Clone)]
pub struct ConcurrencyHandle {
    shared: Arc<Shared>,
}

impl ConcurrencyHandle {
    /// How many calls there are now.
    #[must_use]
    pub fn status(&self) -> ConcurrencyStatus {
        let places = self.shared.places();
        let [queued_batch, queued_normal, queued_interactive] = places.queued();
        ConcurrencyStatus {
            in_flight: places.taken(),
            peak: places.peak(),
            queued_interactive,
            queued_normal,
            queued_batch,
        }
    }
}

/// A place that a call has.
#[derive(Debug)]
pub(super) struct Permit(pub(super) Arc<Shared>);

impl Drop for Permit {
    fn drop(&mut self) {
        let next = self.0.places().give_back(Instant::now());
        if let Some(waker) = next {
            waker.wake();
        }
    }
}
