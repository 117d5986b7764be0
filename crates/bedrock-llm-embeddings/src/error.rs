//! What can go wrong, with what came all the same.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bedrock_llm_schema::embed::{Element, EmbedInput};
use bedrock_llm_schema::{Error, ErrorKind, Retry};

use crate::{EmbedOutcome, Embeddings};

/// An input that got no vector, and why.
#[non_exhaustive]
pub struct FailedInput {
    /// Which input it is, from 0; of a stream, among all its inputs.
    pub index: usize,
    /// The input itself, so that it can be tried again.
    pub input: EmbedInput,
    /// Why it has no vector. Inputs that went with one call have the same error; the first has its cause too.
    pub error: Error,
}

impl FailedInput {
    pub(crate) fn new(index: usize, input: EmbedInput, error: Error) -> Self {
        Self { index, input, error }
    }
}

impl fmt::Debug for FailedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailedInput")
            .field("index", &self.index)
            .field("input", &self.input)
            .field("error", &self.error)
            .finish()
    }
}

/// Some inputs got no vector. It holds the vectors of the others, and the inputs that failed:
/// [`Embedder::retry`](crate::Embedder::retry) tries those again, and only those.
///
/// It becomes an [`Error`] by `?`: the one that is most worth knowing, see [`error`](Self::error).
pub struct EmbedError<T = f32> {
    // one pointer wide
    outcome: Box<EmbedOutcome<T>>,
}

impl<T: Element> EmbedError<T> {
    /// Of an outcome in which something failed.
    pub(crate) fn of(outcome: EmbedOutcome<T>) -> Self {
        Self { outcome: Box::new(outcome) }
    }

    /// Which failure it is named after: what trying again does not help is what needs somebody's eye.
    fn first(&self) -> usize {
        let is_permanent = |failed: &FailedInput| failed.error.retry() == Retry::Permanent;
        self.failed().iter().position(is_permanent).unwrap_or(0)
    }

    /// The error it is named after: that of the first input for which trying again does not help, or else of the first.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.failed().get(self.first()).map(|failed| &failed.error)
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        self.error().map_or(&ErrorKind::Unexpected, Error::kind)
    }

    /// The inputs that failed, in order.
    #[must_use]
    pub fn failed(&self) -> &[FailedInput] {
        self.outcome.failed()
    }

    /// The vectors that came, in the order of their inputs; [`outcome`](Self::outcome) knows whose each is.
    #[must_use]
    pub fn partial(&self) -> &Embeddings<T> {
        self.outcome.embeddings()
    }

    /// What became of each input.
    pub fn outcome(&self) -> &EmbedOutcome<T> {
        &self.outcome
    }

    /// Hands over what became of each input.
    pub fn into_outcome(self) -> EmbedOutcome<T> {
        *self.outcome
    }

    /// Whether [trying again](crate::Embedder::retry) can help all that failed. It is [`Exhausted`](Retry::Exhausted) where
    /// the client has tried as often as it may: later is another matter.
    #[must_use]
    pub fn retry(&self) -> Retry {
        let each = || self.outcome.failed().iter().map(|failed| failed.error.retry());
        let any = |retry| each().any(|it| it == retry);
        if any(Retry::Permanent) {
            Retry::Permanent
        } else if any(Retry::Exhausted) {
            Retry::Exhausted
        } else {
            Retry::Temporary
        }
    }

    /// Whether all that failed may succeed if it is sent again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retry() == Retry::Temporary
    }

    /// The longest the service asks to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.outcome.failed().iter().filter_map(|failed| failed.error.retry_after()).max()
    }
}

impl<T: Element> fmt::Display for EmbedError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.outcome.failed();
        let total = failed.len() + self.outcome.embeddings().len();
        match failed.get(self.first()) {
            Some(first) if total == 1 => write!(f, "the input got no vector: {}", first.error),
            Some(first) => write!(
                f,
                "{} of {total} inputs got no vector; input {}: {}",
                failed.len(),
                first.index,
                first.error
            ),
            None => f.write_str("inputs got no vector"),
        }
    }
}

/// Shows no texts.
impl<T: Element> fmt::Debug for EmbedError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedError").field("outcome", &self.outcome).finish()
    }
}

/// The error it is named after is told in its own words, so what caused that comes next.
impl<T: Element> StdError for EmbedError<T> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error().and_then(StdError::source)
    }
}

/// The error it is named after, with a word on how many inputs failed. The vectors that came are lost.
impl<T: Element> From<EmbedError<T>> for Error {
    fn from(error: EmbedError<T>) -> Self {
        let (count, first) = (error.failed().len(), error.first());
        let total = count + error.partial().len();
        let mut failed = error.outcome.into_failed();
        if first >= failed.len() {
            return Self::new(ErrorKind::Unexpected, "inputs got no vector");
        }
        let FailedInput { index, error, .. } = failed.swap_remove(first);
        if total == 1 {
            return error;
        }
        let mut hint = error.hint().map(|hint| format!("{hint}; ")).unwrap_or_default();
        hint.push_str(&format!("input {index}, and {count} of {total} inputs in all, got no vector"));
        error.with_hint(hint)
    }
}
