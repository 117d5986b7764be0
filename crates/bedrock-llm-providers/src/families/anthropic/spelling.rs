//! How a body of the family spells what can be spelt in more than one way.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::NAME;
use crate::{CodecError, Spelling};

#[serde_with::skip_serializing_none]
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Manner {
    /// The labels before each turn, where the body is a prompt.
    pub(super) prompt: Option<Vec<String>>,
    /// What is text alone and no list of blocks: `system`, a message's index, a tool result's `message.block`.
    pub(super) text: BTreeSet<String>,
    /// Members that the family must have and the body has not.
    pub(super) absent: BTreeSet<String>,
    /// Members that are null, as JSON pointers.
    pub(super) nulls: Vec<String>,
}

impl Manner {
    /// What another codec's spelling says means nothing here.
    pub(super) fn of(spelling: Option<&Spelling>) -> Self {
        let read = |spelling: &Spelling| serde_json::from_value(Value::Object(spelling.0.clone())).ok();
        spelling.and_then(read).unwrap_or_default()
    }

    /// The family must have a limit of tokens; only who reads a body without one may write it so again.
    pub(super) fn limit(&self, body: &Value, name: &str) -> Result<(), CodecError> {
        if body.get(name).is_some() || self.absent.contains("max_tokens") {
            return Ok(());
        }
        let (what, path) = ("a limit of tokens".to_owned(), "inferenceConfig.maxTokens".to_owned());
        Err(CodecError::Missing { family: NAME, what, path })
    }

    pub(super) fn into_spelling(self) -> Spelling {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => Spelling(map),
            _ => Spelling::default(), // cannot be: the members are plain JSON
        }
    }
}
