//! What can go wrong.

use bedrock_llm_schema::Operation;
use serde::{Deserialize, Serialize};

use super::Latency;
use crate::Exception;

/// What goes wrong. In a plan its name is in snake case: `fault = "hang_up"`, `fault.status = 503`,
/// `fault.exception.name = "ThrottlingException"`.
///
/// Frames of a stream are counted as [`Reply`](crate::Reply) counts them: `messageStart` is the first. Where an answer has fewer
/// frames than a fault waits for, the fault happens at the end: after the last frame, or to it, if it changes one. A body that
/// is no stream is one frame, and that one is hit, whatever the number: `cut_after` sends the head alone, `cut_inside` half of the
/// body, `stall_after` nothing after the head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// An exception of the service, or of AWS's front door, instead of an answer, with its own status.
    Exception {
        /// Its name, `ThrottlingException`; one that [`Exception`] knows the status of.
        name: String,
        /// Its sentence; the service's own where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Seconds in a `retry-after` header; no header where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// A status from 400 to 599 with a page of HTML instead of an answer, as proxies and load balancers have it.
    Status(u16),
    /// The connection is closed in order, without an answer. Over HTTP/2 only the request's stream is reset.
    HangUp,
    /// The TCP connection is reset (RST) without an answer; over HTTP/2 with every request on it.
    ResetBeforeHeaders,
    /// The TCP connection is reset (RST) after the head of the answer. Some systems (not Linux) then drop what the client has
    /// not read yet, so that it may miss the head.
    ResetAfterHeaders,
    /// No answer, and the connection stays open.
    StallBeforeHeaders,
    /// The status line comes at once, the other headers after a pause. Over HTTP/2, which sends them as one, the whole head comes late.
    SlowHeaders(Latency),
    /// This many frames, then nothing more, and the connection stays open.
    StallAfter(usize),
    /// This many frames, then the connection is closed; over HTTP/2 only the request's stream is reset, here and below.
    CutAfter(usize),
    /// This many frames and half of the next, then the connection is closed.
    CutInside(usize),
    /// The checksum of the frame after this many is wrong; of a body that is no stream, the last byte.
    CorruptAfter(usize),
    /// The frame after this many has a payload that is not JSON, and right checksums.
    GarbageJsonAfter(usize),
    /// The frame after this many has only half of its payload, and right checksums.
    TruncatedJsonAfter(usize),
    /// An exception inside a stream, which is its last frame. Only for operations that stream; a refusal stays as it is.
    ExceptionAfter {
        /// How many frames come before it.
        frames: usize,
        /// Its name, `ModelStreamErrorException`; one that [`Exception`] knows.
        name: String,
        /// Its sentence; the service's own where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// Another content type. With `text/html` comes a page of HTML and status 200, as captive portals have it. With any other,
    /// a request for a stream gets the answer in one, as from a proxy that does not stream.
    ContentType(String),
}

impl Fault {
    /// An exception of the service by its name.
    pub fn exception(name: impl Into<String>) -> Self {
        Self::Exception { name: name.into(), message: None, retry_after: None }
    }

    /// Its name in plans and counts: `exception`, `cut_after`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Exception { .. } => "exception",
            Self::Status(_) => "status",
            Self::HangUp => "hang_up",
            Self::ResetBeforeHeaders => "reset_before_headers",
            Self::ResetAfterHeaders => "reset_after_headers",
            Self::StallBeforeHeaders => "stall_before_headers",
            Self::SlowHeaders(_) => "slow_headers",
            Self::StallAfter(_) => "stall_after",
            Self::CutAfter(_) => "cut_after",
            Self::CutInside(_) => "cut_inside",
            Self::CorruptAfter(_) => "corrupt_after",
            Self::GarbageJsonAfter(_) => "garbage_json_after",
            Self::TruncatedJsonAfter(_) => "truncated_json_after",
            Self::ExceptionAfter { .. } => "exception_after",
            Self::ContentType(_) => "content_type",
        }
    }

    /// Whether this operation can have it.
    pub(super) fn fits(&self, operation: Option<Operation>) -> bool {
        let streams = || operation.is_some_and(is_streaming);
        !matches!(self, Self::ExceptionAfter { .. }) || streams()
    }

    /// What is wrong with it, if anything is: the field, with a dot before it, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Self::Exception { name, .. } => check_name(name).map_err(|why| (".exception.name", why)),
            Self::ExceptionAfter { name, .. } => {
                check_name(name).map_err(|why| (".exception_after.name", why))
            }
            Self::Status(status) if !(400..=599).contains(status) => {
                Err((".status", format!("{status} is not from 400 to 599")))
            }
            Self::SlowHeaders(pause) => pause.check().map_err(|why| (".slow_headers", why)),
            Self::ContentType(value)
                if value.parse::<hyper::header::HeaderValue>().is_err() || value.is_empty() =>
            {
                Err((".content_type", "this is no value of a header".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn is_streaming(operation: Operation) -> bool {
    matches!(operation, Operation::ConverseStream | Operation::InvokeModelWithResponseStream)
}

fn check_name(name: &str) -> Result<(), String> {
    match Exception::known(name) {
        Some(_) => Ok(()),
        None => {
            let names: Vec<_> = Exception::names().collect();
            Err(format!("there is no exception {name}, only {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_fault_is_written_by_its_kind() {
        for form in [
            json!({"exception": {"name": "ThrottlingException", "retry_after": 2}}),
            json!({"status": 502}),
            json!("hang_up"),
            json!("reset_before_headers"),
            json!("reset_after_headers"),
            json!("stall_before_headers"),
            json!({"slow_headers": "2s"}),
            json!({"stall_after": 1}),
            json!({"cut_after": 1}),
            json!({"cut_inside": 1}),
            json!({"corrupt_after": 1}),
            json!({"garbage_json_after": 1}),
            json!({"truncated_json_after": 1}),
            json!({"exception_after": {"frames": 1, "name": "ModelStreamErrorException", "message": "Broke."}}),
            json!({"content_type": "text/html"}),
        ] {
            let fault: Fault = serde_json::from_value(form.clone()).unwrap();
            assert_eq!(serde_json::to_value(&fault).unwrap(), form);
            assert_eq!(fault.check(), Ok(()));
            let kind = form.as_str().or_else(|| form.as_object()?.keys().next().map(String::as_str));
            assert_eq!(kind, Some(fault.kind()));
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (fault, field) in [
            (Fault::exception("ThrotlingException"), ".exception.name"),
            (Fault::Status(200), ".status"),
            (Fault::ContentType("a\nb".into()), ".content_type"),
            (Fault::SlowHeaders(Latency::Exponential { mean: Duration::ZERO }), ".slow_headers"),
            (Fault::ExceptionAfter { frames: 0, name: "x".into(), message: None }, ".exception_after.name"),
        ] {
            assert_eq!(fault.check().unwrap_err().0, field);
        }
        let unknown: Result<Fault, _> =
            serde_json::from_value::<Value>(json!({"exception": {"name": "x", "retry": 1}}))
                .and_then(serde_json::from_value);
        assert!(unknown.unwrap_err().to_string().contains("unknown field `retry`"));
    }
}
