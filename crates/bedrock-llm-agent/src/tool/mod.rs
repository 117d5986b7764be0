//! Tools: what a model may call.

mod arguments;
mod configured;
mod error;
mod function;
mod invoke;
mod output;
mod policy;
mod registry;
#[allow(clippy::module_inception, reason = "it is the trait of this name")]
mod tool;

pub use arguments::{arguments_of, spec_of};
pub use configured::{Configured, ToolExt};
pub use error::{ArgumentViolation, ToolError, ToolResult};
pub use function::{BlockingToolFn, ToolFn, tool_fn, tool_fn_blocking};
pub use invoke::{Invocation, Invoked, run_blocking};
pub use output::{IntoToolOutput, ToolOutput};
pub use policy::{ToolPolicy, ToolRetry};
pub use registry::{RegistryError, ToolInfo, ToolRegistry};
pub(crate) use tool::DynTool;
pub use tool::Tool;
