//! Routes beside the service's own, by which a program in any language drives the endpoint.

use serde::Serialize;
use serde_json::json;

use crate::answer::Answer;
use crate::dispatch::State;
use crate::{FaultPlan, FaultPlanError, ReceivedRequest};

/// What their paths begin with; no path of the service does.
const PREFIX: &str = "/_local/";

/// Whether a path is one of them.
pub(crate) fn is_for(path: &str) -> bool {
    path.starts_with(PREFIX)
}

pub(crate) fn answer(state: &State, request: &ReceivedRequest) -> Answer {
    let path = request.path.split('?').next().unwrap_or_default();
    let methods = match path.strip_prefix(PREFIX) {
        Some("faults") => match request.method.as_str() {
            "GET" => return shown(&state.faults.report()),
            "PUT" => return put(state, request),
            "DELETE" => {
                state.faults.set(FaultPlan::default());
                return shown(&state.faults.report());
            }
            _ => "GET, PUT, DELETE",
        },
        Some("stats") => match request.method.as_str() {
            "GET" => return shown(&state.counters.stats()),
            _ => "GET",
        },
        _ => return refusal(404, "there are /_local/faults and /_local/stats"),
    };
    refusal(405, format!("{path} takes {methods}")).with_header("allow", methods)
}

fn put(state: &State, request: &ReceivedRequest) -> Answer {
    let kind = request.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let plan = match kind.as_str() {
        "application/json" => FaultPlan::from_json(&request.body),
        "application/toml" | "text/x-toml" | "text/toml" => match std::str::from_utf8(&request.body) {
            Ok(text) => FaultPlan::from_toml_str(text),
            Err(error) => return refusal(400, format!("the fault plan is not UTF-8: {error}")),
        },
        _ => return refusal(415, "a fault plan is application/json or application/toml"),
    };
    match plan {
        Ok(plan) => {
            state.faults.set(plan);
            shown(&state.faults.report())
        }
        Err(error) => refusal(400, sentence(&error)),
    }
}

/// An error and what caused it.
fn sentence(error: &FaultPlanError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn shown(value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(json) => Answer::json(json),
        Err(error) => refusal(500, error.to_string()),
    }
}

fn refusal(status: u16, message: impl Into<String>) -> Answer {
    Answer { status, ..Answer::json(json!({"message": message.into()}).to_string()) }
}
