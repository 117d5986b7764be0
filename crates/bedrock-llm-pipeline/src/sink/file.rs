//! Sinks into files: records in lines.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::Sink;
use crate::BoxError;

/// So much is kept in memory before it is written.
const BUFFER: usize = 64 * 1024;

/// A file of records; made by [`JsonLinesSink::open`], [`TextSink::open`] and [`CsvSink::open`].
///
/// Results go behind what the file has. A flush writes them and waits until the disk has them.
pub struct FileSink<F> {
    path: Arc<Path>,
    file: Arc<File>,
    buffer: Vec<u8>,
    /// How long the file is without the buffer.
    length: u64,
    format: PhantomData<fn() -> F>,
}

/// How a result stands in a file. Sealed: [`JsonLinesSink`], [`TextSink`] and [`CsvSink`].
pub trait RecordWriter<T>: sealed::Sealed + 'static {
    /// Writes one; `first` if nothing is in the file yet.
    #[doc(hidden)]
    fn encode(item: &T, first: bool, into: &mut Vec<u8>) -> Result<(), BoxError>;
}

/// A JSON value in each line.
#[derive(Debug)]
pub struct JsonLinesSink(());

/// A text in each line. A text with a line feed in it fails the job, since it would come back as several.
#[derive(Debug)]
pub struct TextSink(());

/// A CSV file, its fields named in the first record.
#[derive(Debug)]
pub struct CsvSink(());

macro_rules! open {
    ($($format:ident)*) => {$(
        impl $format {
            /// Opens a file to write behind what it has, or makes it.
            ///
            /// # Errors
            ///
            /// If it cannot be opened.
            pub fn open(path: impl Into<PathBuf>) -> io::Result<FileSink<Self>> {
                FileSink::open(path)
            }
        }

        impl sealed::Sealed for $format {}
    )*};
}

open!(JsonLinesSink TextSink CsvSink);

impl<T: Serialize> RecordWriter<T> for JsonLinesSink {
    fn encode(item: &T, _: bool, into: &mut Vec<u8>) -> Result<(), BoxError> {
        serde_json::to_writer(&mut *into, item)?;
        into.push(b'\n');
        Ok(())
    }
}

impl<T: AsRef<str>> RecordWriter<T> for TextSink {
    fn encode(item: &T, _: bool, into: &mut Vec<u8>) -> Result<(), BoxError> {
        let text = item.as_ref();
        if text.contains('\n') {
            return Err("a text with a line feed is no line: put it into JSON lines".into());
        }
        into.extend_from_slice(text.as_bytes());
        into.push(b'\n');
        Ok(())
    }
}

impl<T: Serialize> RecordWriter<T> for CsvSink {
    fn encode(item: &T, first: bool, into: &mut Vec<u8>) -> Result<(), BoxError> {
        let mut writer = csv::WriterBuilder::new().has_headers(first).from_writer(into);
        writer.serialize(item)?;
        writer.flush()?;
        Ok(())
    }
}

impl<F> FileSink<F> {
    fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path: PathBuf = path.into();
        let open = || {
            let mut file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            let length = file.seek(SeekFrom::End(0))?;
            Ok((file, length))
        };
        let (file, length) = open().map_err(|error: io::Error| {
            io::Error::new(error.kind(), format!("cannot open {}: {error}", path.display()))
        })?;
        Ok(Self { path: path.into(), file: Arc::new(file), buffer: Vec::new(), length, format: PhantomData })
    }

    /// Hands the buffer to the file, and waits for the disk if it is to be durable.
    async fn pour(&mut self, durable: bool) -> Result<(), BoxError> {
        let (file, mut buffer) = (Arc::clone(&self.file), std::mem::take(&mut self.buffer));
        let path = Arc::clone(&self.path);
        let written = buffer.len() as u64;
        let work = move || {
            let pour = || {
                (&*file).write_all(&buffer)?;
                if durable { file.sync_data() } else { Ok(()) }
            };
            pour().map_err(|error: io::Error| format!("cannot write {}: {error}", path.display()))?;
            buffer.clear();
            Ok::<_, BoxError>(buffer)
        };
        self.buffer = tokio::task::spawn_blocking(work).await??;
        self.length += written;
        Ok(())
    }
}

impl<T, F> Sink<T> for FileSink<F>
where
    T: Send + Sync + 'static,
    F: RecordWriter<T>,
{
    async fn write(&mut self, item: T) -> Result<(), BoxError> {
        let before = self.buffer.len();
        let first = self.length == 0 && before == 0;
        if let Err(error) = F::encode(&item, first, &mut self.buffer) {
            // what was written of it would spoil the file
            self.buffer.truncate(before);
            return Err(error);
        }
        if self.buffer.len() >= BUFFER { self.pour(false).await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        self.pour(true).await
    }
}

/// A sink that a job with a checkpoint can go on with.
pub trait IntoFile: sealed::Sealed {
    /// How long the file is, as far as it is written.
    #[doc(hidden)]
    fn length(&self) -> u64;

    /// Takes away what is behind a place.
    #[doc(hidden)]
    fn cut(&mut self, length: u64) -> io::Result<()>;

    #[doc(hidden)]
    fn path(&self) -> Option<&Path>;
}

impl<F> IntoFile for FileSink<F> {
    fn length(&self) -> u64 {
        self.length
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        (&*self.file).seek(SeekFrom::Start(length))?;
        self.length = length;
        Ok(())
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

impl<F> sealed::Sealed for FileSink<F> {}

pub(crate) mod sealed {
    pub trait Sealed {}
}

impl<F> fmt::Debug for FileSink<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink")
            .field("path", &self.path)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
