//! Options are known, well-formed and said once.

use bedrock_llm_agent::tool;

/// One.
#[tool(timout = "5s")]
fn one() {}

/// Two.
#[tool(timeout = "soon")]
fn two() {}

/// Three.
#[tool(name = "has spaces")]
fn three() {}

/// Four.
#[tool(retries = 1, retries = 2)]
fn four() {}

/// Five.
#[tool(max_concurrency = 0)]
fn five() {}

fn main() {}
