//! One error for the whole request path: what happened, what to do, and all that support will ask for.

mod classify;
mod kind;

use std::fmt;
use std::time::Duration;

pub use classify::ServiceError;
pub use kind::{ErrorKind, Retry, ThrottleScope};

use crate::{ChatResponse, ModelId, Operation};

/// What a source error may be.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a call failed. One pointer wide; every layer of the client speaks it.
///
/// `Display` is one line: what failed, the service's own sentence, what to do about it. `Debug` adds the facts
/// that support asks for. Neither shows prompts or answers.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    retry: Option<Retry>,
    operation: Option<Operation>,
    model: Option<ModelId>,
    status: Option<u16>,
    code: Option<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    attempts: u32,
    elapsed: Option<Duration>,
    partial: Option<ChatResponse>,
    source: Option<BoxError>,
}

impl Error {
    /// An error of a kind, with a sentence that says what happened.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            retry: None,
            operation: None,
            model: None,
            status: None,
            code: None,
            request_id: None,
            retry_after: None,
            attempts: 1,
            elapsed: None,
            partial: None,
            source: None,
        }))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What happened; the service's own sentence where it said one.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it, where we know more than the service says.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry.unwrap_or_else(|| self.0.kind.retry())
    }

    /// Whether the same request may succeed if it is sent again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retry() == Retry::Temporary
    }

    /// Whether the service refused for load or quota.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Throttled(_))
    }

    /// Whether the request does not fit the model's context.
    #[must_use]
    pub fn is_context_overflow(&self) -> bool {
        self.0.kind == ErrorKind::ContextOverflow
    }

    /// Whether something took too long: a model, a connection, a stream.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Timeout | ErrorKind::ModelTimeout | ErrorKind::StreamStalled)
    }

    /// Whether credentials or permissions are the matter.
    #[must_use]
    pub fn is_auth(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Auth | ErrorKind::AccessDenied | ErrorKind::MissingCredentials)
    }

    /// How long the service asks to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The operation that failed.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation
    }

    /// The model that was asked.
    #[must_use]
    pub fn model(&self) -> Option<&ModelId> {
        self.0.model.as_ref()
    }

    /// The HTTP status; `None` when the service was never reached, or spoke inside a stream.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The service's name for the error, such as `ThrottlingException`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The service's id for the call; AWS support asks for it.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How often the request was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How long all attempts and the pauses between them took, where it was tried more than once.
    #[must_use]
    pub fn elapsed(&self) -> Option<Duration> {
        self.0.elapsed
    }

    /// The answer as far as it came, when a stream broke; of a typed answer the last one that came.
    #[must_use]
    pub fn partial(&self) -> Option<&ChatResponse> {
        self.0.partial.as_ref()
    }

    /// The same error, for another caller that waited for the same call. The cause and the partial answer stay with
    /// the first.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let Inner { kind, message, hint, retry, operation, model, status, code, request_id, .. } = &*self.0;
        Self(Box::new(Inner {
            kind: kind.clone(),
            message: message.clone(),
            hint: hint.clone(),
            retry: *retry,
            operation: *operation,
            model: model.clone(),
            status: *status,
            code: code.clone(),
            request_id: request_id.clone(),
            retry_after: self.0.retry_after,
            attempts: self.0.attempts,
            elapsed: self.0.elapsed,
            partial: None,
            source: None,
        }))
    }

    /// Takes the answer as far as it came, when a stream broke.
    pub fn take_partial(&mut self) -> Option<ChatResponse> {
        self.0.partial.take()
    }
}

/// Setters, for whoever makes or passes on an error.
#[allow(clippy::return_self_not_must_use)]
impl Error {
    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Overrides whether trying again can help.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = Some(retry);
        self
    }

    /// Names the operation, unless it is named.
    #[must_use]
    pub fn with_operation_if_none(mut self, operation: Operation) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Names the model, unless it is named.
    #[must_use]
    pub fn with_model_if_none(mut self, model: &ModelId) -> Self {
        self.0.model.get_or_insert_with(|| model.clone());
        self
    }

    /// Adds the service's id for the call, unless there is one.
    #[must_use]
    pub fn with_request_id_if_none(mut self, request_id: &str) -> Self {
        self.0.request_id.get_or_insert_with(|| request_id.to_owned());
        self
    }

    /// Says how long the service, or the client, asks to wait before the next try.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Says how long all attempts took.
    #[must_use]
    pub fn with_elapsed(mut self, elapsed: Duration) -> Self {
        self.0.elapsed = Some(elapsed);
        self
    }

    /// Says how often the request was sent.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Adds the answer as far as it came.
    #[must_use]
    pub fn with_partial(mut self, partial: ChatResponse) -> Self {
        self.0.partial = Some(partial);
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }
}

/// Notes, for a layer that holds an error in a result it only borrows.
impl Error {
    /// Says how often the request was sent, and how long all attempts and the pauses between them took.
    pub fn note_attempts(&mut self, attempts: u32, elapsed: Duration) {
        self.0.attempts = attempts;
        self.0.elapsed = Some(elapsed);
    }

    /// Says that nobody inside will try again, and why if that is not plain.
    pub fn note_exhausted(&mut self, why: Option<&str>) {
        self.0.retry = Some(Retry::Exhausted);
        if let Some(why) = why {
            let hint = self.0.hint.get_or_insert_default();
            if !hint.is_empty() {
                hint.push_str("; ");
            }
            hint.push_str(why);
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{}", inner.kind)?;
        if let Some(operation) = inner.operation {
            write!(f, " in {operation}")?;
        }
        if let Some(model) = &inner.model {
            write!(f, " of {model}")?;
        }
        write!(f, ": {}", inner.message)?;
        match inner.elapsed {
            Some(elapsed) if inner.attempts > 1 => {
                write!(f, " [{} attempts in {elapsed:.1?}]", inner.attempts)?;
            }
            _ => {}
        }
        if let Some(hint) = &inner.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("message", &inner.message)
            .field("hint", &inner.hint)
            .field("retry", &self.retry())
            .field("operation", &inner.operation)
            .field("model", &inner.model)
            .field("status", &inner.status)
            .field("code", &inner.code)
            .field("request_id", &inner.request_id)
            .field("retry_after", &inner.retry_after)
            .field("attempts", &inner.attempts)
            .field("elapsed", &inner.elapsed)
            .field("partial", &inner.partial)
            .field("source", &inner.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}
