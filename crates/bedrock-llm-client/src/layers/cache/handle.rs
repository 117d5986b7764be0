//! What looks at the answers that are kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::store::Store;

/// Looks at the answers that a [`CacheLayer`](super::CacheLayer) keeps. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CacheHandle {
    store: Arc<Store>,
}

impl CacheHandle {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// How many answers are kept.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.store.size().0
    }

    /// How many bytes they take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.store.size().1
    }

    /// How many calls were answered by what was kept.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.store.counts.hits.load(Ordering::Relaxed)
    }

    /// How many calls were sent on, though their answer could have been kept.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.store.counts.misses.load(Ordering::Relaxed)
    }

    /// How many calls waited for another's answer and got it, or its error. They are no hits.
    #[must_use]
    pub fn shared_flights(&self) -> u64 {
        self.store.counts.shared.load(Ordering::Relaxed)
    }

    /// Throws all answers away. What is on the way now will be kept when it comes.
    pub fn invalidate_all(&self) {
        self.store.clear();
    }
}
