//! What a run has kept in its session, and what is still to be.

use std::sync::Arc;

use bedrock_llm_schema::{Conversation, Message, Role};
use serde_json::{Map, Value};

use super::drive::Begin;
use super::{AgentError, AgentErrorKind};
use crate::run::{Run, RunError, RunLimits, ToolCall};
use crate::store::{self, Conflict, Merge, OnConflict, Session, StateStore, StoreError, Turn, Version};

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
    /// Begins a run in a session. One that is still open there is cancelled: the model is told that its calls were.
    /// Where another writer is faster, it goes by `policy`.
    pub(super) async fn begin(
        store: Arc<dyn StateStore>,
        name: &str,
        policy: &OnConflict,
        begin: &Begin,
        limits: &RunLimits,
    ) -> Result<Begun, AgentError> {
        let mut reloads = match policy {
            OnConflict::Reload { attempts } => *attempts,
            _ => 0,
        };
        loop {
            match Self::try_begin(Arc::clone(&store), name, begin, limits.clone()).await {
                Err(AgentErrorKind::Store(StoreError::Conflict(_))) if reloads > 0 => reloads -= 1,
                Err(AgentErrorKind::Store(StoreError::Conflict(conflict))) => {
                    let OnConflict::Merge { attempts, by } = policy else {
                        return Err(StoreError::Conflict(conflict).into());
                    };
                    return Self::merge(store, conflict, *attempts, by).await;
                }
                begun => return begun.map_err(AgentError::new),
            }
        }
    }

    async fn try_begin(
        store: Arc<dyn StateStore>,
        name: &str,
        begin: &Begin,
        limits: RunLimits,
    ) -> Result<Begun, AgentErrorKind> {
        let session = store.load(name).await?;
        let mut ledger =
            Self { store, session: name.to_owned(), version: 0, calls: Vec::new(), is_pruned: false };
        let (mut conversation, mut state, mut closing) = (Conversation::new(), Map::new(), None);
        if let Some(session) = session {
            ledger.version = session.version;
            conversation = match session.run()? {
                Some(mut open) => {
                    let calls = open.cancel("something else was said");
                    closing = Some(Turn { messages: open.take_said(), calls, ..Turn::default() });
                    open.into_conversation()
                }
                None => session.conversation,
            };
            state = session.state;
        }
        let mut turn = Turn::default();
        match begin {
            Begin::Say(message) => {
                turn.messages = say(&mut conversation, message)?;
            }
            Begin::Converse(given) => {
                turn.messages = given.messages().to_vec();
                turn.context = Some(turn.messages.clone());
                conversation.clone_from(given);
            }
        }
        let run = Run::new(conversation, limits)?;
        (turn.run, turn.begins_run) = (Some(run.progress().clone()), true);
        // not before it is known that a run can begin: the open one is over then
        if let Some(closing) = closing {
            ledger.append(closing).await?;
        }
        ledger.append(turn).await?;
        Ok(Begun { ledger, run, state })
    }

    /// Appends what the caller makes of both sides, and goes on with the run in it.
    async fn merge(
        store: Arc<dyn StateStore>,
        mut conflict: Box<Conflict>,
        mut attempts: u32,
        by: &Merge,
    ) -> Result<Begun, AgentError> {
        while attempts > 0 {
            attempts -= 1;
            let Some(merged) = by(&conflict) else { break };
            if merged.run.is_none() {
                return Err(AgentError::config("on_conflict", "the merged turn has no run that could go on"));
            }
            let theirs = store.load(&conflict.session).await?;
            // where it has gone on meanwhile there will be another conflict
            if theirs.as_ref().is_some_and(|theirs| theirs.version == conflict.found) {
                store::check(&conflict.session, theirs.as_ref(), &merged)?;
            }
            match store.append(&conflict.session, conflict.found, merged).await {
                Err(StoreError::Conflict(again)) => conflict = again,
                appended => {
                    appended?;
                    return Self::open(store, &conflict.session).await;
                }
            }
        }
        Err(StoreError::Conflict(conflict).into())
    }

    /// The run that a session has open.
    pub(super) async fn open(store: Arc<dyn StateStore>, name: &str) -> Result<Begun, AgentError> {
        let missing = || StoreError::NoSession { session: name.to_owned() };
        let session = store.load(name).await?.ok_or_else(missing)?;
        let Some(run) = session.run()? else {
            let message = format!("the session `{name}` has no run to go on with");
            return Err(AgentError::config("resume", message));
        };
        let Session { id, version, calls, state, .. } = session;
        let ledger = Self { store, session: id, version, calls, is_pruned: false };
        Ok(Begun { ledger, run, state })
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

/// The user says something; gives the turns that were added. After results of tools that nobody answered to, as of a run
/// that a tool ended, the assistant's turn is closed first: else the question would be a part of the one before, and no
/// memory could tell them apart.
pub(super) fn say(conversation: &mut Conversation, message: &Message) -> Result<Vec<Message>, RunError> {
    let mut said = vec![message.clone()];
    let ends_in_results = |last: &Message| last.role == Role::User && last.tool_results().next().is_some();
    if conversation.messages().last().is_some_and(ends_in_results) {
        said.insert(0, Message::assistant(ENDED));
    }
    let mut next = conversation.clone();
    for message in &said {
        next.push(message.clone())?;
    }
    *conversation = next;
    Ok(said)
}

const ENDED: &str = "(My turn ended with these results.)";
