//! Recorded exchanges, and answering from them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io};

use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{Blob, Operation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::{Answer, Content};
use crate::{ReceivedRequest, route};

/// An exchange with the service, as recorded: one file each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Its name among recordings.
    pub id: String,
    /// The operation's name.
    pub operation: String,
    /// The model's id or ARN, percent-decoded; `None` for operations without one.
    #[serde(default)]
    pub model_id: Option<String>,
    /// What was sent.
    pub request: RecordedRequest,
    /// What came back.
    pub response: RecordedResponse,
    /// Where it is from, and what else the file says.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedRequest {
    /// The HTTP method.
    pub method: String,
    /// The path as sent, percent-encoded or not.
    pub path: String,
    /// Headers that matter.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body; null where it was empty.
    #[serde(default)]
    pub body: Value,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedResponse {
    /// The HTTP status.
    pub status: u16,
    /// Headers that matter, names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, where it was JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The body, where it was text but not JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_text: Option<String>,
    /// The exact bytes of an event stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<Blob>,
    /// The same stream, decoded for reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<RecordedEvent>>,
}

/// A frame of a recorded stream, decoded for reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedEvent {
    /// The event's or exception's type.
    pub r#type: String,
    /// `event` or `exception`.
    pub message_type: String,
    /// Its members, without padding; `bytes_decoded` is the JSON inside a native chunk.
    #[serde(default)]
    pub payload: Value,
}

/// Why recordings could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// A file or folder could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not a recording.
    #[error("{path} is not a recording")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Recording {
    /// Loads a file.
    ///
    /// # Errors
    /// When it cannot be read or is not a recording.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let text = fs::read(path).map_err(|source| RecordingError::Read { path: path.to_owned(), source })?;
        serde_json::from_slice(&text)
            .map_err(|source| RecordingError::Parse { path: path.to_owned(), source })
    }

    /// Loads every `.json` file of a folder and of the folders in it, in the order of their paths.
    ///
    /// # Errors
    /// When one cannot be read or is not a recording.
    pub fn load_dir(path: impl AsRef<Path>) -> Result<Vec<Self>, RecordingError> {
        let mut files = Vec::new();
        list(path.as_ref(), &mut files)?;
        files.sort();
        files.iter().map(Self::load).collect()
    }

    /// The operation, if it is one that this endpoint serves.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        const ALL: [Operation; 7] = [
            Operation::Converse,
            Operation::ConverseStream,
            Operation::InvokeModel,
            Operation::InvokeModelWithResponseStream,
            Operation::CountTokens,
            Operation::ApplyGuardrail,
            Operation::Rerank,
        ];
        ALL.into_iter().find(|operation| operation.as_str() == self.operation)
    }

    fn key(&self) -> String {
        let route = route::parse(&self.request.path);
        let id = self.model_id.clone().or_else(|| route.map(|route| route.id)).unwrap_or_default();
        key(&self.operation, &id, &self.request.body)
    }

    fn answer(&self) -> Answer {
        let response = &self.response;
        let json = || response.body.as_ref().map(|body| body.to_string().into_bytes());
        let text = || response.body_text.as_ref().map(|body| body.clone().into_bytes());
        let stream = response.body_base64.as_ref().map(|body| body.0.clone());
        let body = stream.unwrap_or_else(|| json().or_else(text).unwrap_or_default().into());
        let headers = response.headers.iter().filter(|(name, _)| !is_of_the_connection(name));
        let answer = Answer { status: response.status, headers: Vec::new(), content: Content::Whole(body) };
        let answer = answer.with_header("content-type", "application/json");
        headers.fold(answer, |answer, (name, value)| answer.with_header(name, value))
    }
}

fn is_of_the_connection(name: &str) -> bool {
    ["connection", "content-length", "date", "keep-alive", "transfer-encoding"].contains(&name)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), RecordingError> {
    let failed = |source| RecordingError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    Ok(())
}

/// Recordings by what was asked. Several of one request are given in turn, again from the first after the last.
#[derive(Debug, Default)]
pub(crate) struct Recordings(HashMap<String, Group>);

#[derive(Debug, Default)]
struct Group {
    recordings: Vec<Recording>,
    next: AtomicUsize,
}

impl Recordings {
    pub(crate) fn add(&mut self, recording: Recording) {
        self.0.entry(recording.key()).or_default().recordings.push(recording);
    }

    pub(crate) fn answer(&self, request: &ReceivedRequest) -> Option<Answer> {
        if self.0.is_empty() {
            return None;
        }
        let guardrail = request.guardrail.as_ref().map(|(id, _)| id);
        let id = guardrail.unwrap_or(&request.model_id);
        let group = self.0.get(&key(request.operation?.as_str(), id, &request.json))?;
        let turn = group.next.fetch_add(1, Ordering::Relaxed).checked_rem(group.recordings.len())?;
        group.recordings.get(turn).map(Recording::answer)
    }
}

fn key(operation: &str, id: &str, body: &Value) -> String {
    // the body of Rerank names the model itself; a recording may tell it once more, by its id or its ARN, or not
    let id = if operation == Operation::Rerank.as_str() { "" } else { id };
    let mut text = format!("{operation} {id} ");
    canonical(body, &mut text);
    text
}

/// JSON in one spelling: members by name, numbers by value.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.iter().collect();
            text.push('{');
            for (name, value) in members {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        // what a float can hold exactly is spelt as a float, be it written 1, 1.0 or 1e0
        Value::Number(number) => match number.as_f64().filter(|float| float.abs() < 9e15) {
            Some(float) => text.push_str(&format!("{float}")),
            None => text.push_str(&number.to_string()),
        },
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_are_equal_by_value() {
        let spelt = |text: &str| key("Converse", "m", &serde_json::from_str(text).unwrap());
        assert_eq!(spelt(r#"{"a":1,"b":[0.5,"x"]}"#), spelt(r#"{"b":[5e-1,"x"],"a":1.0}"#));
        assert_ne!(spelt(r#"{"a":1}"#), spelt(r#"{"a":"1"}"#));
        assert_ne!(spelt(r#"{"a":[]}"#), spelt(r#"{"a":{}}"#));
        assert_ne!(spelt("9007199254740993"), spelt("9007199254740992"));
    }

    #[test]
    fn a_recording_keeps_what_the_file_says() {
        let file = json!({
            "id": "0", "source": "s", "license": "MIT", "operation": "Converse", "model_id": null,
            "request": {"method": "POST", "path": "/model/m/converse", "headers": {}, "body": null},
            "response": {"status": 200, "headers": {"a": "b"}, "body": {"x": 1}},
        });
        let recording: Recording = serde_json::from_value(file.clone()).unwrap();
        assert_eq!(serde_json::to_value(&recording).unwrap(), file);
        assert_eq!(recording.operation(), Some(Operation::Converse));
        assert!(Recording::load("/no/such/file").unwrap_err().to_string().contains("/no/such/file"));
    }
}
