//! A batch without an async runtime.

use std::fmt;

use bedrock_llm_schema::{CallOptions, Error, Priority, Request};

use super::{Batch, BatchHandle, BatchItem, Progress};
use crate::blocking::Engine;
use crate::{BlockingClient, ClientRequest};

impl BlockingClient {
    /// See [`Client::batch`](crate::Client::batch). Calls move only while the next outcome is waited for.
    ///
    /// ```
    /// use bedrock_llm_client::BlockingClient;
    /// use bedrock_llm_schema::ChatRequest;
    ///
    /// # fn run(client: BlockingClient, questions: Vec<String>) {
    /// let requests = questions.into_iter().map(|text| ChatRequest::new("us.amazon.nova-lite-v1:0").message(text));
    /// for item in client.batch(requests).concurrency(4) {
    ///     println!("{}: {:?}", item.index, item.result.map(|answer| answer.text()));
    /// }
    /// # }
    /// ```
    pub fn batch<'a, R: ClientRequest>(
        &self,
        requests: impl IntoIterator<Item = R, IntoIter: Send + 'a>,
    ) -> BlockingBatch<'a, R> {
        BlockingBatch {
            batch: self.get_ref().batch(requests),
            engine: self.engine().clone(),
            is_broken: false,
        }
    }
}

/// A [`Batch`] as an iterator of outcomes. Inside an async runtime it gives one error that says so, and ends.
#[must_use = "a batch sends nothing until it is asked for outcomes"]
pub struct BlockingBatch<'a, R: ClientRequest> {
    batch: Batch<'a, R>,
    engine: Engine,
    is_broken: bool,
}

impl<'a, R: ClientRequest> BlockingBatch<'a, R> {
    fn set(mut self, change: impl FnOnce(Batch<'a, R>) -> Batch<'a, R>) -> Self {
        self.batch = change(self.batch);
        self
    }

    /// See [`Batch::concurrency`].
    pub fn concurrency(self, most: usize) -> Self {
        self.set(|batch| batch.concurrency(most))
    }

    /// See [`Batch::in_order`].
    pub fn in_order(self) -> Self {
        self.set(Batch::in_order)
    }

    /// See [`Batch::as_completed`].
    pub fn as_completed(self) -> Self {
        self.set(Batch::as_completed)
    }

    /// See [`Batch::priority`].
    pub fn priority(self, priority: Priority) -> Self {
        self.set(|batch| batch.priority(priority))
    }

    /// See [`Batch::options`].
    pub fn options(self, options: CallOptions) -> Self {
        self.set(|batch| batch.options(options))
    }

    /// See [`Batch::stop_on`].
    pub fn stop_on(self, rule: impl Fn(&Error) -> bool + Send + 'a) -> Self {
        self.set(|batch| batch.stop_on(rule))
    }

    /// See [`Batch::on_progress`].
    pub fn on_progress(self, report: impl FnMut(&Progress) + Send + 'a) -> Self {
        self.set(|batch| batch.on_progress(report))
    }

    /// See [`Batch::handle`].
    #[must_use]
    pub fn handle(&self) -> BatchHandle {
        self.batch.handle()
    }

    /// See [`Batch::progress`].
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.batch.progress()
    }

    /// Runs to the end. See [`Batch::collect`].
    ///
    /// # Errors
    /// Inside an async runtime, before anything is sent.
    pub fn into_results(self) -> Result<Vec<Result<<R as Request>::Response, Error>>, Error> {
        self.engine.run(async { Ok(self.batch.collect().await) })
    }
}

impl<R: ClientRequest> Iterator for BlockingBatch<'_, R> {
    type Item = BatchItem<<R as Request>::Response>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken {
            return None;
        }
        match self.engine.enter() {
            Ok(runtime) => runtime.block_on(self.batch.next()),
            Err(error) => {
                self.is_broken = true;
                Some(self.batch.fail(error))
            }
        }
    }
}

impl<R: ClientRequest> fmt::Debug for BlockingBatch<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingBatch").field("batch", &self.batch).finish_non_exhaustive()
    }
}
