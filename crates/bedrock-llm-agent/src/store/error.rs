//! What goes wrong with stores.

use bedrock_llm_schema::BoxError;

use super::{Turn, TurnRecord, Version};

/// What goes wrong with a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Others were faster.
    #[error(transparent)]
    Conflict(Box<Conflict>),
    /// A session or a snapshot cannot be called this.
    #[error("this cannot be the name of a {what}: {problem}")]
    BadName {
        /// `session` or `snapshot`.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such session.
    #[error("there is no session `{session}`")]
    NoSession {
        /// Its name.
        session: String,
    },
    /// There is one already.
    #[error("there is a session `{session}` already")]
    Exists {
        /// Its name.
        session: String,
    },
    /// The session is at no such version and never was, or was taken back.
    #[error("the session `{session}` has no version {version}")]
    NoVersion {
        /// Its name.
        session: String,
        /// The version.
        version: Version,
    },
    /// The turn was not appended, since the session could not be loaded after it.
    #[error("the messages of the turn do not go on with the session `{session}`: {problem}")]
    Unsound {
        /// The session.
        session: String,
        /// What is wrong with them.
        problem: String,
    },
    /// The store cannot be used.
    #[error("the store is not available: {doing}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: BoxError,
    },
    /// What is kept cannot be read.
    #[error("what the store keeps of the session `{session}` cannot be read: {message}")]
    Corrupt {
        /// The session; empty where it is the store itself.
        session: String,
        /// What is wrong.
        message: String,
    },
    /// The store was written by a newer version of this library.
    #[error(
        "the store has schema version {found}, this library knows up to {known}; use a newer bedrock-llm-agent"
    )]
    TooNew {
        /// Its schema's version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
}

/// Two who had seen the same version of a session both appended to it. Carries both.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "the session `{session}` is at version {found}, not {seen}: another writer was faster; load it again"
)]
#[non_exhaustive]
pub struct Conflict {
    /// The session.
    pub session: String,
    /// The version the loser had seen.
    pub seen: Version,
    /// The version it is at.
    pub found: Version,
    /// The winner's turns.
    pub theirs: Vec<TurnRecord>,
    /// The turn that was not appended.
    pub ours: Box<Turn>,
}
