//! What is ranked.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

/// A document to rank.
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum RerankDocument {
    /// Text.
    Text(String),
    /// A JSON object, whose members the model reads.
    Json(Map<String, Value>),
}

impl RerankDocument {
    /// The document as text: JSON as it is written.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Json(object) => Cow::Owned(Value::Object(object.clone()).to_string()),
        }
    }
}

impl From<&str> for RerankDocument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for RerankDocument {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for RerankDocument {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Map<String, Value>> for RerankDocument {
    fn from(object: Map<String, Value>) -> Self {
        Self::Json(object)
    }
}

/// Shows the length only, so that documents do not reach logs.
impl fmt::Debug for RerankDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Json(object) => write!(f, "Json({} members)", object.len()),
        }
    }
}
