//! Compares JSON and says where it differs.

use serde_json::{Number, Value};

/// The first place where two JSON values differ, numbers compared by value. A `null` member is an absent one.
pub(crate) fn diff(expected: &Value, actual: &Value) -> Option<String> {
    at("$", expected, actual, &|left, right| left.as_f64() == right.as_f64())
}

/// The same for bodies whose numbers are 32-bit floats.
pub(crate) fn diff_floats(expected: &Value, actual: &Value) -> Option<String> {
    let float = |number: &Number| number.to_string().parse::<f32>().ok();
    at("$", expected, actual, &|left, right| float(left) == float(right))
}

fn at(
    path: &str,
    expected: &Value,
    actual: &Value,
    same: &dyn Fn(&Number, &Number) -> bool,
) -> Option<String> {
    match (expected, actual) {
        (Value::Number(left), Value::Number(right)) if same(left, right) => None,
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let mut items = left.iter().zip(right).enumerate();
            items.find_map(|(index, (left, right))| at(&format!("{path}[{index}]"), left, right, same))
        }
        (Value::Object(left), Value::Object(right)) => {
            let member = |object: &serde_json::Map<String, Value>, key: &str| {
                object.get(key).cloned().unwrap_or_default()
            };
            let mut keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
            keys.find_map(|key| at(&format!("{path}.{key}"), &member(left, key), &member(right, key), same))
        }
        (expected, actual) if expected == actual => None,
        (expected, actual) => Some(format!("{path}: expected {}, got {}", short(expected), short(actual))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{diff, diff_floats};

    #[test]
    fn names_the_first_difference() {
        assert_eq!(diff(&json!({"a": [1, 2.0], "b": null}), &json!({"a": [1.0, 2]})), None);
        let found = diff(&json!({"a": [1, {"b": "x"}]}), &json!({"a": [1, {"b": "y"}]}));
        assert_eq!(found.as_deref(), Some(r#"$.a[1].b: expected "x", got "y""#));
        assert!(diff(&json!({"a": 1}), &json!({})).is_some());
        assert!(diff(&json!({}), &json!({"a": 1})).is_some());
        assert!(diff(&json!([1]), &json!([1, 2])).is_some());
        let (long, short) = (json!([0.05853373184800148]), json!([0.05853373]));
        assert!(diff(&long, &short).is_some() && diff_floats(&long, &short).is_none());
        assert!(diff_floats(&long, &json!([0.05853374])).is_some());
    }
}
