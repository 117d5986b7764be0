//! The trait.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bedrock_llm_schema::ToolSpec;
use serde_json::Value;

use super::{ToolError, ToolOutput, ToolPolicy};
use crate::Context;

/// Something a model may call.
///
/// Most tools are functions under `#[tool]`, or closures by [`tool_fn`](super::tool_fn). Implement the trait for those
/// that are made at run time, or that keep something of their own.
///
/// ```
/// use bedrock_llm_agent::{Context, Tool, ToolError, ToolOutput, ToolRegistry};
/// use bedrock_llm_schema::{ToolSpec, ToolUseBlock};
/// use serde_json::{Value, json};
///
/// struct Dice {
///     sides: u32,
/// }
///
/// impl Tool for Dice {
///     fn spec(&self) -> ToolSpec {
///         ToolSpec::new("dice", format!("Throws a dice of {} sides.", self.sides), json!({"type": "object"}))
///     }
///
///     async fn call(&self, _arguments: Value, _context: Context) -> Result<ToolOutput, ToolError> {
///         Ok(ToolOutput::json(self.sides)) // this dice is loaded
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tools = ToolRegistry::new().with(Dice { sides: 6 })?;
/// let call = ToolUseBlock::new("call_1", "dice", json!({}));
/// let invoked = tools.invoke(&call, &Context::new()).await;
/// assert_eq!(invoked.result.unwrap(), ToolOutput::json(json!({"result": 6})));
/// # Ok(())
/// # }
/// ```
pub trait Tool: Send + Sync + 'static {
    /// Its name, what it does and the JSON Schema of its arguments, as the model is told. Asked for once.
    fn spec(&self) -> ToolSpec;

    /// Does the work. The arguments fit the schema. Dropped when the run is cancelled or the tool's time is over.
    ///
    /// # Errors
    /// Whatever the model shall read instead of an answer.
    fn call(
        &self,
        arguments: Value,
        context: Context,
    ) -> impl Future<Output = Result<ToolOutput, ToolError>> + Send;

    /// How it is to be run; [`ToolExt`](super::ToolExt) says otherwise where it is put to use.
    fn policy(&self) -> ToolPolicy {
        ToolPolicy::default()
    }
}

/// A tool of any type.
pub(crate) type DynTool = Arc<dyn ErasedTool>;

type Answering<'a> = Pin<Box<dyn Future<Output = Result<ToolOutput, ToolError>> + Send + 'a>>;

/// [`Tool`] without its type. Implemented by every tool.
pub(crate) trait ErasedTool: Send + Sync + 'static {
    fn call(&self, arguments: Value, context: Context) -> Answering<'_>;
}

impl<T: Tool> ErasedTool for T {
    fn call(&self, arguments: Value, context: Context) -> Answering<'_> {
        Box::pin(Tool::call(self, arguments, context))
    }
}
