//! Reading from the database.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};
use serde::de::DeserializeOwned;

use crate::store::fold::Parts;
use crate::store::rows::{self, Failure};
use crate::store::{Session, SessionInfo, StoreError, TurnRecord, Version, time};

/// The turns that are newest of their kind, each found in an index of such turns alone.
const LAST_CONTEXT: &str = "SELECT max(version) FROM turns WHERE session = ?1 AND context IS NOT NULL";
const LAST_STATE: &str = "SELECT max(version) FROM turns WHERE session = ?1 AND state IS NOT NULL";
const LAST_BEGIN: &str = "SELECT max(version) FROM turns WHERE session = ?1 AND begins_run";

/// A session's row, with its last turn.
pub(super) struct Head {
    pub(super) key: i64,
    pub(super) version: i64,
    created: i64,
    updated: i64,
}

pub(super) fn head(db: &Connection, session: &str) -> Result<Option<Head>, Failure> {
    let mut query = db.prepare_cached(
        "SELECT key, (SELECT max(version) FROM turns WHERE session = key), created, updated
         FROM sessions WHERE id = ?1",
    )?;
    let head = |row: &Row<'_>| {
        Ok(Head { key: row.get(0)?, version: row.get(1)?, created: row.get(2)?, updated: row.get(3)? })
    };
    Ok(query.query_row([session], head).optional()?)
}

pub(super) fn known(db: &Connection, session: &str) -> Result<Head, Failure> {
    head(db, session)?.ok_or_else(|| StoreError::NoSession { session: session.to_owned() }.into())
}

pub(super) fn load(db: &mut Connection, session: &str) -> Result<Option<Session>, Failure> {
    // one snapshot of the database for all queries
    let db = db.transaction()?;
    let Some(Head { key, version, created, updated }) = head(&db, session)? else { return Ok(None) };
    let newest = |query: &str| -> Result<Option<i64>, Failure> {
        Ok(db.prepare_cached(query)?.query_row([key], |row| row.get(0))?)
    };
    let context = newest(LAST_CONTEXT)?;
    let state = newest(LAST_STATE)?;
    let begin = newest(LAST_BEGIN)?;
    let messages = "SELECT messages FROM turns WHERE session = ?1 AND version > ?2 AND messages IS NOT NULL ORDER BY version";
    let calls =
        "SELECT calls FROM turns WHERE session = ?1 AND version >= ?2 AND calls IS NOT NULL ORDER BY version";
    let parts = Parts {
        id: session.to_owned(),
        version: of_row(version),
        created: time::of_micros(created),
        updated: time::of_micros(updated),
        context: one(&db, "context", "SELECT context FROM turns WHERE version = ?1", context)?
            .unwrap_or_default(),
        messages: all(&db, "messages", messages, params![key, context.unwrap_or(0)])?,
        state: one(&db, "state", "SELECT state FROM turns WHERE version = ?1", state)?,
        calls: all(&db, "calls", calls, params![key, begin.unwrap_or(0)])?,
        progress: one(&db, "run", "SELECT run FROM turns WHERE version = ?1", Some(version))?,
    };
    Ok(Some(parts.into_session()?))
}

/// A payload of a turn.
fn one<T: DeserializeOwned>(
    db: &Connection,
    column: &str,
    query: &str,
    version: Option<i64>,
) -> Result<Option<T>, Failure> {
    let Some(version) = version else { return Ok(None) };
    let mut query = db.prepare_cached(query)?;
    let mut rows = query.query([version])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    rows::part(column, payload(row, 0)?)
}

/// The lists of many turns as one.
fn all<T: DeserializeOwned>(
    db: &Connection,
    column: &str,
    query: &str,
    params: impl Params,
) -> Result<Vec<T>, Failure> {
    let mut query = db.prepare_cached(query)?;
    let mut rows = query.query(params)?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.extend(rows::part::<Vec<T>>(column, payload(row, 0)?)?.unwrap_or_default());
    }
    Ok(list)
}

/// The turns after a version.
pub(super) fn turns(
    db: &Connection,
    key: i64,
    after: Version,
    most: usize,
) -> Result<Vec<TurnRecord>, Failure> {
    let mut query = db.prepare_cached(
        "SELECT version, at, begins_run, messages, context, calls, state, run FROM turns
         WHERE session = ?1 AND version > ?2 ORDER BY version LIMIT ?3",
    )?;
    let mut rows = query.query(params![key, of_version(after), i64::try_from(most).unwrap_or(i64::MAX)])?;
    let mut turns = Vec::new();
    while let Some(row) = rows.next()? {
        let mut columns = [None; 5];
        for (place, column) in columns.iter_mut().enumerate() {
            *column = payload(row, place + 3)?;
        }
        turns.push(TurnRecord {
            version: of_row(row.get(0)?),
            at: time::of_micros(row.get(1)?),
            turn: rows::turn(row.get(2)?, columns)?,
        });
    }
    Ok(turns)
}

pub(super) fn snapshot(db: &Connection, key: i64, name: &str) -> Result<Option<Version>, Failure> {
    let mut query = db.prepare_cached("SELECT version FROM snapshots WHERE session = ?1 AND name = ?2")?;
    Ok(query.query_row(params![key, name], |row| row.get(0)).optional()?.map(of_row))
}

/// Whether a session has, or had and kept, this version.
pub(super) fn has_version(db: &Connection, key: i64, version: Version) -> Result<bool, Failure> {
    let mut query = db.prepare_cached("SELECT 1 FROM turns WHERE session = ?1 AND version = ?2")?;
    Ok(query.exists(params![key, of_version(version)])?)
}

pub(super) fn list(db: &Connection, prefix: &str) -> Result<Vec<SessionInfo>, Failure> {
    let mut query = db.prepare_cached(
        "SELECT id, version, created, updated, run IS NOT NULL
         FROM sessions JOIN turns ON version = (SELECT max(version) FROM turns WHERE session = key)
         WHERE substr(id, 1, length(?1)) = ?1 ORDER BY updated DESC, id",
    )?;
    let info = |row: &Row<'_>| {
        Ok(SessionInfo {
            id: row.get(0)?,
            version: of_row(row.get(1)?),
            created: time::of_micros(row.get(2)?),
            updated: time::of_micros(row.get(3)?),
            is_open: row.get(4)?,
        })
    };
    Ok(query.query_map([prefix], info)?.collect::<Result<_, _>>()?)
}

/// A column's bytes, whether they are text or not.
fn payload<'a>(row: &'a Row<'_>, place: usize) -> Result<Option<&'a [u8]>, Failure> {
    match row.get_ref(place)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Some(bytes)),
        ValueRef::Integer(_) | ValueRef::Real(_) => Err(Failure::Corrupt("a payload is a number".to_owned())),
    }
}

/// Versions come from the database, and are never below 1 there.
fn of_row(version: i64) -> Version {
    version.unsigned_abs()
}

/// A version that no row can have is later than all.
pub(super) fn of_version(version: Version) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_newest_is_found_without_looking_at_all_turns() {
        let mut db = Connection::open_in_memory().unwrap();
        crate::store::sqlite::schema::migrate(&mut db).unwrap();
        for (query, index) in [
            (LAST_CONTEXT, "turns_with_context"),
            (LAST_STATE, "turns_with_state"),
            (LAST_BEGIN, "turns_that_begin_runs"),
        ] {
            let plan = db.query_row(&format!("EXPLAIN QUERY PLAN {query}"), [1], |row| row.get(3));
            let plan: String = plan.unwrap();
            assert!(plan.contains(&format!("INDEX {index} (session=?)")), "{plan}");
        }
    }
}
