//! Why a tool gave no answer, in words that the model can act on.

use std::time::Duration;

use bedrock_llm_schema::{BoxError, ToolResultBlock};

/// Why a tool gave no answer.
///
/// Every one of them becomes a failed tool result by [`to_result`](Self::to_result), whose text is what
/// [`Display`](std::fmt::Display) says: the model reads it and can do better.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The arguments do not fit the tool's schema; the tool was not run.
    #[error("bad arguments: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    BadArguments(Vec<ArgumentViolation>),
    /// The tool was run and failed.
    #[error("failed: {message}")]
    Failed {
        /// What went wrong.
        message: String,
        /// Whether another attempt may do better.
        is_retryable: bool,
        /// What the tool said.
        #[source]
        source: Option<BoxError>,
    },
    /// The tool took too long.
    #[error("timed out after {after:?}")]
    TimedOut {
        /// The time it had.
        after: Duration,
    },
    /// The tool panicked.
    #[error("panicked: {message}")]
    Panicked {
        /// What the panic said, if it was text.
        message: String,
    },
    /// There is no tool of this name.
    #[error("there is no tool named `{name}`; there are: {}", .known.join(", "))]
    Unknown {
        /// The name that was called.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Somebody did not let the tool be run.
    #[error("denied: {reason}")]
    Denied {
        /// Why.
        reason: String,
    },
    /// The run was cancelled before the tool had answered.
    #[error("cancelled")]
    Cancelled,
}

/// What a tool gives. In closures `ToolResult::Ok(..)` tells the compiler the error's type.
pub type ToolResult<T = super::ToolOutput> = Result<T, ToolError>;

/// A place in a tool's arguments that does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ArgumentViolation {
    /// Where, as a JSON pointer; empty for the arguments as a whole.
    pub path: String,
    /// What is wrong. It does not quote the value.
    pub message: String,
}

impl std::fmt::Display for ArgumentViolation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl ToolError {
    /// A failure that another attempt may mend.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), is_retryable: true, source: None }
    }

    /// A failure that no other attempt mends.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), is_retryable: false, source: None }
    }

    /// Refuses to do what was asked.
    pub fn denied(reason: impl Into<String>) -> Self {
        Self::Denied { reason: reason.into() }
    }

    /// From whatever error a tool returns; a `ToolError` stays what it is.
    pub fn from_error(error: impl Into<BoxError>) -> Self {
        match error.into().downcast::<Self>() {
            Ok(own) => *own,
            Err(source) => {
                Self::Failed { message: chain(&*source), is_retryable: true, source: Some(source) }
            }
        }
    }

    /// A short, stable name for logs and metrics, such as `timed_out`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BadArguments(_) => "bad_arguments",
            Self::Failed { .. } => "failed",
            Self::TimedOut { .. } => "timed_out",
            Self::Panicked { .. } => "panicked",
            Self::Unknown { .. } => "unknown",
            Self::Denied { .. } => "denied",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether another attempt may do better.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Failed { is_retryable: true, .. } | Self::TimedOut { .. })
    }

    /// The result that tells the model.
    pub fn to_result(&self, tool_use_id: impl Into<String>) -> ToolResultBlock {
        ToolResultBlock::error(tool_use_id, self.to_string())
    }
}

/// An error and what caused it, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut said: Vec<String> = Vec::new();
    for text in causes.map(ToString::to_string) {
        // many errors quote their cause themselves
        if !said.iter().any(|before| before.contains(&text)) {
            said.push(text);
        }
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_error_stays_what_it_is() {
        let denied = ToolError::from_error(ToolError::denied("not on Sundays"));
        assert!(matches!(&denied, ToolError::Denied { reason } if reason == "not on Sundays"));
        assert!(!denied.is_retryable());
        let parsed = ToolError::from_error("x".parse::<u8>().unwrap_err());
        assert_eq!(parsed.to_string(), "failed: invalid digit found in string");
        assert!(parsed.is_retryable());
    }

    #[test]
    fn causes_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("no such city")]
        struct Inner;
        #[derive(Debug, thiserror::Error)]
        enum Outer {
            #[error("lookup failed")]
            Plain(#[source] Inner),
            #[error("lookup failed: {0}")]
            Quoting(#[source] Inner),
        }
        for error in [Outer::Plain(Inner), Outer::Quoting(Inner)] {
            assert_eq!(ToolError::from_error(error).to_string(), "failed: lookup failed: no such city");
        }
    }

    #[test]
    fn the_model_is_told_in_words() {
        let violation = ArgumentViolation { path: "/city".into(), message: "is required".into() };
        let result = ToolError::BadArguments(vec![violation]).to_result("call_1");
        assert_eq!(result, ToolResultBlock::error("call_1", "bad arguments: /city: is required"));
    }
}
