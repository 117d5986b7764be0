#![doc = include_str!("../README.md")]

mod options;
mod parameter;
mod tool;

use proc_macro::TokenStream;

/// Makes a function a tool that a model may call.
///
/// The function becomes a value of its own name that implements `Tool`: hand it to a `ToolRegistry` or an agent. The
/// function itself is there as `name::run`, for tests and other callers.
///
/// - The **name** is the function's, the **description** its doc comment, which it must have.
/// - The **parameters** are the arguments: owned types that implement `Deserialize` and `JsonSchema`. Their doc
///   comments are what the model is told of them. `Option` makes one optional; `#[serde(..)]` and `#[schemars(..)]`
///   attributes on a parameter are those of a struct's field.
/// - A parameter whose type is `Context` or `&Context` is no argument: it gets the call's context.
/// - It **returns** anything that serialises, `ToolOutput`, or a `Result` of these; its error is any that becomes a
///   boxed error, and `ToolError` stays what it is. A type counts as a result when its name ends in `Result`.
/// - An **async** function runs where the run does; one that is not runs on a thread for blocking work.
///
/// Options, all of them optional: `name = "…"`, `description = "…"`, `timeout = "5s"`, `retries = 2`,
/// `max_concurrency = 4`, `or_else = "other_tool"`, `group = "…"`, `idempotent = false`, `crate = path::to::agent`
/// (where the crate is found neither as `bedrock-llm-agent` nor as `bedrock-llm`).
#[proc_macro_attribute]
pub fn tool(options: TokenStream, function: TokenStream) -> TokenStream {
    let expanded = syn::parse::<options::Options>(options)
        .and_then(|options| tool::expand(&options, syn::parse::<syn::ItemFn>(function)?));
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}
