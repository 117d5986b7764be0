//! What a tool is told beside its arguments.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bedrock_llm_schema::Usage;
use bedrock_llm_schema::model::Cost;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::run::ModelUse;

/// What a tool is told beside its arguments: which call it answers, whether the run was cancelled, the run's state, and
/// what the caller put there. Cheap to clone; clones share all of it.
///
/// A function under `#[tool]` that has a parameter of this type, or a reference to it, gets it.
///
/// ```
/// use bedrock_llm_agent::{Context, Data};
///
/// struct Tenant(u32);
///
/// let context = Context::new().with_data(Data::new().with(Tenant(7)));
/// assert_eq!(context.data::<Tenant>().map(|tenant| tenant.0), Some(7));
/// context.state().set("visits", 1)?;
/// assert_eq!(context.state().get::<u32>("visits")?, Some(1));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Context {
    tool_use_id: Arc<str>,
    tool: Arc<str>,
    cancellation: CancellationToken,
    state: State,
    data: Data,
    charges: Charges,
    /// How many agents may still call each other from here on.
    depth_left: u32,
}

/// What calls used of models, by id, until it is collected.
type Charges = Arc<Mutex<Vec<(Arc<str>, ModelUse)>>>;

/// How deep agents may call each other where nobody says otherwise.
pub(crate) const AGENT_DEPTH: u32 = 5;

impl Default for Context {
    fn default() -> Self {
        Self {
            tool_use_id: "".into(),
            tool: "".into(),
            cancellation: CancellationToken::new(),
            state: State::default(),
            data: Data::default(),
            charges: Charges::default(),
            depth_left: AGENT_DEPTH,
        }
    }
}

impl Context {
    /// A context without state or data, of no call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for a call.
    #[must_use]
    pub fn for_call(&self, tool_use_id: &str, tool: &str) -> Self {
        Self { tool_use_id: tool_use_id.into(), tool: tool.into(), ..self.clone() }
    }

    /// The same with this data of the caller's.
    #[must_use]
    pub fn with_data(mut self, data: Data) -> Self {
        self.data = data;
        self
    }

    /// The same with this state.
    #[must_use]
    pub fn with_state(mut self, state: State) -> Self {
        self.state = state;
        self
    }

    /// The same, cancelled by this token.
    #[must_use]
    pub fn with_cancellation(mut self, cancellation: CancellationToken) -> Self {
        self.cancellation = cancellation;
        self
    }

    pub(crate) fn with_depth(mut self, depth_left: u32) -> Self {
        self.depth_left = depth_left;
        self
    }

    /// How many agents may still call each other from here on.
    pub(crate) fn depth_left(&self) -> u32 {
        self.depth_left
    }

    /// Says that the call used a model: an answer with this usage and, where it is known, this cost. It is in
    /// [`ToolCall::used`](crate::run::ToolCall::used) and counts against the run's budget.
    pub fn charge(&self, usage: &Usage, cost: Option<Cost>) {
        self.charge_all(ModelUse::of(usage, cost));
    }

    pub(crate) fn charge_all(&self, used: ModelUse) {
        let mut charges = self.charges.lock().unwrap_or_else(PoisonError::into_inner);
        charges.push((Arc::clone(&self.tool_use_id), used));
    }

    /// Hands over what calls used since it was asked last.
    pub(crate) fn take_charges(&self) -> Vec<(Arc<str>, ModelUse)> {
        std::mem::take(&mut self.charges.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The id of the call, as the model gave it.
    #[must_use]
    pub fn tool_use_id(&self) -> &str {
        &self.tool_use_id
    }

    /// The name by which the tool was called.
    #[must_use]
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// Is cancelled when nobody waits for the call any more: with the run, when the run is dropped, when the attempt's time is
    /// over or it has ended. An async tool is dropped then anyway; a sync one, which cannot be, should look.
    #[must_use]
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }

    /// What tools remember from call to call.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The caller's value of this type, if there is one.
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.data.get()
    }

    /// All the caller's values, to hand on.
    #[must_use]
    pub fn all_data(&self) -> &Data {
        &self.data
    }
}

/// Values that the caller gives to tools, one of each type. Cheap to clone.
#[derive(Clone, Default)]
pub struct Data(Arc<HashMap<TypeId, Named>>);

#[derive(Clone)]
struct Named {
    name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl Data {
    /// No values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a value, in the place of another of its type.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        let named = Named { name: type_name::<T>(), value: Arc::new(value) };
        Arc::make_mut(&mut self.0).insert(TypeId::of::<T>(), named);
        self
    }

    /// The value of this type.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.0.get(&TypeId::of::<T>())?.value).downcast().ok()
    }
}

/// The types' names, not the values.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.values().map(|named| named.name)).finish()
    }
}

/// What tools remember from call to call: JSON values by name. Clones are one state.
#[derive(Clone, Default)]
pub struct State(Arc<Mutex<Remembered>>);

#[derive(Default)]
struct Remembered {
    values: Map<String, Value>,
    changes: Vec<StateChange>,
}

/// A value of a [`State`] that became another.
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct StateChange {
    /// Its name.
    pub name: String,
    /// What it was; `None` where there was nothing.
    pub before: Option<Value>,
    /// What it is; `None` where it was taken out.
    pub after: Option<Value>,
}

/// The name, not the values.
impl fmt::Debug for StateChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateChange").field("name", &self.name).finish_non_exhaustive()
    }
}

impl State {
    /// A state with these values.
    #[must_use]
    pub fn new(values: Map<String, Value>) -> Self {
        Self(Arc::new(Mutex::new(Remembered { values, changes: Vec::new() })))
    }

    /// A value; `None` where there is none of this name.
    ///
    /// # Errors
    /// When it is not one of this type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, serde_json::Error> {
        let value = self.lock().values.get(name).cloned();
        value.map(serde_json::from_value).transpose()
    }

    /// Sets a value.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn set(&self, name: impl Into<String>, value: impl Serialize) -> Result<(), serde_json::Error> {
        let after = serde_json::to_value(value)?;
        self.change(name.into(), Some(after));
        Ok(())
    }

    /// Takes a value out.
    #[expect(clippy::must_use_candidate, reason = "it is called for its effect")]
    pub fn remove(&self, name: &str) -> Option<Value> {
        self.change(name.to_owned(), None)
    }

    /// All values.
    #[must_use]
    pub fn values(&self) -> Map<String, Value> {
        self.lock().values.clone()
    }

    /// Hands over what has changed since it was asked last, in order.
    #[must_use]
    pub fn take_changes(&self) -> Vec<StateChange> {
        std::mem::take(&mut self.lock().changes)
    }

    fn change(&self, name: String, after: Option<Value>) -> Option<Value> {
        let mut remembered = self.lock();
        let before = match after.clone() {
            Some(value) => remembered.values.insert(name.clone(), value),
            None => remembered.values.remove(&name),
        };
        if before != after {
            remembered.changes.push(StateChange { name, before: before.clone(), after });
        }
        before
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names, not the values.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn clones_share_state_and_changes_are_told_once() {
        let context = Context::new();
        let other = context.for_call("call_1", "count");
        other.state().set("n", 1).unwrap();
        context.state().set("n", 1).unwrap();
        context.state().set("n", 2).unwrap();
        assert_eq!(other.state().remove("n"), Some(json!(2)));
        assert_eq!(other.state().remove("n"), None);
        let changes = context.state().take_changes();
        let told: Vec<_> = changes.into_iter().map(|change| (change.before, change.after)).collect();
        assert_eq!(told, [(None, Some(json!(1))), (Some(json!(1)), Some(json!(2))), (Some(json!(2)), None)]);
        assert_eq!(other.state().take_changes(), []);
        assert_eq!((other.tool_use_id(), other.tool(), context.tool()), ("call_1", "count", ""));
    }

    #[test]
    fn a_value_of_another_type_is_an_error() {
        let state = State::new(Map::from_iter([("n".to_owned(), json!("x"))]));
        assert!(state.get::<u32>("n").is_err());
        assert_eq!(state.get::<u32>("m").unwrap(), None);
    }

    #[test]
    fn debug_shows_no_values() {
        let context = Context::new().with_data(Data::new().with("a secret"));
        context.state().set("key", "a secret").unwrap();
        let shown = format!("{context:?} {:?}", context.state().take_changes());
        assert!(!shown.contains("a secret") && shown.contains("key") && shown.contains("str"), "{shown}");
    }
}
