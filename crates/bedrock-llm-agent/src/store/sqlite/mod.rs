//! Sessions in an SQLite database.

mod read;
mod schema;
mod write;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use rusqlite::Connection;
use tokio::sync::Mutex;

use super::rows::{COMPRESS_OVER, Failure};
use super::{Retention, Session, SessionInfo, StateStore, StoreError, Turn, TurnRecord, Version, name};

/// Sessions in an SQLite database: a file, which several processes of one machine may use at once. Clones are one store.
///
/// SQLite is built in. Calls run one after another, off the async workers; a call whose future is dropped may still be
/// carried out. The file is in WAL mode, with the files `-wal` and `-shm` beside it; do not put it on a network drive.
/// Files that older versions of this library wrote are brought up to date when they are opened.
///
/// ```
/// use bedrock_llm_agent::store::{SqliteStore, StateStore as _, Turn};
/// use bedrock_llm_schema::Message;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("sessions.db");
/// let store = SqliteStore::open(&path)?;
/// store.append("trip", 0, Turn::said([Message::user("Where is it warm?")])).await?;
/// drop(store);
///
/// let store = SqliteStore::open(&path)?;
/// let session = store.load("trip").await?.expect("it was kept");
/// assert_eq!(session.conversation.messages()[0].text(), "Where is it warm?");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    db: Arc<Mutex<Connection>>,
    compress_over: usize,
}

/// When a turn is on the disk. Either way nothing is half-written, and a turn that was appended is not lost when the
/// process is killed: it is in the operating system's hands then.
///
/// See <https://sqlite.org/pragma.html#pragma_synchronous>.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synchronous {
    /// Before [`append`](StateStore::append) returns. No turn is lost when the power fails or the system crashes.
    #[default]
    Full,
    /// Some time later; faster. The last turns may be lost when the power fails or the system crashes.
    Normal,
}

/// How an [`SqliteStore`] is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    synchronous: Synchronous,
    busy_timeout: Duration,
    compress_over: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::default(),
            busy_timeout: Duration::from_secs(5),
            compress_over: COMPRESS_OVER,
        }
    }
}

impl SqliteOptions {
    /// When turns are on the disk; [`Synchronous::Full`].
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// How long a call waits for other processes that write, before it fails with [`StoreError::Unavailable`]; 5 seconds.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Messages, contexts, calls, states and runs of a turn are compressed (zstd) when they are more bytes of JSON than
    /// this, each by itself; 4096. [`usize::MAX`] compresses nothing. What is kept already is read either way.
    #[must_use]
    pub fn compress_over(mut self, bytes: usize) -> Self {
        self.compress_over = bytes;
        self
    }

    /// Opens a file, or makes it; its folder must be there. Blocks while it reads the file's beginning.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] where a newer version of this library wrote it, [`StoreError::Corrupt`] where another
    /// program did, [`StoreError::Unavailable`] where it cannot be opened or is no database.
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        self.with(|| Connection::open(path))
    }

    /// A database in memory, gone with the last clone of the store.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where memory does not suffice.
    pub fn open_in_memory(self) -> Result<SqliteStore, StoreError> {
        self.with(Connection::open_in_memory)
    }

    fn with(self, open: impl FnOnce() -> rusqlite::Result<Connection>) -> Result<SqliteStore, StoreError> {
        let prepared = || -> Result<Connection, Failure> {
            let mut db = open()?;
            db.busy_timeout(self.busy_timeout)?;
            // answers with the mode that is now in force: `memory` for a database in memory
            db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            db.pragma_update(None, "foreign_keys", true)?;
            let synchronous = match self.synchronous {
                Synchronous::Full => "FULL",
                Synchronous::Normal => "NORMAL",
            };
            db.pragma_update(None, "synchronous", synchronous)?;
            schema::migrate(&mut db)?;
            Ok(db)
        };
        let db = prepared().map_err(|failure| failure.while_doing("opening the database", ""))?;
        Ok(SqliteStore { db: Arc::new(Mutex::new(db)), compress_over: self.compress_over })
    }
}

impl SqliteStore {
    /// Opens a file, or makes it, as [`SqliteOptions::open`] does by default.
    ///
    /// # Errors
    /// As there.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteOptions::default().open(path)
    }

    /// A database in memory.
    ///
    /// # Errors
    /// As for [`SqliteOptions::open_in_memory`].
    pub fn open_in_memory() -> Result<Self, StoreError> {
        SqliteOptions::default().open_in_memory()
    }

    async fn call<T: Send + 'static>(
        &self,
        doing: &'static str,
        session: &str,
        work: impl FnOnce(&mut Connection, &str) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        // waits here, so that calls in line hold no thread
        let mut db = Arc::clone(&self.db).lock_owned().await;
        let name = session.to_owned();
        let done = tokio::task::spawn_blocking(move || work(&mut db, &name)).await;
        let result = done.unwrap_or_else(|error| Err(Failure::Unavailable(error.into())));
        result.map_err(|failure| failure.while_doing(doing, session))
    }
}

impl StateStore for SqliteStore {
    fn load<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        Box::pin(self.call("loading a session", session, read::load))
    }

    fn append<'a>(
        &'a self,
        session: &'a str,
        seen: Version,
        turn: Turn,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            name::check("session", session)?;
            let compress_over = self.compress_over;
            self.call("appending a turn", session, move |db, session| {
                write::append(db, session, seen, turn, compress_over)
            })
            .await
        })
    }

    fn turns<'a>(
        &'a self,
        session: &'a str,
        after: Version,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<TurnRecord>, StoreError>> {
        Box::pin(self.call("reading turns", session, move |db, session| {
            let db = db.transaction()?;
            read::turns(&db, read::known(&db, session)?.key, after, most)
        }))
    }

    fn snapshot<'a>(&'a self, session: &'a str, name: &'a str) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            name::check("snapshot", name)?;
            let name = name.to_owned();
            self.call("taking a snapshot", session, move |db, session| write::snapshot(db, session, &name))
                .await
        })
    }

    fn snapshot_version<'a>(
        &'a self,
        session: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Version>, StoreError>> {
        let name = name.to_owned();
        Box::pin(self.call("looking for a snapshot", session, move |db, session| {
            let db = db.transaction()?;
            read::snapshot(&db, read::known(&db, session)?.key, &name)
        }))
    }

    fn rollback<'a>(&'a self, session: &'a str, to: Version) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(
            self.call("rolling back a session", session, move |db, session| write::rollback(db, session, to)),
        )
    }

    fn branch<'a>(
        &'a self,
        session: &'a str,
        at: Version,
        new: &'a str,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move {
            name::check("session", new)?;
            let new = new.to_owned();
            self.call("branching a session", session, move |db, session| write::branch(db, session, at, &new))
                .await
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, StoreError>> {
        let prefix = prefix.to_owned();
        Box::pin(self.call("listing sessions", "", move |db, _| read::list(db, &prefix)))
    }

    fn delete<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.call("deleting a session", session, |db, session| write::delete(db, session)))
    }

    fn retain<'a>(
        &'a self,
        retention: Retention,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(self.call("deleting old sessions", "", move |db, _| write::retain(db, retention, now)))
    }
}

/// What went wrong in SQLite.
impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("compress_over", &self.compress_over).finish_non_exhaustive()
    }
}
