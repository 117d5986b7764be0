//! Why there is no typed answer.

use std::error::Error as _;
use std::fmt;

use bedrock_llm_schema::{ChatResponse, Error, ErrorKind, Usage};

/// Why there is no typed answer: the source of an [`Error`] of kind [`ErrorKind::AnswerInvalid`],
/// [`ErrorKind::AnswerIncomplete`] or [`ErrorKind::AnswerRefused`]. Neither `Display` nor `Debug` shows the answer.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ExtractError {
    /// The last answer's text: JSON or not, of a tool call its arguments. Empty where none came.
    pub raw: String,
    /// All that was wrong with it; empty where it was cut off or refused.
    pub violations: Vec<AnswerViolation>,
    /// How many answers came.
    pub attempts: u32,
    /// What all answers used together.
    pub usage: Usage,
}

/// A place in an answer that does not fit.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerViolation {
    /// Where, as a JSON pointer; empty for the whole answer.
    pub path: String,
    /// What is wrong there, as the model was told. It may quote the answer.
    pub message: String,
    /// The path without what the answer may have put in it.
    shown: String,
}

impl ExtractError {
    /// What is known of a failed extraction; `None` for an error of another kind. Where asking again failed, the last
    /// answer, with the usage of all of them, is [`Error::partial`].
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }
}

impl fmt::Display for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no fitting answer in {}", self.attempts)?;
        for (place, violation) in self.violations.iter().enumerate() {
            write!(f, "{}{}", if place == 0 { "; wrong: " } else { ", " }, violation.place())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtractError")
            .field("raw_bytes", &self.raw.len())
            .field("violations", &self.violations)
            .field("attempts", &self.attempts)
            .field("usage", &self.usage)
            .finish()
    }
}

impl std::error::Error for ExtractError {}

impl AnswerViolation {
    pub(super) fn new(path: impl Into<String>, shown: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), shown: shown.into(), message: message.into() }
    }

    fn place(&self) -> &str {
        or_whole(&self.shown)
    }

    /// Place and message, for the model alone: it may quote the answer.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{}: {}", or_whole(&self.path), self.message)
    }
}

fn or_whole(path: &str) -> &str {
    if path.is_empty() { "the whole" } else { path }
}

/// The place as far as it is known from the type: a map's keys, which are the answer's, are shown as `*`.
impl fmt::Display for AnswerViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "does not fit at {}", self.place())
    }
}

impl fmt::Debug for AnswerViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerViolation").field("path", &self.shown).finish_non_exhaustive()
    }
}

/// What one answer lacks.
pub(super) struct Unfit {
    pub(super) kind: ErrorKind,
    pub(super) raw: String,
    pub(super) violations: Vec<AnswerViolation>,
}

impl Unfit {
    pub(super) fn into_error(self, attempts: u32, usage: Usage, response: ChatResponse) -> Error {
        let stop = &response.stop_reason;
        let (message, hint) = match self.kind {
            ErrorKind::AnswerIncomplete => {
                (format!("the answer was cut off ({stop})"), Some("raise max_tokens or ask for less"))
            }
            ErrorKind::AnswerRefused => (format!("there is no answer ({stop})"), None),
            _ => {
                let places: Vec<&str> = self.violations.iter().map(AnswerViolation::place).collect();
                (format!("the answer does not fit its type at {}", places.join(", ")), None)
            }
        };
        let request_id = response.request_id.clone();
        let error = Error::new(self.kind, message).with_attempts(attempts).with_partial(response);
        let error = hint.into_iter().fold(error, Error::with_hint);
        let error = request_id.iter().fold(error, |error, id| error.with_request_id_if_none(id));
        error.with_source(ExtractError { raw: self.raw, violations: self.violations, attempts, usage })
    }
}
