//! Reading ahead of whoever takes the records.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Place;
use crate::BoxError;
use crate::source::Delivery;

/// How many records are read ahead.
const AHEAD: usize = 256;

/// How records stand in a file. Sealed: [`JsonLines`](super::JsonLines), [`TextLines`](super::TextLines) and
/// [`Csv`](super::Csv).
pub trait RecordFormat: sealed::Sealed + Sized + Send + 'static {
    /// What a record is read as.
    type Item: Send + 'static;

    /// Reads from a place on.
    #[doc(hidden)]
    fn begin(file: File, from: Place) -> io::Result<Self>;

    /// The next record, or `None` at the end.
    #[doc(hidden)]
    fn read(&mut self) -> io::Result<Option<Record<Self::Item>>>;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// A record of a file.
#[derive(Debug)]
pub struct Record<T> {
    /// The line it begins in, from 1.
    pub(super) line: u64,
    /// The place behind it.
    pub(super) behind: Place,
    pub(super) item: Result<T, BoxError>,
}

/// What a thread reads.
pub(super) struct Reading<T> {
    records: mpsc::Receiver<Record<T>>,
    thread: JoinHandle<io::Result<()>>,
    path: Arc<Path>,
}

impl<T: Send + 'static> Reading<T> {
    pub(super) fn begin<F: RecordFormat<Item = T>>(path: Arc<Path>, file: File, from: Place) -> Self {
        let (sender, records) = mpsc::channel(AHEAD);
        let thread = tokio::task::spawn_blocking(move || {
            let mut format = F::begin(file, from)?;
            while let Some(record) = format.read()? {
                if sender.blocking_send(record).is_err() {
                    break;
                }
            }
            Ok(())
        });
        Self { records, thread, path }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Delivery<T, Place>>, BoxError> {
        let Some(record) = self.records.recv().await else {
            // no more is the end only if the thread came to it
            return match (&mut self.thread).await? {
                Ok(()) => Ok(None),
                Err(error) => Err(format!("cannot read {}: {error}", self.path.display()).into()),
            };
        };
        let Record { line, behind, item } = record;
        let item = item.map_err(|cause| Unreadable { path: Arc::clone(&self.path), line, cause }.into());
        Ok(Some(Delivery { receipt: behind, item }))
    }
}

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of {} cannot be read", path.display())]
struct Unreadable {
    path: Arc<Path>,
    line: u64,
    #[source]
    cause: BoxError,
}
