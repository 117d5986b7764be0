//! What requests write as their key: JSON in one form, however its objects were put together.

use std::cell::RefCell;
use std::io::{self, Write};
use std::ops::Range;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes JSON without white space and with the members of every object in the order of their names.
///
/// Two values that differ only in the order of members are written alike; any other difference shows, that between `1`
/// and `1.0` too. Members of the outermost object that `without` names are left out.
///
/// It is no RFC 8785: that form, as `serde_json_canonicalizer` writes it, has whole numbers above 2⁵³ rounded, so that
/// requests which differ would share a key, and costs several times as much.
pub(crate) fn write_sorted(value: &impl Serialize, without: &[&str], out: &mut dyn Write) -> io::Result<()> {
    let text = Text(RefCell::new(Vec::with_capacity(1024)));
    let sorting = Sorting { text: &text, without, members: Vec::new(), open: Vec::new(), sorted: Vec::new() };
    value.serialize(&mut Serializer::with_formatter(&text, sorting))?;
    out.write_all(&text.0.borrow())
}

/// All that was written. The serializer writes to it while the formatter moves parts of it.
struct Text(RefCell<Vec<u8>>);

impl Write for &Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Sorting<'a> {
    text: &'a Text,
    without: &'a [&'a str],
    /// Where the members of all open objects stand in the text, each with the comma after it.
    members: Vec<Range<usize>>,
    /// For each open object, the place in `members` of its first one.
    open: Vec<usize>,
    sorted: Vec<u8>,
}

impl Sorting<'_> {
    fn end(&self) -> usize {
        self.text.0.borrow().len()
    }
}

impl Formatter for Sorting<'_> {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open.push(self.members.len());
        writer.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, _: &mut W, _: bool) -> io::Result<()> {
        self.members.push(self.end()..0);
        Ok(())
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b",")?;
        let end = self.end();
        // members of objects inside this value are gone by now
        if let Some(member) = self.members.last_mut() {
            member.end = end;
        }
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let first = self.open.pop().unwrap_or_default();
        let is_outermost = self.open.is_empty();
        let members = self.members.get_mut(first..).unwrap_or_default();
        {
            let mut text = self.text.0.borrow_mut();
            let part = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
            let is_kept = |range: &Range<usize>| {
                let is_named = |name: &&str| {
                    let rest =
                        part(range).strip_prefix(b"\"").and_then(|it| it.strip_prefix(name.as_bytes()));
                    rest.is_some_and(|rest| rest.starts_with(b"\":"))
                };
                !(is_outermost && self.without.iter().any(is_named))
            };
            // names are told apart before their values are looked at, unless one stands there twice
            if !members.is_sorted_by_key(part) || !members.iter().all(is_kept) {
                let start = members.first().map_or(0, |member| member.start);
                members.sort_unstable_by(|a, b| part(a).cmp(part(b)));
                self.sorted.clear();
                members
                    .iter()
                    .filter(|range| is_kept(range))
                    .for_each(|it| self.sorted.extend_from_slice(part(it)));
                text.truncate(start);
                text.extend_from_slice(&self.sorted);
            }
            if text.last() == Some(&b',') {
                text.pop();
            }
        }
        self.members.truncate(first);
        writer.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{ChatRequest, CountTokensRequest, Request as _, ToolSpec};

    fn text(value: &impl Serialize) -> String {
        let mut out = Vec::new();
        write_sorted(value, &["gone"], &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn members_stand_in_the_order_of_their_names() {
        let value =
            json!({"b": [{"z": 1, "a": {}}, 2], "gone": 1, "a\"": 1.0, "a": {"d": {"gone": 1, "c": ""}}});
        assert_eq!(text(&value), r#"{"a":{"d":{"c":"","gone":1}},"a\"":1.0,"b":[{"a":{},"z":1},2]}"#);
        for plain in [json!({}), json!([]), json!(null), json!("{\"b\":1,"), json!({"gone": 1})] {
            assert!(serde_json::from_str::<Value>(&text(&plain)).is_ok());
        }
        assert_ne!(text(&json!(9_007_199_254_740_992_u64)), text(&json!(9_007_199_254_740_993_u64)));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|it| Value::from(it + 0.0)), // of two zeros, one
            r#"[a-c",:{}é\\ ]{0,4}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((r#"[a-c",:é ]{0,3}"#, inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The same value with the members of every object turned by `turn` places, and reversed if that is odd.
    fn permuted(value: &Value, turn: usize) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| permuted(item, turn)).collect(),
            Value::Object(map) => {
                let mut members: Vec<_> =
                    map.iter().map(|(name, value)| (name.clone(), permuted(value, turn + 1))).collect();
                if !members.is_empty() {
                    let by = turn % members.len();
                    members.rotate_left(by);
                }
                if turn % 2 == 1 {
                    members.reverse();
                }
                Value::Object(members.into_iter().collect())
            }
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn order_does_not_show_and_all_else_does(a in values(), b in values(), turn in 0_usize..6) {
            prop_assert_eq!(text(&a), text(&permuted(&a, turn)));
            // serde_json compares objects whatever their order
            prop_assert_eq!(text(&json!([&a])) == text(&json!([&b])), a == b);
            let back: Value = serde_json::from_str(&text(&json!([a]))).unwrap();
            prop_assert_eq!(back, json!([a]));
        }

        #[test]
        fn requests_that_mean_the_same_write_the_same(schema in values(), turn in 0_usize..6, other in values()) {
            let key = |schema: &Value, label: &str, model: &str| {
                let tool = ToolSpec::new("t", "does", schema.clone());
                let request = ChatRequest::new(model).message("hi").tool(tool).temperature(0.0);
                let request = request.additional_field("f", schema.clone()).request_metadata("label", label);
                let mut keys = [Vec::new(), Vec::new(), Vec::new()];
                prop_assert!(request.write_key(&mut keys[0]).unwrap());
                prop_assert!(request.clone().streaming().write_key(&mut keys[1]).unwrap());
                prop_assert!(crate::Call::new(request.clone()).write_key(&mut keys[2]).unwrap());
                prop_assert_eq!(&keys[0], &keys[1]);
                prop_assert_eq!(&keys[0], &keys[2]);
                let mut count = Vec::new();
                CountTokensRequest::from(request).write_key(&mut count).unwrap();
                Ok((keys[0].clone(), count))
            };
            let first = key(&schema, "one", "m")?;
            prop_assert_eq!(&first, &key(&permuted(&schema, turn), "two", "n")?);
            let second = key(&other, "one", "m")?;
            prop_assert_eq!(first.0 == second.0, schema == other);
            prop_assert_eq!(first.1 == second.1, schema == other);
        }
    }
}
