//! Calls that a model writes in its text.

use serde_json::{Map, Value};

pub(super) const OPEN: &str = "<tool_call>";
pub(super) const CLOSE: &str = "</tool_call>";
/// With this begins a result; a model that writes one makes it up.
pub(super) const RESULT: &str = "<tool_result";
/// The name of a call that names no tool: there is none of this name, and the model is told so.
const UNNAMED: &str = "tool_call";
/// So many closing tags of a call are looked at: an argument may have some in it.
const MAX_CLOSES: usize = 16;

/// A part of what a model said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Call {
        name: String,
        input: Value,
    },
    /// Meant as a call, and none.
    Broken {
        raw: String,
        message: String,
        /// Whether it was not finished.
        is_open: bool,
    },
}

/// Takes a model's text as it comes, in pieces cut anywhere, and gives what is sure by then.
///
/// A call is JSON between two tags. A closing tag in an argument does not end it. A tag that neither JSON nor a closing tag
/// follows is text. What comes after the beginning of a result is left out.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What is not sure yet.
    text: String,
    place: Place,
}

#[derive(Debug, Default, PartialEq)]
enum Place {
    #[default]
    Words,
    /// Behind an opening tag.
    Call {
        /// Up to here there is no further closing tag.
        looked: usize,
        /// The first closing tag that did not end it.
        first: Option<usize>,
        closes: usize,
    },
    /// In a result the model made up.
    Result,
}

/// What stands between two tags.
enum Inside {
    /// JSON, and where what follows begins, if that is another call.
    Whole(Value, Option<usize>),
    /// JSON that is not finished.
    Open(String),
    Broken(String),
}

impl Reader {
    /// Takes more text.
    pub(super) fn push(&mut self, more: &str) -> Vec<Piece> {
        self.text.push_str(more);
        let mut found = Vec::new();
        while self.step(&mut found) {}
        found
    }

    /// There is no more text.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        let mut found = Vec::new();
        loop {
            while self.step(&mut found) {}
            match std::mem::take(&mut self.place) {
                Place::Words => {
                    give_words(&mut found, std::mem::take(&mut self.text));
                    return found;
                }
                Place::Result => {
                    self.text.clear();
                    return found;
                }
                Place::Call { first: Some(first), .. } => self.settle(first, &mut found),
                Place::Call { first: None, .. } => self.leave_open(&mut found),
            }
        }
    }

    /// One step; whether there may be another.
    fn step(&mut self, found: &mut Vec<Piece>) -> bool {
        match &mut self.place {
            Place::Words => {
                let (open, result) = (self.text.find(OPEN), self.text.find(RESULT));
                match (open, result) {
                    (Some(open), result) if result.is_none_or(|result| open < result) => {
                        give_words(found, self.take(open, OPEN.len()));
                        self.place = Place::Call { looked: 0, first: None, closes: 0 };
                        true
                    }
                    (_, Some(result)) => {
                        give_words(found, self.take(result, RESULT.len()));
                        self.place = Place::Result;
                        true
                    }
                    _ => {
                        let sure = self.text.len() - begun_tag(&self.text);
                        give_words(found, self.take(sure, 0));
                        false
                    }
                }
            }
            Place::Call { looked, first, closes } => {
                let Some(close) = self.text.get(*looked..).and_then(|rest| rest.find(CLOSE)) else {
                    *looked = floor(&self.text, self.text.len().saturating_sub(CLOSE.len()).max(*looked));
                    return false;
                };
                let close = *looked + close;
                let inside = read(self.text.get(..close).unwrap_or_default());
                *closes += 1;
                if matches!(inside, Inside::Open(_)) && *closes < MAX_CLOSES {
                    first.get_or_insert(close);
                    *looked = close + CLOSE.len();
                    return true;
                }
                let end = if matches!(inside, Inside::Open(_)) { first.unwrap_or(close) } else { close };
                self.settle(end, found);
                true
            }
            Place::Result => {
                self.text.clear();
                false
            }
        }
    }

    /// Ends a call at its closing tag.
    fn settle(&mut self, close: usize, found: &mut Vec<Piece>) {
        self.place = Place::Words;
        let inside = self.text.get(..close).unwrap_or_default();
        match read(inside) {
            Inside::Whole(value, Some(next)) => {
                give_calls(found, value);
                drop(self.take(next, 0));
                return;
            }
            Inside::Whole(value, None) => give_calls(found, value),
            Inside::Open(message) | Inside::Broken(message) => match repaired(inside) {
                Some(value) => give_calls(found, value),
                None => found.push(Piece::Broken { raw: inside.to_owned(), message, is_open: false }),
            },
        }
        drop(self.take(close, CLOSE.len()));
    }

    /// Ends a call that has no closing tag, where it is one.
    fn leave_open(&mut self, found: &mut Vec<Piece>) {
        match read(&self.text) {
            Inside::Whole(value, next) => {
                give_calls(found, value);
                let end = next.unwrap_or(self.text.len());
                drop(self.take(end, 0));
            }
            // half a call is none, however well it could be repaired
            Inside::Open(message) => {
                let raw = std::mem::take(&mut self.text);
                found.push(Piece::Broken { raw, message, is_open: true });
            }
            Inside::Broken(message) if begins_json(&self.text) => {
                let raw = std::mem::take(&mut self.text);
                found.push(Piece::Broken { raw, message, is_open: false });
            }
            // the tag was only spoken of
            Inside::Broken(_) => give_words(found, OPEN.to_owned()),
        }
    }

    /// Takes the text up to an end, and as much more out of it.
    fn take(&mut self, end: usize, more: usize) -> String {
        let rest = self.text.split_off((end + more).min(self.text.len()));
        let mut taken = std::mem::replace(&mut self.text, rest);
        taken.truncate(end);
        taken
    }
}

/// How much of a text's end may be the beginning of a tag.
fn begun_tag(text: &str) -> usize {
    let begins = |length: &usize| {
        let end = text.len().checked_sub(*length).and_then(|start| text.get(start..));
        end.is_some_and(|end| OPEN.starts_with(end) || RESULT.starts_with(end))
    };
    (1..RESULT.len().max(OPEN.len())).rev().find(begins).unwrap_or(0)
}

fn floor(text: &str, place: usize) -> usize {
    (0..=place).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

/// The text behind blanks and the beginning of a code fence.
fn unfenced(text: &str) -> &str {
    let text = text.trim_start();
    let fenced = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    fenced.map_or(text, str::trim_start)
}

fn begins_json(text: &str) -> bool {
    unfenced(text).starts_with(['{', '['])
}

fn read(inside: &str) -> Inside {
    let json = unfenced(inside);
    if json.is_empty() {
        return Inside::Broken("there is nothing".to_owned());
    }
    if !begins_json(json) {
        return Inside::Broken("it is no JSON object".to_owned());
    }
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => {
            let rest = json.get(values.byte_offset()..).unwrap_or_default().trim_start();
            let is_litter = |c: char| c.is_whitespace() || matches!(c, '}' | ']' | '`' | ',' | ';');
            if rest.chars().all(is_litter) {
                Inside::Whole(value, None)
            } else if rest.starts_with(OPEN) {
                Inside::Whole(value, Some(inside.len() - rest.len()))
            } else {
                Inside::Broken("something follows the JSON object".to_owned())
            }
        }
        Some(Err(error)) if error.is_eof() => Inside::Open(error.to_string()),
        Some(Err(error)) => Inside::Broken(error.to_string()),
        None => Inside::Broken("there is nothing".to_owned()),
    }
}

/// JSON with small mistakes, which a closing tag says is whole.
fn repaired(inside: &str) -> Option<Value> {
    let json = unfenced(inside).trim_end_matches(|c: char| c.is_whitespace() || c == '`');
    if !begins_json(json) || json.contains(OPEN) {
        return None;
    }
    let value: Value = serde_json::from_str(&jsonrepair_rs::jsonrepair(json).ok()?).ok()?;
    let is_call = |value: &Value| call_of(value.clone()).0 != UNNAMED;
    let is_fine = match &value {
        Value::Array(values) => !values.is_empty() && values.iter().all(is_call),
        value => is_call(value),
    };
    is_fine.then_some(value)
}

/// The name that something meant as a call has, as far as it can be read.
pub(super) fn name_in(raw: &str) -> String {
    let after =
        raw.split_once("\"name\"").map(|(_, after)| after.trim_start().trim_start_matches(':').trim_start());
    let named = after.and_then(|after| after.strip_prefix('"')?.split_once('"'));
    let is_legal = |name: &&str| {
        (1..=64).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    named.map(|(name, _)| name).filter(is_legal).unwrap_or(UNNAMED).to_owned()
}

fn give_words(found: &mut Vec<Piece>, words: String) {
    match found.last_mut() {
        _ if words.is_empty() => {}
        Some(Piece::Text(before)) => before.push_str(&words),
        _ => found.push(Piece::Text(words)),
    }
}

fn give_calls(found: &mut Vec<Piece>, value: Value) {
    let values = match value {
        Value::Array(values) => values,
        value => vec![value],
    };
    found.extend(values.into_iter().map(|value| {
        let (name, input) = call_of(value);
        Piece::Call { name, input }
    }));
}

/// The call in a JSON value, in the form that is asked for or in those that models have learnt elsewhere.
fn call_of(value: Value) -> (String, Value) {
    let Value::Object(mut call) = value else { return (UNNAMED.to_owned(), value) };
    if let Some(Value::Object(function)) = call.get_mut("function") {
        call = std::mem::take(function);
    }
    let name = match call.get("name") {
        Some(Value::String(name)) if !name.is_empty() => name.clone(),
        _ => UNNAMED.to_owned(),
    };
    let given = ["arguments", "parameters", "input", "args"].iter().find_map(|key| call.get(*key).cloned());
    let input = match given {
        // some write JSON in a text
        Some(Value::String(text)) => match serde_json::from_str(&text) {
            Ok(object @ Value::Object(_)) => object,
            _ => Value::String(text),
        },
        Some(input) => input,
        None => Value::Object(Map::new()),
    };
    (name, input)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    pub(super) fn all(text: &str) -> Vec<Piece> {
        let mut reader = Reader::default();
        let mut found = reader.push(text);
        found.extend(reader.finish());
        merged(found)
    }

    /// With neighbouring texts as one.
    fn merged(found: Vec<Piece>) -> Vec<Piece> {
        let mut merged: Vec<Piece> = Vec::new();
        for piece in found {
            match piece {
                Piece::Text(words) => give_words(&mut merged, words),
                other => merged.push(other),
            }
        }
        merged
    }

    fn call(name: &str, input: Value) -> Piece {
        Piece::Call { name: name.into(), input }
    }

    fn text(words: &str) -> Piece {
        Piece::Text(words.into())
    }

    #[test]
    fn calls_are_found_in_what_models_write() {
        let add = call("add", json!({"a": 1}));
        for written in [
            r#"<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>"#,
            "<tool_call>\n```json\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n```\n</tool_call>",
            r#"<tool_call>{"name": "add", "parameters": {"a": 1}}}</tool_call>"#,
            r#"<tool_call>[{"name": "add", "arguments": "{\"a\": 1}"}]</tool_call>"#,
            r#"<tool_call>{"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}</tool_call>"#,
            r#"<tool_call>{"name": "add", "arguments": {"a": 1}</tool_call>"#,
            r#"<tool_call>{'name': 'add', 'arguments': {'a': 1,}}</tool_call>"#,
            r#"<tool_call>{"name": "add", "arguments": {"a": 1}}"#,
            "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1}}</tool_call><tool_result>made up</tool_result> so",
        ] {
            assert_eq!(all(written), std::slice::from_ref(&add), "{written}");
        }
    }

    #[test]
    fn text_around_and_several_calls() {
        let written = "Let me see.\n<tool_call>{\"name\": \"a\"}</tool_call> and <tool_call>{\"name\": \"b\"}\n<tool_call>{\"name\": \"c\"}</tool_call>!";
        let expected = [
            text("Let me see.\n"),
            call("a", json!({})),
            text(" and "),
            call("b", json!({})),
            call("c", json!({})),
            text("!"),
        ];
        assert_eq!(all(written), expected);
    }

    #[test]
    fn a_closing_tag_in_an_argument_ends_nothing() {
        let written =
            r#"<tool_call>{"name": "say", "arguments": {"t": "<tool_call></tool_call>"}}</tool_call>"#;
        assert_eq!(all(written), [call("say", json!({"t": "<tool_call></tool_call>"}))]);
    }

    #[test]
    fn tags_that_are_spoken_of_are_text() {
        for words in ["I know <tool_call> and <tool_cal", "a < b <tool_result"] {
            let shown = words.trim_end_matches("<tool_result");
            assert_eq!(all(words), [text(shown)]);
        }
    }

    #[test]
    fn half_a_call_is_none() {
        let found = all(r#"<tool_call>{"name": "write", "arguments": {"text": "half of"#);
        assert!(matches!(&found[..], [Piece::Broken { is_open: true, .. }]), "{found:?}");
        for wrong in ["weather(Paris)", "", r#"{"name": "a"} then {"name": "b"}"#] {
            let found = all(&format!("<tool_call>{wrong}</tool_call>fine"));
            assert!(
                matches!(&found[..], [Piece::Broken { is_open: false, raw, .. }, Piece::Text(after)]
                    if raw == wrong && after == "fine"),
                "{found:?}"
            );
        }
        assert_eq!(all(r#"<tool_call>{"x": 1}</tool_call>"#), [call(UNNAMED, json!({}))]);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_and_cuts_change_nothing(
            parts in prop::collection::vec(prop_oneof![
                Just(OPEN.to_owned()), Just(CLOSE.to_owned()), Just(RESULT.to_owned()), Just("{\"name\":\"a\"".to_owned()),
                Just(",\"arguments\":{}}".to_owned()), Just("\"".to_owned()), Just("```".to_owned()), Just("<tool_".to_owned()),
                "[a-zé<>{}\\[\\]\"\\\\ ]{0,6}",
            ], 0..24),
            cuts in prop::collection::vec(0_usize..8, 0..40),
        ) {
            let written = parts.concat();
            let whole = all(&written);
            let mut reader = Reader::default();
            let mut found = Vec::new();
            let mut rest = written.as_str();
            for cut in cuts {
                let (piece, after) = rest.split_at(floor(rest, cut.min(rest.len())));
                found.extend(reader.push(piece));
                rest = after;
            }
            found.extend(reader.push(rest));
            found.extend(reader.finish());
            prop_assert_eq!(merged(found), whole);
        }

        #[test]
        fn what_is_given_early_is_no_call(text in ".{0,40}") {
            let written = format!("{text}{OPEN}{{\"name\": \"a\"");
            let mut reader = Reader::default();
            let shown: String = reader.push(&written).into_iter().map(|piece| match piece {
                Piece::Text(text) => text,
                other => panic!("{other:?}"),
            }).collect();
            prop_assert!(text.starts_with(&shown) || text.contains("<tool_"));
        }
    }

    #[test]
    fn long_nonsense_ends() {
        all(&"<tool_call>{\"a".repeat(2_000));
        all(&"<tool_call>{\"a</tool_call>".repeat(2_000));
        all(&"<tool_call>".repeat(5_000));
    }
}
