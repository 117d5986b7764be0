//! Reading from the database.

use std::time::SystemTime;

use deadpool_postgres::{Client, GenericClient};
use serde::de::DeserializeOwned;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use crate::store::fold::Parts;
use crate::store::rows::{self, Failure};
use crate::store::{Session, SessionInfo, StoreError, TurnRecord, Version};

/// Whether there can be a name that begins with this: PostgreSQL takes no NUL, also not to look for.
pub(super) fn may_be_kept(name: &str) -> bool {
    !name.contains('\0')
}

/// A session's row, with its last turn.
pub(super) struct Head {
    pub(super) key: i64,
    pub(super) version: i64,
    created: SystemTime,
    updated: SystemTime,
}

pub(super) async fn head(db: &impl GenericClient, session: &str) -> Result<Option<Head>, Failure> {
    if !may_be_kept(session) {
        return Ok(None);
    }
    let query =
        "SELECT key, (SELECT max(version) FROM bedrock_llm_turns WHERE session = key), created, updated
                 FROM bedrock_llm_sessions WHERE id = $1";
    let Some(row) = rows(db, query, &[&session]).await?.into_iter().next() else { return Ok(None) };
    Ok(Some(Head {
        key: row.try_get(0)?,
        version: row.try_get(1)?,
        created: row.try_get(2)?,
        updated: row.try_get(3)?,
    }))
}

pub(super) async fn known(db: &impl GenericClient, session: &str) -> Result<Head, Failure> {
    head(db, session).await?.ok_or_else(|| StoreError::NoSession { session: session.to_owned() }.into())
}

pub(super) async fn rows(
    db: &impl GenericClient,
    query: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    let query = db.prepare_cached(query).await?;
    Ok(db.query(&query, params).await?)
}

/// The turns that are newest of their kind, each found in an index of such turns alone.
const LAST: &str = "SELECT
    (SELECT max(version) FROM bedrock_llm_turns WHERE session = $1 AND context IS NOT NULL),
    (SELECT max(version) FROM bedrock_llm_turns WHERE session = $1 AND state IS NOT NULL),
    (SELECT max(version) FROM bedrock_llm_turns WHERE session = $1 AND begins_run)";

pub(super) async fn load(db: &mut Client, session: &str) -> Result<Option<Session>, Failure> {
    // one snapshot of the database for all queries
    let snapshot = db.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let db = snapshot.start().await?;
    let Some(Head { key, version, created, updated }) = head(&db, session).await? else { return Ok(None) };
    let last = db.prepare_cached(LAST).await?;
    let last = db.query_one(&last, &[&key]).await?;
    let (context, state, begin): (Option<i64>, Option<i64>, Option<i64>) =
        (last.try_get(0)?, last.try_get(1)?, last.try_get(2)?);
    let told = "SELECT context FROM bedrock_llm_turns WHERE version = $1";
    let messages = "SELECT messages FROM bedrock_llm_turns
                    WHERE session = $1 AND version > $2 AND messages IS NOT NULL ORDER BY version";
    let remembered = "SELECT state FROM bedrock_llm_turns WHERE version = $1";
    let calls = "SELECT calls FROM bedrock_llm_turns
                 WHERE session = $1 AND version >= $2 AND calls IS NOT NULL ORDER BY version";
    let run = "SELECT run FROM bedrock_llm_turns WHERE version = $1";
    let parts = Parts {
        id: session.to_owned(),
        version: version.unsigned_abs(),
        created,
        updated,
        context: one(&db, "context", told, context).await?.unwrap_or_default(),
        messages: all(&db, "messages", messages, [key, context.unwrap_or(0)]).await?,
        state: one(&db, "state", remembered, state).await?,
        calls: all(&db, "calls", calls, [key, begin.unwrap_or(0)]).await?,
        progress: one(&db, "run", run, Some(version)).await?,
    };
    Ok(Some(parts.into_session()?))
}

/// A payload of a turn.
async fn one<T: DeserializeOwned>(
    db: &impl GenericClient,
    column: &str,
    query: &str,
    version: Option<i64>,
) -> Result<Option<T>, Failure> {
    match rows(db, query, &[&version]).await?.first() {
        Some(row) => rows::part(column, row.try_get(0)?),
        None => Ok(None),
    }
}

/// The lists of many turns as one.
async fn all<T: DeserializeOwned>(
    db: &impl GenericClient,
    column: &str,
    query: &str,
    [session, version]: [i64; 2],
) -> Result<Vec<T>, Failure> {
    let mut list = Vec::new();
    for row in rows(db, query, &[&session, &version]).await? {
        list.extend(rows::part::<Vec<T>>(column, row.try_get(0)?)?.unwrap_or_default());
    }
    Ok(list)
}

/// The turns after a version.
pub(super) async fn turns(
    db: &impl GenericClient,
    key: i64,
    after: Version,
    most: usize,
) -> Result<Vec<TurnRecord>, Failure> {
    let query = "SELECT version, at, begins_run, messages, context, calls, state, run FROM bedrock_llm_turns
                 WHERE session = $1 AND version > $2 ORDER BY version LIMIT $3";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut turns = Vec::new();
    for row in rows(db, query, &[&key, &of_version(after), &most]).await? {
        let mut columns = [None; 5];
        for (place, column) in columns.iter_mut().enumerate() {
            *column = row.try_get(place + 3)?;
        }
        turns.push(TurnRecord {
            version: row.try_get::<_, i64>(0)?.unsigned_abs(),
            at: row.try_get(1)?,
            turn: rows::turn(row.try_get(2)?, columns)?,
        });
    }
    Ok(turns)
}

pub(super) async fn snapshot(
    db: &impl GenericClient,
    key: i64,
    name: &str,
) -> Result<Option<Version>, Failure> {
    if !may_be_kept(name) {
        return Ok(None);
    }
    let query = "SELECT version FROM bedrock_llm_snapshots WHERE session = $1 AND name = $2";
    match rows(db, query, &[&key, &name]).await?.first() {
        Some(row) => Ok(Some(row.try_get::<_, i64>(0)?.unsigned_abs())),
        None => Ok(None),
    }
}

pub(super) async fn list(db: &impl GenericClient, prefix: &str) -> Result<Vec<SessionInfo>, Failure> {
    if !may_be_kept(prefix) {
        return Ok(Vec::new());
    }
    let query = "SELECT id, version, created, updated, run IS NOT NULL
                 FROM bedrock_llm_sessions JOIN bedrock_llm_turns
                 ON version = (SELECT max(version) FROM bedrock_llm_turns WHERE session = key)
                 WHERE starts_with(id, $1) ORDER BY updated DESC, id";
    let mut list = Vec::new();
    for row in rows(db, query, &[&prefix]).await? {
        list.push(SessionInfo {
            id: row.try_get(0)?,
            version: row.try_get::<_, i64>(1)?.unsigned_abs(),
            created: row.try_get(2)?,
            updated: row.try_get(3)?,
            is_open: row.try_get(4)?,
        });
    }
    Ok(list)
}

/// A version that no row can have is later than all.
pub(super) fn of_version(version: Version) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
