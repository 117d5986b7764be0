//! Parameters have names and types of their own.

use bedrock_llm_agent::tool;

/// Adds.
#[tool]
fn add((a, b): (i64, i64), c: impl Into<i64>) -> i64 {
    a + b + c.into()
}

/// Is generic.
#[tool]
fn generic<T>(value: T) -> T {
    value
}

fn main() {}
