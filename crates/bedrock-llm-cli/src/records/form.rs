//! JSON Lines or CSV.

use std::borrow::Cow;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

/// The form of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// A JSON object a line.
    Jsonl,
    /// Comma-separated values under a line of names.
    Csv,
}

/// A record. In CSV every row has the same names in the same order, and the last cell of each holds no line break.
pub(crate) type Row<'a> = [(&'static str, Cell<'a>)];

/// A value of a record.
#[derive(Debug)]
pub(crate) enum Cell<'a> {
    /// No member in JSON, nothing between the commas in CSV.
    Empty,
    Text(Cow<'a, str>),
    Number(u64),
    Float(f32),
    /// JSON as it is written, without line breaks.
    Json(&'a str),
    /// A value; a text stands in CSV without quotes of JSON's.
    Value(&'a Value),
}

impl<'a> Cell<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn of<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Empty, cell)
    }
}

impl Form {
    /// The record in bytes, with the end of its line.
    pub(crate) fn write(self, row: &Row<'_>) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Jsonl => {
                let mut out = vec![b'{'];
                for (name, cell) in row {
                    if matches!(cell, Cell::Empty) {
                        continue;
                    }
                    if out.len() > 1 {
                        out.push(b',');
                    }
                    serde_json::to_writer(&mut out, name)?;
                    out.push(b':');
                    match cell {
                        Cell::Empty => {}
                        Cell::Text(text) => serde_json::to_writer(&mut out, text)?,
                        Cell::Number(number) => serde_json::to_writer(&mut out, number)?,
                        Cell::Float(number) => serde_json::to_writer(&mut out, number)?,
                        Cell::Json(json) => out.extend_from_slice(json.as_bytes()),
                        Cell::Value(value) => serde_json::to_writer(&mut out, value)?,
                    }
                }
                out.extend_from_slice(b"}\n");
                Ok(out)
            }
            Self::Csv => csv_line(row.iter().map(|(_, cell)| match cell {
                Cell::Empty => Cow::Borrowed(""),
                Cell::Text(text) => Cow::Borrowed(&**text),
                Cell::Number(number) => number.to_string().into(),
                Cell::Float(number) => number.to_string().into(),
                Cell::Json(json) => Cow::Borrowed(*json),
                Cell::Value(Value::String(text)) => Cow::Borrowed(text.as_str()),
                Cell::Value(value) => value.to_string().into(),
            })),
        }
    }

    /// The line that goes before all records.
    pub(crate) fn header(self, names: &[&str]) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Jsonl => Ok(Vec::new()),
            Self::Csv => csv_line(names.iter().map(|name| Cow::Borrowed(*name))),
        }
    }
}

fn csv_line<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for cell in cells {
        writer.write_field(&*cell)?;
    }
    writer.write_record(None::<&[u8]>)?;
    writer.into_inner().ok().context("memory cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_two_forms() {
        let row = [
            ("line", Cell::Number(3)),
            ("id", Cell::Empty),
            ("text", Cell::text("say \"hi\",\nplease")),
            ("score", Cell::Float(0.1)),
            ("embedding", Cell::Json("[0.5,1]")),
        ];
        let text = |form: Form| String::from_utf8(form.write(&row).unwrap()).unwrap();
        assert_eq!(
            text(Form::Jsonl),
            "{\"line\":3,\"text\":\"say \\\"hi\\\",\\nplease\",\"score\":0.1,\"embedding\":[0.5,1]}\n"
        );
        assert_eq!(text(Form::Csv), "3,,\"say \"\"hi\"\",\nplease\",0.1,\"[0.5,1]\"\n");
        assert_eq!(Form::Csv.header(&["a", "b"]).unwrap(), b"a,b\n");
        assert_eq!(Form::Jsonl.header(&["a", "b"]).unwrap(), b"");
    }
}
