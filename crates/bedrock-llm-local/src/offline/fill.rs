//! Fills a JSON Schema from a text.

use serde_json::{Map, Value};

use super::find::Text;

/// How deep schemas are followed; deeper ones are left empty.
const DEPTH: usize = 8;

/// A value by the schema. `None` where the text lacks what the schema requires, unless `force`, which makes
/// something up.
pub(super) fn fill(schema: &Value, text: &str, force: bool) -> Option<Value> {
    let mut filler = Filler { text: Text::new(text), root: schema, force };
    filler.object(schema, 0)
}

struct Filler<'a> {
    text: Text<'a>,
    root: &'a Value,
    force: bool,
}

impl<'a> Filler<'a> {
    fn object(&mut self, schema: &'a Value, depth: usize) -> Option<Value> {
        let schema = self.resolve(schema);
        let mut object = Map::new();
        let required: Vec<&str> = list(schema, "required").filter_map(Value::as_str).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let needed = required.contains(&name.as_str());
            match self.member(name, property, needed, depth + 1) {
                Some(value) => drop(object.insert(name.clone(), value)),
                None if needed => return None,
                None => {}
            }
        }
        Some(Value::Object(object))
    }

    fn member(&mut self, name: &str, schema: &'a Value, needed: bool, depth: usize) -> Option<Value> {
        let schema = self.resolve(schema);
        let found = self.find(name, schema, needed, depth);
        found.or_else(|| schema.get("default").filter(|_| needed).cloned()).or_else(|| {
            // what must be there is made up, by force or where nothing is risked
            let made_up =
                self.force || is_of(schema, "boolean") || is_of(schema, "array") || is_of(schema, "null");
            (needed && made_up).then(|| self.made_up(schema, depth))
        })
    }

    fn find(&mut self, name: &str, schema: &'a Value, needed: bool, depth: usize) -> Option<Value> {
        if depth > DEPTH {
            return None;
        }
        if let Some(constant) = schema.get("const") {
            return Some(constant.clone());
        }
        if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
            let said = |choice: &&Value| choice.as_str().is_some_and(|choice| self.text.says(choice));
            return choices.iter().find(said).cloned();
        }
        let hint =
            format!("{name} {}", schema.get("description").and_then(Value::as_str).unwrap_or_default());
        if is_of(schema, "string") {
            let format = schema.get("format").and_then(Value::as_str);
            return self.text.string(name, &hint, format, needed).map(Value::from);
        }
        if is_of(schema, "integer") || is_of(schema, "number") {
            return self.text.number(name, needed, is_of(schema, "integer")).map(Value::from);
        }
        if is_of(schema, "boolean") {
            return self.text.boolean(name).map(Value::from);
        }
        if is_of(schema, "array") {
            return self.array(schema.get("items")?, needed, depth);
        }
        if schema.get("properties").is_some() && needed {
            return self.object(schema, depth);
        }
        None
    }

    fn array(&mut self, items: &'a Value, needed: bool, depth: usize) -> Option<Value> {
        let items = self.resolve(items);
        let mut values: Vec<Value> = Vec::new();
        if let Some(choices) = items.get("enum").and_then(Value::as_array) {
            values.extend(
                choices.iter().filter(|choice| choice.as_str().is_some_and(|c| self.text.says(c))).cloned(),
            );
        } else if is_of(items, "integer") || is_of(items, "number") {
            let integer = is_of(items, "integer");
            values.extend(std::iter::from_fn(|| self.text.number("", true, integer)).map(Value::from));
        } else if is_of(items, "string") {
            let mut more = || self.text.item();
            values.extend(std::iter::from_fn(&mut more).map(Value::from));
        } else if needed {
            values.extend(self.object(items, depth + 1));
        }
        (!values.is_empty()).then_some(Value::Array(values))
    }

    /// A value that fits the schema, whatever the text says.
    fn made_up(&mut self, schema: &'a Value, depth: usize) -> Value {
        if let Some(first) = list(schema, "enum").next() {
            return first.clone();
        }
        let minimum = schema.get("minimum").and_then(Value::as_i64).unwrap_or(0);
        match () {
            () if is_of(schema, "string") => self.text.whole().into(),
            () if is_of(schema, "integer") || is_of(schema, "number") => minimum.into(),
            () if is_of(schema, "boolean") => false.into(),
            () if is_of(schema, "array") => Value::Array(Vec::new()),
            () if is_of(schema, "null") => Value::Null,
            () if depth > DEPTH => Value::Object(Map::new()),
            () if schema.get("properties").is_some() || is_of(schema, "object") => {
                self.object(schema, depth + 1).unwrap_or_else(|| Value::Object(Map::new()))
            }
            () => self.text.whole().into(),
        }
    }

    /// Follows `$ref` into the schema's own definitions, and takes the first alternative that is not null.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..DEPTH {
            let target = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
            let alternative = || {
                let all =
                    ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema.get(*word)?.as_array())?;
                all.iter().find(|option| !is_of(option, "null"))
            };
            match target.and_then(|path| self.root.pointer(path)).or_else(alternative) {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }
}

fn list<'a>(schema: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(member).and_then(Value::as_array).into_iter().flatten()
}

/// Whether the schema is of a type; one of several will do.
fn is_of(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(is)) => is == kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|is| *is != "null") == Some(kind)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "reads better in the table")]
    fn object(properties: Value, required: &[&str]) -> Value {
        json!({"type": "object", "properties": properties, "required": required})
    }

    #[test]
    fn arguments_come_from_the_text() {
        let string = json!({"type": "string"});
        let cases = [
            (
                object(json!({"city": string}), &["city"]),
                "What is the weather in Paris?",
                json!({"city": "Paris"}),
            ),
            (
                object(json!({"location": string}), &["location"]),
                "weather in san francisco please",
                json!({"location": "san francisco"}),
            ),
            (
                object(
                    json!({"city": string, "days": {"type": "integer"}, "unit": {"enum": ["celsius", "fahrenheit"]}}),
                    &["city"],
                ),
                "Forecast for New York for 3 days in Fahrenheit?",
                json!({"city": "New York", "days": 3, "unit": "fahrenheit"}),
            ),
            (
                object(json!({"a": {"type": "number"}, "b": {"type": "number"}}), &["a", "b"]),
                "Add 2 and 3.5",
                json!({"a": 2, "b": 3.5}),
            ),
            (
                object(json!({"origin": string, "destination": string}), &["origin", "destination"]),
                "Book a flight from Rome to New Delhi.",
                json!({"origin": "Rome", "destination": "New Delhi"}),
            ),
            (
                object(json!({"expression": string}), &["expression"]),
                "Please calculate 12 * (3 + 4).",
                json!({"expression": "12 * (3 + 4)"}),
            ),
            (
                object(json!({"path": string}), &["path"]),
                "Read the file `notes/today.txt`.",
                json!({"path": "notes/today.txt"}),
            ),
            (
                object(json!({"path": string, "content": string}), &["path", "content"]),
                "Write \"3.50 euros\" to ../bill.txt.",
                json!({"path": "../bill.txt", "content": "3.50 euros"}),
            ),
            (object(json!({"path": string}), &[]), "Which files cost 3.50?", json!({})),
            (
                object(json!({"query": string}), &["query"]),
                "Search for rust async books",
                json!({"query": "rust async books"}),
            ),
            (
                object(
                    json!({"email": {"type": "string", "format": "email"}, "urgent": {"type": "boolean"}}),
                    &["email", "urgent"],
                ),
                "Write an urgent mail to ada@example.org.",
                json!({"email": "ada@example.org", "urgent": true}),
            ),
            (
                object(json!({"cities": {"type": "array", "items": string}}), &["cities"]),
                "Compare the weather of Paris, London and New York",
                json!({"cities": ["Paris", "London", "New York"]}),
            ),
            (
                object(json!({"who": {"$ref": "#/$defs/p"}}), &["who"]),
                "Her name is Ada.",
                json!({"who": {"name": "Ada"}}),
            ),
        ];
        for (mut schema, text, wanted) in cases {
            schema["$defs"] = json!({"p": object(json!({"name": {"type": "string"}}), &["name"])});
            assert_eq!(fill(&schema, text, false), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_made_up_only_by_force() {
        let schema = object(
            json!({"n": {"type": "integer", "minimum": 1}, "kind": {"enum": ["a", "b"]}, "x": {"type": ["string", "null"]}}),
            &["n", "kind", "x"],
        );
        assert_eq!(fill(&schema, "go", false), None);
        assert_eq!(fill(&schema, "go", true), Some(json!({"n": 1, "kind": "a", "x": "go"})));
        let recursive =
            json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]});
        assert!(fill(&recursive, "go", true).is_some());
        assert_eq!(fill(&json!(true), "go", false), Some(json!({})));
    }
}
