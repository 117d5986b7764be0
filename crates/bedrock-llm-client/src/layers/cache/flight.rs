//! One call for all who ask the same at once.

use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_schema::response::Replayable;
use bedrock_llm_schema::{Error, ErrorKind};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::key::Key;
use super::store::{Entry, Store};

/// How it stands with a flight.
#[derive(Clone)]
pub(super) enum Landing {
    /// The call is under way.
    Calling,
    /// Its stream has begun and is not at its end.
    Streaming,
    /// The answer is there.
    Kept(Arc<Entry>),
    /// There is an answer that is not kept, or a stream that broke or was abandoned.
    Lost,
    /// The call failed, and would have for others.
    Failed(Arc<Error>),
}

/// The call of the one who went. Dropped before it lands it is cancelled, and another goes.
pub(super) struct Flight {
    store: Arc<Store>,
    key: Key,
    state: watch::Sender<Landing>,
    landing: watch::Receiver<Landing>,
    is_answered: bool,
}

impl Flight {
    pub(super) fn new(store: Arc<Store>, key: Key) -> (Self, watch::Receiver<Landing>) {
        let (state, landing) = watch::channel(Landing::Calling);
        (Self { store, key, state, landing: landing.clone(), is_answered: false }, landing)
    }

    /// The call is answered: whole, or by a stream that begins.
    pub(super) fn answered<A: Replayable>(mut self, answer: A, is_stream: bool) -> A {
        self.is_answered = true;
        if is_stream {
            self.state.send_replace(Landing::Streaming);
        }
        answer.record(move |kept| {
            let entry = self.store.put::<A>(self.key, kept);
            self.land(Landing::Kept(entry));
        })
    }

    pub(super) fn failed(self, error: &Error) {
        // what only says how long and how urgently this caller asked is nothing to the others
        let is_own = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Overloaded);
        self.land(if is_own { Landing::Lost } else { Landing::Failed(Arc::new(error.duplicate())) });
    }

    fn land(&self, landing: Landing) {
        self.store.landed(&self.key, &self.landing);
        self.state.send_replace(landing);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.store.landed(&self.key, &self.landing);
        // has a call without an answer been cancelled, the sender's end says so
        if self.is_answered {
            self.state.send_if_modified(|state| {
                let is_open = matches!(state, Landing::Calling | Landing::Streaming);
                if is_open {
                    *state = Landing::Lost;
                }
                is_open
            });
        }
    }
}

/// What became of the flight that a caller waited for.
pub(super) enum Outcome {
    Kept(Arc<Entry>),
    Failed(Error),
    /// It came to nothing, or takes too long: each waiter goes by itself.
    Lost,
    /// It was cancelled: one of the waiters goes for the others.
    Cancelled,
}

/// Waits for a flight; for a stream that has begun no longer than this.
pub(super) async fn wait(mut landing: watch::Receiver<Landing>, stream_wait: Duration) -> Outcome {
    let mut until = None;
    loop {
        match &*landing.borrow_and_update() {
            Landing::Kept(entry) => return Outcome::Kept(Arc::clone(entry)),
            Landing::Failed(error) => return Outcome::Failed(error.duplicate()),
            Landing::Lost => return Outcome::Lost,
            Landing::Streaming => {
                until.get_or_insert_with(|| Instant::now().checked_add(stream_wait));
            }
            Landing::Calling => {}
        }
        let changed = match until.flatten() {
            Some(until) => match timeout_at(until, landing.changed()).await {
                Ok(changed) => changed,
                Err(_) => return Outcome::Lost,
            },
            None => landing.changed().await,
        };
        if changed.is_err() {
            return Outcome::Cancelled;
        }
    }
}
