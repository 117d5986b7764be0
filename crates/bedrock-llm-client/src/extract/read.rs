//! JSON in a model's words.

use jiter::{JsonValue, PartialMode};
use serde_json::Value;

/// The places in a text at which JSON is looked for.
const MAX_STARTS: usize = 256;

/// What stands in a text at its top level: never a part of something.
enum Found<'a> {
    Whole(Value),
    /// Meant as JSON, and none.
    Broken(&'a str),
}

/// Every JSON object and list at the top level of a text, repaired where it must be, the likeliest first: a model that
/// corrects itself does so at the end. What is inside of another is no candidate: it is a part of an answer.
pub(super) fn candidates(text: &str) -> Vec<Value> {
    if let Ok(whole) = serde_json::from_str(text.trim()) {
        return vec![whole];
    }
    let found = top_level(text).into_iter().rev();
    found
        .filter_map(|found| match found {
            Found::Whole(value) => Some(value),
            Found::Broken(text) => repaired(text),
        })
        .collect()
}

/// Those of the [`candidates`] that a text which was cut off has whole; none where the cut is in one.
pub(super) fn whole(text: &str) -> Vec<Value> {
    let found = top_level(text).into_iter().rev();
    found
        .map_while(|found| match found {
            Found::Whole(value) => Some(value),
            Found::Broken(_) => None,
        })
        .collect()
}

fn top_level(text: &str) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    for _ in 0..MAX_STARTS {
        let Some(from) = rest.find(['{', '[']).and_then(|start| rest.get(start..)) else { break };
        let mut values = serde_json::Deserializer::from_str(from).into_iter::<Value>();
        let end = match values.next() {
            Some(Ok(value)) => {
                found.push(Found::Whole(value));
                values.byte_offset()
            }
            _ if begins_json(from) => {
                let end = extent(from);
                found.push(Found::Broken(from.get(..end).unwrap_or(from)));
                end
            }
            // a bracket of prose, such as "[sic]"
            _ => 1,
        };
        rest = from.get(end..).unwrap_or_default();
    }
    found
}

/// Whether what a bracket begins is meant as JSON.
fn begins_json(text: &str) -> bool {
    let mut characters = text.chars();
    let open = characters.next();
    let inside = characters.as_str().trim_start();
    let Some(first) = inside.chars().next() else { return true };
    if matches!(first, '"' | '\'' | '\u{201c}' | '\u{2018}' | '/' | '#') {
        return true;
    }
    if open == Some('{') {
        let after = inside.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
        return first == '}' || (after.len() < inside.len() && after.trim_start().starts_with(':'));
    }
    let words = ["true", "false", "null", "True", "False", "None"];
    matches!(first, '{' | '[' | ']' | '-')
        || first.is_ascii_digit()
        || words.iter().any(|word| inside.starts_with(word))
}

/// How long a value is that is none: to the bracket that closes its first, brackets in strings left out; all where
/// nothing does.
fn extent(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    // the last character that is no space
    let mut before = ' ';
    for (place, c) in text.char_indices() {
        let after = place + c.len_utf8();
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            // a quote that nothing of JSON follows is one of the text's own
            Some(mark) if c == mark => {
                let next = text.get(after..).and_then(|rest| rest.trim_start().chars().next());
                if next.is_none_or(|next| matches!(next, ',' | ':' | '}' | ']')) {
                    quote = None;
                }
            }
            Some(_) => {}
            None => match c {
                '"' | '\'' if matches!(before, '{' | '[' | ',' | ':') => quote = Some(c),
                '{' | '[' => depth += 1,
                '}' | ']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return after;
                    }
                }
                _ => {}
            },
        }
        if !c.is_whitespace() {
            before = c;
        }
    }
    text.len()
}

/// Trailing commas, single quotes, missing brackets and the like, from the first bracket to the last.
fn repaired(text: &str) -> Option<Value> {
    // a last bracket ends the value, unless the value lacks it
    let to_bracket = text.rfind(['}', ']']).and_then(|end| text.get(..=end));
    to_bracket.into_iter().chain([text]).find_map(|slice| {
        let json = jsonrepair_rs::jsonrepair(slice).ok()?;
        serde_json::from_str(&json).ok()
    })
}

/// As much of the first object as a text that is still growing has, or of the first list where one will do. Numbers
/// are taken when they are whole, so that each value begins with the one before.
pub(super) fn partial(text: &str, takes_list: bool) -> Option<Value> {
    let sure =
        text.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'));
    let mut starts = sure.match_indices(['{', '[']).filter(|(_, open)| takes_list || *open == "{");
    // brackets of prose fail at once
    starts.by_ref().take(MAX_STARTS).find_map(|(start, _)| {
        let text = sure.get(start..).filter(|text| begins_json(text))?;
        let value = JsonValue::parse_with_config(text.as_bytes(), false, PartialMode::TrailingStrings);
        value.ok().map(|value| from_jiter(&value))
    })
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
        // a large number, where another crate of the build turns jiter's `num-bigint` on: the last value has it
        #[allow(unreachable_patterns, reason = "there is no other variant without that feature")]
        _ => Value::Null,
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
    fn the_likeliest_comes_first_and_no_part_comes_at_all() {
        let root = json!({"name": "root", "child": {"name": "leaf"}});
        for text in [
            r#"{"name":"root","child":{"name":"leaf"},}"#,
            r#"I [think] {it} is: {"name":"root","child":{"name":"leaf"}"#,
            r#"{'name': 'root', 'child': {"name": "leaf"}} (see [note])"#,
            r#"{name: "root", child: {"name": "leaf"}}"#,
            r#"Draft: {"name": "draft"}. Corrected: {"name": "root", "child": {"name": "leaf"},}."#,
            r#"Draft: {"name": "draft",}. Corrected: {"name": "root", "child": {"name": "leaf"}}."#,
            r#"[{"name": "draft"}] or rather {"name": "root", "child": {"name": "leaf"}}"#,
        ] {
            let found = candidates(text);
            assert_eq!(found[0], root, "{text}");
            assert!(!found.contains(&root["child"]), "{text}: {found:?}");
        }
        assert_eq!(candidates(r#"{"a": "x } y", "b": "it is "so" }", }"#).len(), 1);
    }

    #[test]
    fn of_a_text_that_was_cut_off_only_what_is_whole_counts() {
        let value = json!({"a": {"b": 1}});
        for text in [r#"{"a": {"b": 1}}"#, r#"Here: {"a": {"b": 1}} I chose [b] since"#] {
            assert_eq!(whole(text).first(), Some(&value), "{text}");
        }
        for text in [r#"{"a": {"b": 1}"#, r#"{"a": {"b": 1}, "c"#, r#"Draft: {"a": 1}. Corrected: {"a"#] {
            assert_eq!(whole(text), Vec::<Value>::new(), "{text}");
        }
    }

    #[test]
    fn a_growing_value_is_found_behind_brackets_of_prose() {
        assert_eq!(partial(r#"I {think} {"a": [1, "#, false), Some(json!({"a": [1]})));
        assert_eq!(partial(r#"I [think] [{"a": 1}, {"a"#, true), Some(json!([{"a": 1}, {}])));
        assert_eq!(partial(r#"[{"a": "b"#, false), Some(json!({"a": "b"})));
    }

    #[test]
    fn a_growing_text_gives_growing_values() {
        let text = "Here: {\"n\": 123, \"s\": \"a\\u00e9\\n12\", \"b\": true, \"l\": [{\"x\": -1.5e3}], \"z\": null}";
        let mut before = Value::Null;
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let Some(value) = partial(&text[..end], false) else { continue };
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
            partial(&text, true);
        }
    }

    #[test]
    fn deep_texts_end() {
        for depth in [127, 128, 129, 5_000] {
            candidates(&"[{\"a\":".repeat(depth));
            partial(&"{\"a\":[".repeat(depth), true);
        }
    }
}
