//! Whatever is done to stores, they all do the same.

use std::time::SystemTime;

use bedrock_llm_agent::store::{
    MemoryStore, Retention, SqliteStore, StateStore, StoreError, Turn, TurnRecord, Version,
};
use bedrock_llm_schema::Message;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::given::{assistant, call, progress, state, user};
use crate::sessions::next_moment;

const SESSIONS: [&str; 3] = ["a", "ab", "ä"];

/// What is done, in a session of [`SESSIONS`]; a version is one of those there were, counted from the last.
#[derive(Debug, Clone)]
enum Do {
    Append(usize, usize, Kind),
    Turns(usize, usize, usize),
    Snapshot(usize, usize),
    Rollback(usize, usize),
    Branch(usize, usize, usize),
    Delete(usize),
    Retain(usize),
}

#[derive(Debug, Clone)]
enum Kind {
    User(String),
    Assistant(String),
    Context(Vec<String>),
    State(String, f64),
    Calls(Vec<(u8, &'static str)>),
    Run,
}

fn kinds() -> impl Strategy<Value = Kind> {
    let states =
        prop::sample::select(vec!["pending", "running", "complete", "failed", "denied", "cancelled"]);
    prop_oneof![
        3 => ".{0,9}".prop_map(Kind::User),
        3 => ".{0,9}".prop_map(Kind::Assistant),
        1 => prop::collection::vec(".{1,30}", 0..3).prop_map(Kind::Context),
        1 => (".{0,3}", any::<f64>()).prop_map(|(name, value)| Kind::State(name, value)),
        1 => prop::collection::vec((0..3_u8, states), 1..4).prop_map(Kind::Calls),
        1 => Just(Kind::Run),
    ]
}

fn steps() -> impl Strategy<Value = Do> {
    let session = || 0..SESSIONS.len();
    // mostly the last version, sometimes one that was or never was
    let back = || prop_oneof![6 => Just(0_usize), 2 => 1..4_usize, 1 => Just(99)];
    prop_oneof![
        12 => (session(), back(), kinds()).prop_map(|(session, back, kind)| Do::Append(session, back, kind)),
        2 => (session(), back(), 0..4_usize).prop_map(|(session, back, most)| Do::Turns(session, back, most)),
        2 => (session(), session()).prop_map(|(session, name)| Do::Snapshot(session, name)),
        1 => (session(), back()).prop_map(|(session, back)| Do::Rollback(session, back)),
        1 => (session(), back(), session()).prop_map(|(session, back, new)| Do::Branch(session, back, new)),
        1 => session().prop_map(Do::Delete),
        1 => (0..4_usize).prop_map(Do::Retain),
    ]
}

fn turn(kind: &Kind) -> Turn {
    match kind {
        Kind::User(text) => user(text),
        Kind::Assistant(text) => assistant(text),
        Kind::Context(texts) => {
            let mut turn = Turn::default();
            let text = |(place, text): (usize, &String)| match place % 2 {
                0 => Message::user(text.as_str()),
                _ => Message::assistant(text.as_str()),
            };
            turn.context = Some(texts.iter().enumerate().map(text).collect());
            turn
        }
        Kind::State(name, value) => state(name, *value),
        Kind::Calls(calls) => {
            let mut turn = Turn::default();
            turn.calls = calls.iter().filter_map(|(id, state)| call(&id.to_string(), state).ok()).collect();
            turn
        }
        Kind::Run => {
            let mut turn = Turn::default();
            (turn.begins_run, turn.run) = (true, progress());
            turn
        }
    }
}

/// What a store answered, in words.
async fn told(store: &dyn StateStore, step: &Do, versions: &mut Vec<Version>) -> Result<String, StoreError> {
    let name = |place: usize| SESSIONS.get(place).copied().unwrap_or_default();
    let before = |back: usize| versions.iter().rev().nth(back).copied().unwrap_or(0);
    let version = match *step {
        Do::Append(session, 0, ref kind) => {
            let all = store.list("").await?;
            let found = all.iter().find(|info| info.id == name(session));
            store.append(name(session), found.map_or(0, |info| info.version), turn(kind)).await?
        }
        Do::Append(session, back, ref kind) => store.append(name(session), before(back), turn(kind)).await?,
        Do::Turns(session, back, most) => {
            let turns = store.turns(name(session), before(back), most).await?;
            return Ok(turns.iter().map(written).collect());
        }
        Do::Snapshot(session, called) => store.snapshot(name(session), name(called)).await?,
        Do::Rollback(session, back) => store.rollback(name(session), before(back)).await?,
        Do::Branch(session, back, new) => store.branch(name(session), before(back), name(new)).await?,
        Do::Delete(session) => return Ok(store.delete(name(session)).await?.to_string()),
        Do::Retain(most) => {
            let retention = Retention::default().max_sessions(most);
            return Ok(store.retain(retention, SystemTime::now()).await?.join(","));
        }
    };
    versions.push(version);
    Ok(version.to_string())
}

/// A turn without its time, which is each store's own.
fn written(record: &TurnRecord) -> String {
    json!({"version": record.version, "turn": record.turn}).to_string()
}

/// All that a store has, as JSON.
async fn everything(store: &dyn StateStore) -> Result<String, StoreError> {
    let mut all = Vec::new();
    for info in store.list("").await? {
        let session = match store.load(&info.id).await {
            Ok(Some(it)) => json!([it.conversation, it.state, it.calls, it.progress, it.version]),
            Ok(None) => json!(null),
            Err(error) => json!(error.to_string()),
        };
        let turns = store.turns(&info.id, 0, usize::MAX).await?;
        let turns: Vec<String> = turns.iter().map(written).collect();
        let mut snapshots = Vec::new();
        for name in SESSIONS {
            snapshots.push(store.snapshot_version(&info.id, name).await?);
        }
        all.push(json!([info.id, info.version, info.is_open, session, turns, snapshots]));
    }
    Ok(json!(all).to_string())
}

async fn all_do_the_same(steps: &[Do], other: &dyn StateStore) -> Result<(), TestCaseError> {
    let memory = MemoryStore::new();
    let mut versions = (Vec::new(), Vec::new());
    for step in steps {
        next_moment();
        let one = told(&memory, step, &mut versions.0).await.map_err(|error| error.to_string());
        let two = told(other, step, &mut versions.1).await.map_err(|error| error.to_string());
        prop_assert_eq!(one, two, "{:?}", step);
        let one = everything(&memory).await.map_err(|error| error.to_string());
        let two = everything(other).await.map_err(|error| error.to_string());
        prop_assert_eq!(one, two, "after {:?}", step);
    }
    Ok(())
}

#[test]
fn sqlite_does_what_memory_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&prop::collection::vec(steps(), 1..40), |steps| {
        let store = SqliteStore::open_in_memory().map_err(|error| TestCaseError::fail(error.to_string()))?;
        runtime.block_on(all_do_the_same(&steps, &store))
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
