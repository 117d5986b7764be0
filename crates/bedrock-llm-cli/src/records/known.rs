//! What an output holds already.

use std::borrow::Cow;
use std::collections::HashMap;

use anyhow::{Context as _, ensure};
use serde_json::value::RawValue;

use super::file::{RecordFile, Spans};
use super::form::Form;

/// What was done before, by file and line. It takes a few bytes for a line, whatever its record holds.
#[derive(Debug, Default)]
pub(crate) struct Done(HashMap<String, HashMap<u64, u64>>);

/// Whether a line was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    Not,
    Done,
    /// Another text stood in the line.
    Other,
}

impl Done {
    pub(crate) fn what_of(&self, file: &str, line: u64, hash: u128) -> Before {
        match self.0.get(file).and_then(|lines| lines.get(&line)) {
            None => Before::Not,
            Some(known) if *known == short(hash) => Before::Done,
            Some(_) => Before::Other,
        }
    }

    /// The same by other names of the files. Of two that become one both count.
    pub(super) fn renamed(self, name_now: impl Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<Self> {
        let mut renamed = Self::default();
        for (name, lines) in self.0 {
            // what came from standard input has no file
            let now = if name.is_empty() { name } else { name_now(&name)? };
            renamed.0.entry(now).or_default().extend(lines);
        }
        Ok(renamed)
    }

    /// How many lines were done.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.values().map(HashMap::len).sum()
    }

    fn insert(&mut self, file: &str, line: u64, hash: u64) {
        match self.0.get_mut(file) {
            Some(lines) => lines.insert(line, hash),
            None => self.0.entry(file.to_owned()).or_default().insert(line, hash),
        };
    }
}

/// As much of a hash as is kept. It tells a changed line from the same one.
fn short(hash: u128) -> u64 {
    (hash >> 64) as u64
}

/// The same in a record.
pub(crate) fn shown(hash: u128) -> String {
    format!("{:016x}", short(hash))
}

/// Reads an output from its beginning: what is done, and which bytes are to be kept. These are not failures, nor what
/// was not written to its end. `prefix` stands before the names by which a record is known: `file`, `line`, `hash`.
/// Records that have `rank` and `of` are done when the last of them is there.
pub(super) fn read(file: &mut RecordFile, form: Form, prefix: &str) -> anyhow::Result<Read> {
    let shown = file.path().display().to_string();
    let names = Names {
        file: format!("{prefix}file"),
        line: format!("{prefix}line"),
        hash: format!("{prefix}hash"),
        columns: None,
    };
    let mut reading = Reading {
        form,
        names,
        pending: Vec::new(),
        group: None,
        number: 0,
        done: Done::default(),
        kept: Spans::default(),
        lacks_end: false,
    };
    file.lines(|line, at| {
        reading.line(line, at).with_context(|| {
            format!("record {} of {shown} is none of this command's: is it another file?", reading.number)
        })
    })?;
    Ok(Read { done: reading.done, kept: reading.kept, lacks_end: reading.lacks_end })
}

/// What an output holds.
pub(super) struct Read {
    pub(super) done: Done,
    pub(super) kept: Spans,
    /// Whether the last record that is kept is whole but for the end of its line.
    pub(super) lacks_end: bool,
}

struct Reading {
    form: Form,
    names: Names,
    /// The beginning of a record with line breaks in it.
    pending: Vec<u8>,
    /// Where the records of the line at hand begin.
    group: Option<u64>,
    number: u64,
    done: Done,
    kept: Spans,
    lacks_end: bool,
}

/// What members are called.
struct Names {
    file: String,
    line: String,
    hash: String,
    /// Of CSV, once its first line was seen.
    columns: Option<Vec<String>>,
}

/// What is known of a record.
struct Known {
    file: String,
    line: u64,
    hash: u64,
    has_failed: bool,
    is_last: bool,
}

impl Reading {
    fn line(&mut self, line: &[u8], at: u64) -> anyhow::Result<()> {
        let begin = at - self.pending.len() as u64;
        self.pending.extend_from_slice(line);
        let is_whole = match self.form {
            Form::Jsonl => line.ends_with(b"\n") || self.names.of_json(line).is_ok(),
            Form::Csv => {
                line.ends_with(b"\n") && self.pending.iter().filter(|byte| **byte == b'"').count() % 2 == 0
            }
        };
        if !is_whole {
            return Ok(()); // its end comes, or was never written
        }
        self.number += 1;
        let span = begin..at + line.len() as u64;
        let record = std::mem::take(&mut self.pending);
        let known = match self.form {
            Form::Jsonl => self.names.of_json(&record)?,
            Form::Csv => {
                let cells = cells(&record)?;
                match &self.names.columns {
                    Some(columns) => self.names.of_csv(columns, &cells)?,
                    None => {
                        self.names.columns = Some(cells);
                        self.kept.push(span);
                        return Ok(());
                    }
                }
            }
        };
        let begun = *self.group.get_or_insert(span.start);
        if known.is_last {
            self.group = None;
            if !known.has_failed {
                self.kept.push(begun..span.end);
                self.lacks_end = !line.ends_with(b"\n");
                self.done.insert(&known.file, known.line, known.hash);
            }
        }
        Ok(())
    }
}

impl Names {
    fn of_json(&self, record: &[u8]) -> anyhow::Result<Known> {
        // borrowed where it can be, for most of it is numbers
        let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(record)?;
        let number = |name: &str| -> anyhow::Result<Option<u64>> {
            Ok(members.get(name).map(|value| serde_json::from_str(value.get())).transpose()?)
        };
        let text = |name: &str| -> anyhow::Result<Option<String>> {
            Ok(members.get(name).map(|value| serde_json::from_str(value.get())).transpose()?)
        };
        self.known(number, text, members.contains_key("error"))
    }

    fn of_csv(&self, columns: &[String], cells: &[String]) -> anyhow::Result<Known> {
        ensure!(columns.len() == cells.len(), "it has {} columns of {}", cells.len(), columns.len());
        let cell = |name: &str| {
            let place = columns.iter().position(|column| column == name)?;
            cells.get(place).filter(|cell| !cell.is_empty())
        };
        let number = |name: &str| Ok(cell(name).map(|cell| cell.parse()).transpose()?);
        self.known(number, |name| Ok(cell(name).cloned()), cell("error").is_some())
    }

    fn known(
        &self,
        number: impl Fn(&str) -> anyhow::Result<Option<u64>>,
        text: impl Fn(&str) -> anyhow::Result<Option<String>>,
        has_failed: bool,
    ) -> anyhow::Result<Known> {
        let hash = text(&self.hash)?.with_context(|| format!("it has no `{}`", self.hash))?;
        Ok(Known {
            file: text(&self.file)?.unwrap_or_default(),
            line: number(&self.line)?.unwrap_or_default(),
            hash: u64::from_str_radix(&hash, 16)?,
            has_failed,
            is_last: has_failed || number("rank")? == number("of")?,
        })
    }
}

fn cells(record: &[u8]) -> anyhow::Result<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(record);
    let cells = reader.records().next().context("it is empty")??;
    Ok(cells.iter().map(str::to_owned).collect())
}
