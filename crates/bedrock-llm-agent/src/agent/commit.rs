//! What a run has kept in its session, and what is still to be.

use std::sync::Arc;

use bedrock_llm_schema::{Conversation, Message};
use serde_json::{Map, Value};

use super::AgentError;
use super::drive::Begin;
use crate::run::{Run, RunError, RunLimits, ToolCall};
use crate::store::{Session, StateStore, StoreError, Turn, Version};

/// The place of a run in its session.
pub(super) struct Ledger {
    store: Arc<dyn StateStore>,
    session: String,
    version: Version,
    /// The run's calls as they are kept.
    calls: Vec<ToolCall>,
    /// Whether the memory has changed what the model is told.
    is_pruned: bool,
}

/// A run that has begun in its session, with the session's state.
pub(super) struct Begun {
    pub(super) ledger: Ledger,
    pub(super) run: Run,
    pub(super) state: Map<String, Value>,
}

impl Ledger {
    /// The place of the run that a session has open.
    pub(super) fn of(store: Arc<dyn StateStore>, session: &Session) -> Self {
        let calls = session.calls.clone();
        Self { store, session: session.id.clone(), version: session.version, calls, is_pruned: false }
    }

    /// Begins a run in a session. One that is still open there is cancelled: the model is told that its calls were.
    pub(super) async fn begin(
        store: Arc<dyn StateStore>,
        name: &str,
        begin: Begin,
        limits: RunLimits,
    ) -> Result<Begun, AgentError> {
        let session = store.load(name).await?;
        let mut ledger =
            Self { store, session: name.to_owned(), version: 0, calls: Vec::new(), is_pruned: false };
        let (mut conversation, mut state) = (Conversation::new(), Map::new());
        if let Some(session) = session {
            ledger.version = session.version;
            conversation = match session.run()? {
                Some(open) => ledger.close(open).await?,
                None => session.conversation,
            };
            state = session.state;
        }
        let mut turn = Turn::default();
        match begin {
            Begin::Say(message) => {
                conversation.push(message.clone()).map_err(RunError::from)?;
                turn.messages.push(message);
            }
            Begin::Converse(given) => {
                turn.messages = given.messages().to_vec();
                turn.context = Some(turn.messages.clone());
                conversation = given;
            }
        }
        let run = Run::new(conversation, limits)?;
        (turn.run, turn.begins_run) = (Some(run.progress().clone()), true);
        ledger.append(turn).await?;
        Ok(Begun { ledger, run, state })
    }

    async fn close(&mut self, mut open: Run) -> Result<Conversation, StoreError> {
        let calls = open.cancel("something else was said");
        let turn = Turn { messages: open.take_said(), calls, ..Turn::default() };
        self.append(turn).await?;
        Ok(open.into_conversation())
    }

    /// The memory has changed what the model is told.
    pub(super) fn note_pruned(&mut self) {
        self.is_pruned = true;
    }

    /// Keeps what has come of a run since this was called last, as one turn; nothing where nothing has.
    pub(super) async fn commit(
        &mut self,
        run: &mut Run,
        state: Option<Map<String, Value>>,
    ) -> Result<(), StoreError> {
        let messages: Vec<Message> = run.take_said();
        let is_over = run.progress().stop().is_some();
        // those that are done stay as they are kept
        let calls: Vec<ToolCall> = run
            .calls()
            .iter()
            .enumerate()
            .filter(|(place, call)| self.calls.get(*place) != Some(call))
            .map(|(_, call)| call.clone())
            .collect();
        if messages.is_empty() && calls.is_empty() && state.is_none() && !self.is_pruned && !is_over {
            return Ok(());
        }
        let turn = Turn {
            context: self.is_pruned.then(|| run.conversation().messages().to_vec()),
            messages,
            calls,
            state,
            run: (!is_over).then(|| run.progress().clone()),
            begins_run: false,
        };
        self.append(turn).await?;
        (self.calls, self.is_pruned) = (run.calls().to_vec(), false);
        Ok(())
    }

    async fn append(&mut self, turn: Turn) -> Result<(), StoreError> {
        self.version = self.store.append(&self.session, self.version, turn).await?;
        Ok(())
    }
}
