//! The forms in which texts stand in a file.

use std::io::{self, BufRead, Read as _};
use std::iter;

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::{Content, Item, Part, Place, Shape};

type Source = Box<dyn BufRead + Send>;
type Items = Box<dyn Iterator<Item = anyhow::Result<Item>> + Send>;

/// The texts of one file. Blank lines are none.
pub(super) fn items(part: Part, id_field: Option<String>) -> Items {
    let source = match part.open() {
        Ok(source) => source,
        Err(error) => return Box::new(iter::once(Err(error.into()))),
    };
    let name = part.name.clone();
    let item = move |line, id, content| Item { place: Place { file: name.clone(), line }, id, content };
    match part.shape {
        Shape::Whole => Box::new(iter::once(whole(source).map(|content| item(0, None, content)))),
        Shape::Lines => Box::new(lines(source).map(move |line| {
            let (number, line) = line?;
            Ok(item(
                number,
                None,
                String::from_utf8(line).map(Content::Text).map_err(|_| NOT_UTF8.to_owned()),
            ))
        })),
        Shape::Member(field) => Box::new(lines(source).map(move |line| {
            let (number, line) = line?;
            Ok(match object(&line, id_field.as_deref()) {
                Err(why) => item(number, None, Err(why)),
                Ok((object, id)) => item(number, id, member(object, &field)),
            })
        })),
        Shape::Objects => Box::new(lines(source).map(move |line| {
            let (number, line) = line?;
            Ok(match object(&line, id_field.as_deref()) {
                Err(why) => item(number, None, Err(why)),
                Ok((object, id)) => item(number, id, Ok(Content::Object(object))),
            })
        })),
        Shape::Column(column) => table(source, &column, id_field.as_deref(), item),
    }
}

/// How many texts there are.
pub(super) fn count(shape: &Shape, source: Source) -> anyhow::Result<usize> {
    match shape {
        Shape::Whole => Ok(1),
        Shape::Lines | Shape::Member(_) | Shape::Objects => {
            let mut count = 0;
            for line in lines(source) {
                line?;
                count += 1;
            }
            Ok(count)
        }
        Shape::Column(_) => {
            let mut reader = reader(source);
            let (mut record, mut count) = (csv::ByteRecord::new(), 0);
            while reader.read_byte_record(&mut record)? {
                count += 1;
            }
            Ok(count)
        }
    }
}

const NOT_UTF8: &str = "it is not UTF-8";

fn whole(mut source: Source) -> anyhow::Result<Result<Content, String>> {
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).map(Content::Text).map_err(|_| NOT_UTF8.to_owned()))
}

/// Lines that are not blank, without their ends, and their numbers.
fn lines(mut source: Source) -> impl Iterator<Item = io::Result<(u64, Vec<u8>)>> + Send {
    let mut number = 0;
    let mut has_ended = false;
    iter::from_fn(move || {
        while !has_ended {
            let mut line = Vec::new();
            match source.read_until(b'\n', &mut line) {
                Ok(0) => has_ended = true,
                Ok(_) => {
                    number += 1;
                    if number == 1 && line.starts_with(BYTE_ORDER_MARK) {
                        line.drain(..BYTE_ORDER_MARK.len());
                    }
                    while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                        line.pop();
                    }
                    if !line.trim_ascii().is_empty() {
                        return Some(Ok((number, line)));
                    }
                }
                Err(error) => {
                    has_ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    })
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The object of a line, and its id: the member that is named, which must be there, or `id`, if there is one.
fn object(line: &[u8], id_field: Option<&str>) -> Result<(Map<String, Value>, Option<Value>), String> {
    let object: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| format!("it is no JSON object: {error}"))?;
    let id = match id_field {
        Some(name) => Some(object.get(name).cloned().ok_or_else(|| format!("it has no `{name}`"))?),
        None => object.get("id").cloned(),
    };
    Ok((object, id.filter(|id| !id.is_null())))
}

/// A member by name, or by a JSON pointer.
fn member(mut object: Map<String, Value>, field: &str) -> Result<Content, String> {
    let value = if field.starts_with('/') {
        Value::Object(object).pointer_mut(field).map(Value::take)
    } else {
        object.get_mut(field).map(Value::take)
    };
    match value {
        Some(Value::String(text)) => Ok(Content::Text(text)),
        Some(_) => Err(format!("its `{field}` is no text")),
        None => Err(format!("it has no `{field}`")),
    }
}

fn reader(source: Source) -> csv::Reader<Source> {
    csv::ReaderBuilder::new().flexible(true).from_reader(source)
}

fn table(
    source: Source,
    column: &str,
    id_field: Option<&str>,
    item: impl Fn(u64, Option<Value>, Result<Content, String>) -> Item + Send + 'static,
) -> Items {
    let mut reader = reader(source);
    let places = (|| {
        let names = reader.headers()?.clone();
        let place = |name: &str| names.iter().position(|known| known == name);
        let missing = |name: &str| {
            let all = names.iter().collect::<Vec<_>>().join(", ");
            format!("it has no column `{name}` (give --column or --id-field; it has: {all})")
        };
        let text = place(column).with_context(|| missing(column))?;
        let id = match id_field {
            Some(name) => Some(place(name).with_context(|| missing(name))?),
            None => place("id"),
        };
        anyhow::Ok((text, id))
    })();
    let (text, id) = match places {
        Ok(places) => places,
        Err(error) => return Box::new(iter::once(Err(error))),
    };
    Box::new(reader.into_byte_records().map(move |record| {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |place: usize| record.get(place).map(|cell| String::from_utf8(cell.to_vec()));
        let content = match cell(text) {
            Some(Ok(text)) => Ok(Content::Text(text)),
            Some(Err(_)) => Err(NOT_UTF8.to_owned()),
            None => Err("the row ends before the column of the text".to_owned()),
        };
        let id = id.and_then(cell).and_then(Result::ok).filter(|id| !id.is_empty());
        Ok(item(line, id.map(Value::String), content))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(shape: Shape, id_field: Option<&str>, text: &'static [u8]) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!("bedrock-llm-texts-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder
            .join(format!("{:x}", crate::records::hash(&[text, format!("{shape:?}").as_bytes()].concat())));
        std::fs::write(&path, text).unwrap();
        let part = Part { path, name: None, shape };
        let count = count(&part.shape, part.open().unwrap());
        let shown: Vec<String> = items(part, id_field.map(str::to_owned))
            .map(|item| match item {
                Err(error) => format!("{error:#}"),
                Ok(Item { place: Place { line, .. }, id, content }) => {
                    let id = id.map(|id| format!(" {id}")).unwrap_or_default();
                    match content {
                        Ok(Content::Text(text)) => format!("{line}{id} {text}"),
                        Ok(Content::Object(object)) => format!("{line}{id} {}", Value::Object(object)),
                        Err(why) => format!("{line}{id} bad: {why}"),
                    }
                }
            })
            .collect();
        if let Ok(count) = count {
            assert!(count == shown.len() || shown.len() == 1, "{count} {shown:?}");
        }
        shown
    }

    #[test]
    fn lines_are_texts_and_blank_ones_are_none() {
        let text = b"\xef\xbb\xbfone\r\n\n  \n two \nthr\xff\nfour";
        assert_eq!(read(Shape::Lines, None, text), ["1 one", "4  two ", "5 bad: it is not UTF-8", "6 four"]);
        assert_eq!(read(Shape::Lines, None, b""), [""; 0]);
        assert_eq!(read(Shape::Whole, None, b"a\nb\n"), ["0 a\nb\n"]);
    }

    #[test]
    fn members_are_texts() {
        let text =
            b"{\"id\":7,\"text\":\"a\",\"key\":\"k\",\"deep\":{\"text\":\"d\"}}\n\n{\"text\":3}\nnope\n";
        let named = |field: &str, id| read(Shape::Member(field.to_owned()), id, text);
        let plain = named("text", None);
        assert_eq!(plain[..2], ["1 7 a", "3 bad: its `text` is no text"]);
        assert!(plain[2].starts_with("4 bad: it is no JSON object"), "{plain:?}");
        assert_eq!(named("/deep/text", Some("key"))[..2], ["1 \"k\" d", "3 bad: it has no `key`"]);
        assert_eq!(read(Shape::Objects, None, b"{\"a\":1}")[0], "1 {\"a\":1}");
    }

    #[test]
    fn columns_are_texts() {
        let text = b"id,body\n1,\"one\nline\"\n,two\n3\n4,f\xff\n";
        let named = |column: &str, id| read(Shape::Column(column.to_owned()), id, text);
        assert_eq!(
            named("body", None),
            [
                "2 \"1\" one\nline",
                "4 two",
                "5 \"3\" bad: the row ends before the column of the text",
                "6 \"4\" bad: it is not UTF-8"
            ]
        );
        assert!(named("text", None)[0].contains("it has: id, body"));
        assert!(named("body", Some("key"))[0].contains("`key`"));
    }
}
