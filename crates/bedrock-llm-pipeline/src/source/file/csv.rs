//! CSV files with a line of headers.

use std::fmt;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::path::PathBuf;

use csv::{Position, StringRecord};
use serde::de::DeserializeOwned;

use super::reading::{Record, RecordFormat, sealed};
use super::{FileSource, Place};

/// A CSV file whose first record names the fields.
pub struct Csv<T> {
    reader: csv::Reader<File>,
    headers: StringRecord,
    records: u64,
    types: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Send + 'static> Csv<T> {
    /// Opens a file. A record that is no such value is an item that fails.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<FileSource<Self>> {
        FileSource::open(path)
    }
}

impl<T: DeserializeOwned + Send + 'static> RecordFormat for Csv<T> {
    type Item = T;

    fn begin(file: File, from: Place) -> io::Result<Self> {
        // short and long records are told by serde, with their fields
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let headers = reader.headers().map_err(io_error)?.clone();
        if from.offset > 0 {
            let mut position = Position::new();
            position.set_byte(from.offset).set_line(from.line + 1).set_record(from.record + 1);
            reader.seek(position).map_err(io_error)?;
        }
        Ok(Self { reader, headers, records: from.record, types: PhantomData })
    }

    fn read(&mut self) -> io::Result<Option<Record<T>>> {
        let mut record = StringRecord::new();
        let line = self.reader.position().line();
        let read = match self.reader.read_record(&mut record) {
            Ok(false) => return Ok(None),
            Ok(true) => record.deserialize(Some(&self.headers)).map_err(Into::into),
            Err(error) if error.is_io_error() => return Err(io_error(error)),
            Err(error) => Err(error.into()),
        };
        self.records += 1;
        let position = self.reader.position();
        let behind =
            Place { record: self.records, offset: position.byte(), line: position.line().saturating_sub(1) };
        Ok(Some(Record { line, behind, item: read }))
    }
}

fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}")),
    }
}

impl<T> sealed::Sealed for Csv<T> {}

impl<T> fmt::Debug for Csv<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csv").field("records", &self.records).finish_non_exhaustive()
    }
}
