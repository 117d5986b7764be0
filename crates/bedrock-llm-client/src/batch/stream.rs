//! [`Batch`]: the stream of outcomes.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bedrock_llm_schema::{CallOptions, Error, Priority, Request};
use futures_core::Stream;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::Instant;
use tower::Service as _;

use super::progress::Tokens;
use super::{BatchHandle, BatchItem, Progress, concerns_every_call};
use crate::{Client, ClientRequest, ResponseFuture};

/// How many requests are under way at once where nothing is said.
const CONCURRENCY: usize = 8;

/// In order, how many requests may be out for each one that may be under way: those that wait for an earlier one's
/// outcome are held, and they must not pile up behind a slow one.
const OUT_PER_PLACE: usize = 4;

type Answer<R> = <R as Request>::Response;

type Report<'a> = Box<dyn FnMut(&Progress) + Send + 'a>;

/// Many requests, a few under way at any time; a [`Stream`] of [`BatchItem`]s. Made by
/// [`Client::batch`](crate::Client::batch).
///
/// | setting | where nothing is said |
/// |---|---|
/// | [`concurrency`](Self::concurrency) | 8 |
/// | [`as_completed`](Self::as_completed), [`in_order`](Self::in_order) | as completed: nothing waits for a slow request |
/// | [`options`](Self::options), [`priority`](Self::priority) | the client's own, with [`Priority::Batch`] |
/// | [`stop_on`](Self::stop_on) | errors that [every call](concerns_every_call) would meet |
///
/// - **Each request has one outcome**, its answer or its own error, under its index. An error is an outcome as any
///   other: the rest goes on.
/// - **Backpressure.** A request is taken from the input when there is a place for it, and only while the batch is
///   polled: memory does not grow with the input, and a consumer that stops asking stops the sending. The calls themselves
///   move only while the batch is polled, too: a consumer with slow work of its own should hand the items on to another
///   task.
/// - **Stopping.** After [`BatchHandle::stop`] or an error that [`stop_on`](Self::stop_on) names, no further request is
///   taken; those under way finish and are given out, then the batch ends. The requests with an outcome are always the
///   first ones of the input, without a gap.
/// - **Cancellation.** Dropping the batch drops the calls under way. What was given out is the caller's to keep.
/// - A stream ([`ChatStreamRequest`](bedrock_llm_schema::ChatStreamRequest)) is under way until it begins; read it to
///   its end soon, since its place in the client's concurrency limit is taken till then.
#[must_use = "a batch sends nothing until it is polled"]
pub struct Batch<'a, R: ClientRequest> {
    client: Client,
    options: CallOptions,
    /// Boxed, so that a batch has a name that does not tell where its requests come from.
    requests: Pin<Box<dyn Stream<Item = R> + Send + 'a>>,
    total: Option<usize>,
    concurrency: usize,
    is_in_order: bool,
    stop_on: Box<dyn Fn(&Error) -> bool + Send + 'a>,
    on_progress: Option<Report<'a>>,
    handle: BatchHandle,

    started: Option<Instant>,
    /// Requests taken from the input, which is the index of the next.
    taken: usize,
    given: usize,
    is_exhausted: bool,
    running: FuturesUnordered<Running<Answer<R>>>,
    /// Outcomes that wait for an earlier one.
    held: BTreeMap<usize, BatchItem<Answer<R>>>,
    succeeded: usize,
    failed: usize,
    tokens: Arc<Tokens>,
}

/// Settings.
impl<'a, R: ClientRequest> Batch<'a, R> {
    pub(super) fn new(
        client: Client,
        requests: Pin<Box<dyn Stream<Item = R> + Send + 'a>>,
        options: CallOptions,
    ) -> Self {
        let total = match requests.size_hint() {
            (least, Some(most)) if least == most => Some(most),
            _ => None,
        };
        Self {
            client,
            options,
            requests,
            total,
            concurrency: CONCURRENCY,
            is_in_order: false,
            stop_on: Box::new(concerns_every_call),
            on_progress: None,
            handle: BatchHandle::default(),
            started: None,
            taken: 0,
            given: 0,
            is_exhausted: false,
            running: FuturesUnordered::new(),
            held: BTreeMap::new(),
            succeeded: 0,
            failed: 0,
            tokens: Arc::default(),
        }
    }

    /// How many requests are under way at once, from 1; 0 counts as 1. The client's own limits hold beside it.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.concurrency = most.max(1);
        self
    }

    /// Gives outcomes in the order of the requests. At most four times [`concurrency`](Self::concurrency) requests are
    /// out at once then: one that takes much longer than the others holds them up in the end.
    pub fn in_order(mut self) -> Self {
        self.is_in_order = true;
        self
    }

    /// Gives outcomes as they come.
    pub fn as_completed(mut self) -> Self {
        self.is_in_order = false;
        self
    }

    /// Who goes first where calls must wait for a place.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.options.priority = priority;
        self
    }

    /// What is wanted of each call beside its answer, in the place of the client's own options and of
    /// [`Priority::Batch`]. A request that is a [`Call`](bedrock_llm_schema::Call) with options keeps its own.
    pub fn options(mut self, options: CallOptions) -> Self {
        self.options = options;
        self
    }

    /// Which errors stop the batch, in the place of [`concerns_every_call`].
    pub fn stop_on(mut self, rule: impl Fn(&Error) -> bool + Send + 'a) -> Self {
        self.stop_on = Box::new(rule);
        self
    }

    /// Calls this after each outcome, in the consumer's task: it should be quick.
    pub fn on_progress(mut self, report: impl FnMut(&Progress) + Send + 'a) -> Self {
        self.on_progress = Some(Box::new(report));
        self
    }
}

/// A batch that runs.
impl<R: ClientRequest> Batch<'_, R> {
    /// Stops this batch from elsewhere.
    #[must_use]
    pub fn handle(&self) -> BatchHandle {
        self.handle.clone()
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            succeeded: self.succeeded,
            failed: self.failed,
            in_flight: self.running.len(),
            total: self.total,
            input_tokens: self.tokens.input(),
            output_tokens: self.tokens.output(),
            elapsed: self.started.map(|started| started.elapsed()).unwrap_or_default(),
        }
    }

    /// The next outcome; `None` at the end. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<BatchItem<Answer<R>>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Runs to the end and gives all outcomes in the order of the requests, whatever order was set. Where the batch was
    /// stopped there are fewer than requests: the last ones were not sent.
    pub async fn collect(mut self) -> Vec<Result<Answer<R>, Error>> {
        let mut items = Vec::with_capacity(self.total.unwrap_or_default());
        while let Some(item) = self.next().await {
            items.push(item);
        }
        items.sort_unstable_by_key(|item| item.index);
        items.into_iter().map(|item| item.result).collect()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<BatchItem<Answer<R>>>> {
        self.handle.wake(cx.waker());
        loop {
            self.fill(cx);
            if let Some(due) = self.held.remove(&self.given) {
                return self.give(due);
            }
            match self.running.poll_next_unpin(cx) {
                Poll::Ready(Some(done)) => {
                    let item = self.note(done);
                    if !self.is_in_order {
                        return self.give(item);
                    }
                    self.held.insert(item.index, item);
                }
                Poll::Ready(None) => match self.held.pop_first() {
                    // only where the order was set late
                    Some((_, item)) => return self.give(item),
                    None if self.is_over() => return Poll::Ready(None),
                    None => return Poll::Pending,
                },
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_exhausted || self.handle.is_stopped()
    }

    fn has_room(&self) -> bool {
        let out = self.running.len() + self.held.len();
        self.running.len() < self.concurrency && out < self.concurrency.saturating_mul(OUT_PER_PLACE)
    }

    /// Takes requests while there are places.
    fn fill(&mut self, cx: &mut Context<'_>) {
        while !self.is_over() && self.has_room() {
            match self.requests.as_mut().poll_next(cx) {
                Poll::Ready(Some(request)) => self.send(request),
                Poll::Ready(None) => self.is_exhausted = true,
                Poll::Pending => return,
            }
        }
    }

    fn send(&mut self, request: R) {
        let now = Instant::now();
        self.started.get_or_insert_with(|| {
            self.client = self.client.with(self.options.clone());
            now
        });
        self.running.push(Running { index: self.taken, started: now, call: self.client.call(request) });
        self.taken += 1;
    }

    /// Counts an outcome and tells of it.
    fn note(&mut self, mut item: BatchItem<Answer<R>>) -> BatchItem<Answer<R>> {
        match &mut item.result {
            Ok(answer) => {
                self.succeeded += 1;
                self.tokens.count_in(answer);
            }
            Err(error) => {
                self.failed += 1;
                if !self.handle.is_stopped() && (self.stop_on)(error) {
                    tracing::warn!(kind = %error.kind(), index = item.index, "an error stops the batch");
                    self.handle.stop();
                }
            }
        }
        let progress = self.on_progress.is_some().then(|| self.progress());
        if let Some((report, progress)) = self.on_progress.as_mut().zip(progress) {
            report(&progress);
        }
        item
    }

    fn give(&mut self, item: BatchItem<Answer<R>>) -> Poll<Option<BatchItem<Answer<R>>>> {
        self.given += 1;
        Poll::Ready(Some(item))
    }

    /// The item that says why a batch cannot go on at all.
    pub(super) fn fail(&self, error: Error) -> BatchItem<Answer<R>> {
        BatchItem { index: self.taken, result: Err(error), elapsed: std::time::Duration::ZERO }
    }
}

impl<R: ClientRequest> Stream for Batch<'_, R> {
    type Item = BatchItem<Answer<R>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let out = self.running.len() + self.held.len();
        let (_, most) = if self.is_exhausted { (0, Some(0)) } else { self.requests.size_hint() };
        (out, most.and_then(|most| most.checked_add(out)))
    }
}

/// A call under way.
struct Running<A> {
    index: usize,
    started: Instant,
    call: ResponseFuture<A>,
}

impl<A> Future for Running<A> {
    type Output = BatchItem<A>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (index, started) = (self.index, self.started);
        self.call.as_mut().poll(cx).map(|result| BatchItem { index, result, elapsed: started.elapsed() })
    }
}
