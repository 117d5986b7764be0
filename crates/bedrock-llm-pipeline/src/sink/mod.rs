//! Where results go.

#[cfg(feature = "files")]
mod file;
mod memory;

#[cfg(feature = "files")]
pub(crate) use file::sealed;
#[cfg(feature = "files")]
pub use file::{CsvSink, FileSink, IntoFile, JsonLinesSink, RecordWriter, TextSink};
pub use memory::{ChannelSink, Collect, channel};

use crate::BoxError;

/// Where a [`Job`](crate::job::Job) puts results: a file, a channel, a database.
pub trait Sink<T>: Send + 'static {
    /// Takes a result. It may be kept in memory until the next [`flush`](Sink::flush).
    ///
    /// # Errors
    ///
    /// If it cannot be taken; the job ends.
    fn write(&mut self, item: T) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Makes durable all that was taken: after this, the items it came of are acknowledged.
    ///
    /// # Errors
    ///
    /// If that fails; the job ends, and the items are not acknowledged.
    fn flush(&mut self) -> impl Future<Output = Result<(), BoxError>> + Send;
}
