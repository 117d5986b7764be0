//! A store that says of every turn that it was kept, in a file that outlives its process.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bedrock_llm_agent::store::{
    Retention, Session, SessionInfo, SqliteStore, StateStore, StoreError, Turn, TurnRecord, Version,
};
use futures_util::future::BoxFuture;

/// The store, and the file.
#[derive(Clone)]
pub(super) struct Acknowledging {
    store: SqliteStore,
    file: Arc<File>,
}

/// Opens a file to which every line goes in one write: what was written stays when the process is killed.
pub(super) fn lines(path: &Path) -> std::io::Result<File> {
    File::options().create(true).append(true).open(path)
}

impl Acknowledging {
    pub(super) fn new(store: SqliteStore, path: &Path) -> std::io::Result<Self> {
        Ok(Self { store, file: Arc::new(lines(path)?) })
    }
}

impl StateStore for Acknowledging {
    fn append<'a>(
        &'a self,
        session: &'a str,
        seen: Version,
        turn: Turn,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            let failed = |source| StoreError::Unavailable { doing: "acknowledging a turn", source };
            let said = serde_json::to_string(&turn).map_err(|error| failed(error.into()))?;
            let version = self.store.append(session, seen, turn).await?;
            (&*self.file)
                .write_all(format!("{version} {said}\n").as_bytes())
                .map_err(|error| failed(error.into()))?;
            println!("kept");
            Ok(version)
        })
    }

    fn load<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        self.store.load(session)
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
