//! Tools that are closures.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use bedrock_llm_schema::ToolSpec;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{IntoToolOutput, Tool, ToolError, ToolOutput, arguments_of, run_blocking, spec_of};
use crate::Context;

/// A tool that is an async closure. Its arguments are of a type whose documentation the model is told.
///
/// ```
/// use bedrock_llm_agent::{ToolError, ToolRegistry, tool_fn};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Sum {
///     /// The numbers to add up.
///     numbers: Vec<i64>,
/// }
///
/// let sum = tool_fn("sum", "Adds numbers up.", |sum: Sum, _context| async move {
///     sum.numbers.iter().copied().try_fold(0, i64::checked_add).ok_or(ToolError::permanent("too large"))
/// });
/// let tools = ToolRegistry::new().with(sum)?;
/// # Ok::<(), bedrock_llm_agent::RegistryError>(())
/// ```
pub fn tool_fn<A, F, Fut, T, E>(
    name: impl Into<String>,
    description: impl Into<String>,
    function: F,
) -> ToolFn<A, F>
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    F: Fn(A, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send,
    T: IntoToolOutput,
    E: Into<bedrock_llm_schema::BoxError>,
{
    ToolFn { spec: spec_of::<A>(&name.into(), &description.into()), function, arguments: PhantomData }
}

/// A tool that is a closure which computes or blocks: it runs off the async workers.
pub fn tool_fn_blocking<A, F, T, E>(
    name: impl Into<String>,
    description: impl Into<String>,
    function: F,
) -> BlockingToolFn<A, F>
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    F: Fn(A, Context) -> Result<T, E> + Send + Sync + 'static,
    T: IntoToolOutput,
    E: Into<bedrock_llm_schema::BoxError>,
{
    let spec = spec_of::<A>(&name.into(), &description.into());
    BlockingToolFn { spec, function: Arc::new(function), arguments: PhantomData }
}

/// Made by [`tool_fn`].
pub struct ToolFn<A, F> {
    spec: ToolSpec,
    function: F,
    arguments: PhantomData<fn(A)>,
}

/// Made by [`tool_fn_blocking`].
pub struct BlockingToolFn<A, F> {
    spec: ToolSpec,
    function: Arc<F>,
    arguments: PhantomData<fn(A)>,
}

impl<A, F, Fut, T, E> Tool for ToolFn<A, F>
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    F: Fn(A, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send,
    T: IntoToolOutput,
    E: Into<bedrock_llm_schema::BoxError>,
{
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, arguments: Value, context: Context) -> Result<ToolOutput, ToolError> {
        let answering = (self.function)(arguments_of(arguments)?, context);
        answering.await.map_err(ToolError::from_error)?.into_tool_output()
    }
}

impl<A, F, T, E> Tool for BlockingToolFn<A, F>
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    F: Fn(A, Context) -> Result<T, E> + Send + Sync + 'static,
    T: IntoToolOutput,
    E: Into<bedrock_llm_schema::BoxError>,
{
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, arguments: Value, context: Context) -> Result<ToolOutput, ToolError> {
        let arguments = arguments_of(arguments)?;
        let function = Arc::clone(&self.function);
        run_blocking(move || function(arguments, context).map_err(ToolError::from_error)?.into_tool_output())
            .await
    }
}

impl<A, F> fmt::Debug for ToolFn<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolFn").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

impl<A, F> fmt::Debug for BlockingToolFn<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingToolFn").field("name", &self.spec.name).finish_non_exhaustive()
    }
}
