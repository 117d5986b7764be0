//! How a chat body spells what we would spell otherwise.
//!
//! The spelling is what differs between a body and our usual form of the same request, place by place, and
//! only where both say the same: a string for a list with one text, `null` or `""` for nothing, the same
//! JSON in other white space, another name for the same setting. A difference that says something else is
//! no spelling and is not kept, so that it shows.

use serde_json::{Map, Value, json};

use crate::Spelling;

/// What else says the same in a family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Names of one setting: ours, and another.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
    /// Members that may be left out, with the text they have.
    pub(crate) constants: &'static [(&'static str, &'static str)],
    /// Whether two values say the same.
    pub(crate) same: fn(&Value, &Value) -> bool,
}

/// Keeps how `body` spells what our usual form spells as `usual`.
pub(crate) fn learn(usual: &Value, body: &Value, rules: &Rules, spelling: &mut Spelling) {
    let mut differences = Map::new();
    compare(usual, body, rules, &mut String::new(), &mut differences);
    if !differences.is_empty() {
        spelling.0.insert("differences".to_owned(), Value::Object(differences));
    }
}

/// Spells our usual form as the spelling has it, where it still says the same.
pub(crate) fn apply(body: &mut Value, spelling: Option<&Spelling>) {
    let Some(Value::Object(differences)) = spelling.and_then(|spelling| spelling.0.get("differences")) else {
        return;
    };
    for (pointer, difference) in differences {
        let Some((parent, name)) = pointer.rsplit_once('/') else { continue };
        let name = name.replace("~1", "/").replace("~0", "~");
        if let Some(other) = difference.get("name").and_then(Value::as_str) {
            if let Some(Value::Object(parent)) = body.pointer_mut(parent) {
                rename(parent, &name, other);
            }
            continue;
        }
        let (usual, spelt) = (difference.get("usual"), difference.get("body"));
        match (body.pointer_mut(parent), spelt) {
            (Some(Value::Object(parent)), spelt)
                if parent.get(&name).is_none_or(|value| Some(value) == usual) =>
            {
                match spelt {
                    Some(spelt) if parent.contains_key(&name) == usual.is_some() => {
                        parent.insert(name, spelt.clone());
                    }
                    Some(_) => {}
                    None => drop(parent.shift_remove(&name)),
                }
            }
            (Some(Value::Array(parent)), Some(spelt)) => {
                let place = name.parse::<usize>().ok().and_then(|index| parent.get_mut(index));
                if let Some(place) = place.filter(|value| Some(&**value) == usual) {
                    *place = spelt.clone();
                }
            }
            _ => {}
        }
    }
}

/// Gives a member its other name, whatever its value is by now.
fn rename(parent: &mut Map<String, Value>, name: &str, other: &str) {
    if !parent.contains_key(other)
        && let Some(value) = parent.shift_remove(name)
    {
        parent.insert(other.to_owned(), value);
    }
}

/// Equality of JSON in which numbers are equal by value.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| equal(value, other)))
        }
        _ => left == right,
    }
}

fn compare(usual: &Value, body: &Value, rules: &Rules, pointer: &mut String, out: &mut Map<String, Value>) {
    if equal(usual, body) {
        return;
    }
    if interchangeable(usual, body) || (rules.same)(usual, body) {
        out.insert(pointer.clone(), json!({"usual": usual, "body": body}));
        return;
    }
    let constant =
        |name: &str, value: &Value| rules.constants.iter().any(|(key, text)| name == *key && value == text);
    let mut within = |step: &str, visit: &mut dyn FnMut(&mut String, &mut Map<String, Value>)| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        visit(pointer, out);
        pointer.truncate(length);
    };
    match (usual, body) {
        (Value::Array(usual), Value::Array(body)) if usual.len() == body.len() => {
            for (index, (usual, body)) in usual.iter().zip(body).enumerate() {
                within(&index.to_string(), &mut |pointer, out| compare(usual, body, rules, pointer, out));
            }
        }
        (Value::Object(usual), Value::Object(body)) => {
            for (name, value) in usual {
                within(name, &mut |pointer, out| match body.get(name) {
                    Some(other) => compare(value, other, rules, pointer, out),
                    None => {
                        if let Some(other) = other_name(name, value, body, rules) {
                            out.insert(pointer.clone(), json!({"name": other}));
                        } else if says_nothing(value) || constant(name, value) {
                            out.insert(pointer.clone(), json!({"usual": value}));
                        }
                    }
                });
            }
            for (name, value) in body.iter().filter(|(name, _)| !usual.contains_key(*name)) {
                if says_nothing(value) || constant(name, value) {
                    within(name, &mut |pointer, out| {
                        drop(out.insert(pointer.clone(), json!({"body": value})));
                    });
                }
            }
        }
        _ => {}
    }
}

/// The other name under which the body has this setting.
fn other_name(name: &str, value: &Value, body: &Map<String, Value>, rules: &Rules) -> Option<&'static str> {
    let mut others = rules.aliases.iter().filter(|(ours, _)| *ours == name).map(|(_, other)| *other);
    others.find(|other| body.get(*other).is_some_and(|found| equal(found, value)))
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Values that say the same in every family.
fn interchangeable(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(text), Value::Array(blocks)) | (Value::Array(blocks), Value::String(text)) => {
            match &**blocks {
                [block] => *block == json!({"type": "text", "text": text}),
                _ => blocks.is_empty() && text.is_empty(),
            }
        }
        (Value::String(left), Value::String(right)) => {
            match (serde_json::from_str(left), serde_json::from_str(right)) {
                (Ok(left @ Value::Object(_)), Ok(right @ Value::Object(_))) => equal(&left, &right),
                _ => false,
            }
        }
        _ => says_nothing(left) && says_nothing(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        aliases: &[("maxTokens", "max_new_tokens")],
        constants: &[("type", "function")],
        same: |_, _| false,
    };

    fn spelt_as(usual: &Value, body: &Value) -> Value {
        let mut spelling = Spelling::default();
        learn(usual, body, &RULES, &mut spelling);
        let mut again = usual.clone();
        apply(&mut again, Some(&spelling));
        again
    }

    #[test]
    fn what_says_the_same_is_spelt_as_it_was() {
        let usual =
            json!({"a": "x", "b": r#"{"c":1}"#, "maxTokens": 10, "calls": [{"id": 1}], "content": ""});
        let body = json!({
            "a": [{"type": "text", "text": "x"}], "b": "{ \"c\": 1.0 }", "max_new_tokens": 10.0,
            "calls": [{"id": 1, "type": "function"}], "content": null, "stop": null, "x/y": []
        });
        assert!(equal(&spelt_as(&usual, &body), &body));
    }

    #[test]
    fn what_says_something_else_is_not_hidden() {
        let usual = json!({"a": "x", "b": [1]});
        for body in
            [json!({"a": "y", "b": [1]}), json!({"a": "x", "b": [1, 2]}), json!({"a": "x", "b": [1], "c": 7})]
        {
            assert_eq!(spelt_as(&usual, &body), usual);
        }
    }

    #[test]
    fn a_changed_place_keeps_its_change() {
        let mut spelling = Spelling::default();
        learn(&json!({"a": ["x"]}), &json!({"a": [[{"type": "text", "text": "x"}]]}), &RULES, &mut spelling);
        let mut changed = json!({"a": ["y"]});
        apply(&mut changed, Some(&spelling));
        assert_eq!(changed, json!({"a": ["y"]}));

        learn(&json!({"maxTokens": 1}), &json!({"max_new_tokens": 1}), &RULES, &mut spelling);
        let mut changed = json!({"maxTokens": 2});
        apply(&mut changed, Some(&spelling));
        assert_eq!(changed, json!({"max_new_tokens": 2}));
    }
}
