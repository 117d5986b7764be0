//! The form an answer must have.

use std::any::type_name;
use std::collections::HashSet;
use std::fmt;

use bedrock_llm_schema::response::IncompleteCause;
use bedrock_llm_schema::{ChatResponse, ContentBlock, Error, ErrorKind, StopReason, ToolSpec};
use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::error::{AnswerViolation, Unfit};
use super::read;

/// The member in which a value that is no object travels.
const VALUE: &str = "value";
/// As many violations are told to the model.
const MAX_VIOLATIONS: usize = 20;

/// The form an answer must have: a type's schema, its root an object. A type that is none travels as `{"value": …}`.
///
/// [`Client::extract`](crate::Client::extract) makes its own; this is for those who ask in another way.
///
/// ```
/// use bedrock_llm_client::extract::Shape;
///
/// let shape = Shape::of::<Vec<u8>>()?;
/// assert_eq!(shape.read::<Vec<u8>>("They are [1, 2].").unwrap(), [1, 2]);
/// let wrong = shape.read::<Vec<u8>>(r#"{"value": [1, "two"]}"#).unwrap_err();
/// assert_eq!(wrong[0].path, "/value/1");
/// # Ok::<(), bedrock_llm_schema::Error>(())
/// ```
pub struct Shape {
    /// The type's name in the letters that every family's tools may have.
    pub(super) name: String,
    pub(super) schema: Value,
    is_wrapped: bool,
    /// The names of members anywhere in the type: what of a path is not the answer's.
    members: HashSet<String>,
    validator: Validator,
}

impl Shape {
    /// The shape of a type.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Config`] when the type's schema is none.
    pub fn of<T: JsonSchema>() -> Result<Self, Error> {
        let generator =
            || SchemaGenerator::new(SchemaSettings::draft2020_12().with(|s| s.meta_schema = None));
        let root = generator().into_root_schema_for::<T>().to_value();
        let is_object = |schema: &Value| schema.get("type").is_some_and(|name| name == "object");
        let is_wrapped = !is_object(&root);
        let schema = if is_wrapped {
            let mut generator = generator();
            // by reference, so that a type which is part of itself stays so
            let value = generator.subschema_for::<T>().to_value();
            let definitions: Map<String, Value> = generator.take_definitions(true);
            let mut schema = json!({"type": "object", "properties": {VALUE: value}, "required": [VALUE]});
            if !definitions.is_empty() {
                schema["$defs"] = Value::Object(definitions);
            }
            schema
        } else {
            root
        };
        let validator = jsonschema::validator_for(&schema).map_err(|error| {
            let message = format!("the JSON schema of {} is none: {}", type_name::<T>(), error.masked());
            Error::new(ErrorKind::Config, message)
        })?;
        let name = T::schema_name();
        let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
        let name = format!("answer_{}", letters.take(50).collect::<String>());
        let mut members = HashSet::new();
        add_members(&schema, &mut members);
        Ok(Self { name, schema, is_wrapped, members, validator })
    }

    /// The type's name in the letters that every family's tools may have, with `answer_` before it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The JSON Schema, of an object.
    #[must_use]
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// A tool that takes the answer as its arguments.
    #[must_use]
    pub fn tool(&self) -> ToolSpec {
        ToolSpec::new(&self.name, "Takes the answer.", self.schema.clone())
    }

    /// Reads an answer's JSON as a value of the type.
    ///
    /// # Errors
    /// All places that do not fit.
    pub fn value<T: DeserializeOwned>(&self, json: Value) -> Result<T, Vec<AnswerViolation>> {
        self.fit(json).map(|(_, value)| value)
    }

    /// Finds the answer's JSON in a text, repairs it where it must, and reads it as a value of the type.
    ///
    /// # Errors
    /// All places that do not fit; of several candidates, those of the likeliest.
    pub fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, Vec<AnswerViolation>> {
        self.first_fit(read::candidates(text)).map(|(_, value)| value).map_err(or_no_json)
    }

    /// The value in an answer, if it has one that fits; as JSON too.
    pub(super) fn judge<T: DeserializeOwned>(&self, response: &ChatResponse) -> Result<(Value, T), Unfit> {
        let raw = self.raw(response);
        let kind = match &response.stop_reason {
            StopReason::MaxTokens | StopReason::ModelContextWindowExceeded => ErrorKind::AnswerIncomplete,
            StopReason::GuardrailIntervened | StopReason::ContentFiltered => ErrorKind::AnswerRefused,
            // Claude's word, which Converse passes on
            StopReason::Unknown(reason) if reason == "refusal" => ErrorKind::AnswerRefused,
            _ => ErrorKind::AnswerInvalid,
        };
        let called = response.message.tool_uses().find(|call| call.name == self.name);
        let found = match kind {
            ErrorKind::AnswerRefused => Vec::new(),
            // what was cut off may be chatter behind a whole answer
            ErrorKind::AnswerIncomplete => match called {
                Some(call) => {
                    let last = response.message.tool_uses().last();
                    let is_last = matches!(response.message.content.last(), Some(ContentBlock::ToolUse(_)))
                        && last.is_some_and(|last| last.tool_use_id == call.tool_use_id);
                    if is_last { Vec::new() } else { vec![call.input.clone()] }
                }
                None => read::whole(&raw),
            },
            _ => match called.map(|call| &call.input) {
                // some models write the arguments as text in the arguments
                Some(Value::String(text)) => read::candidates(text),
                Some(input) => vec![input.clone()],
                None => read::candidates(&raw),
            },
        };
        match self.first_fit(found) {
            Ok(value) => Ok(value),
            Err(_) if kind != ErrorKind::AnswerInvalid => Err(Unfit { kind, raw, violations: Vec::new() }),
            Err(first) => Err(Unfit { kind, raw, violations: or_no_json(first) }),
        }
    }

    /// The first that fits, or what is wrong with the first; nothing where there is none.
    fn first_fit<T: DeserializeOwned>(&self, found: Vec<Value>) -> Result<(Value, T), Vec<AnswerViolation>> {
        let mut first = None;
        for value in found {
            match self.fit(value) {
                Ok(value) => return Ok(value),
                Err(violations) => drop(first.get_or_insert(violations)),
            }
        }
        Err(first.unwrap_or_default())
    }

    fn raw(&self, response: &ChatResponse) -> String {
        let called = response.message.tool_uses().find(|call| call.name == self.name);
        let cut = response.incomplete_tool_uses.iter().find(|call| call.name == self.name);
        match (called, cut) {
            (Some(call), _) => call.input.to_string(),
            (None, Some(call)) if call.cause != IncompleteCause::StreamOpen => call.raw.clone(),
            _ => response.text(),
        }
    }

    fn fit<T: DeserializeOwned>(&self, value: Value) -> Result<(Value, T), Vec<AnswerViolation>> {
        let mut violations = self.violations(&value);
        let mut value = value;
        // the wrapping is ours, and models forget it
        if self.is_wrapped && !violations.is_empty() {
            let wrapped = json!({VALUE: value});
            let inside = self.violations(&wrapped);
            if inside.is_empty() {
                (value, violations) = (wrapped, inside);
            }
        }
        if !violations.is_empty() {
            return Err(violations);
        }
        let whole = value.clone();
        let value = self.unwrapped(value);
        match serde_path_to_error::deserialize(&value) {
            Ok(typed) => Ok((value, typed)),
            Err(error) => {
                let path = self.pointer(error.path());
                let shown = self.shown(&path, &whole);
                Err(vec![AnswerViolation::new(path, shown, error.into_inner().to_string())])
            }
        }
    }

    fn violations(&self, value: &Value) -> Vec<AnswerViolation> {
        let errors = self.validator.iter_errors(value).take(MAX_VIOLATIONS);
        let violation = |error: jsonschema::ValidationError<'_>| {
            let path = error.instance_path().as_str();
            AnswerViolation::new(path, self.shown(path, value), error.masked().to_string())
        };
        errors.map(violation).collect()
    }

    /// A path into a value with `*` for what is neither a member of the type nor an index.
    fn shown(&self, path: &str, value: &Value) -> String {
        let mut shown = String::new();
        let mut at = Some(value);
        for step in path.split('/').skip(1) {
            let name = step.replace("~1", "/").replace("~0", "~");
            let is_known = at.is_some_and(Value::is_array) || self.members.contains(&name);
            shown.push('/');
            shown.push_str(if is_known { step } else { "*" });
            at = match at {
                Some(Value::Array(values)) => name.parse().ok().and_then(|index: usize| values.get(index)),
                Some(Value::Object(members)) => members.get(&name),
                _ => None,
            };
        }
        shown
    }

    /// Where deserializing stopped, as a JSON pointer into the answer.
    fn pointer(&self, path: &serde_path_to_error::Path) -> String {
        use serde_path_to_error::Segment;
        let escaped = |name: &str| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let steps = path.iter().map(|step| match step {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => escaped(key),
            Segment::Enum { variant } => escaped(variant),
            Segment::Unknown => "/?".to_owned(),
        });
        let wrapping = self.is_wrapped.then(|| escaped(VALUE));
        wrapping.into_iter().chain(steps).collect()
    }

    fn unwrapped(&self, value: Value) -> Value {
        match value {
            Value::Object(mut members) if self.is_wrapped => members.shift_remove(VALUE).unwrap_or_default(),
            value => value,
        }
    }

    /// The value so far, in a text that is still growing.
    pub(super) fn partial(&self, text: &str) -> Option<Value> {
        let value = read::partial(text, self.is_wrapped)?;
        // the wrapping is ours, and models forget it
        if self.is_wrapped && value.is_object() { value.get(VALUE).cloned() } else { Some(value) }
    }
}

fn or_no_json(violations: Vec<AnswerViolation>) -> Vec<AnswerViolation> {
    if violations.is_empty() { vec![AnswerViolation::new("", "", "not JSON")] } else { violations }
}

/// The type's name.
impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shape").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Every name in the `properties` of a schema and its parts.
fn add_members(schema: &Value, names: &mut HashSet<String>) {
    match schema {
        Value::Object(keywords) => {
            if let Some(Value::Object(members)) = keywords.get("properties") {
                names.extend(members.keys().cloned());
            }
            keywords.values().for_each(|part| add_members(part, names));
        }
        Value::Array(parts) => parts.iter().for_each(|part| add_members(part, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(serde::Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema matters")]
    struct Tree {
        name: String,
        kids: Vec<Tree>,
    }

    fn fits<T: JsonSchema + DeserializeOwned>(value: Value) -> Result<T, Vec<AnswerViolation>> {
        Shape::of::<T>().unwrap().fit(value).map(|(_, typed)| typed)
    }

    #[test]
    fn roots_are_objects() {
        assert_eq!(Shape::of::<String>().unwrap().schema["properties"], json!({"value": {"type": "string"}}));
        for shape in [Shape::of::<Tree>(), Shape::of::<Vec<Tree>>(), Shape::of::<Option<Tree>>()] {
            assert_eq!(shape.unwrap().schema["type"], "object");
        }
        assert_eq!(fits::<Vec<u8>>(json!({"value": [1]})).unwrap(), [1]);
        assert_eq!(fits::<Vec<u8>>(json!([1])).unwrap(), [1]);
        let tree = json!({"name": "a", "kids": [{"name": "b", "kids": []}]});
        assert_eq!(fits::<Vec<Tree>>(json!({"value": [tree]})).unwrap()[0].kids[0].name, "b");
        assert!(fits::<Tree>(json!({"name": "a", "kids": [{}]})).is_err());
        assert!(
            Shape::of::<Vec<Tree>>().unwrap().name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        );
    }

    #[test]
    fn violations_have_places_and_show_nothing() {
        let found = fits::<Vec<u8>>(json!({"value": [1, "secret"]})).unwrap_err();
        assert_eq!(found[0].path, "/value/1");
        assert!(!format!("{found:?}{}", found[0]).contains("secret"));
    }

    #[test]
    fn keys_of_the_answer_are_in_the_path_and_not_shown() {
        #[derive(Debug, serde::Deserialize, JsonSchema)]
        #[allow(dead_code, reason = "only its schema matters")]
        struct Ages {
            ages: BTreeMap<String, Vec<Even>>,
        }
        let found = fits::<Ages>(json!({"ages": {"my secret/7": [2, "x"]}})).unwrap_err();
        assert_eq!(found[0].path, "/ages/my secret~17/1");
        assert_eq!(format!("{}", found[0]), "does not fit at /ages/*/1");
        // what serde finds has the same place, wrapping and all
        for found in [
            fits::<Ages>(json!({"ages": {"my secret/7": [2, 3]}})).unwrap_err(),
            fits::<BTreeMap<String, Ages>>(json!({"123": {"ages": {"my secret/7": [2, 3]}}})).unwrap_err(),
            fits::<Vec<Ages>>(json!({"value": [{"ages": {"my secret/7": [2, 3]}}]})).unwrap_err(),
        ] {
            assert!(found[0].path.ends_with("/ages/my secret~17/1"), "{}", found[0].path);
            let shown = format!("{} {:?}", found[0], found[0]);
            assert!(shown.contains("/ages/*/1") && !shown.contains("secret"), "{shown}");
            assert!(!shown.contains("123"), "{shown}");
        }
        let found = fits::<Vec<Even>>(json!([2, 3])).unwrap_err();
        assert_eq!(
            (found[0].path.as_str(), found[0].to_string().as_str()),
            ("/value/1", "does not fit at /value/1")
        );
    }

    /// What the schema says less of than the type.
    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(try_from = "u8")]
    #[schemars(with = "u8")]
    struct Even(#[allow(dead_code, reason = "only its schema matters")] u8);

    impl TryFrom<u8> for Even {
        type Error = String;
        fn try_from(number: u8) -> Result<Self, String> {
            if number.is_multiple_of(2) { Ok(Self(number)) } else { Err("odd".to_owned()) }
        }
    }
}
