//! Where items come from.

#[cfg(feature = "files")]
mod file;
mod stream;

#[cfg(feature = "files")]
pub use file::{Csv, FileSource, FromFile, JsonLines, Place, Record, RecordFormat, TextLines};
pub use stream::{StreamSource, channel, iter, stream};

use crate::BoxError;

/// Where a [`Job`](crate::job::Job) takes items from: a file, a stream, a queue.
///
/// Items are acknowledged only after the sink has made durable whatever came of them, so a queue that hands over again
/// what was not acknowledged gives *at least once*: nothing is lost when the program ends at any point.
///
/// Both methods take `&self`, since items are acknowledged while more are read.
///
/// ```
/// use bedrock_llm_pipeline::BoxError;
/// use bedrock_llm_pipeline::source::{Delivery, Source};
/// use std::sync::Mutex;
///
/// /// A queue in memory; it would be one on another machine.
/// struct Queue {
///     waiting: Mutex<Vec<(u64, String)>>,
/// }
///
/// impl Source for Queue {
///     type Item = String;
///     /// What the queue knows a message by.
///     type Receipt = u64;
///
///     async fn next(&self) -> Result<Option<Delivery<String, u64>>, BoxError> {
///         let message = self.waiting.lock().map_err(|_| "the queue is broken")?.pop();
///         Ok(message.map(|(receipt, text)| Delivery::new(receipt, text)))
///     }
///
///     async fn acknowledge(&self, receipts: Vec<u64>) -> Result<(), BoxError> {
///         println!("done: {receipts:?}");
///         Ok(())
///     }
/// }
/// ```
pub trait Source: Send + Sync + 'static {
    /// What it gives.
    type Item: Send + 'static;
    /// By what an item is acknowledged.
    type Receipt: Send + 'static;

    /// The next item, or `None` at the end. It waits while there is none yet.
    ///
    /// # Errors
    ///
    /// If there can be no more; the job ends. An item that cannot be read is a [`Delivery`] with an error, and fails
    /// alone.
    fn next(&self) -> impl Future<Output = Next<Self::Item, Self::Receipt>> + Send;

    /// What came of these items is durable: they need not be given again.
    ///
    /// # Errors
    ///
    /// If the source does not take it; the job ends, and the items may come again.
    fn acknowledge(&self, receipts: Vec<Self::Receipt>) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// What a source gives when it is asked: an item, the end, or why there can be no more.
pub type Next<T, R> = Result<Option<Delivery<T, R>>, BoxError>;

/// One item of a source.
#[derive(Debug)]
pub struct Delivery<T, R> {
    pub(crate) receipt: R,
    pub(crate) item: Result<T, BoxError>,
}

impl<T, R> Delivery<T, R> {
    /// An item.
    pub fn new(receipt: R, item: T) -> Self {
        Self { receipt, item: Ok(item) }
    }

    /// Something that cannot be read as an item: it fails in the node `source`, and is acknowledged as others that
    /// fail.
    pub fn unreadable(receipt: R, cause: impl Into<BoxError>) -> Self {
        Self { receipt, item: Err(cause.into()) }
    }
}
