//! Whether something is a JSON schema at all.

use serde_json::{Map, Value};

use super::walk::{BY_NAME, LISTS, SINGLE};

const TYPES: &[&str] = &["object", "array", "string", "number", "integer", "boolean", "null"];
/// Schemas nested deeper than this are taken for right.
const MAX_DEPTH: usize = 128;

/// A tool's schema that is none, or not that of an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema of tool {tool} is no JSON schema at {}: {message}", at(.pointer))]
#[non_exhaustive]
pub struct ToolSchemaError {
    /// The tool's name.
    pub tool: String,
    /// Where in the schema, as a JSON pointer; empty for its root.
    pub pointer: String,
    /// What is wrong there.
    pub message: &'static str,
}

fn at(pointer: &str) -> &str {
    if pointer.is_empty() { "its root" } else { pointer }
}

/// A place, as a JSON pointer, and what is wrong there.
type Fault = (String, &'static str);

impl ToolSchemaError {
    pub(super) fn new(tool: &str, (pointer, message): Fault) -> Self {
        Self { tool: tool.to_owned(), pointer, message }
    }
}

/// Checks a tool's schema.
pub(super) fn check(schema: &Value) -> Result<(), Fault> {
    if schema.get("type").is_none_or(|name| name != "object") {
        return Err((String::new(), "the root is not of type object"));
    }
    Checker { root: schema }.schema(schema, &mut Vec::new())
}

struct Checker<'a> {
    root: &'a Value,
}

impl<'a> Checker<'a> {
    fn schema(&self, schema: &'a Value, path: &mut Vec<&'a str>) -> Result<(), Fault> {
        let map = match schema {
            Value::Object(map) => map,
            Value::Bool(_) => return Ok(()),
            _ => return Err(fault(path, "neither an object nor a boolean")),
        };
        if path.len() > MAX_DEPTH {
            return Ok(());
        }
        self.words(map, path)?;
        for (keyword, value) in map {
            path.push(keyword);
            self.keyword(keyword, value, path)?;
            path.pop();
        }
        Ok(())
    }

    fn keyword(&self, keyword: &str, value: &'a Value, path: &mut Vec<&'a str>) -> Result<(), Fault> {
        match value {
            Value::Object(named) if BY_NAME.contains(&keyword) => {
                for (name, schema) in named {
                    path.push(name);
                    self.schema(schema, path)?;
                    path.pop();
                }
            }
            _ if BY_NAME.contains(&keyword) => return Err(fault(path, "not an object")),
            Value::Array(list) if LISTS.contains(&keyword) || keyword == "items" => {
                for schema in list {
                    self.schema(schema, path)?;
                }
            }
            _ if LISTS.contains(&keyword) => return Err(fault(path, "not a list")),
            _ if SINGLE.contains(&keyword) => self.schema(value, path)?,
            _ => {}
        }
        Ok(())
    }

    /// The keywords that hold no schemas but have a form of their own.
    fn words(&self, map: &'a Map<String, Value>, path: &mut Vec<&'a str>) -> Result<(), Fault> {
        let is_type = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
        let is_right = |keyword: &str, value: &Value| match (keyword, value) {
            ("type", Value::Array(types)) => {
                types.iter().all(is_type).then_some(()).ok_or("not types' names")
            }
            ("type", value) => is_type(value).then_some(()).ok_or("not a type's name"),
            ("required", Value::Array(names)) if names.iter().all(Value::is_string) => Ok(()),
            ("required", _) => Err("not a list of names"),
            ("enum", value) => value.is_array().then_some(()).ok_or("not a list"),
            ("$ref", Value::String(reference)) => match reference.strip_prefix('#') {
                Some(pointer) if pointer.starts_with('/') && !pointer.contains('%') => {
                    self.root.pointer(pointer).map(drop).ok_or("refers to nothing in this schema")
                }
                _ => Ok(()), // by name, by URL
            },
            ("$ref", _) => Err("not a text"),
            _ => Ok(()),
        };
        for (keyword, value) in map {
            if let Err(message) = is_right(keyword, value) {
                path.push(keyword);
                return Err(fault(path, message));
            }
        }
        Ok(())
    }
}

fn fault(path: &[&str], message: &'static str) -> Fault {
    (path.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect(), message)
}
