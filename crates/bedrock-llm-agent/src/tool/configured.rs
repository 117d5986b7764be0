//! A tool as it is put to use: another name, another policy.

use std::time::Duration;

use bedrock_llm_schema::ToolSpec;
use serde_json::Value;

use super::{Tool, ToolError, ToolOutput, ToolPolicy, ToolRetry};
use crate::Context;

/// Says of a tool how it is run where it is put to use.
///
/// ```
/// use std::time::Duration;
///
/// use bedrock_llm_agent::{ToolExt as _, ToolRegistry, ToolResult, ToolRetry, tool_fn};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct City {
///     /// The city's name.
///     city: String,
/// }
///
/// let live = tool_fn("weather", "The weather in a city.", |at: City, _| async move {
///     ToolResult::Ok(format!("{}: sun", at.city))
/// });
/// let old = tool_fn("weather_of_yesterday", "The last weather known.", |_: City, _| async {
///     ToolResult::Ok("rain")
/// });
/// let tools = ToolRegistry::new()
///     .with(live.timeout(Duration::from_secs(5)).retry(ToolRetry::attempts(3)).or_else("weather_of_yesterday"))?
///     .with(old)?;
/// tools.check()?;
/// # Ok::<(), bedrock_llm_agent::RegistryError>(())
/// ```
pub trait ToolExt: Tool + Sized {
    /// Sets how long one attempt may take.
    fn timeout(self, timeout: Duration) -> Configured<Self> {
        Configured::of(self).with(|policy| policy.timeout(timeout))
    }

    /// Sets whether and how soon it is tried again.
    fn retry(self, retry: ToolRetry) -> Configured<Self> {
        Configured::of(self).with(|policy| policy.retry(retry))
    }

    /// Sets how many calls of it may run at once; 0 counts as 1.
    fn max_concurrency(self, most: usize) -> Configured<Self> {
        Configured::of(self).with(|policy| policy.max_concurrency(most))
    }

    /// Sets the tool that is asked in its place when it has failed for good, with the same arguments.
    fn or_else(self, tool: impl Into<String>) -> Configured<Self> {
        Configured::of(self).with(|policy| policy.or_else(tool))
    }

    /// Puts it into a group.
    fn group(self, group: impl Into<String>) -> Configured<Self> {
        Configured::of(self).with(|policy| policy.group(group))
    }

    /// Says whether running it twice does no more than running it once.
    fn idempotent(self, is_idempotent: bool) -> Configured<Self> {
        Configured::of(self).with(|policy| policy.idempotent(is_idempotent))
    }

    /// Gives it another name.
    fn named(self, name: impl Into<String>) -> Configured<Self> {
        let mut configured = Configured::of(self);
        configured.name = Some(name.into());
        configured
    }
}

impl<T: Tool> ToolExt for T {}

/// A tool with a name or policy of another's choice; made by [`ToolExt`].
#[derive(Debug, Clone)]
pub struct Configured<T> {
    tool: T,
    name: Option<String>,
    policy: ToolPolicy,
}

impl<T: Tool> Configured<T> {
    fn of(tool: T) -> Self {
        Self { policy: tool.policy(), name: None, tool }
    }

    fn with(mut self, change: impl FnOnce(ToolPolicy) -> ToolPolicy) -> Self {
        self.policy = change(self.policy);
        self
    }
}

impl<T: Tool> Tool for Configured<T> {
    fn spec(&self) -> ToolSpec {
        let mut spec = self.tool.spec();
        if let Some(name) = &self.name {
            spec.name.clone_from(name);
        }
        spec
    }

    async fn call(&self, arguments: Value, context: Context) -> Result<ToolOutput, ToolError> {
        self.tool.call(arguments, context).await
    }

    fn policy(&self) -> ToolPolicy {
        self.policy.clone()
    }
}
