//! What ends a batch before its input does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use bedrock_llm_schema::{Error, ErrorKind};
use futures_util::task::AtomicWaker;

/// Stops a [`Batch`](super::Batch) from elsewhere: another task, a signal handler, another thread. Clones stop the same
/// batch.
#[derive(Debug, Clone, Default)]
pub struct BatchHandle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_stopped: AtomicBool,
    batch: AtomicWaker,
}

impl BatchHandle {
    /// Takes no further request. Those under way finish and are given out as ever; then the batch ends.
    pub fn stop(&self) {
        self.0.is_stopped.store(true, Ordering::Release);
        self.0.batch.wake();
    }

    /// Whether it was stopped, by this or by an error.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped.load(Ordering::Acquire)
    }

    /// Has the batch polled when it is stopped.
    pub(super) fn wake(&self, batch: &Waker) {
        self.0.batch.register(batch);
    }
}

/// Whether every other call would fail in the same way: credentials that are missing or refused, no region, settings that
/// cannot work, a client that was shut down.
///
/// Access denied is not among them, since it may be to one model only.
#[must_use]
pub fn concerns_every_call(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Auth
            | ErrorKind::MissingCredentials
            | ErrorKind::MissingRegion
            | ErrorKind::Config
            | ErrorKind::ShutDown
    )
}
