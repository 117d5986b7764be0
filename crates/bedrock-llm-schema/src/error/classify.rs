//! The one place that turns what the service says into a kind of failure.

use std::time::Duration;

use super::{Error, ErrorKind, ThrottleScope};

/// What the service said went wrong: in a response, or as an exception inside a stream.
#[derive(Debug, Clone, Default)]
pub struct ServiceError<'a> {
    /// The error's name in any spelling: `ThrottlingException`, `throttlingException`,
    /// `com.amazon.coral.service#ThrottlingException:http://…`.
    pub code: Option<&'a str>,
    /// The HTTP status; `None` inside a stream.
    pub status: Option<u16>,
    /// The service's sentence.
    pub message: &'a str,
    /// Its id for the call.
    pub request_id: Option<&'a str>,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
}

impl ServiceError<'_> {
    /// The kind of failure: by the error's name, then by status, each refined by the sentence.
    ///
    /// ```
    /// use bedrock_llm_schema::{ErrorKind, ServiceError, ThrottleScope};
    ///
    /// let said = ServiceError { code: Some("throttlingException"), message: "Too many tokens, please wait", ..Default::default() };
    /// assert_eq!(said.kind(), ErrorKind::Throttled(ThrottleScope::Tokens));
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        let message = self.message.to_lowercase();
        let kind = self.code.and_then(|code| by_code(&bare(code))).or_else(|| by_status(self.status?));
        match kind {
            Some(ErrorKind::Validation) => refine_validation(&message),
            Some(ErrorKind::Throttled(_)) => ErrorKind::Throttled(throttle_scope(&message)),
            // a name nobody modelled on a 503 or 429 still says what to do
            Some(kind) => kind,
            None if message.contains("too many requests") || message.contains("too many tokens") => {
                ErrorKind::Throttled(throttle_scope(&message))
            }
            None => ErrorKind::Unexpected,
        }
    }
}

impl From<ServiceError<'_>> for Error {
    fn from(said: ServiceError<'_>) -> Self {
        let kind = said.kind();
        let message = match (said.message, said.code, said.status) {
            ("", Some(code), _) => format!("{} without a message", display_name(code)),
            ("", None, Some(status)) => format!("HTTP {status} without a message"),
            ("", None, None) => "an error without a message".to_owned(),
            (message, _, _) => message.to_owned(),
        };
        let hint = hint(&kind);
        let mut error = Self::new(kind, message);
        error.0.status = said.status;
        error.0.code = said.code.map(display_name);
        error.0.request_id = said.request_id.map(str::to_owned);
        error.0.retry_after = said.retry_after;
        error.0.hint = hint.map(str::to_owned);
        error
    }
}

/// The name without namespace and address: `a.b#NameException:http://…` is `NameException`.
fn display_name(code: &str) -> String {
    let name = code.split(':').next().unwrap_or(code);
    let name = name.rsplit(['#', '.', '/']).next().unwrap_or(name);
    let mut letters = name.trim().chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

fn bare(code: &str) -> String {
    let name = display_name(code).to_lowercase();
    name.trim_end_matches("exception").trim_end_matches("error").replace(['_', '-', ' '], "")
}

/// Names are those of the service's model, of AWS's common errors, and of the front door (`Coral`).
fn by_code(name: &str) -> Option<ErrorKind> {
    Some(match name {
        "validation" | "serialization" | "malformedinput" | "invalidinput" | "unprocessableentity" => {
            ErrorKind::Validation
        }
        "accessdenied" | "notauthorized" | "optinrequired" => ErrorKind::AccessDenied,
        "resourcenotfound" | "notfound" | "unknownoperation" => ErrorKind::NotFound,
        "throttling" | "throttled" | "toomanyrequests" | "requestlimitexceeded" | "slowdown" => {
            ErrorKind::Throttled(ThrottleScope::Unspecified)
        }
        "servicequotaexceeded" | "limitexceeded" => ErrorKind::QuotaExceeded,
        "modelnotready" => ErrorKind::ModelNotReady,
        "modeltimeout" => ErrorKind::ModelTimeout,
        "model" => ErrorKind::ModelError,
        "modelstream" => ErrorKind::ModelStreamError,
        "internalserver" | "internalfailure" | "internalservice" | "internal" => ErrorKind::Internal,
        "serviceunavailable" | "unavailable" => ErrorKind::Unavailable,
        "requesttimeout" | "requesttimedout" => ErrorKind::Timeout,
        "conflict" => ErrorKind::Conflict,
        "expiredtoken"
        | "expired"
        | "invalidsignature"
        | "signaturedoesnotmatch"
        | "unrecognizedclient"
        | "invalidclienttokenid"
        | "missingauthenticationtoken"
        | "incompletesignature"
        | "invalidaccesskeyid"
        | "requestexpired"
        | "authfailure"
        | "unauthorized" => ErrorKind::Auth,
        _ => return None,
    })
}

fn by_status(status: u16) -> Option<ErrorKind> {
    Some(match status {
        400 | 413 | 422 => ErrorKind::Validation,
        401 => ErrorKind::Auth,
        403 => ErrorKind::AccessDenied,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::ModelTimeout,
        409 => ErrorKind::Conflict,
        424 => ErrorKind::ModelError,
        429 => ErrorKind::Throttled(ThrottleScope::Unspecified),
        502..=504 => ErrorKind::Unavailable,
        500..=599 => ErrorKind::Internal,
        _ => return None,
    })
}

/// One exception, many meanings. Each arm quotes what the service says.
fn refine_validation(message: &str) -> ErrorKind {
    let says = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    // "Invocation of model ID deepseek.r1-v1:0 with on-demand throughput isn’t supported." (recording 9fe443003d6b)
    if message.contains("on-demand throughput isn") {
        ErrorKind::InferenceProfileRequired
    // "The provided model identifier is invalid." (recording 45ced562fb34)
    } else if says(&["model identifier is invalid"]) {
        ErrorKind::InvalidModelId
    // "Input is too long for requested model.", "prompt is too long: 215431 tokens > 200000 maximum",
    // "This model's maximum context length is 8192 tokens", "Too many input tokens. Max input tokens: 8192"
    } else if says(&[
        "input is too long",
        "prompt is too long",
        "maximum context length",
        "context window",
        "exceed context limit",
        "too many input tokens",
        "input length and `max_tokens` exceed",
    ]) {
        ErrorKind::ContextOverflow
    // "Too many requests, please wait before trying again." has come with status 400 in streams
    } else if says(&["too many requests", "too many tokens"]) {
        ErrorKind::Throttled(throttle_scope(message))
    // "This model doesn't support the video content block that you provided." (recording 0bf8f37d87a6),
    // "The provided model doesn't support counting tokens." (recording 1424d1877034)
    } else if says(&[
        "model doesn't support",
        "model does not support",
        "doesn't support tool use",
        "is not supported by this model",
        "isn't supported by this model",
    ]) {
        ErrorKind::Unsupported
    } else {
        ErrorKind::Validation
    }
}

fn throttle_scope(message: &str) -> ThrottleScope {
    // "Too many tokens per day, please wait before trying again."
    if message.contains("per day") || message.contains("daily") {
        ThrottleScope::DailyTokens
    // "Too many tokens, please wait before trying again."
    } else if message.contains("token") {
        ThrottleScope::Tokens
    // "Too many requests, please wait before trying again. You have sent too many requests."
    } else if message.contains("request") && !message.contains("request id") {
        ThrottleScope::Requests
    } else {
        ThrottleScope::Unspecified
    }
}

/// What to do, where it does not depend on the request.
fn hint(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Auth => "renew the credentials, check the clock and the region they are for",
        ErrorKind::AccessDenied => {
            "grant bedrock:InvokeModel and ask for access to the model in the Bedrock console"
        }
        ErrorKind::InvalidModelId => {
            "see `bedrock-llm models`; newer models need an inference profile such as us.<model>"
        }
        ErrorKind::ContextOverflow => "shorten the conversation or lower max_tokens",
        ErrorKind::Throttled(ThrottleScope::DailyTokens) => "wait for tomorrow or ask for a higher quota",
        ErrorKind::Throttled(ThrottleScope::Tokens) => {
            "max_tokens counts against the quota from the start: lower it"
        }
        ErrorKind::Throttled(ThrottleScope::Requests | ThrottleScope::Unspecified) => {
            "send less, or spread it over regions"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: &str, status: u16, message: &str) -> ErrorKind {
        let (code, status) = ((!code.is_empty()).then_some(code), (status > 0).then_some(status));
        ServiceError { code, status, message, ..ServiceError::default() }.kind()
    }

    #[test]
    fn any_spelling_of_a_code_is_the_same_kind() {
        for code in [
            "ThrottlingException",
            "throttlingException",
            "THROTTLINGEXCEPTION",
            "Throttling",
            "TooManyRequestsException",
            "com.amazon.coral.availability#ThrottlingException:http://internal.amazon.com/coral/",
        ] {
            assert_eq!(kind(code, 0, ""), ErrorKind::Throttled(ThrottleScope::Unspecified), "{code}");
        }
        for (code, wanted) in [
            ("ModelErrorException", ErrorKind::ModelError),
            ("modelStreamErrorException", ErrorKind::ModelStreamError),
            ("InternalServerException", ErrorKind::Internal),
            ("ServiceUnavailableException", ErrorKind::Unavailable),
            ("ModelNotReadyException", ErrorKind::ModelNotReady),
            ("ModelTimeoutException", ErrorKind::ModelTimeout),
            ("ServiceQuotaExceededException", ErrorKind::QuotaExceeded),
            ("ExpiredTokenException", ErrorKind::Auth),
            ("AccessDeniedException", ErrorKind::AccessDenied),
            ("ConflictException", ErrorKind::Conflict),
            ("ResourceNotFoundException", ErrorKind::NotFound),
            ("SomethingNewException", ErrorKind::Unexpected),
        ] {
            assert_eq!(kind(code, 0, ""), wanted, "{code}");
        }
    }

    #[test]
    fn status_decides_where_no_name_does() {
        assert_eq!(kind("", 429, ""), ErrorKind::Throttled(ThrottleScope::Unspecified));
        assert_eq!(kind("BrandNewException", 503, ""), ErrorKind::Unavailable);
        assert_eq!(kind("", 400, "Malformed input request"), ErrorKind::Validation);
        assert_eq!(kind("", 0, "Too many tokens"), ErrorKind::Throttled(ThrottleScope::Tokens));
        // a code wins over the status it comes with
        assert_eq!(kind("ModelNotReadyException", 429, ""), ErrorKind::ModelNotReady);
    }

    #[test]
    fn sentences_refine() {
        let validation = |message| kind("ValidationException", 400, message);
        assert_eq!(validation("Input is too long for requested model."), ErrorKind::ContextOverflow);
        assert_eq!(validation("The provided model identifier is invalid."), ErrorKind::InvalidModelId);
        assert_eq!(validation("messages: text content blocks must be non-empty"), ErrorKind::Validation);
        assert_eq!(
            kind("ThrottlingException", 429, "Too many tokens per day, please wait"),
            ErrorKind::Throttled(ThrottleScope::DailyTokens)
        );
        assert_eq!(
            kind("ThrottlingException", 429, "Too many requests, please wait"),
            ErrorKind::Throttled(ThrottleScope::Requests)
        );
    }

    #[test]
    fn an_error_says_what_to_do() {
        let said = ServiceError {
            code: Some("ExpiredTokenException:http://x/"),
            status: Some(403),
            message: "expired",
            ..Default::default()
        };
        let error = Error::from(said);
        assert_eq!(error.code(), Some("ExpiredTokenException"));
        assert!(error.to_string().contains("renew the credentials"), "{error}");
        assert!(!error.is_retryable() && error.is_auth());
    }
}
