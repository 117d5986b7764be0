//! Many requests at once: a few under way at any time, each with an outcome of its own.

mod blocking;
mod progress;
mod stop;
mod stream;

use std::fmt;
use std::time::Duration;

use bedrock_llm_schema::{CallOptions, Error, Priority};
use futures_core::Stream;
use futures_util::stream::iter;

pub use blocking::BlockingBatch;
pub use progress::Progress;
pub use stop::{BatchHandle, concerns_every_call};
pub use stream::Batch;

use crate::{Client, ClientRequest};

/// The outcome of one request of a [`Batch`].
#[derive(Debug)]
#[non_exhaustive]
pub struct BatchItem<A> {
    /// Which request it was, counted from 0 in the order in which they were taken from the input.
    pub index: usize,
    /// The answer, or what became of it in its place.
    pub result: Result<A, Error>,
    /// How long the call took, with what it waited for in the client's layers; to a stream's beginning.
    pub elapsed: Duration,
}

impl Client {
    /// Sends many requests, a few at a time. Settings are on the [`Batch`]; nothing is sent until it is polled.
    ///
    /// ```
    /// use bedrock_llm_client::Client;
    /// use bedrock_llm_schema::{ChatRequest, Error};
    ///
    /// # async fn run(client: Client, documents: Vec<String>) -> Result<(), Error> {
    /// let requests = documents.iter().map(|text| {
    ///     ChatRequest::new("us.amazon.nova-lite-v1:0").message(format!("Summarise in a sentence: {text}"))
    /// });
    /// let mut batch = client.batch(requests).concurrency(16);
    /// while let Some(item) = batch.next().await {
    ///     match item.result {
    ///         Ok(answer) => println!("{}: {answer}", item.index),
    ///         Err(error) => eprintln!("{}: {error}", item.index),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch<'a, R: ClientRequest>(
        &self,
        requests: impl IntoIterator<Item = R, IntoIter: Send + 'a>,
    ) -> Batch<'a, R> {
        self.batch_stream(iter(requests))
    }

    /// [`batch`](Self::batch) of requests that are not all there yet: one is taken from the stream when there is a
    /// place for it.
    pub fn batch_stream<'a, R: ClientRequest>(
        &self,
        requests: impl Stream<Item = R> + Send + 'a,
    ) -> Batch<'a, R> {
        let options = self.options().map_or_else(CallOptions::new, |options| (**options).clone());
        Batch::new(self.clone(), Box::pin(requests), options.priority(Priority::Batch))
    }
}

/// Shows neither requests nor answers.
impl<R: ClientRequest> fmt::Debug for Batch<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
