//! [`MemoryConfig`]: a memory from a configuration.

use bedrock_llm_schema::context::Summary;
use bedrock_llm_schema::{Error, ModelId};
use serde::{Deserialize, Serialize};

use super::{Draft, MemoryContext, OnFailure, Strategy, TokenBudget, Window};

/// A memory from a configuration, such as a TOML file. Where it says nothing, the model's window is kept.
///
/// ```
/// use bedrock_llm_agent::memory::MemoryConfig;
///
/// let memory: MemoryConfig = toml::from_str(
///     r#"
///     window = 20
///     max_tokens = 8000
///     keep_first = 1
///     summarize_with = "us.amazon.nova-micro-v1:0"
///     "#,
/// )?;
/// assert_eq!(memory.window, Some(20));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MemoryConfig {
    /// Keeps so many units, as a [`Window`] does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// Keeps so many tokens, as a [`TokenBudget`] does; what the model's window holds where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Keeps the first units.
    pub keep_first: usize,
    /// The model that sums up what goes; nobody does where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summarize_with: Option<ModelId>,
    /// The most tokens a summary may have; 1,000 where nothing is said, at most a quarter of `max_tokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_tokens: Option<u32>,
    /// What happens when no summary comes: `go_on`, the default, or `fail`.
    pub on_failure: OnFailure,
}

impl Strategy for MemoryConfig {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        let budget = self.max_tokens.map_or_else(TokenBudget::of_window, TokenBudget::new);
        let chain = self.window.map(Window::new).then(budget).keep_first(self.keep_first);
        let Some(model) = &self.summarize_with else { return chain.plan(draft, context).await };
        let summary = Summary::by(model.clone());
        let usual = self.max_tokens.map_or(summary.max_tokens, |most| {
            u32::try_from(most / 4).map_or(summary.max_tokens, |quarter| quarter.clamp(1, summary.max_tokens))
        });
        let summary = summary.max_tokens(self.summary_tokens.unwrap_or(usual));
        chain.summarize(summary).on_failure(self.on_failure).plan(draft, context).await
    }
}
