//! Sources of files: records in lines.

mod csv;
mod lines;
mod reading;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;

pub use self::csv::Csv;
pub use lines::{JsonLines, TextLines};
pub use reading::{Record, RecordFormat};

use super::{Delivery, Source};
use crate::BoxError;
use reading::Reading;

/// A file of records; made by [`JsonLines::open`], [`TextLines::open`] and [`Csv::open`].
///
/// It is read ahead on a thread for blocking work, some hundred records at most.
pub struct FileSource<F: RecordFormat> {
    path: Arc<Path>,
    state: Mutex<State<F>>,
}

enum State<F: RecordFormat> {
    /// Nothing has been read yet.
    Opened {
        file: File,
        from: Place,
    },
    Reading(Reading<F::Item>),
    /// Its thread has ended.
    Ended,
}

/// A place between two records of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Place {
    /// How many records are before it.
    pub record: u64,
    /// How many bytes are before it.
    pub offset: u64,
    /// How many lines are before it.
    pub line: u64,
}

impl<F: RecordFormat> FileSource<F> {
    pub(super) fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path: PathBuf = path.into();
        let file = File::open(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot open {}: {error}", path.display()))
        })?;
        let state = Mutex::new(State::Opened { file, from: Place::default() });
        Ok(Self { path: path.into(), state })
    }
}

impl<F: RecordFormat> Source for FileSource<F> {
    type Item = F::Item;
    /// The place behind the record.
    type Receipt = Place;

    async fn next(&self) -> Result<Option<Delivery<F::Item, Place>>, BoxError> {
        let mut state = self.state.lock().await;
        if let State::Opened { .. } = &*state
            && let State::Opened { file, from } = std::mem::replace(&mut *state, State::Ended)
        {
            *state = State::Reading(Reading::begin::<F>(Arc::clone(&self.path), file, from));
        }
        let State::Reading(reading) = &mut *state else { return Ok(None) };
        let next = reading.next().await;
        if !matches!(next, Ok(Some(_))) {
            *state = State::Ended;
        }
        next
    }

    /// Does nothing: a file needs no telling. Where a job is to go on is in its checkpoint.
    async fn acknowledge(&self, _: Vec<Place>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A source that a job with a checkpoint can go on with.
pub trait FromFile: Source<Receipt = Place> + sealed::Sealed {
    /// Its path.
    #[doc(hidden)]
    fn path(&self) -> &Path;

    /// Begins behind a place. Nothing may have been read.
    #[doc(hidden)]
    fn begin_at(&mut self, place: Place);
}

impl<F: RecordFormat> FromFile for FileSource<F> {
    fn path(&self) -> &Path {
        &self.path
    }

    fn begin_at(&mut self, place: Place) {
        if let State::Opened { from, .. } = self.state.get_mut() {
            *from = place;
        }
    }
}

impl<F: RecordFormat> sealed::Sealed for FileSource<F> {}

mod sealed {
    pub trait Sealed {}
}

impl<F: RecordFormat> fmt::Debug for FileSource<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSource").field("path", &self.path).finish_non_exhaustive()
    }
}
