//! A tool's arguments: their schema, and whether they fit it.

use bedrock_llm_schema::ToolSpec;
use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{ArgumentViolation, RegistryError, ToolError};

/// As many violations are told to the model.
const MAX_VIOLATIONS: usize = 20;

/// A spec whose arguments are of a type: its schema, with the documentation of its members.
#[must_use]
pub fn spec_of<A: JsonSchema>(name: &str, description: &str) -> ToolSpec {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
    let mut schema = SchemaGenerator::new(settings).into_root_schema_for::<A>().to_value();
    if let Some(root) = schema.as_object_mut() {
        // the name of the type tells the model nothing, and its documentation is the tool's
        root.remove("title");
        root.remove("description");
        // models want to see that there are no arguments
        root.entry("properties").or_insert_with(|| json!({}));
        root.entry("type").or_insert_with(|| json!("object"));
    }
    ToolSpec::new(name, description, schema)
}

/// Reads arguments as a type.
///
/// # Errors
/// [`ToolError::BadArguments`] names the place.
pub fn arguments_of<A: DeserializeOwned>(arguments: Value) -> Result<A, ToolError> {
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = pointer(error.path());
        // serde quotes values that it did not expect; this goes to the model that wrote them
        ToolError::BadArguments(vec![ArgumentViolation { path, message: error.inner().to_string() }])
    })
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => {
            format!("/{}", key.replace('~', "~0").replace('/', "~1"))
        }
        Segment::Unknown => "/?".to_owned(),
    };
    path.iter().map(segment).collect()
}

/// Whether arguments fit a tool's schema.
#[derive(Debug)]
pub(super) struct Check(Option<Validator>);

impl Check {
    pub(super) fn new(spec: &ToolSpec) -> Result<Self, RegistryError> {
        let schema = spec.schema();
        if schema.is_null() {
            return Ok(Self(None)); // of a kind this version does not know
        }
        let is_object = schema.get("type").is_none_or(|kind| kind == "object");
        if !schema.is_object() || !is_object {
            let message = "its root is no object's".to_owned();
            return Err(RegistryError::Schema { name: spec.name.clone(), message });
        }
        match jsonschema::validator_for(schema) {
            Ok(validator) => Ok(Self(Some(validator))),
            Err(error) => {
                Err(RegistryError::Schema { name: spec.name.clone(), message: error.masked().to_string() })
            }
        }
    }

    /// The arguments as the tool gets them. No arguments may come as null, nothing, or an empty text.
    pub(super) fn settle(&self, arguments: &Value) -> Result<Value, ToolError> {
        let arguments = match arguments {
            Value::Null => Value::Object(Map::new()),
            Value::String(text) if text.trim().is_empty() => Value::Object(Map::new()),
            other => other.clone(),
        };
        let Some(validator) = &self.0 else { return Ok(arguments) };
        let violations: Vec<_> = validator
            .iter_errors(&arguments)
            .take(MAX_VIOLATIONS)
            .map(|error| ArgumentViolation {
                path: error.instance_path().to_string(),
                message: error.masked().to_string(),
            })
            .collect();
        if violations.is_empty() { Ok(arguments) } else { Err(ToolError::BadArguments(violations)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "read by serde")]
    struct Arguments {
        /// Where.
        city: String,
        days: Option<u8>,
    }

    fn check() -> Check {
        Check::new(&spec_of::<Arguments>("weather", "Tells the weather.")).unwrap()
    }

    #[test]
    fn the_schema_is_the_types() {
        let spec = spec_of::<Arguments>("weather", "Tells the weather.");
        assert_eq!(spec.schema()["properties"]["city"], json!({"description": "Where.", "type": "string"}));
        assert_eq!(spec.schema()["required"], json!(["city"]));
        assert_eq!(spec.schema().get("title"), None);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = check().settle(&json!({"days": "secret"})).unwrap_err();
        let ToolError::BadArguments(violations) = error else { panic!("{error}") };
        let paths: Vec<_> = violations.iter().map(|violation| violation.path.as_str()).collect();
        assert!(paths.contains(&"") && paths.contains(&"/days"), "{violations:?}");
        assert!(!violations.iter().any(|violation| violation.message.contains("secret")), "{violations:?}");
        assert!(check().settle(&json!([])).is_err());
    }

    #[test]
    fn no_arguments_are_an_empty_object() {
        let none = Check::new(&ToolSpec::new("now", "The time.", json!({"type": "object"}))).unwrap();
        for arguments in [json!(null), json!(""), json!(" "), json!({})] {
            assert_eq!(none.settle(&arguments).unwrap(), json!({}));
        }
        assert!(check().settle(&json!(null)).is_err());
    }

    #[test]
    fn a_schema_must_be_an_objects() {
        for schema in [json!({"type": "string"}), json!(true), json!({"type": "object", "properties": 7})] {
            let error = Check::new(&ToolSpec::new("x", "", schema)).unwrap_err();
            assert!(matches!(&error, RegistryError::Schema { name, .. } if name == "x"), "{error}");
        }
    }

    #[test]
    fn unreadable_arguments_name_the_place() {
        let error = arguments_of::<Arguments>(json!({"city": "Paris", "days": 300})).unwrap_err();
        assert!(error.to_string().starts_with("bad arguments: /days: "), "{error}");
    }
}
