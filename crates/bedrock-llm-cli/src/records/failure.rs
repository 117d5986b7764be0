//! What went wrong, as a member of a record.

use std::borrow::Cow;

use bedrock_llm_schema::{Error, Retry};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Failure<'a> {
    pub(crate) kind: &'static str,
    pub(crate) message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    attempts: u32,
    retryable: bool,
}

impl Failure<'_> {
    /// Of a line that asks for nothing that could be sent.
    pub(crate) fn bad_line(why: &str) -> Failure<'_> {
        Failure {
            kind: "bad line",
            message: why.into(),
            status: None,
            code: None,
            request_id: None,
            attempts: 0,
            retryable: false,
        }
    }
}

impl<'a> From<&'a Error> for Failure<'a> {
    fn from(error: &'a Error) -> Self {
        Self {
            kind: error.kind().as_str(),
            message: error.message().into(),
            status: error.status(),
            code: error.code(),
            request_id: error.request_id(),
            attempts: error.attempts(),
            retryable: may_be_mended(error),
        }
    }
}

/// Whether the same request may succeed later: what is worth another try, and what was tried as often as allowed.
pub(crate) fn may_be_mended(error: &Error) -> bool {
    error.is_timeout() || matches!(error.retry(), Retry::Temporary | Retry::Exhausted)
}
