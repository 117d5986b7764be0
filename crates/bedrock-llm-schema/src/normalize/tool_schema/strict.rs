//! What a schema must be for the service to bind a model to it: `strict` tools and native JSON answers.
//!
//! The words of <https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html>: every object is closed;
//! numbers, texts and lists have no bounds; `oneOf` is not among the keywords. Recording 8a3d6a1df318 shows bounds
//! that were told in descriptions instead, and kept.

use serde_json::{Map, Value, json};

use super::Note;
use super::walk::{any, children_by_keyword};
use crate::ChangeKind;

/// Bounds that the service does not hold a model to.
const BOUNDS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];
/// Keywords beside which an object is not closed: they say which other members it may have.
const SPEAK_TOO: &[&str] = &[
    "additionalProperties",
    "patternProperties",
    "$ref",
    "anyOf",
    "oneOf",
    "allOf",
    "if",
    "dependentSchemas",
];
/// Formats it does hold a model to.
const FORMATS: &[&str] =
    &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// What was done to a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StrictChange {
    /// Objects were closed: `additionalProperties: false`.
    Closed,
    /// Bounds were moved into descriptions.
    Described,
    /// `oneOf` became `anyOf`.
    AnyOf,
}

impl StrictChange {
    pub(super) fn note(self) -> Note {
        match self {
            Self::Closed => (ChangeKind::Mended, "objects closed by `additionalProperties: false`"),
            Self::Described => (
                ChangeKind::Degraded,
                "bounds moved into descriptions: the service does not hold a model to them",
            ),
            Self::AnyOf => (ChangeKind::Mended, "`oneOf` replaced by `anyOf`"),
        }
    }
}

/// Gives a schema the form to which the service binds a model, and says what was done; empty where it has that form.
///
/// An object that lists its members is closed. One that does not, a map of names to values, stays open; the service
/// refuses it. Bounds go into descriptions, as `minimum=0`: check the answer against the schema as it was.
///
/// ```
/// use bedrock_llm_schema::normalize::{StrictChange, strict_schema};
/// use serde_json::json;
///
/// let mut schema = json!({"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}});
/// assert_eq!(strict_schema(&mut schema), [StrictChange::Closed, StrictChange::Described]);
/// let age = json!({"type": "integer", "description": "minimum=0"});
/// assert_eq!(schema, json!({"type": "object", "properties": {"age": age}, "additionalProperties": false}));
/// ```
pub fn strict_schema(schema: &mut Value) -> Vec<StrictChange> {
    let mut changes = Vec::new();
    if let Value::Object(map) = schema
        && map.get("type").is_some_and(|name| name == "object")
        && !map.contains_key("properties")
        && !SPEAK_TOO.iter().any(|keyword| map.contains_key(*keyword))
    {
        map.insert("properties".to_owned(), json!({}));
    }
    // definitions of which two hold at once would close each other out
    let is_joined =
        any(schema, |map| map.get("allOf").and_then(Value::as_array).is_some_and(|all| all.len() > 1));
    bind(schema, true, !is_joined, &mut changes);
    changes
}

/// `close` where no other schema speaks of the same object: its members would be shut out.
fn bind(schema: &mut Value, close: bool, close_definitions: bool, changes: &mut Vec<StrictChange>) {
    let mut lists_members = false;
    if let Value::Object(map) = schema {
        let mut note = |change| {
            if !changes.contains(&change) {
                changes.push(change);
            }
        };
        lists_members = map.contains_key("properties");
        let is_alone = !SPEAK_TOO.iter().any(|keyword| map.contains_key(*keyword));
        if close && lists_members && is_alone {
            map.insert("additionalProperties".to_owned(), json!(false));
            note(StrictChange::Closed);
        }
        if describe_bounds(map) {
            note(StrictChange::Described);
        }
        if !map.contains_key("anyOf")
            && let Some(branches) = map.shift_remove("oneOf")
        {
            map.insert("anyOf".to_owned(), branches);
            note(StrictChange::AnyOf);
        }
    }
    children_by_keyword(schema, &mut |keyword, child| {
        let close = match keyword {
            "allOf" | "not" | "if" | "then" | "else" | "dependentSchemas" => false,
            "anyOf" | "oneOf" => close && !lists_members,
            "$defs" | "definitions" => close_definitions,
            _ => true,
        };
        bind(child, close, close_definitions, changes);
    });
}

fn describe_bounds(map: &mut Map<String, Value>) -> bool {
    let is_bound = |keyword: &str, value: &Value| match keyword {
        "format" => !value.as_str().is_some_and(|name| FORMATS.contains(&name)),
        "minItems" => !matches!(value.as_u64(), Some(0 | 1)),
        _ => BOUNDS.contains(&keyword),
    };
    let bounds: Vec<String> = map
        .iter()
        .filter(|(keyword, value)| BOUNDS.contains(&&***keyword) && is_bound(keyword, value))
        .map(|(keyword, _)| keyword.clone())
        .collect();
    let mut told = Vec::new();
    for keyword in &bounds {
        if let Some(value) = map.shift_remove(keyword.as_str()) {
            told.push(format!("{keyword}={value}"));
        }
    }
    if !told.is_empty() {
        let told = told.join(", ");
        let text = match map.get("description").and_then(Value::as_str) {
            Some(text) if !text.is_empty() => format!("{text} ({told})"),
            _ => told,
        };
        map.insert("description".to_owned(), Value::String(text));
    }
    !bounds.is_empty()
}
