//! The root of a tool's schema: an object with `type: "object"`.

use serde_json::{Map, Value, json};

use super::walk::{NOTES, any, children_mut};
use super::{Note, refs};
use crate::ChangeKind::{Degraded, Mended};
use crate::model::ModelProfile;

/// Roots that are a `$ref` to a `$ref` are followed this far.
const MAX_HOPS: usize = 16;
/// Unions in unions are merged this deep.
const MAX_DEPTH: usize = 16;

pub(super) fn mend(schema: &mut Value, profile: &ModelProfile, notes: &mut Vec<Note>) {
    if matches!(schema, Value::Null | Value::Bool(true)) {
        *schema = json!({"type": "object", "properties": {}});
        notes.push((Mended, "no schema: that of an object without members put in its place"));
        return;
    }
    if any(schema, has_nulls) {
        drop_nulls(schema);
        notes.push((Mended, "keywords of null replaced by what they stand for"));
    }
    for _ in 0..MAX_HOPS {
        let Some(whole) = refs::resolved(schema, schema) else { break };
        *schema = whole;
        notes.push((Mended, "reference at the root replaced by what it refers to"));
    }
    if profile.tools.root_unions == Some(false) && unions(schema).next().is_some() {
        merge_unions(schema, notes);
    }
    mend_type(schema, notes);
}

/// Some libraries write an absent keyword as null.
fn has_nulls(schema: &Map<String, Value>) -> bool {
    ["properties", "required", "type", "$defs", "definitions"]
        .iter()
        .any(|keyword| schema.get(*keyword).is_some_and(Value::is_null))
}

fn drop_nulls(schema: &mut Value) {
    if let Value::Object(map) = schema {
        if let Some(properties) = map.get_mut("properties").filter(|value| value.is_null()) {
            *properties = json!({});
        }
        for keyword in ["required", "type", "$defs", "definitions"] {
            if map.get(keyword).is_some_and(Value::is_null) {
                map.shift_remove(keyword);
            }
        }
    }
    children_mut(schema, &mut drop_nulls);
}

fn mend_type(schema: &mut Value, notes: &mut Vec<Note>) {
    let is_object = match schema.get("type") {
        None => is_of_objects(schema, schema, 0),
        // arguments are an object, whatever else the schema would take
        Some(Value::Array(types)) => types.iter().any(|name| name == "object"),
        Some(_) => false,
    };
    if let Value::Object(map) = schema
        && is_object
    {
        map.insert("type".to_owned(), json!("object"));
        notes.push((Mended, "`type: object` given to the root"));
    }
}

/// Whether a schema takes objects, as far as its own words tell.
fn is_of_objects(schema: &Value, root: &Value, depth: usize) -> bool {
    let Some(map) = schema.as_object() else { return false };
    if depth > MAX_DEPTH {
        return false;
    }
    if let Some(name) = map.get("type") {
        return name == "object";
    }
    if let Some(whole) = refs::resolved(schema, root) {
        return is_of_objects(&whole, root, depth + 1);
    }
    let about_objects = ["properties", "required", "additionalProperties", "patternProperties"];
    let mut branches = unions(schema).flat_map(|(_, branches)| branches).peekable();
    about_objects.iter().any(|keyword| map.contains_key(*keyword))
        || map.keys().all(|keyword| NOTES.contains(&&**keyword))
        || (branches.peek().is_some() && branches.all(|branch| is_of_objects(branch, root, depth + 1)))
}

/// The unions at a schema's root.
fn unions(schema: &Value) -> impl Iterator<Item = (&'static str, &Vec<Value>)> {
    ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|keyword| Some((keyword, schema.get(keyword)?.as_array()?)))
}

/// Claude takes no `anyOf`, `oneOf` or `allOf` at the root: one object has the members of all branches, and those are
/// required that every branch requires (for `allOf`, any).
fn merge_unions(schema: &mut Value, notes: &mut Vec<Note>) {
    let Some(Value::Object(merged)) = merged(schema, schema, 0) else { return };
    let is_exact = unions(schema).all(|(keyword, branches)| keyword == "allOf" || branches.len() < 2);
    *schema = Value::Object(merged);
    notes.push(if is_exact {
        (Mended, "branches at the root merged")
    } else {
        (Degraded, "branches at the root merged: the model is no longer told which members go together")
    });
}

/// A schema without branches at its root; `None` where it is not one of objects.
fn merged(schema: &Value, root: &Value, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH || !is_of_objects(schema, root, 0) {
        return None;
    }
    if let Some(whole) = refs::resolved(schema, root) {
        return merged(&whole, root, depth + 1);
    }
    let mut whole = schema.as_object()?.clone();
    let mut properties = taken(&mut whole, "properties");
    let mut required: Vec<Value> = list(schema, "required");
    for (keyword, branches) in unions(schema) {
        whole.shift_remove(keyword);
        let mut of_all: Option<Vec<Value>> = None;
        for branch in branches {
            let Some(Value::Object(mut branch)) = merged(branch, root, depth + 1) else { return None };
            let wants = list(&Value::Object(branch.clone()), "required");
            of_all = Some(match of_all {
                None => wants,
                Some(known) if keyword == "allOf" => known.into_iter().chain(wants).collect(),
                Some(known) => known.into_iter().filter(|name| wants.contains(name)).collect(),
            });
            let joined = if keyword == "allOf" { "allOf" } else { "anyOf" };
            for (name, value) in taken(&mut branch, "properties") {
                join(&mut properties, name, value, joined);
            }
            // a closed branch is closed against the members of the others
            whole.shift_remove("additionalProperties");
        }
        for name in of_all.unwrap_or_default() {
            if !required.contains(&name) {
                required.push(name);
            }
        }
    }
    whole.insert("type".to_owned(), json!("object"));
    whole.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        whole.insert("required".to_owned(), Value::Array(required));
    }
    Some(Value::Object(whole))
}

/// Adds a member; one of that name that says something else becomes a branch of its own.
fn join(properties: &mut Map<String, Value>, name: String, value: Value, keyword: &str) {
    match properties.get_mut(&name) {
        None => {
            properties.insert(name, value);
        }
        Some(known) if *known == value => {}
        Some(known) => match known.get_mut(keyword).and_then(Value::as_array_mut) {
            Some(branches) if branches.contains(&value) => {}
            _ => *known = json!({keyword: [known.take(), value]}),
        },
    }
}

fn taken(map: &mut Map<String, Value>, keyword: &str) -> Map<String, Value> {
    match map.shift_remove(keyword) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn list(schema: &Value, keyword: &str) -> Vec<Value> {
    schema.get(keyword).and_then(Value::as_array).cloned().unwrap_or_default()
}
