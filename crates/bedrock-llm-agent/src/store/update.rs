//! Turns made from what a session is, and what to do when another writer was faster.

use std::fmt;
use std::sync::Arc;

use super::{Conflict, Session, StateStore, StoreError, Turn, Version, fold};

/// What to do when another writer was faster.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum OnConflict {
    /// Give up, with [`StoreError::Conflict`]; nothing is appended.
    #[default]
    Fail,
    /// Load the session again and make the turn anew from what it is now.
    Reload {
        /// How often, before it gives up with the last conflict. Of `n` writers at once, `n - 1` is enough for each.
        attempts: u32,
    },
    /// Make one turn of both sides, to be appended after theirs; see [`OnConflict::merge`].
    Merge {
        /// How often, before it gives up with the last conflict.
        attempts: u32,
        /// Gets the conflict and gives the turn; `None` gives up.
        by: Merge,
    },
}

/// A function that makes one turn of two.
pub type Merge = Arc<dyn Fn(&Conflict) -> Option<Turn> + Send + Sync>;

impl OnConflict {
    /// Makes one turn of both sides by a function, at most so often. It gets the conflict, which has the turns of the
    /// others and the one that lost, and gives the turn that is appended after theirs; `None` gives up, with the conflict.
    pub fn merge(attempts: u32, by: impl Fn(&Conflict) -> Option<Turn> + Send + Sync + 'static) -> Self {
        Self::Merge { attempts, by: Arc::new(by) }
    }

    fn attempts(&self) -> u32 {
        match self {
            Self::Fail => 0,
            Self::Reload { attempts } | Self::Merge { attempts, .. } => *attempts,
        }
    }
}

/// Loads a session, makes a turn from it and appends that; where another writer was faster, does what the policy says.
/// Gives the new version.
///
/// `turn` gets `None` where there is no such session; its turn begins one then. It may be called again for every
/// [`Reload`](OnConflict::Reload).
///
/// ```
/// use bedrock_llm_agent::store::{MemoryStore, OnConflict, StateStore as _, StoreError, Turn, update};
/// use serde_json::{Map, json};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// let store = MemoryStore::new();
/// let count = async |times: u32| {
///     for _ in 0..times {
///         update(&store, "visits", &OnConflict::Reload { attempts: 10 }, |session| {
///             let seen = session.and_then(|session| session.state.get("n")?.as_u64()).unwrap_or(0);
///             let mut turn = Turn::default();
///             turn.state = Some(Map::from_iter([("n".to_owned(), json!(seen + 1))]));
///             turn
///         })
///         .await?;
///     }
///     Ok::<(), StoreError>(())
/// };
/// tokio::try_join!(count(5), count(5))?;
/// let session = store.load("visits").await?.expect("it was visited");
/// assert_eq!(session.state["n"], 10);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`StoreError::Conflict`] where the policy gives up, [`StoreError::Unsound`] where the turn's messages cannot follow the
/// session's, and what the store says.
pub async fn update<S: StateStore + ?Sized>(
    store: &S,
    session: &str,
    policy: &OnConflict,
    mut turn: impl FnMut(Option<&Session>) -> Turn,
) -> Result<Version, StoreError> {
    let mut base = store.load(session).await?;
    let mut next = turn(base.as_ref());
    let mut seen = version(base.as_ref());
    let mut attempts = policy.attempts();
    loop {
        // where it has gone on meanwhile there will be a conflict
        if version(base.as_ref()) == seen {
            check(session, base.as_ref(), &next)?;
        }
        let conflict = match store.append(session, seen, next).await {
            Err(StoreError::Conflict(conflict)) => conflict,
            done => return done,
        };
        if attempts == 0 {
            return Err(StoreError::Conflict(conflict));
        }
        attempts -= 1;
        match policy {
            OnConflict::Merge { by, .. } => {
                let Some(merged) = by(&conflict) else { return Err(StoreError::Conflict(conflict)) };
                base = store.load(session).await?;
                // after what the function was told of, and after nothing else
                (next, seen) = (merged, conflict.found);
            }
            OnConflict::Fail | OnConflict::Reload { .. } => {
                base = store.load(session).await?;
                (next, seen) = (turn(base.as_ref()), version(base.as_ref()));
            }
        }
    }
}

fn version(session: Option<&Session>) -> Version {
    session.map_or(0, |session| session.version)
}

/// Refuses a turn after which the session could not be loaded any more.
pub(crate) fn check(session: &str, base: Option<&Session>, turn: &Turn) -> Result<(), StoreError> {
    let said = base.map(|base| base.conversation.clone()).unwrap_or_default();
    let conversation = match &turn.context {
        Some(context) => fold::conversation(context.clone(), Vec::new()),
        None => fold::conversation(said.into_messages(), turn.messages.clone()),
    };
    let unsound = |problem| StoreError::Unsound { session: session.to_owned(), problem };
    conversation.map(drop).map_err(unsound)
}

impl fmt::Debug for OnConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Fail => return f.write_str("Fail"),
            Self::Reload { .. } => "Reload",
            Self::Merge { .. } => "Merge",
        };
        f.debug_struct(name).field("attempts", &self.attempts()).finish_non_exhaustive()
    }
}
