//! Turns to append.

use bedrock_llm_agent::run::{Progress, Run, RunLimits, ToolCall};
use bedrock_llm_agent::store::{Session, StateStore, StoreError, Turn};
use bedrock_llm_schema::{Conversation, Message};
use serde_json::{Map, Value, json};

pub(crate) fn user(text: &str) -> Turn {
    Turn::said([Message::user(text)])
}

pub(crate) fn assistant(text: &str) -> Turn {
    Turn::said([Message::assistant(text)])
}

/// A turn that says nothing and sets one value.
pub(crate) fn state(name: &str, value: impl Into<Value>) -> Turn {
    let mut turn = Turn::default();
    turn.state = Some(Map::from_iter([(name.to_owned(), value.into())]));
    turn
}

/// A tool call as it may be found in a store.
pub(crate) fn call(id: &str, state: &str) -> Result<ToolCall, serde_json::Error> {
    let mut written =
        json!({"toolUseId": id, "name": "weather", "input": {"city": "Paris"}, "state": state, "starts": 1});
    if !matches!(state, "pending" | "running") {
        written["result"] = json!({"toolUseId": id, "content": [{"text": "21 degrees"}]});
    }
    serde_json::from_value(written)
}

pub(crate) fn progress() -> Option<Progress> {
    let mut asked = Conversation::new();
    asked.push("Go on.").ok()?;
    Some(Run::new(asked, RunLimits::default()).ok()?.progress().clone())
}

pub(crate) fn texts(session: &Session) -> Vec<String> {
    session.conversation.messages().iter().map(Message::text).collect()
}

/// The error of what must not go well.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreError {
    match result {
        Ok(value) => panic!("{value:?}"),
        Err(error) => error,
    }
}

pub(crate) async fn loaded(store: &dyn StateStore, session: &str) -> Result<Session, StoreError> {
    match store.load(session).await? {
        Some(session) => Ok(session),
        None => panic!("there is no session {session}"),
    }
}
