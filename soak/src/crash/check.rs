//! What must hold whenever the process was killed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bedrock_llm_agent::run::{ToolCall, ToolCallState};
use bedrock_llm_agent::store::{SqliteStore, StateStore as _, Turn, TurnRecord, Version};
use bedrock_llm_schema::Conversation;

use super::SESSION;
use super::child::{acks, database, effects};
use super::script::{LAST, ROUNDS};

/// What there is in a session.
#[derive(Default)]
pub(super) struct Found {
    pub(super) runs: usize,
    turns: usize,
    acknowledged: usize,
    effects: usize,
    interrupted: usize,
    again: usize,
    is_open: bool,
    last: String,
    calls: usize,
}

/// The calls of a session, by run and id, as they were last.
type Calls = BTreeMap<(usize, String), ToolCall>;

/// Loads the session and holds it against what was acknowledged and what the tools did.
pub(super) async fn check(folder: &Path) -> anyhow::Result<Found> {
    let store = SqliteStore::open(database(folder))?;
    let Some(session) = store.load(SESSION).await? else {
        ensure!(read(&acks(folder))?.is_empty(), "turns were acknowledged, and there is no session");
        ensure!(read(&effects(folder))?.is_empty(), "tools ran, and there is no session");
        return Ok(Found::default());
    };
    let messages = session.conversation.messages().to_vec();
    let last = messages.last().map(bedrock_llm_schema::Message::text).unwrap_or_default();
    Conversation::try_from(messages).context("the session is no conversation")?;
    session.run().context("the session's run")?;
    let turns = store.turns(SESSION, 0, usize::MAX).await?;
    let acknowledged = acknowledged(folder, &turns)?;
    let (runs, calls) = calls(&turns);
    let effects = account(folder, &calls)?;
    let interrupted = calls.values().filter(|call| call.failure() == Some("interrupted")).count();
    Ok(Found {
        runs,
        turns: turns.len(),
        acknowledged,
        effects,
        interrupted,
        again: calls.values().filter(|call| call.starts() > 1).count(),
        is_open: session.progress.is_some(),
        last,
        calls: calls.len(),
    })
}

/// Every turn that was said to be kept is there, as it was.
fn acknowledged(folder: &Path, turns: &[TurnRecord]) -> anyhow::Result<usize> {
    let lines = read(&acks(folder))?;
    for line in &lines {
        let (version, said) = line.split_once(' ').context("no acknowledgement")?;
        let version: Version = version.parse()?;
        let said: Turn = serde_json::from_str(said)?;
        let kept = turns.iter().find(|record| record.version == version);
        let kept = kept.with_context(|| format!("turn {version} was kept, and is lost"))?;
        ensure!(kept.turn == said, "turn {version} is not what was kept");
    }
    ensure!(turns.is_sorted_by(|one, next| one.version < next.version), "turns are out of order");
    Ok(lines.len())
}

fn calls(turns: &[TurnRecord]) -> (usize, Calls) {
    let (mut run, mut calls) = (0, Calls::new());
    for turn in turns.iter().map(|record| &record.turn) {
        run += usize::from(turn.begins_run);
        calls.extend(turn.calls.iter().map(|call| ((run, call.id().to_owned()), call.clone())));
    }
    (run, calls)
}

/// Nothing was done that the session does not know of, and nothing twice without its saying so.
fn account(folder: &Path, calls: &Calls) -> anyhow::Result<usize> {
    let mut done: BTreeMap<(usize, String), (String, u32)> = BTreeMap::new();
    let lines = read(&effects(folder))?;
    for line in &lines {
        let mut words = line.split(' ');
        let mut word = || words.next().context("no effect");
        let (run, id, tool) = (word()?.parse()?, word()?.to_owned(), word()?.to_owned());
        done.entry((run, id)).or_insert((tool, 0)).1 += 1;
    }
    for ((run, id), (tool, times)) in &done {
        let what = format!("call {id} of run {run} ({tool})");
        let call = calls.get(&(*run, id.clone()));
        let call = call.with_context(|| format!("{what} took effect, and the session does not know it"))?;
        ensure!(
            call.starts() >= *times,
            "{what} took effect {times} times and began {} times",
            call.starts()
        );
        ensure!(tool == "look" || *times == 1, "{what} must not run twice and took effect {times} times");
        let is_told = match call.state() {
            ToolCallState::Complete | ToolCallState::Running => true,
            ToolCallState::Failed => call.failure() == Some("interrupted"),
            _ => false,
        };
        ensure!(is_told, "{what} took effect, and is {:?} ({:?})", call.state(), call.failure());
    }
    for ((run, id), call) in calls.iter().filter(|(_, call)| call.state() == ToolCallState::Complete) {
        ensure!(
            done.contains_key(&(*run, id.clone())),
            "call {id} of run {run} ({}) is complete and did nothing",
            call.name()
        );
    }
    Ok(lines.len())
}

/// The whole lines of a file; the last may have been cut off by a kill. None where there is no file yet.
fn read(path: &Path) -> anyhow::Result<Vec<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text
            .split_inclusive('\n')
            .filter_map(|line| Some(line.strip_suffix('\n')?.to_owned()))
            .collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

impl Found {
    /// What is wrong at the end, when the last child was let go on to it; `killed` is what the last kill left.
    pub(super) fn failures(&self, killed: &Self) -> Vec<String> {
        let in_a_run: usize = ROUNDS.iter().map(|calls| calls.len()).sum();
        let checks = [
            (self.is_open, "the session has a run open"),
            (self.last != LAST, "the model has not said its last word"),
            (self.runs != killed.runs + 2, "the last child did not go on to its end"),
            (self.calls != self.runs * in_a_run, "calls of some runs are missing"),
            (self.interrupted == 0, "no call was interrupted: nothing was proven; try more kills"),
            (self.again == 0, "no call ran again: nothing was proven; try more kills"),
        ];
        checks.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, what)| what.to_owned()).collect()
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} runs, {} turns ({} acknowledged), {} calls, {} effects; {} calls interrupted and told so, {} run again",
            self.runs, self.turns, self.acknowledged, self.calls, self.effects, self.interrupted, self.again
        )
    }
}
