//! Running one call of a tool: arguments, time, attempts, places, panics, fallback.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bedrock_llm_schema::{ToolResultBlock, ToolUseBlock};
use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::registry::Entry;
use super::{ToolError, ToolOutput, ToolRegistry};
use crate::Context;

/// How a call of a tool came out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Invoked {
    /// What it answered, or why it did not.
    pub result: Result<ToolOutput, ToolError>,
    /// The tools that were asked, in order, and how each but the last failed.
    pub invocations: Vec<Invocation>,
}

/// How one tool was asked in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invocation {
    /// The tool.
    pub tool: String,
    /// How often it was tried; 0 where it was not run at all.
    pub attempts: usize,
    /// How long it took, pauses and the wait for a place included.
    pub elapsed: Duration,
    /// The kind of its failure, as [`ToolError::kind`] names it.
    pub failure: Option<&'static str>,
}

impl Invoked {
    /// The result that tells the model.
    pub fn into_result(self, tool_use_id: impl Into<String>) -> ToolResultBlock {
        match self.result {
            Ok(output) => output.into_result(tool_use_id),
            Err(error) => error.to_result(tool_use_id),
        }
    }
}

impl ToolRegistry {
    /// Runs a call: checks the arguments, waits for a place, tries as often as the tool's policy says, and asks the
    /// fallback when it has failed for good. Panics are caught. Dropping the future drops an async tool; a sync one
    /// that has begun goes on to its end, unheard.
    ///
    /// Bad arguments, a denial and a cancellation are no failure of the tool's, and ask no fallback.
    pub async fn invoke(&self, call: &ToolUseBlock, context: &Context) -> Invoked {
        let mut invocations: Vec<Invocation> = Vec::new();
        let mut name = call.name.as_str();
        loop {
            let Some(entry) = self.entry(name) else {
                let known = self.specs().map(|spec| spec.name.clone()).collect();
                let error = ToolError::Unknown { name: name.to_owned(), known };
                invocations.push(Invocation {
                    tool: name.to_owned(),
                    attempts: 0,
                    elapsed: Duration::ZERO,
                    failure: Some(error.kind()),
                });
                return Invoked { result: Err(error), invocations };
            };
            let began = Instant::now();
            let mut attempts = 0;
            let context = context.for_call(&call.tool_use_id, name);
            let cancelled = context.cancellation().clone();
            let result = tokio::select! {
                biased;
                () = cancelled.cancelled() => Err(ToolError::Cancelled),
                result = attempt_all(entry, &call.input, &context, &mut attempts) => result,
            };
            let failure = result.as_ref().err().map(ToolError::kind);
            invocations.push(Invocation {
                tool: name.to_owned(),
                attempts,
                elapsed: began.elapsed(),
                failure,
            });
            let fallback = entry.policy.fallback.as_deref().filter(|_| attempts > 0);
            match (&result, fallback) {
                (
                    Err(ToolError::Failed { .. } | ToolError::TimedOut { .. } | ToolError::Panicked { .. }),
                    Some(fallback),
                    // a circle of fallbacks ends where it began
                ) if !invocations.iter().any(|asked| asked.tool == fallback) => name = fallback,
                _ => return Invoked { result, invocations },
            }
        }
    }
}

async fn attempt_all(
    entry: &Entry,
    arguments: &Value,
    context: &Context,
    attempts: &mut usize,
) -> Result<ToolOutput, ToolError> {
    let arguments = entry.check.settle(arguments)?;
    // the semaphore is never closed
    let _place = match &entry.places {
        Some(places) => places.acquire().await.ok(),
        None => None,
    };
    let mut pauses = entry.policy.retry.pauses();
    loop {
        *attempts += 1;
        let error = match attempt(entry, arguments.clone(), context.clone()).await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let again = entry.policy.is_idempotent && error.is_retryable();
        match pauses.next().filter(|_| again) {
            Some(pause) => {
                tracing::debug!(
                    tool = context.tool(),
                    failure = error.kind(),
                    attempts,
                    "trying a tool again"
                );
                sleep(pause).await;
            }
            None => return Err(error),
        }
    }
}

async fn attempt(entry: &Entry, arguments: Value, context: Context) -> Result<ToolOutput, ToolError> {
    // a sync tool cannot be dropped: it sees that nobody waits for this attempt any more
    let attempt = context.cancellation().child_token();
    let _over = attempt.clone().drop_guard();
    let context = context.with_cancellation(attempt);
    // a tool may panic before it gives its future
    let working = AssertUnwindSafe(async { entry.tool.call(arguments, context).await }).catch_unwind();
    let outcome = match entry.policy.timeout {
        Some(after) => match timeout(after, working).await {
            Ok(outcome) => outcome,
            Err(_) => return Err(ToolError::TimedOut { after }),
        },
        None => working.await,
    };
    outcome.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// Runs a tool's work that computes or blocks off the async workers.
///
/// # Errors
/// What the work says; [`ToolError::Panicked`] when it panics, [`ToolError::Cancelled`] when the runtime shuts down
/// before it began.
pub async fn run_blocking(
    work: impl FnOnce() -> Result<ToolOutput, ToolError> + Send + 'static,
) -> Result<ToolOutput, ToolError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => Err(panicked(&*panic)),
            // the runtime shuts down
            Err(_) => Err(ToolError::Cancelled),
        },
    }
}

fn panicked(panic: &(dyn Any + Send)) -> ToolError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    ToolError::Panicked { message: text.unwrap_or_else(|| "without a word".to_owned()) }
}

#[cfg(test)]
mod tests;
