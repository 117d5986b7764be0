//! Ready kinds for JSON objects, as lines of a file have them.

mod fields;
mod filter;
mod literal;
mod text;

use serde_json::{Map, Value};

use super::Registry;

impl Registry {
    /// Ready kinds for JSON objects, as they stand on the lines of a file. Each takes an object and gives it back with
    /// fields added or changed; other values fail with [`JsonError`].
    ///
    /// | kind | settings | what becomes of the object |
    /// |---|---|---|
    /// | `json.pick` | `fields`, `optional` | only these fields are left; `fields` must be there |
    /// | `json.set` | `fields` (a table) | these fields have these values |
    /// | `json.rename` | `fields` (old to new names) | these fields have other names, in their places |
    /// | `json.filter` | `field`, `not`, and at least one of `exists`, `equals`, `contains`, `above`, `below`, `at_least`, `at_most` | passes if all is so, or with `not` if it is not |
    /// | `json.flatten` | `field`, `into`, `number` | one for each element of the array `field`, with the element in its place, or in `into`, and its number from 0 in `number` |
    /// | `json.merge` | | a join: one object with the fields of all |
    /// | `text.template` | `template`, `into` | `into` has the template with the fields that it names: `"{title} by {author}"` |
    /// | `text.split` | `max_chars`, `overlap`, `field`, `into`, `number` | one for each piece of the text, with its number from 0 in `number`, which is `chunk` |
    /// | `text.trim` | `field`, `into` | no white space at the text's ends |
    /// | `text.lower` | `field`, `into` | the text in lower case |
    ///
    /// `field` is `text` where a text is meant and nothing else is said, `into` is `field`.
    ///
    /// ```
    /// use bedrock_llm_pipeline::graph::Registry;
    /// use serde_json::{Value, json};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let graph = Registry::json().load(
    ///     r#"
    ///     [nodes.split]
    ///     use = "text.split"
    ///     with = { max_chars = 10 }
    ///
    ///     [nodes.prompt]
    ///     use = "text.template"
    ///     from = ["split"]
    ///     with = { template = "{id}/{chunk}: {text}", into = "prompt" }
    ///
    ///     [nodes.prompts]
    ///     use = "json.pick"
    ///     from = ["prompt"]
    ///     with = { fields = ["prompt"] }
    ///     "#,
    /// )?;
    /// let pipeline = graph.build::<Value, Value>()?;
    /// let prompts = pipeline.execute_all(json!({"id": 7, "text": "Bees fly. Ants walk."})).await?;
    /// assert_eq!(prompts, [json!({"prompt": "7/0: Bees fly."}), json!({"prompt": "7/1: Ants walk."})]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn json() -> Self {
        let mut registry = Self::new();
        fields::register(&mut registry);
        filter::register(&mut registry);
        text::register(&mut registry);
        registry
    }
}

/// A JSON value is not what a node takes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not an object.
    #[error("the value is {found}; nodes of JSON take objects")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// A field that is not there.
    #[error("there is no field `{field}`; the fields are {}", if fields.is_empty() { "none".to_owned() } else { fields.join(", ") })]
    Missing {
        /// The field.
        field: String,
        /// Those that are there.
        fields: Vec<String>,
    },
    /// A field of the wrong type.
    #[error("the field `{field}` is {found}, not {wanted}")]
    Type {
        /// The field.
        field: String,
        /// What it is.
        found: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// A field that is not of the type that a node takes.
    #[error("the field `{field}` is not what the node takes")]
    Field {
        /// The field.
        field: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// A field that would be written over.
    #[error("there are two values for the field `{field}`; rename one of them first")]
    Conflict {
        /// The field.
        field: String,
    },
}

/// An object, whose fields are asked for by name.
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn of(value: Value) -> Result<Self, JsonError> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            other => Err(JsonError::NotAnObject { found: kind_of(&other) }),
        }
    }

    pub(super) fn get(&self, field: &str) -> Result<&Value, JsonError> {
        self.0.get(field).ok_or_else(|| self.missing(field))
    }

    fn text(&self, field: &str) -> Result<&str, JsonError> {
        match self.get(field)? {
            Value::String(text) => Ok(text),
            other => {
                Err(JsonError::Type { field: field.to_owned(), found: kind_of(other), wanted: "a string" })
            }
        }
    }

    fn missing(&self, field: &str) -> JsonError {
        JsonError::Missing { field: field.to_owned(), fields: self.0.keys().cloned().collect() }
    }

    pub(super) fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.0.insert(field.to_owned(), value.into());
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
