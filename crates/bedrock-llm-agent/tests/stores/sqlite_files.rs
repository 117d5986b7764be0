//! Files of SQLite: of older versions, of newer ones, and of others.

use std::path::{Path, PathBuf};

use bedrock_llm_agent::store::{SqliteOptions, SqliteStore, StateStore as _, StoreError, Synchronous, Turn};
use bedrock_llm_schema::Message;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::given::{assistant, call, loaded, state, texts, user};
use crate::place::Outcome;

fn folder() -> Result<(TempDir, PathBuf), std::io::Error> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sessions.db");
    Ok((folder, path))
}

fn run_sql(path: &Path, sql: &str) -> rusqlite::Result<()> {
    Connection::open(path)?.execute_batch(sql)
}

fn number(path: &Path, sql: &str) -> rusqlite::Result<i64> {
    Connection::open(path)?.query_row(sql, [], |row| row.get(0))
}

/// What the first version wrote, as it is for good: a session of two turns with a compressed state, a snapshot, a call.
const WRITTEN_BY_V1: &str = include_str!("../data/store-v1.sql");

#[tokio::test]
async fn a_file_of_the_first_version_is_opened() -> Outcome {
    let (_folder, path) = folder()?;
    run_sql(&path, WRITTEN_BY_V1)?;
    let count = "SELECT count(*) FROM sqlite_schema WHERE name = 'turns_with_context'";
    assert_eq!((number(&path, "PRAGMA user_version")?, number(&path, count)?), (1, 0));
    let store = SqliteStore::open(&path)?;
    assert_eq!((number(&path, "PRAGMA user_version")?, number(&path, count)?), (2, 1));

    let session = loaded(&store, "Gespräch 🦀").await?;
    assert_eq!(texts(&session), ["How is the weather?", "I look."]);
    assert_eq!(session.state["long"], "la".repeat(4000));
    assert_eq!((session.calls.len(), session.calls[0].id()), (1, "call_1"));
    assert_eq!(store.snapshot_version("Gespräch 🦀", "start").await?, Some(1));
    let next = store.append("Gespräch 🦀", session.version, user("And?")).await?;
    assert!(next > session.version);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_an_old_or_a_new_file_at_once() -> Outcome {
    for sql in ["", WRITTEN_BY_V1] {
        let (_folder, path) = folder()?;
        run_sql(&path, sql)?;
        let opened: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || SqliteStore::open(path).map(drop))
            })
            .collect();
        for opened in opened {
            opened.join().unwrap()?;
        }
        let store = SqliteStore::open(&path)?;
        store.append("new", 0, user("Hello")).await?;
    }
    Ok(())
}

#[test]
fn a_newer_file_is_refused() {
    let (_folder, path) = folder().unwrap();
    drop(SqliteStore::open(&path).unwrap());
    run_sql(&path, "PRAGMA user_version = 3").unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 3, known: 2 }), "{error:?}");
    // and left as it was
    assert_eq!(number(&path, "PRAGMA user_version").unwrap(), 3);
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let (_folder, path) = folder().unwrap();
    run_sql(&path, "PRAGMA user_version = 1; CREATE TABLE turns (x)").unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(number(&path, "SELECT count(*) FROM sqlite_schema").unwrap(), 1);

    std::fs::write(&path, "no database at all, but a text that somebody wrote\n".repeat(99)).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    let error = SqliteStore::open(path.join("no/such/folder.db")).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_turn_that_fails_in_the_middle_leaves_nothing() -> Outcome {
    let (_folder, path) = folder()?;
    let store = SqliteStore::open(&path)?;
    let seen = store.append("s", 0, user("Hello")).await?;
    let before = loaded(&store, "s").await?;
    run_sql(
        &path,
        "CREATE TRIGGER fails BEFORE INSERT ON tool_calls WHEN new.place = 1
         BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END",
    )?;
    let mut turn = assistant("I look.");
    turn.calls = vec![call("1", "pending")?, call("2", "pending")?];
    for (session, seen) in [("s", seen), ("t", 0)] {
        let error = store.append(session, seen, turn.clone()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { doing: "appending a turn", .. }), "{error:?}");
    }
    assert_eq!(loaded(&store, "s").await?, before);
    assert!(store.load("t").await?.is_none());
    assert_eq!(number(&path, "SELECT count(*) FROM tool_calls")?, 0);
    run_sql(&path, "DROP TRIGGER fails")?;
    store.append("s", seen, turn).await?;
    assert_eq!(number(&path, "SELECT count(*) FROM tool_calls WHERE state = 'pending'")?, 2);

    // branches too are made whole or not at all
    run_sql(
        &path,
        "CREATE TRIGGER fails BEFORE INSERT ON tool_calls WHEN new.place = 1
         BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END",
    )?;
    let at = loaded(&store, "s").await?.version;
    assert!(store.branch("s", at, "u").await.is_err());
    assert!(store.load("u").await?.is_none());
    assert_eq!(number(&path, "SELECT count(*) FROM turns")?, 2);
    Ok(())
}

#[tokio::test]
async fn what_a_context_replaced_is_not_read() -> Outcome {
    let (_folder, path) = folder()?;
    let store = SqliteStore::open(&path)?;
    let mut version = 0;
    for n in 0..10 {
        version = store.append("s", version, user(&n.to_string())).await?;
    }
    let mut turn = user("last");
    turn.context = Some(vec![Message::user("All of it"), Message::assistant("Yes"), Message::user("last")]);
    turn.begins_run = true;
    version = store.append("s", version, turn).await?;
    store.append("s", version, assistant("Well")).await?;
    run_sql(&path, "UPDATE turns SET messages = 'x', calls = 'x' WHERE version <= 10")?;
    assert_eq!(texts(&loaded(&store, "s").await?), ["All of it", "Yes", "last", "Well"]);
    // whoever reads them is told
    let error = store.turns("s", 0, 1).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { session, .. } if session == "s"), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn payloads_are_text_or_compressed_as_was_said() -> Outcome {
    let (_folder, path) = folder()?;
    let long = "la".repeat(400);
    let kinds = "SELECT group_concat(typeof(messages), ' ') FROM turns";
    let mut version = 0;
    for (over, said) in [(usize::MAX, "mine"), (700, "yours"), (4096, "ours")] {
        let options = SqliteOptions::default().compress_over(over).synchronous(Synchronous::Normal);
        let store = options.open(&path)?;
        version = store.append("s", version, user(&format!("{said} {long}"))).await?;
    }
    let found: String = Connection::open(&path)?.query_row(kinds, [], |row| row.get(0))?;
    assert_eq!(found, "text blob text");
    let store = SqliteStore::open(&path)?;
    assert_eq!(texts(&loaded(&store, "s").await?), [format!("mine {long}yours {long}ours {long}")]);
    Ok(())
}

#[tokio::test]
async fn one_who_waits_too_long_is_told() -> Outcome {
    let (_folder, path) = folder()?;
    let store = SqliteOptions::default().busy_timeout(std::time::Duration::from_millis(1)).open(&path)?;
    let mut other = Connection::open(&path)?;
    let locked = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let error = store.append("s", 0, user("Hello")).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    // readers go on
    assert!(store.load("s").await?.is_none());
    drop(locked);
    store.append("s", 0, user("Hello")).await?;
    Ok(())
}

#[tokio::test]
async fn a_store_in_memory_is_shared_by_its_clones() -> Outcome {
    let store = SqliteStore::open_in_memory()?;
    let mut version = store.clone().append("s", 0, user("Hello")).await?;
    version = store.append("s", version, state("n", 1)).await?;
    version = store.append("s", version, Turn::default()).await?;
    assert_eq!(loaded(&store.clone(), "s").await?.version, version);
    assert!(SqliteStore::open_in_memory()?.load("s").await?.is_none());
    Ok(())
}
