//! Files with a record in each line.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::reading::{Record, RecordFormat, sealed};
use super::{FileSource, Place};

/// Lines of a file, with where they are.
struct Lines {
    reader: BufReader<File>,
    at: Place,
}

/// The mark that some programs put at the beginning of a text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Lines {
    fn begin(mut file: File, at: Place) -> io::Result<Self> {
        file.seek(SeekFrom::Start(at.offset))?;
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, file), at })
    }

    /// The next line without its end, and its number; `record` says whether it is one.
    fn next(&mut self, record: impl Fn(&[u8]) -> bool) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let mut line = Vec::new();
            let read = self.reader.read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(None);
            }
            let is_first = self.at.offset == 0;
            self.at.offset += read as u64;
            self.at.line += 1;
            if line.last() == Some(&b'\n') {
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
            }
            if is_first && line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            if record(&line) {
                self.at.record += 1;
                return Ok(Some((self.at.line, line)));
            }
        }
    }
}

/// A file with a JSON value in each line; lines of white space are passed over.
pub struct JsonLines<T> {
    lines: Lines,
    types: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Send + 'static> JsonLines<T> {
    /// Opens a file. A line that is no such value is an item that fails.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<FileSource<Self>> {
        FileSource::open(path)
    }
}

impl<T: DeserializeOwned + Send + 'static> RecordFormat for JsonLines<T> {
    type Item = T;

    fn begin(file: File, from: Place) -> io::Result<Self> {
        Ok(Self { lines: Lines::begin(file, from)?, types: PhantomData })
    }

    fn read(&mut self) -> io::Result<Option<Record<T>>> {
        let line = self.lines.next(|line| !line.iter().all(u8::is_ascii_whitespace))?;
        Ok(line.map(|(line, text)| Record {
            line,
            behind: self.lines.at,
            item: serde_json::from_slice(&text).map_err(Into::into),
        }))
    }
}

impl<T> sealed::Sealed for JsonLines<T> {}

impl<T> fmt::Debug for JsonLines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").field("at", &self.lines.at).finish_non_exhaustive()
    }
}

/// A file with a text in each line, empty ones too.
pub struct TextLines {
    lines: Lines,
}

impl TextLines {
    /// Opens a file. A line that is not UTF-8 is an item that fails.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<FileSource<Self>> {
        FileSource::open(path)
    }
}

impl RecordFormat for TextLines {
    type Item = String;

    fn begin(file: File, from: Place) -> io::Result<Self> {
        Ok(Self { lines: Lines::begin(file, from)? })
    }

    fn read(&mut self) -> io::Result<Option<Record<String>>> {
        let line = self.lines.next(|_| true)?;
        Ok(line.map(|(line, text)| Record {
            line,
            behind: self.lines.at,
            item: String::from_utf8(text).map_err(|error| error.utf8_error().into()),
        }))
    }
}

impl sealed::Sealed for TextLines {}

impl fmt::Debug for TextLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextLines").field("at", &self.lines.at).finish_non_exhaustive()
    }
}
