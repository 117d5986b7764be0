//! What a recording says went wrong, and whether our error says the same.

use bedrock_llm_local::RecordedEvent;
use bedrock_llm_schema::{Error, ErrorKind, ThrottleScope};
use serde_json::Value;

use crate::case::{Case, Reasons};

impl Case {
    /// Whether an error is the one that was recorded: kind, status, message, code, request id.
    pub(crate) fn check_error(&self, error: &Error, reasons: &mut Reasons) {
        let response = &self.recording.response;
        if error.status() != Some(response.status) {
            reasons.push(format!(
                "status: expected {}, got {:?}: {error:?}",
                response.status,
                error.status()
            ));
        }
        let body = self.response_body();
        let message = self.said(&body);
        if !message.is_empty() && error.message() != message {
            reasons.push(format!("message: expected {message:?}, got {:?}", error.message()));
        }
        let code = self.header("x-amzn-errortype").or(body["__type"].as_str()).or(body["code"].as_str());
        check_name(error, Some(response.status), code, &message, reasons);
        self.check_request_id(error.request_id(), reasons);
    }

    /// The sentence of an error's body, or its first words where it is not an object.
    fn said(&self, body: &Value) -> String {
        let text = match body {
            Value::Object(body) => {
                let said =
                    ["message", "Message", "errorMessage"].iter().find_map(|name| body.get(*name)?.as_str());
                return said.unwrap_or_default().to_owned();
            }
            Value::Null => self.recording.response.body_text.clone().unwrap_or_default(),
            other => other.to_string(),
        };
        text.chars().take(300).collect::<String>().trim().to_owned()
    }

    /// The events of a recorded stream, up to its end or to what broke it.
    pub(crate) fn events(&self) -> impl Iterator<Item = &RecordedEvent> {
        let events = self.recording.response.events.as_deref().unwrap_or_default();
        events.iter().take_while(|event| event.message_type == "event")
    }

    /// Whether a stream ended as the recorded one did: with the exception that is in it, cut off, or in peace.
    pub(crate) fn check_ending(&self, error: Option<&Error>, is_broken: bool, reasons: &mut Reasons) {
        let events = self.recording.response.events.as_deref().unwrap_or_default();
        let exception = events.iter().find(|event| event.message_type != "event");
        match (exception, error) {
            (Some(exception), Some(error)) => {
                let message = ["message", "Message"].iter().find_map(|name| exception.payload[name].as_str());
                let message = message.unwrap_or_default();
                // what the model itself said is added to it
                if !error.message().starts_with(message) {
                    reasons.push(format!("message: expected {message:?}, got {:?}", error.message()));
                }
                check_name(error, None, Some(&exception.r#type), message, reasons);
            }
            (Some(exception), None) => {
                reasons.push(format!("expected {}, the stream ended in peace", exception.r#type));
            }
            (None, Some(error)) if is_broken => {
                if *error.kind() != ErrorKind::StreamTruncated {
                    reasons.push(format!("kind: expected StreamTruncated, got {:?}", error.kind()));
                }
            }
            (None, Some(error)) => reasons.push(format!("expected a whole stream, got {error:?}")),
            (None, None) if is_broken => {
                reasons.push("expected the error of a stream cut off, it ended in peace".to_owned());
            }
            (None, None) => {}
        }
        if let Some(error) = error {
            self.check_request_id(error.request_id(), reasons);
        }
    }

    /// Whether the recorded bytes end in the middle of a frame; a frame begins with its length.
    pub(crate) fn is_cut(&self) -> bool {
        let mut rest = self.recording.response.body_base64.as_ref().map_or(&[][..], |bytes| bytes.as_bytes());
        while !rest.is_empty() {
            let length = rest.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
            match rest.get(length..) {
                Some(after) if length > 0 => rest = after,
                _ => return true,
            }
        }
        false
    }
}

fn check_name(error: &Error, status: Option<u16>, code: Option<&str>, message: &str, reasons: &mut Reasons) {
    let name = code.map(bare);
    let same = |name: &str| error.code().is_some_and(|ours| ours.eq_ignore_ascii_case(name));
    if name.is_some_and(|name| !same(name)) {
        reasons.push(format!("code: expected {name:?}, got {:?}", error.code()));
    }
    let kind = expected_kind(status, name, &message.to_lowercase());
    if *error.kind() != kind {
        reasons.push(format!("kind: expected {kind:?}, got {:?}", error.kind()));
    }
}

/// `Name` of `a.b#Name:http://…`.
fn bare(code: &str) -> &str {
    let name = code.split(':').next().unwrap_or(code);
    name.rsplit(['#', '.']).next().unwrap_or(name).trim()
}

/// The kind a recorded error is: by its name, then by its status; a refusal of the request by its sentence, which is
/// in lower case.
fn expected_kind(status: Option<u16>, name: Option<&str>, message: &str) -> ErrorKind {
    let kind = name.and_then(by_name).or_else(|| by_status(status?));
    match kind.unwrap_or(ErrorKind::Unexpected) {
        ErrorKind::Validation => {
            let refined = SENTENCES.iter().find(|(part, _)| message.contains(part));
            refined.map_or(ErrorKind::Validation, |(_, kind)| match kind {
                ErrorKind::Throttled(_) => throttled(message),
                kind => kind.clone(),
            })
        }
        ErrorKind::Throttled(_) => throttled(message),
        ErrorKind::Unexpected if message.contains("too many") => throttled(message),
        kind => kind,
    }
}

const THROTTLED: ErrorKind = ErrorKind::Throttled(ThrottleScope::Unspecified);

/// The names of the service's model, with their `Exception`, and those of AWS in front of it.
fn by_name(name: &str) -> Option<ErrorKind> {
    let name = name.to_ascii_lowercase();
    Some(match name.strip_suffix("exception").unwrap_or(&name) {
        "validation" | "serialization" => ErrorKind::Validation,
        "accessdenied" => ErrorKind::AccessDenied,
        "resourcenotfound" | "unknownoperation" => ErrorKind::NotFound,
        "throttling" | "toomanyrequests" => THROTTLED,
        "servicequotaexceeded" => ErrorKind::QuotaExceeded,
        "modelnotready" => ErrorKind::ModelNotReady,
        "modeltimeout" => ErrorKind::ModelTimeout,
        "modelerror" => ErrorKind::ModelError,
        "modelstreamerror" => ErrorKind::ModelStreamError,
        "internalserver" | "internalfailure" => ErrorKind::Internal,
        "serviceunavailable" => ErrorKind::Unavailable,
        "conflict" => ErrorKind::Conflict,
        "expiredtoken"
        | "unrecognizedclient"
        | "invalidsignature"
        | "signaturedoesnotmatch"
        | "missingauthenticationtoken"
        | "incompletesignature"
        | "invalidclienttokenid" => ErrorKind::Auth,
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
        429 => THROTTLED,
        500 => ErrorKind::Internal,
        502..=504 => ErrorKind::Unavailable,
        _ => return None,
    })
}

/// What the service is known to say of a request that it refuses, and what it means.
const SENTENCES: &[(&str, ErrorKind)] = &[
    ("with on-demand throughput isn", ErrorKind::InferenceProfileRequired),
    ("the provided model identifier is invalid", ErrorKind::InvalidModelId),
    ("input is too long for requested model", ErrorKind::ContextOverflow),
    ("prompt is too long:", ErrorKind::ContextOverflow),
    ("maximum context length is", ErrorKind::ContextOverflow),
    ("exceed context limit", ErrorKind::ContextOverflow),
    ("too many input tokens", ErrorKind::ContextOverflow),
    ("too many requests", THROTTLED),
    ("too many tokens", THROTTLED),
    ("model doesn't support", ErrorKind::Unsupported),
    ("model does not support", ErrorKind::Unsupported),
    ("is not supported by this model", ErrorKind::Unsupported),
    ("isn't supported by this model", ErrorKind::Unsupported),
];

fn throttled(message: &str) -> ErrorKind {
    ErrorKind::Throttled(match message {
        m if m.contains("per day") => ThrottleScope::DailyTokens,
        m if m.contains("token") => ThrottleScope::Tokens,
        m if m.contains("request") => ThrottleScope::Requests,
        _ => ThrottleScope::Unspecified,
    })
}
