//! Where in a JSON schema other schemas stand. What is not listed here, such as `enum` and `default`, holds values.

use serde_json::{Map, Value};

/// Keywords that hold schemas by name.
pub(super) const BY_NAME: &[&str] =
    &["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Keywords that hold a list of schemas.
pub(super) const LISTS: &[&str] = &["anyOf", "oneOf", "allOf", "prefixItems"];
/// Keywords that hold one schema.
pub(super) const SINGLE: &[&str] = &[
    "items",
    "additionalItems",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
];
/// Keywords that say nothing about instances.
pub(super) const NOTES: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$defs",
    "definitions",
];

/// Shows each schema that stands directly inside this one.
pub(super) fn children(schema: &Value, see: &mut dyn FnMut(&Value)) {
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        match value {
            Value::Object(named) if BY_NAME.contains(&&**keyword) => named.values().for_each(&mut *see),
            Value::Array(list) if LISTS.contains(&&**keyword) || keyword == "items" => {
                list.iter().for_each(&mut *see);
            }
            Value::Object(_) if SINGLE.contains(&&**keyword) => see(value),
            _ => {}
        }
    }
}

/// The same, to change them.
pub(super) fn children_mut(schema: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    children_by_keyword(schema, &mut |_, child| change(child));
}

/// The same, with the keyword under which each stands.
pub(super) fn children_by_keyword(schema: &mut Value, change: &mut dyn FnMut(&str, &mut Value)) {
    for (keyword, value) in schema.as_object_mut().into_iter().flatten() {
        match value {
            Value::Object(named) if BY_NAME.contains(&&**keyword) => {
                named.values_mut().for_each(|child| change(keyword, child));
            }
            Value::Array(list) if LISTS.contains(&&**keyword) || keyword == "items" => {
                list.iter_mut().for_each(|child| change(keyword, child));
            }
            Value::Object(_) if SINGLE.contains(&&**keyword) => change(keyword, value),
            _ => {}
        }
    }
}

/// Whether this holds for the schema or one inside it.
pub(super) fn any(schema: &Value, holds: fn(&Map<String, Value>) -> bool) -> bool {
    let mut found = schema.as_object().is_some_and(holds);
    if !found {
        children(schema, &mut |child| found = found || any(child, holds));
    }
    found
}
