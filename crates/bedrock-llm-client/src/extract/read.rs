//! JSON in a model's words.

use jiter::{JsonValue, PartialMode};
use serde_json::Value;

/// The places in a text at which JSON is looked for.
const MAX_STARTS: usize = 64;

/// Every JSON object and list in a text, the likeliest first: the text itself; what stands whole in prose or fences;
/// what can be repaired.
pub(super) fn candidates(text: &str) -> Vec<Value> {
    if let Ok(whole) = serde_json::from_str(text.trim()) {
        return vec![whole];
    }
    let mut found = whole_values(text);
    found.extend(repaired(text));
    found
}

fn whole_values(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut from = 0;
    for _ in 0..MAX_STARTS {
        let Some(rest) = text.get(from..) else { break };
        let Some(start) = rest.find(['{', '[']) else { break };
        let mut values = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<Value>();
        from += start;
        match values.next() {
            Some(Ok(value)) => {
                found.push(value);
                from += values.byte_offset();
            }
            _ => from += 1,
        }
    }
    found
}

/// Trailing commas, single quotes, missing brackets and the like, from the first bracket to the last.
fn repaired(text: &str) -> Option<Value> {
    let start = text.find(['{', '['])?;
    let rest = text.get(start..)?;
    // a last bracket ends the value, unless the value lacks it
    let to_bracket = rest.rfind(['}', ']']).and_then(|end| rest.get(..=end));
    to_bracket.into_iter().chain([rest]).find_map(|slice| {
        let json = jsonrepair_rs::jsonrepair(slice).ok()?;
        serde_json::from_str(&json).ok()
    })
}

/// As much of the first object as a text that is still growing has. Numbers are taken when they are whole, so that
/// each value begins with the one before.
pub(super) fn partial(text: &str) -> Option<Value> {
    let text = text.get(text.find('{')?..)?;
    let sure =
        text.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'));
    let value = JsonValue::parse_with_config(sure.as_bytes(), false, PartialMode::TrailingStrings).ok()?;
    Some(from_jiter(&value))
}

fn from_jiter(value: &JsonValue<'_>) -> Value {
    match value {
        JsonValue::Null => Value::Null,
        JsonValue::Bool(value) => Value::Bool(*value),
        JsonValue::Int(value) => Value::from(*value),
        JsonValue::Float(value) => Value::from(*value),
        JsonValue::Str(value) => Value::String(value.as_ref().to_owned()),
        JsonValue::Array(values) => values.iter().map(from_jiter).collect(),
        JsonValue::Object(members) => {
            members.iter().map(|(name, value)| (name.as_ref().to_owned(), from_jiter(value))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_found_in_what_models_say() {
        let value = json!({"a": [1, "it's {fine}"]});
        for text in [
            r#" {"a": [1, "it's {fine}"]} "#,
            "Sure! Here you go:\n```json\n{\"a\": [1, \"it's {fine}\"]}\n```\nAnything else?",
            r#"I [think] it is {"a": [1, "it's {fine}"]}."#,
            r#"{"a": [1, "it's {fine}"],}"#,
            r#"{a: [1, "it's {fine}",],}"#,
            r#"Here: {'a': [1, "it's {fine}"]} // done"#,
            r#"{"a": [1, "it's {fine}""#,
        ] {
            assert!(candidates(text).contains(&value), "{text}: {:?}", candidates(text));
        }
        assert_eq!(candidates("no JSON here"), Vec::<Value>::new());
    }

    #[test]
    fn a_growing_text_gives_growing_values() {
        let text = "Here: {\"n\": 123, \"s\": \"a\\u00e9\\n12\", \"b\": true, \"l\": [{\"x\": -1.5e3}], \"z\": null}";
        let mut before = Value::Null;
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let Some(value) = partial(&text[..end]) else { continue };
            assert!(begins(&value, &before), "{before} then {value}");
            before = value;
        }
        assert_eq!(before, serde_json::from_str::<Value>(&text[6..]).unwrap());
    }

    /// Whether nothing of `before` was taken back.
    fn begins(after: &Value, before: &Value) -> bool {
        match (before, after) {
            (Value::Null, _) => true,
            (Value::String(before), Value::String(after)) => after.starts_with(before.as_str()),
            (Value::Array(before), Value::Array(after)) => {
                before.len() <= after.len()
                    && before.iter().zip(after).all(|(before, after)| begins(after, before))
            }
            (Value::Object(before), Value::Object(after)) => {
                before.iter().all(|(name, before)| after.get(name).is_some_and(|after| begins(after, before)))
            }
            _ => before == after,
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in r#"[\[\]{}"',:a1\\` ]{0,40}"#) {
            candidates(&text);
            partial(&text);
        }
    }

    #[test]
    fn deep_texts_end() {
        for depth in [127, 128, 129, 5_000] {
            candidates(&"[{\"a\":".repeat(depth));
            partial(&"{\"a\":[".repeat(depth));
        }
    }
}
