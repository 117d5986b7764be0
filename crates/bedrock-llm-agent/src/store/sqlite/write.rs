//! Writing to the database, each call one transaction.

use std::time::SystemTime;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, Transaction, TransactionBehavior, params};

use super::read::{self, Head, of_version};
use crate::store::rows::{Failure, Payload, Row};
use crate::store::{Conflict, Retention, StoreError, Turn, Version, time};

/// Locks out other writers from here on, so that what is read holds until it is committed.
fn begin(db: &mut Connection) -> Result<Transaction<'_>, Failure> {
    Ok(db.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

pub(super) fn append(
    db: &mut Connection,
    session: &str,
    seen: Version,
    turn: Turn,
    compress_over: usize,
) -> Result<Version, Failure> {
    // what takes time is done before others are locked out
    let row = Row::of(&turn, compress_over)?;
    let db = begin(db)?;
    let head = read::head(&db, session)?;
    let found = head.as_ref().map_or(0, |head| head.version.unsigned_abs());
    if found != seen {
        let theirs = match head {
            Some(Head { key, .. }) => read::turns(&db, key, seen, usize::MAX)?,
            None => Vec::new(),
        };
        let conflict = Conflict { session: session.to_owned(), seen, found, theirs, ours: Box::new(turn) };
        return Err(StoreError::Conflict(Box::new(conflict)).into());
    }
    let now = time::micros(SystemTime::now());
    let key = match head {
        Some(head) => {
            touch(&db, head.key, now)?;
            head.key
        }
        None => create(&db, session, now)?,
    };
    let version = insert(&db, key, now, &row)?;
    db.commit()?;
    Ok(version.unsigned_abs())
}

fn create(db: &Connection, session: &str, now: i64) -> Result<i64, Failure> {
    let mut insert = db.prepare_cached("INSERT INTO sessions (id, created, updated) VALUES (?1, ?2, ?2)")?;
    Ok(insert.insert(params![session, now])?)
}

fn touch(db: &Connection, key: i64, now: i64) -> Result<(), Failure> {
    db.prepare_cached("UPDATE sessions SET updated = ?2 WHERE key = ?1")?.execute([key, now])?;
    Ok(())
}

fn insert(db: &Connection, key: i64, at: i64, row: &Row) -> Result<i64, Failure> {
    let mut insert = db.prepare_cached(
        "INSERT INTO turns (session, at, begins_run, messages, context, calls, state, run)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let Row { begins_run, messages, context, calls, state, run, tool_calls } = row;
    let version = insert.insert(params![key, at, begins_run, messages, context, calls, state, run])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO tool_calls (version, place, session, id, name, state, starts, failure)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for (place, call) in tool_calls.iter().enumerate() {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        insert.execute(params![
            version,
            place,
            key,
            call.id,
            call.name,
            call.state,
            call.starts,
            call.failure
        ])?;
    }
    Ok(version)
}

pub(super) fn snapshot(db: &mut Connection, session: &str, name: &str) -> Result<Version, Failure> {
    let db = begin(db)?;
    let Head { key, version, .. } = read::known(&db, session)?;
    db.prepare_cached("INSERT OR REPLACE INTO snapshots (session, name, version) VALUES (?1, ?2, ?3)")?
        .execute(params![key, name, version])?;
    db.commit()?;
    Ok(version.unsigned_abs())
}

pub(super) fn rollback(db: &mut Connection, session: &str, to: Version) -> Result<Version, Failure> {
    let db = begin(db)?;
    let Head { key, .. } = read::known(&db, session)?;
    expect_version(&db, session, key, to)?;
    // their calls and snapshots go with them
    db.prepare_cached("DELETE FROM turns WHERE session = ?1 AND version > ?2")?
        .execute([key, of_version(to)])?;
    touch(&db, key, time::micros(SystemTime::now()))?;
    db.commit()?;
    Ok(to)
}

pub(super) fn branch(db: &mut Connection, session: &str, at: Version, new: &str) -> Result<Version, Failure> {
    let db = begin(db)?;
    let Head { key, .. } = read::known(&db, session)?;
    expect_version(&db, session, key, at)?;
    if read::head(&db, new)?.is_some() {
        return Err(StoreError::Exists { session: new.to_owned() }.into());
    }
    let branch = create(&db, new, time::micros(SystemTime::now()))?;
    let mut from =
        db.prepare_cached("SELECT version FROM turns WHERE session = ?1 AND version <= ?2 ORDER BY version")?;
    let versions: Vec<i64> =
        from.query_map([key, of_version(at)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    drop(from);
    let mut turn = db.prepare_cached(
        "INSERT INTO turns (session, at, begins_run, messages, context, calls, state, run)
         SELECT ?2, at, begins_run, messages, context, calls, state, run FROM turns WHERE version = ?1",
    )?;
    let mut calls = db.prepare_cached(
        "INSERT INTO tool_calls (version, place, session, id, name, state, starts, failure)
         SELECT ?2, place, ?3, id, name, state, starts, failure FROM tool_calls WHERE version = ?1",
    )?;
    let mut last = 0;
    for version in versions {
        last = turn.insert([version, branch])?;
        calls.execute([version, last, branch])?;
    }
    drop((turn, calls));
    db.commit()?;
    Ok(last.unsigned_abs())
}

fn expect_version(db: &Connection, session: &str, key: i64, version: Version) -> Result<(), Failure> {
    if read::has_version(db, key, version)? {
        return Ok(());
    }
    Err(StoreError::NoVersion { session: session.to_owned(), version }.into())
}

pub(super) fn delete(db: &Connection, session: &str) -> Result<bool, Failure> {
    Ok(db.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([session])? > 0)
}

pub(super) fn retain(
    db: &mut Connection,
    retention: Retention,
    now: SystemTime,
) -> Result<Vec<String>, Failure> {
    let db = begin(db)?;
    let past = retention.past(read::list(&db, "")?, now);
    for session in &past {
        delete(&db, &session.id)?;
    }
    db.commit()?;
    Ok(past.into_iter().map(|session| session.id).collect())
}

/// JSON as text, so that SQL can look into it; compressed as a blob.
impl ToSql for Payload {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Json(json) => ValueRef::Text(json.as_bytes()),
            Self::Zstd(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
