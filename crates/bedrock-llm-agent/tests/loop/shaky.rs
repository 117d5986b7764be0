//! A store that can be down, and in which another writer can be faster.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bedrock_llm_agent::store::{
    MemoryStore, Retention, Session, SessionInfo, StateStore, StoreError, Turn, TurnRecord, Version,
};
use futures_util::future::BoxFuture;

/// A store that can be down, and in which another writer can be faster.
#[derive(Clone, Default)]
pub(crate) struct Shaky {
    store: MemoryStore,
    pub(crate) is_down: Arc<AtomicBool>,
    /// The turns of the other writer, one before each append.
    pub(crate) theirs: Arc<Mutex<Vec<Turn>>>,
}

impl Shaky {
    fn check(&self) -> Result<(), StoreError> {
        match self.is_down.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable { doing: "appending a turn", source: "no disk".into() }),
            false => Ok(()),
        }
    }
}

impl StateStore for Shaky {
    fn load<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        self.store.load(session)
    }

    fn append<'a>(
        &'a self,
        session: &'a str,
        seen: Version,
        turn: Turn,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            self.check()?;
            let theirs = self.theirs.lock().unwrap().pop();
            if let Some(theirs) = theirs {
                self.store.append(session, seen, theirs).await?;
            }
            self.store.append(session, seen, turn).await
        })
    }

    fn turns<'a>(
        &'a self,
        session: &'a str,
        after: Version,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<TurnRecord>, StoreError>> {
        self.store.turns(session, after, most)
    }

    fn snapshot<'a>(&'a self, session: &'a str, name: &'a str) -> BoxFuture<'a, Result<Version, StoreError>> {
        self.store.snapshot(session, name)
    }

    fn snapshot_version<'a>(
        &'a self,
        session: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Version>, StoreError>> {
        self.store.snapshot_version(session, name)
    }

    fn rollback<'a>(&'a self, session: &'a str, to: Version) -> BoxFuture<'a, Result<Version, StoreError>> {
        self.store.rollback(session, to)
    }

    fn branch<'a>(
        &'a self,
        session: &'a str,
        at: Version,
        new: &'a str,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        self.store.branch(session, at, new)
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, StoreError>> {
        self.store.list(prefix)
    }

    fn delete<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.store.delete(session)
    }

    fn retain<'a>(
        &'a self,
        retention: Retention,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.store.retain(retention, now)
    }
}
