//! The tools there are.

use std::fmt;
use std::sync::Arc;

use bedrock_llm_schema::{ToolConfig, ToolSpec};
use tokio::sync::Semaphore;

use super::arguments::Check;
use super::{DynTool, Tool, ToolPolicy};

/// The tools that a model may call, in the order in which they were added. Cheap to clone; clones share the tools and
/// their places.
#[derive(Clone, Default)]
pub struct ToolRegistry {
    entries: Vec<Arc<Entry>>,
}

/// A tool, and what is needed to run it.
pub(super) struct Entry {
    spec: ToolSpec,
    pub(super) policy: ToolPolicy,
    pub(super) check: Check,
    pub(super) tool: DynTool,
    pub(super) places: Option<Semaphore>,
}

/// What a registry knows of a tool.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ToolInfo<'a> {
    /// What the model is told.
    pub spec: &'a ToolSpec,
    /// How it is run.
    pub policy: &'a ToolPolicy,
}

/// Why tools do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two tools have one name.
    #[error("there are two tools named `{name}`; give one another name with `ToolExt::named`")]
    Clash {
        /// The name.
        name: String,
    },
    /// A tool's name is none that a model can call.
    #[error("`{name}` is no name for a tool: 1 to 64 letters, digits, `_` and `-`")]
    Name {
        /// The name.
        name: String,
    },
    /// A tool's schema is none.
    #[error("the schema of the tool `{name}` is none: {message}")]
    Schema {
        /// The tool's name.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// A tool's fallback is not there.
    #[error("the tool `{name}` falls back on `{fallback}`, which is not there")]
    Fallback {
        /// The tool's name.
        name: String,
        /// The fallback's.
        fallback: String,
    },
}

impl ToolRegistry {
    /// No tools.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more tool.
    ///
    /// # Errors
    /// See [`add`](Self::add).
    pub fn with(mut self, tool: impl Tool) -> Result<Self, RegistryError> {
        self.add(tool)?;
        Ok(self)
    }

    /// Adds a tool.
    ///
    /// # Errors
    /// When its name is taken or none that a model can call, or its schema is none.
    pub fn add(&mut self, tool: impl Tool) -> Result<(), RegistryError> {
        let (spec, policy) = (tool.spec(), tool.policy());
        let is_legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if spec.name.is_empty() || spec.name.len() > 64 || !spec.name.chars().all(is_legal) {
            return Err(RegistryError::Name { name: spec.name });
        }
        if self.entry(&spec.name).is_some() {
            return Err(RegistryError::Clash { name: spec.name });
        }
        let check = Check::new(&spec)?;
        let places = policy.max_concurrency.map(|most| Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
        self.entries.push(Arc::new(Entry { spec, policy, check, tool: Arc::new(tool), places }));
        Ok(())
    }

    /// Adds all tools of another.
    ///
    /// # Errors
    /// When a name is taken; nothing has been added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), RegistryError> {
        if let Some(clash) = other.entries.iter().find(|entry| self.entry(&entry.spec.name).is_some()) {
            return Err(RegistryError::Clash { name: clash.spec.name.clone() });
        }
        self.entries.extend(other.entries.iter().cloned());
        Ok(())
    }

    /// Checks what can be told only when all tools are there.
    ///
    /// # Errors
    /// When a tool's fallback is not there.
    pub fn check(&self) -> Result<(), RegistryError> {
        for entry in &self.entries {
            if let Some(fallback) = entry.policy.fallback.as_ref().filter(|name| self.entry(name).is_none()) {
                let (name, fallback) = (entry.spec.name.clone(), fallback.clone());
                return Err(RegistryError::Fallback { name, fallback });
            }
        }
        Ok(())
    }

    /// Those of the tools that `is_wanted`; places are shared with this registry. Fallbacks that are left out can
    /// still be named by their tools, and are not found then: see [`check`](Self::check).
    #[must_use]
    pub fn filtered(&self, is_wanted: impl Fn(ToolInfo<'_>) -> bool) -> Self {
        let wanted = self.entries.iter().filter(|entry| is_wanted(entry.info()));
        Self { entries: wanted.cloned().collect() }
    }

    /// The tools of a group.
    #[must_use]
    pub fn group(&self, group: &str) -> Self {
        self.filtered(|tool| tool.policy.group.as_deref() == Some(group))
    }

    /// The tools there are.
    pub fn available_tools(&self) -> impl Iterator<Item = ToolInfo<'_>> {
        self.entries.iter().map(|entry| entry.info())
    }

    /// What is known of a tool.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ToolInfo<'_>> {
        self.entry(name).map(Entry::info)
    }

    /// What the model is told.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.entries.iter().map(|entry| &entry.spec)
    }

    /// The tools as a request has them; `None` where there are none, since the service takes no empty list.
    #[must_use]
    pub fn config(&self) -> Option<ToolConfig> {
        let tools: Vec<_> = self.specs().cloned().map(Into::into).collect();
        (!tools.is_empty()).then(|| ToolConfig { tools, ..ToolConfig::default() })
    }

    /// How many tools there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a tool, and all that may be asked in its place, can be run twice. One that is not there does nothing.
    pub(crate) fn is_idempotent(&self, name: &str) -> bool {
        let mut asked = Vec::new();
        let mut next = Some(name);
        while let Some(entry) = next.filter(|name| !asked.contains(name)).and_then(|name| self.entry(name)) {
            if !entry.policy.is_idempotent {
                return false;
            }
            asked.push(entry.spec.name.as_str());
            next = entry.policy.fallback.as_deref();
        }
        true
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.spec.name == name).map(|entry| &**entry)
    }
}

impl Entry {
    fn info(&self) -> ToolInfo<'_> {
        ToolInfo { spec: &self.spec, policy: &self.policy }
    }
}

/// The names.
impl fmt::Debug for ToolRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.specs().map(|spec| &spec.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{ToolError, ToolExt as _, tool_fn};

    fn tool(name: &str) -> impl Tool + use<> {
        tool_fn(name, "Does nothing.", |(): (), _| async { Ok::<_, ToolError>(()) }).named(name)
    }

    /// A unit has no schema of an object.
    fn named(name: &str) -> impl Tool + use<> {
        #[derive(serde::Deserialize, schemars::JsonSchema)]
        struct Nothing {}
        tool_fn(name, "Does nothing.", |_: Nothing, _| async { Ok::<_, ToolError>(()) })
    }

    #[test]
    fn names_are_legal_and_taken_once() {
        let tools = ToolRegistry::new().with(named("a")).unwrap();
        let clash = RegistryError::Clash { name: "a".to_owned() };
        assert_eq!(tools.clone().with(named("a")).unwrap_err(), clash);
        assert_eq!(tools.clone().merge(&tools).unwrap_err(), clash);
        for name in ["", "a b", "ä", &"x".repeat(65)] {
            assert_eq!(
                ToolRegistry::new().with(named(name)).unwrap_err(),
                RegistryError::Name { name: name.to_owned() }
            );
        }
        assert!(matches!(ToolRegistry::new().with(tool("unit")), Err(RegistryError::Schema { .. })));
    }

    #[test]
    fn a_fallback_must_be_there() {
        let mut tools = ToolRegistry::new().with(named("a").or_else("b")).unwrap();
        let missing = RegistryError::Fallback { name: "a".to_owned(), fallback: "b".to_owned() };
        assert_eq!(tools.check().unwrap_err(), missing);
        tools.add(named("b")).unwrap();
        tools.check().unwrap();
        assert_eq!(tools.filtered(|tool| tool.spec.name == "a").check().unwrap_err(), missing);
    }

    #[test]
    fn a_tool_is_as_idempotent_as_what_is_asked_in_its_place() {
        let tools = ToolRegistry::new()
            .with(named("a").or_else("b"))
            .and_then(|tools| tools.with(named("b").or_else("a")))
            .and_then(|tools| tools.with(named("c").or_else("pay")))
            .and_then(|tools| tools.with(named("pay").idempotent(false)))
            .unwrap();
        let idempotent = ["a", "b", "c", "pay"].map(|name| tools.is_idempotent(name));
        assert_eq!(idempotent, [true, true, false, false]);
    }

    #[test]
    fn tools_are_listed_filtered_and_grouped_in_order() {
        let tools = ToolRegistry::new()
            .with(named("c").group("one"))
            .and_then(|tools| tools.with(named("a")))
            .and_then(|tools| tools.with(named("b").group("one")))
            .unwrap();
        assert_eq!(format!("{tools:?}"), r#"["c", "a", "b"]"#);
        assert_eq!(format!("{:?}", tools.group("one")), r#"["c", "b"]"#);
        assert_eq!(tools.available_tools().filter(|tool| tool.policy.group.is_none()).count(), 1);
        let config = serde_json::to_value(tools.group("one").config().unwrap()).unwrap();
        assert_eq!(config["tools"][1]["toolSpec"]["name"], json!("b"));
        assert_eq!(tools.group("none").config(), None);
    }
}
