//! Where sessions live: conversations, tool calls and state, kept turn by turn.

mod error;
mod fold;
mod memory;
mod name;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod rows;
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;
mod time;
mod update;

use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;

pub use error::{Conflict, StoreError};
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
#[cfg_attr(docsrs, doc(cfg(feature = "postgres")))]
pub use postgres::{PostgresOptions, PostgresStore};
pub use session::{Session, SessionInfo, Turn, TurnRecord, Version};
#[cfg(feature = "sqlite")]
#[cfg_attr(docsrs, doc(cfg(feature = "sqlite")))]
pub use sqlite::{SqliteOptions, SqliteStore, Synchronous};
pub(crate) use update::check;
pub use update::{Merge, OnConflict, update};

/// Where sessions live.
///
/// A session is a list of [`Turn`]s, each one transaction: all of it is kept or nothing. Every turn makes a new version.
/// Whoever appends says which version they have seen; of two who saw the same, one wins and the other gets
/// [`StoreError::Conflict`]. All methods may be called by many at once.
pub trait StateStore: Send + Sync + 'static {
    /// A session as it is now; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where its messages are no conversation.
    fn load<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>>;

    /// Appends a turn to a session that is at this version; 0 makes a new session. Gives the new version. Whether the
    /// turn's messages go on with the conversation is the writer's to know; [`update`] looks.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], with the turns that others appended since, where it is at another; at 0 where it was
    /// deleted. [`StoreError::BadName`] where nothing can be called this: nothing, more than 512 bytes, a NUL in it.
    /// After [`StoreError::Unavailable`] the turn may have been kept: [`load`](Self::load) tells.
    fn append<'a>(
        &'a self,
        session: &'a str,
        seen: Version,
        turn: Turn,
    ) -> BoxFuture<'a, Result<Version, StoreError>>;

    /// The turns after a version, at most so many, oldest first: the whole transcript from 0 on.
    ///
    /// # Errors
    /// [`StoreError::NoSession`].
    fn turns<'a>(
        &'a self,
        session: &'a str,
        after: Version,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<TurnRecord>, StoreError>>;

    /// Gives the version a session is at a name, to [`rollback`](Self::rollback) or [`branch`](Self::branch) to later. A
    /// name that it has already goes over to this version. A snapshot costs no copy.
    ///
    /// # Errors
    /// [`StoreError::NoSession`], [`StoreError::BadName`].
    fn snapshot<'a>(&'a self, session: &'a str, name: &'a str) -> BoxFuture<'a, Result<Version, StoreError>>;

    /// The version of a snapshot; `None` where the session has none of this name.
    ///
    /// # Errors
    /// [`StoreError::NoSession`].
    fn snapshot_version<'a>(
        &'a self,
        session: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Version>, StoreError>>;

    /// Takes a session back to a version: the turns after it, and their snapshots, are gone. Versions are not used again:
    /// whoever has seen a later one gets a conflict. Gives the version the session is at now.
    ///
    /// # Errors
    /// [`StoreError::NoVersion`] where the session never was at this version, or it was taken back;
    /// [`StoreError::NoSession`].
    fn rollback<'a>(&'a self, session: &'a str, to: Version) -> BoxFuture<'a, Result<Version, StoreError>>;

    /// Makes another session of a session's turns up to a version. It goes its own way from there; its turns have
    /// versions of their own and the times they had, and snapshots are not taken over. Gives the version it is at.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where there is a session of the new name, and as for [`rollback`](Self::rollback) and
    /// [`append`](Self::append).
    fn branch<'a>(
        &'a self,
        session: &'a str,
        at: Version,
        new: &'a str,
    ) -> BoxFuture<'a, Result<Version, StoreError>>;

    /// The sessions there are whose names begin with this, the one used last first. A session is used when it is made,
    /// appended to or rolled back.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, StoreError>>;

    /// Deletes a session; says whether there was one.
    fn delete<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Deletes sessions that are past keeping, and gives their names.
    fn retain<'a>(
        &'a self,
        retention: Retention,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>>;
}

/// How long sessions are kept; for good by default. What either rule says is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// Sessions that were not used for this long are deleted.
    pub max_idle: Option<Duration>,
    /// Only so many are kept, those used last.
    pub max_sessions: Option<usize>,
}

impl Retention {
    /// Deletes sessions that were not used for this long.
    #[must_use]
    pub fn max_idle(mut self, idle: Duration) -> Self {
        self.max_idle = Some(idle);
        self
    }

    /// Keeps so many sessions, those used last.
    #[must_use]
    pub fn max_sessions(mut self, most: usize) -> Self {
        self.max_sessions = Some(most);
        self
    }
}
