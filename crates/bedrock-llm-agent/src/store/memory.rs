//! Sessions in the process's memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use futures_util::future::BoxFuture;

use super::fold::Parts;
use super::{
    Conflict, Retention, Session, SessionInfo, StateStore, StoreError, Turn, TurnRecord, Version, name, time,
};

/// Sessions in the process's memory, gone when it ends: for tests, and for services that need no more. Clones are one
/// store.
///
/// ```
/// use bedrock_llm_agent::store::{MemoryStore, StateStore as _, StoreError, Turn};
/// use bedrock_llm_schema::Message;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// let store = MemoryStore::new();
/// let first = store.append("trip", 0, Turn::said([Message::user("Where is it warm?")])).await?;
/// let second = store.append("trip", first, Turn::said([Message::assistant("In Rome.")])).await?;
///
/// let session = store.load("trip").await?.expect("there is one now");
/// assert_eq!((session.version, session.conversation.messages().len()), (second, 2));
///
/// // whoever has not seen the last turn loses, and is told what they missed
/// let late = store.append("trip", first, Turn::said([Message::assistant("In Oslo.")])).await;
/// let Err(StoreError::Conflict(conflict)) = late else { panic!("{late:?}") };
/// assert_eq!(conflict.theirs[0].turn.messages[0].text(), "In Rome.");
/// assert_eq!(conflict.ours.messages[0].text(), "In Oslo.");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Sessions>>);

#[derive(Default)]
struct Sessions {
    by_id: HashMap<String, Kept>,
    /// The last version that was given away, in whatever session.
    last: Version,
}

struct Kept {
    created: SystemTime,
    updated: SystemTime,
    turns: Vec<Entry>,
    snapshots: BTreeMap<String, Version>,
}

#[derive(Clone)]
struct Entry {
    version: Version,
    at: SystemTime,
    turn: Arc<Turn>,
}

impl MemoryStore {
    /// A store without sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    fn get(&self, session: &str) -> Result<&Kept, StoreError> {
        self.by_id.get(session).ok_or_else(|| StoreError::NoSession { session: session.to_owned() })
    }

    fn get_mut(&mut self, session: &str) -> Result<&mut Kept, StoreError> {
        self.by_id.get_mut(session).ok_or_else(|| StoreError::NoSession { session: session.to_owned() })
    }

    fn append(&mut self, session: &str, seen: Version, turn: Turn) -> Result<Version, StoreError> {
        name::check("session", session)?;
        let known = self.by_id.get(session);
        let found = known.map_or(0, Kept::version);
        if found != seen {
            let theirs = known.map(|kept| kept.after(seen).map(Entry::record).collect()).unwrap_or_default();
            let ours = Box::new(turn);
            let conflict = Conflict { session: session.to_owned(), seen, found, theirs, ours };
            return Err(StoreError::Conflict(Box::new(conflict)));
        }
        let now = time::now();
        self.last += 1;
        let entry = Entry { version: self.last, at: now, turn: Arc::new(turn) };
        let kept = self.by_id.entry(session.to_owned()).or_insert_with(|| Kept::new(now));
        kept.updated = now;
        kept.turns.push(entry);
        Ok(self.last)
    }

    fn snapshot(&mut self, session: &str, name: &str) -> Result<Version, StoreError> {
        name::check("snapshot", name)?;
        let kept = self.get_mut(session)?;
        let version = kept.version();
        kept.snapshots.insert(name.to_owned(), version);
        Ok(version)
    }

    fn rollback(&mut self, session: &str, to: Version) -> Result<Version, StoreError> {
        let kept = self.get_mut(session)?;
        let count = kept.count_up_to(session, to)?;
        kept.turns.truncate(count);
        kept.snapshots.retain(|_, version| *version <= to);
        kept.updated = time::now();
        Ok(to)
    }

    fn branch(&mut self, session: &str, at: Version, new: &str) -> Result<Version, StoreError> {
        name::check("session", new)?;
        let kept = self.get(session)?;
        let count = kept.count_up_to(session, at)?;
        if self.by_id.contains_key(new) {
            return Err(StoreError::Exists { session: new.to_owned() });
        }
        let mut branch = Kept::new(time::now());
        branch.turns = kept.turns.iter().take(count).cloned().collect();
        for entry in &mut branch.turns {
            self.last += 1;
            entry.version = self.last;
        }
        self.by_id.insert(new.to_owned(), branch);
        Ok(self.last)
    }

    fn list(&self, prefix: &str) -> Vec<SessionInfo> {
        let found = self.by_id.iter().filter(|(id, _)| id.starts_with(prefix));
        let mut infos: Vec<SessionInfo> = found.map(|(id, kept)| kept.info(id)).collect();
        infos.sort_by(|a, b| b.updated.cmp(&a.updated).then_with(|| a.id.cmp(&b.id)));
        infos
    }
}

impl Kept {
    fn new(now: SystemTime) -> Self {
        Self { created: now, updated: now, turns: Vec::new(), snapshots: BTreeMap::new() }
    }

    fn version(&self) -> Version {
        self.turns.last().map_or(0, |entry| entry.version)
    }

    fn after(&self, version: Version) -> impl Iterator<Item = &Entry> {
        let place = self.turns.partition_point(|entry| entry.version <= version);
        self.turns.iter().skip(place)
    }

    fn count_up_to(&self, session: &str, version: Version) -> Result<usize, StoreError> {
        match self.turns.binary_search_by_key(&version, |entry| entry.version) {
            Ok(place) => Ok(place + 1),
            Err(_) => Err(StoreError::NoVersion { session: session.to_owned(), version }),
        }
    }

    fn info(&self, id: &str) -> SessionInfo {
        SessionInfo {
            id: id.to_owned(),
            version: self.version(),
            created: self.created,
            updated: self.updated,
            is_open: self.turns.last().is_some_and(|entry| entry.turn.run.is_some()),
        }
    }

    fn parts(&self, id: &str) -> Parts {
        let turns = || self.turns.iter().map(|entry| &*entry.turn);
        let told = turns().rposition(|turn| turn.context.is_some());
        let begin = turns().rposition(|turn| turn.begins_run).unwrap_or(0);
        let context = told.and_then(|place| turns().nth(place)?.context.clone());
        Parts {
            id: id.to_owned(),
            version: self.version(),
            created: self.created,
            updated: self.updated,
            context: context.unwrap_or_default(),
            messages: turns()
                .skip(told.map_or(0, |place| place + 1))
                .flat_map(|turn| turn.messages.iter().cloned())
                .collect(),
            state: turns().rev().find_map(|turn| turn.state.clone()),
            calls: turns().skip(begin).flat_map(|turn| turn.calls.iter().cloned()).collect(),
            progress: turns().next_back().and_then(|turn| turn.run.clone()),
        }
    }
}

impl Entry {
    fn record(&self) -> TurnRecord {
        TurnRecord { version: self.version, at: self.at, turn: (*self.turn).clone() }
    }
}

impl StateStore for MemoryStore {
    fn load<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        Box::pin(async move {
            let parts = self.lock().by_id.get(session).map(|kept| kept.parts(session));
            parts.map(Parts::into_session).transpose()
        })
    }

    fn append<'a>(
        &'a self,
        session: &'a str,
        seen: Version,
        turn: Turn,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move { self.lock().append(session, seen, turn) })
    }

    fn turns<'a>(
        &'a self,
        session: &'a str,
        after: Version,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<TurnRecord>, StoreError>> {
        Box::pin(async move {
            let sessions = self.lock();
            Ok(sessions.get(session)?.after(after).take(most).map(Entry::record).collect())
        })
    }

    fn snapshot<'a>(&'a self, session: &'a str, name: &'a str) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move { self.lock().snapshot(session, name) })
    }

    fn snapshot_version<'a>(
        &'a self,
        session: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Version>, StoreError>> {
        Box::pin(async move { Ok(self.lock().get(session)?.snapshots.get(name).copied()) })
    }

    fn rollback<'a>(&'a self, session: &'a str, to: Version) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move { self.lock().rollback(session, to) })
    }

    fn branch<'a>(
        &'a self,
        session: &'a str,
        at: Version,
        new: &'a str,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(async move { self.lock().branch(session, at, new) })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, StoreError>> {
        Box::pin(async move { Ok(self.lock().list(prefix)) })
    }

    fn delete<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.lock().by_id.remove(session).is_some()) })
    }

    fn retain<'a>(
        &'a self,
        retention: Retention,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let mut sessions = self.lock();
            let past = retention.past(sessions.list(""), now).into_iter().map(|info| info.id);
            let past: Vec<String> = past.collect();
            for session in &past {
                sessions.by_id.remove(session);
            }
            Ok(past)
        })
    }
}

/// Counts, and never shows what was said.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("sessions", &self.lock().by_id.len()).finish()
    }
}
