//! Writing to the database, each call one transaction.

use std::time::SystemTime;

use deadpool_postgres::{Client, GenericClient};

use super::read::{self, Head, of_version};
use crate::store::rows::{CallRow, Failure, Payload, Row};
use crate::store::{Conflict, Retention, StoreError, Turn, Version, time};

/// Of the lock under which old sessions are deleted, so that two who do so never wait for each other in a circle (`bllr`).
const RETAIN_LOCK: i64 = 0x626c_6c72;

/// Locks a session against other writers until the transaction ends, and reads where it is then.
async fn lock(db: &impl GenericClient, session: &str) -> Result<Option<Head>, Failure> {
    if !read::may_be_kept(session) {
        return Ok(None);
    }
    let lock = "SELECT FROM bedrock_llm_sessions WHERE id = $1 FOR UPDATE";
    if read::rows(db, lock, &[&session]).await?.is_empty() {
        return Ok(None);
    }
    // a statement of its own: it sees what was committed while the other waited
    read::head(db, session).await
}

async fn lock_known(db: &impl GenericClient, session: &str) -> Result<Head, Failure> {
    let no_session = || StoreError::NoSession { session: session.to_owned() };
    lock(db, session).await?.ok_or_else(|| no_session().into())
}

/// The new session's key; `None` where there is one of this name.
async fn create(db: &impl GenericClient, session: &str, now: SystemTime) -> Result<Option<i64>, Failure> {
    let insert = "INSERT INTO bedrock_llm_sessions (id, created, updated) VALUES ($1, $2, $2)
                  ON CONFLICT (id) DO NOTHING RETURNING key";
    Ok(match read::rows(db, insert, &[&session, &now]).await?.first() {
        Some(row) => Some(row.try_get(0)?),
        None => None,
    })
}

async fn touch(db: &impl GenericClient, key: i64, now: SystemTime) -> Result<(), Failure> {
    let update = "UPDATE bedrock_llm_sessions SET updated = $2 WHERE key = $1";
    read::rows(db, update, &[&key, &now]).await.map(drop)
}

pub(super) async fn append(
    db: &mut Client,
    session: &str,
    seen: Version,
    turn: Turn,
    compress_over: usize,
) -> Result<Version, Failure> {
    let row = Row::of(&turn, compress_over)?;
    let db = db.transaction().await?;
    let now = time::now();
    let new = if seen == 0 { create(&db, session, now).await? } else { None };
    let key = match new {
        Some(key) => key,
        None => {
            let head = lock(&db, session).await?;
            let found = head.as_ref().map_or(0, |head| head.version.unsigned_abs());
            match head {
                Some(head) if found == seen => {
                    touch(&db, head.key, now).await?;
                    head.key
                }
                head => {
                    let theirs = match head {
                        Some(Head { key, .. }) => read::turns(&db, key, seen, usize::MAX).await?,
                        None => Vec::new(),
                    };
                    let session = session.to_owned();
                    let conflict = Conflict { session, seen, found, theirs, ours: Box::new(turn) };
                    return Err(StoreError::Conflict(Box::new(conflict)).into());
                }
            }
        }
    };
    let version = insert(&db, key, now, row).await?;
    db.commit().await?;
    Ok(version.unsigned_abs())
}

async fn insert(db: &impl GenericClient, key: i64, at: SystemTime, row: Row) -> Result<i64, Failure> {
    let Row { begins_run, messages, context, calls, state, run, tool_calls } = row;
    let [messages, context, calls, state, run] =
        [messages, context, calls, state, run].map(|payload| payload.map(Payload::into_bytes));
    let query = "INSERT INTO bedrock_llm_turns
                     (session, at, begins_run, messages, context, calls, state, run)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING version";
    let query = db.prepare_cached(query).await?;
    let row =
        db.query_one(&query, &[&key, &at, &begins_run, &messages, &context, &calls, &state, &run]).await?;
    let version: i64 = row.try_get(0)?;
    let query = "INSERT INTO bedrock_llm_tool_calls
                     (version, place, session, id, name, state, starts, failure)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    for (place, call) in (0_i64..).zip(tool_calls) {
        let CallRow { id, name, state, starts, failure } = call;
        read::rows(db, query, &[&version, &place, &key, &id, &name, &state, &starts, &failure]).await?;
    }
    Ok(version)
}

pub(super) async fn snapshot(db: &mut Client, session: &str, name: &str) -> Result<Version, Failure> {
    let db = db.transaction().await?;
    let Head { key, version, .. } = lock_known(&db, session).await?;
    let query = "INSERT INTO bedrock_llm_snapshots (session, name, version) VALUES ($1, $2, $3)
                 ON CONFLICT (session, name) DO UPDATE SET version = excluded.version";
    read::rows(&db, query, &[&key, &name, &version]).await?;
    db.commit().await?;
    Ok(version.unsigned_abs())
}

pub(super) async fn rollback(db: &mut Client, session: &str, to: Version) -> Result<Version, Failure> {
    let db = db.transaction().await?;
    let Head { key, .. } = lock_known(&db, session).await?;
    expect_version(&db, session, key, to).await?;
    // their calls and snapshots go with them
    let query = "DELETE FROM bedrock_llm_turns WHERE session = $1 AND version > $2";
    read::rows(&db, query, &[&key, &of_version(to)]).await?;
    touch(&db, key, time::now()).await?;
    db.commit().await?;
    Ok(to)
}

pub(super) async fn branch(
    db: &mut Client,
    session: &str,
    at: Version,
    new: &str,
) -> Result<Version, Failure> {
    let db = db.transaction().await?;
    let Head { key, .. } = lock_known(&db, session).await?;
    expect_version(&db, session, key, at).await?;
    let Some(branch) = create(&db, new, time::now()).await? else {
        return Err(StoreError::Exists { session: new.to_owned() }.into());
    };
    let old = "SELECT version FROM bedrock_llm_turns WHERE session = $1 AND version <= $2 ORDER BY version";
    let old = versions(&db, old, [key, of_version(at)]).await?;
    // numbered in the order of the SELECT
    let copy = "INSERT INTO bedrock_llm_turns
                    (session, at, begins_run, messages, context, calls, state, run)
                SELECT $2, at, begins_run, messages, context, calls, state, run FROM bedrock_llm_turns
                WHERE session = $1 AND version <= $3 ORDER BY version";
    read::rows(&db, copy, &[&key, &branch, &of_version(at)]).await?;
    let new = "SELECT version FROM bedrock_llm_turns WHERE session = $1 AND version > $2 ORDER BY version";
    let new = versions(&db, new, [branch, 0]).await?;
    let copy = "INSERT INTO bedrock_llm_tool_calls
                    (version, place, session, id, name, state, starts, failure)
                SELECT copy.new, place, $3, id, name, state, starts, failure FROM bedrock_llm_tool_calls
                JOIN unnest($1::bigint[], $2::bigint[]) AS copy (old, new) ON version = copy.old";
    read::rows(&db, copy, &[&old, &new, &branch]).await?;
    db.commit().await?;
    Ok(new.last().copied().unwrap_or(0).unsigned_abs())
}

async fn versions(
    db: &impl GenericClient,
    query: &str,
    [session, version]: [i64; 2],
) -> Result<Vec<i64>, Failure> {
    let rows = read::rows(db, query, &[&session, &version]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

async fn expect_version(
    db: &impl GenericClient,
    session: &str,
    key: i64,
    version: Version,
) -> Result<(), Failure> {
    let query = "SELECT FROM bedrock_llm_turns WHERE session = $1 AND version = $2";
    if read::rows(db, query, &[&key, &of_version(version)]).await?.is_empty() {
        return Err(StoreError::NoVersion { session: session.to_owned(), version }.into());
    }
    Ok(())
}

pub(super) async fn delete(db: &Client, session: &str) -> Result<bool, Failure> {
    if !read::may_be_kept(session) {
        return Ok(false);
    }
    let query = "DELETE FROM bedrock_llm_sessions WHERE id = $1 RETURNING key";
    Ok(!read::rows(db, query, &[&session]).await?.is_empty())
}

pub(super) async fn retain(
    db: &mut Client,
    retention: Retention,
    now: SystemTime,
) -> Result<Vec<String>, Failure> {
    let db = db.transaction().await?;
    read::rows(&db, "SELECT pg_advisory_xact_lock($1)", &[&RETAIN_LOCK]).await?;
    // one that was used since it was listed stays
    let query = "DELETE FROM bedrock_llm_sessions WHERE id = $1 AND updated = $2 RETURNING key";
    let mut deleted = Vec::new();
    for session in retention.past(read::list(&db, "").await?, now) {
        if !read::rows(&db, query, &[&session.id, &session.updated]).await?.is_empty() {
            deleted.push(session.id);
        }
    }
    db.commit().await?;
    Ok(deleted)
}
