//! All that was said and called in a session, also what the model is no longer told.

use bedrock_llm_agent::run::ToolCall;
use bedrock_llm_agent::store::{Session, SqliteStore, StateStore as _, StoreError, TurnRecord};

/// So many turns are read at once.
const PAGE: usize = 200;

/// A session with its turns.
pub(super) struct Transcript {
    pub(super) session: Session,
    pub(super) turns: Vec<TurnRecord>,
}

impl Transcript {
    pub(super) async fn of(store: &SqliteStore, name: &str) -> Result<Self, StoreError> {
        let missing = || StoreError::NoSession { session: name.to_owned() };
        let session = store.load(name).await?.ok_or_else(missing)?;
        let mut turns: Vec<TurnRecord> = Vec::new();
        loop {
            let after = turns.last().map_or(0, |turn| turn.version);
            let page = store.turns(name, after, PAGE).await?;
            let is_last = page.len() < PAGE;
            turns.extend(page);
            if is_last {
                return Ok(Self { session, turns });
            }
        }
    }

    /// All calls, each as it was at last.
    pub(super) fn calls(&self) -> Vec<&ToolCall> {
        let mut calls: Vec<&ToolCall> = Vec::new();
        for call in self.turns.iter().flat_map(|record| &record.turn.calls) {
            // models may count their calls anew in each round: one with the id of one that is done is another
            match calls.iter_mut().rfind(|known| known.id() == call.id()) {
                Some(known) if !known.state().is_final() => *known = call,
                Some(known) if *known == call => {}
                _ => calls.push(call),
            }
        }
        calls
    }
}
