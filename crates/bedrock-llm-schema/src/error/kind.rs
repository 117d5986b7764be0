//! The kinds of failure.

use std::fmt;

/// What kind of failure it is, by what the caller should do about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    // the service's modelled exceptions
    /// `ValidationException`: the service refuses the request as it is.
    Validation,
    /// `AccessDeniedException`: the caller may not use this model or operation.
    AccessDenied,
    /// `ResourceNotFoundException`: no such model, profile or guardrail, or it has reached its end of life.
    NotFound,
    /// `ThrottlingException`: too much for now.
    Throttled(ThrottleScope),
    /// `ServiceQuotaExceededException`: an account's quota that waiting does not refill.
    QuotaExceeded,
    /// `ModelNotReadyException`: the model is being loaded.
    ModelNotReady,
    /// `ModelTimeoutException`: the model took too long.
    ModelTimeout,
    /// `ModelErrorException`: the model failed on this request.
    ModelError,
    /// `ModelStreamErrorException`: the model failed in the middle of its answer.
    ModelStreamError,
    /// `InternalServerException`: the service failed.
    Internal,
    /// `ServiceUnavailableException`: the service is not there now.
    Unavailable,
    /// `ConflictException`: the resource is in another state than the request assumes.
    Conflict,

    // what the service says inside a ValidationException, told apart because the remedy differs
    /// The request does not fit the model's context.
    ContextOverflow,
    /// No model has this id.
    InvalidModelId,
    /// The model is only to be had through an inference profile.
    InferenceProfileRequired,
    /// The model does not do what was asked of it.
    Unsupported,

    // who is asking
    /// The credentials are wrong or expired, or the signature does not fit.
    Auth,
    /// No credentials were found.
    MissingCredentials,
    /// No region was given.
    MissingRegion,

    // the way there and back
    /// The service could not be reached.
    Connect,
    /// A secure connection could not be made.
    Tls,
    /// Our own time limit passed.
    Timeout,
    /// A stream said nothing for longer than its idle limit.
    StreamStalled,
    /// A stream ended before the answer was whole.
    StreamTruncated,
    /// What came back could not be read.
    Decode,

    // before the request leaves the machine
    /// The request cannot be right for any model; nothing was sent.
    InvalidRequest,
    /// The client's settings cannot work; nothing was sent.
    Config,

    // held back by a layer of the client; nothing was sent
    /// The circuit breaker of the model is open; [`Error::retry_after`](super::Error::retry_after) is the time until
    /// it lets a probe through.
    CircuitOpen,
    /// Too many calls wait already, or the wait for a place or for quota would be too long.
    Overloaded,
    /// The client was shut down.
    ShutDown,

    // after the answer came
    /// A tool call's arguments are not JSON.
    ToolInputInvalid,
    /// The answer does not have the form that was asked for.
    AnswerInvalid,
    /// The answer was cut off: by `max_tokens`, or because the conversation no longer fits the model.
    AnswerIncomplete,
    /// The model, a guardrail or a content filter refused to answer.
    AnswerRefused,

    /// None of the above; the message and code say what the service said.
    Unexpected,
}

/// What ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThrottleScope {
    /// Requests per minute.
    Requests,
    /// Tokens per minute.
    Tokens,
    /// Tokens per day. Waiting minutes does not help.
    DailyTokens,
    /// The service does not say.
    Unspecified,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// Never with this request.
    Permanent,
    /// Perhaps, after a pause.
    Temporary,
    /// Not now: it was tried as often as allowed, or the client holds it back.
    Exhausted,
}

impl ErrorKind {
    /// Whether a failure of this kind is worth another try.
    ///
    /// Timeouts of our own are not: the model may have worked and be paid for all the same.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Throttled(ThrottleScope::DailyTokens) => Retry::Permanent,
            Self::Throttled(_)
            | Self::ModelNotReady
            | Self::ModelTimeout
            | Self::ModelStreamError
            | Self::Internal
            | Self::Unavailable
            | Self::Connect
            | Self::StreamStalled
            | Self::StreamTruncated => Retry::Temporary,
            Self::CircuitOpen | Self::Overloaded => Retry::Exhausted,
            _ => Retry::Permanent,
        }
    }

    /// The kind in words.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Validation => "request refused",
            Self::AccessDenied => "access denied",
            Self::NotFound => "not found",
            Self::Throttled(ThrottleScope::Requests) => "throttled on requests",
            Self::Throttled(ThrottleScope::Tokens) => "throttled on tokens",
            Self::Throttled(ThrottleScope::DailyTokens) => "daily token quota used up",
            Self::Throttled(ThrottleScope::Unspecified) => "throttled",
            Self::QuotaExceeded => "service quota exceeded",
            Self::ModelNotReady => "model not ready",
            Self::ModelTimeout => "model timed out",
            Self::ModelError => "model failed",
            Self::ModelStreamError => "model failed in its stream",
            Self::Internal => "service failed",
            Self::Unavailable => "service unavailable",
            Self::Conflict => "conflict",
            Self::ContextOverflow => "input too long",
            Self::InvalidModelId => "no such model id",
            Self::InferenceProfileRequired => "inference profile required",
            Self::Unsupported => "not supported by this model",
            Self::Auth => "credentials refused",
            Self::MissingCredentials => "no credentials",
            Self::MissingRegion => "no region",
            Self::Connect => "cannot connect",
            Self::Tls => "no secure connection",
            Self::Timeout => "timed out",
            Self::StreamStalled => "stream stalled",
            Self::StreamTruncated => "stream cut off",
            Self::Decode => "unreadable response",
            Self::InvalidRequest => "invalid request",
            Self::Config => "invalid configuration",
            Self::CircuitOpen => "circuit open",
            Self::Overloaded => "overloaded",
            Self::ShutDown => "shut down",
            Self::ToolInputInvalid => "invalid tool input",
            Self::AnswerInvalid => "invalid answer",
            Self::AnswerIncomplete => "incomplete answer",
            Self::AnswerRefused => "answer refused",
            Self::Unexpected => "unexpected error",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
