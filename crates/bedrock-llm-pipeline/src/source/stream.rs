//! Sources of what is in memory: it cannot come again, so there is nothing to acknowledge.

use std::fmt;
use std::pin::Pin;

use futures_core::Stream;
use futures_util::StreamExt as _;
use tokio::sync::{Mutex, mpsc};

use super::{Delivery, Source};
use crate::BoxError;

/// A stream as a source; made by [`stream`], [`iter`] and [`channel`].
pub struct StreamSource<T>(Mutex<Pin<Box<dyn Stream<Item = T> + Send>>>);

/// A source of a stream.
pub fn stream<T>(stream: impl Stream<Item = T> + Send + 'static) -> StreamSource<T> {
    StreamSource(Mutex::new(Box::pin(stream)))
}

/// A source of an iterator.
pub fn iter<I>(items: I) -> StreamSource<I::Item>
where
    I: IntoIterator<IntoIter: Send + 'static>,
{
    stream(futures_util::stream::iter(items))
}

/// A source of what is sent into a bounded channel, until all senders are gone.
#[must_use]
pub fn channel<T: Send + 'static>(receiver: mpsc::Receiver<T>) -> StreamSource<T> {
    stream(futures_util::stream::unfold(receiver, async |mut receiver| {
        let item = receiver.recv().await?;
        Some((item, receiver))
    }))
}

impl<T: Send + 'static> Source for StreamSource<T> {
    type Item = T;
    type Receipt = ();

    async fn next(&self) -> Result<Option<Delivery<T, ()>>, BoxError> {
        let item = self.0.lock().await.next().await;
        Ok(item.map(|item| Delivery::new((), item)))
    }

    async fn acknowledge(&self, _: Vec<()>) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<T> fmt::Debug for StreamSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSource").finish_non_exhaustive()
    }
}
