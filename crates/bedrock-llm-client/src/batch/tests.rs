//! Tests of batches, over a client whose bottom does what each request says.

use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bedrock_llm_schema::{
    ApplyGuardrailRequest, Call, CallOptions, ChatRequest, ChatStream, ChatStreamRequest, CountTokensRequest,
    EmbedRequest, ErrorKind, InvokeRequest, InvokeStreamRequest, Request, RerankRequest, StopReason,
    StreamEvent, Usage,
};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use proptest::prelude::*;
use tokio::time::sleep;
use tower::Service;
use tower::layer::layer_fn;

use super::*;
use crate::layers::probe::{answer, failure, seconds};
use crate::{ClientBuilder, ClientLayer, ResponseFuture};

/// What the bottom saw.
#[derive(Clone, Default)]
struct Seen {
    calls: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
    options: Arc<Mutex<Vec<CallOptions>>>,
}

impl Seen {
    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The milliseconds to take and what to do then, which [`ask`] wrote.
fn orders(chat: &ChatRequest) -> (u64, String) {
    let text = chat.messages[0].text();
    let (delay, then) = text.split_once(' ').unwrap();
    (delay.parse().unwrap(), then.to_owned())
}

fn ask(delay: u64, then: &str) -> ChatRequest {
    ChatRequest::new("us.amazon.nova-lite-v1:0").message(format!("{delay} {then}"))
}

impl Service<Call<ChatRequest>> for Seen {
    type Response = bedrock_llm_schema::ChatResponse;
    type Error = Error;
    type Future = ResponseFuture<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<ChatRequest>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.peak.fetch_max(self.open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        self.options.lock().unwrap().push(call.options().clone());
        let open = Open(Arc::clone(&self.open));
        let (delay, then) = orders(&call);
        Box::pin(async move {
            let _open = open;
            if delay > 0 {
                sleep(Duration::from_millis(delay)).await;
            }
            match &*then {
                "throttled" => {
                    Err(failure(ErrorKind::Throttled(bedrock_llm_schema::ThrottleScope::Requests)))
                }
                "auth" => Err(failure(ErrorKind::Auth)),
                text => Ok(answer(text)),
            }
        })
    }
}

impl Service<Call<ChatStreamRequest>> for Seen {
    type Response = ChatStream;
    type Error = Error;
    type Future = ResponseFuture<ChatStream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Call<ChatStreamRequest>) -> Self::Future {
        let metadata = serde_json::from_value(serde_json::json!({
            "metadata": {"usage": {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}}
        }));
        let events = [
            StreamEvent::message_start(),
            StreamEvent::text(0, "word"),
            StreamEvent::message_stop(StopReason::EndTurn),
            metadata.unwrap(),
        ];
        Box::pin(ready(Ok(ChatStream::new(iter(events.map(Ok)), None))))
    }
}

macro_rules! not_asked {
    ($($request:ty),*) => {$(
        impl Service<Call<$request>> for Seen {
            type Response = <$request as Request>::Response;
            type Error = Error;
            type Future = ResponseFuture<Self::Response>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, _: Call<$request>) -> Self::Future {
                Box::pin(ready(Err(failure(ErrorKind::Unexpected))))
            }
        }
    )*};
}

not_asked!(
    CountTokensRequest,
    ApplyGuardrailRequest,
    InvokeRequest,
    InvokeStreamRequest,
    EmbedRequest,
    RerankRequest
);

fn builder(seen: &Seen) -> ClientBuilder<impl ClientLayer> {
    let seen = seen.clone();
    Client::builder()
        .region("us-east-1")
        .credentials("a", "b", None)
        .layer(layer_fn(move |_: crate::ClientService| seen.clone()))
}

async fn client() -> (Client, Seen) {
    let seen = Seen::default();
    (builder(&seen).build().await.unwrap(), seen)
}

async fn indexes<R: ClientRequest>(batch: Batch<'_, R>) -> Vec<usize> {
    batch.map(|item| item.index).collect().await
}

#[tokio::test(start_paused = true)]
async fn outcomes_come_as_they_are_there_or_in_order() {
    let (client, seen) = client().await;
    let requests = || [ask(300, "a"), ask(100, "throttled"), ask(200, "c")];
    assert_eq!(indexes(client.batch(requests())).await, [1, 2, 0]);
    assert_eq!(indexes(client.batch(requests()).in_order()).await, [0, 1, 2]);
    let results = client.batch(requests()).collect().await;
    let texts: Vec<_> = results.into_iter().map(|result| result.map(|answer| answer.text())).collect();
    assert_eq!(texts[0].as_deref().unwrap(), "a");
    assert!(texts[1].as_ref().unwrap_err().is_throttled());
    assert_eq!(texts[2].as_deref().unwrap(), "c");
    assert_eq!((seen.calls(), seen.peak()), (9, 3));
}

#[tokio::test(start_paused = true)]
async fn an_item_says_how_long_its_call_took() {
    let (client, _) = client().await;
    let mut batch = client.batch([ask(250, "a"), ask(500, "b")]).concurrency(1);
    let first = batch.next().await.unwrap();
    assert_eq!((first.index, first.elapsed), (0, Duration::from_millis(250)));
    let second = batch.next().await.unwrap();
    assert_eq!((second.index, second.elapsed), (1, Duration::from_millis(500)));
    assert!(batch.next().await.is_none());
    assert!(batch.next().await.is_none(), "it stays at its end");
}

#[tokio::test(start_paused = true)]
async fn requests_are_taken_when_there_is_a_place() {
    let (client, seen) = client().await;
    let taken = AtomicUsize::new(0);
    let endless = || (0..).inspect(|_| _ = taken.fetch_add(1, Ordering::SeqCst)).map(|_| ask(10, "x"));
    let mut batch = client.batch(endless()).concurrency(3);
    assert_eq!(taken.load(Ordering::SeqCst), 0, "nothing before it is polled");
    for given in 1..=20 {
        batch.next().await.unwrap();
        assert!(taken.load(Ordering::SeqCst) <= given + 3);
    }
    drop(batch);
    assert_eq!((seen.open(), seen.peak()), (0, 3), "dropping drops what is under way");
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_one_holds_the_others_up_only_in_the_end() {
    let (client, seen) = client().await;
    let requests = (0..100).map(|index| ask(if index == 0 { 1000 } else { 10 }, "x"));
    let mut batch = client.batch(requests).concurrency(2).in_order();
    assert_eq!(batch.next().await.unwrap().index, 0);
    assert_eq!(seen.calls(), 8, "four times two were out");
    assert_eq!(batch.map(|item| item.index).collect::<Vec<_>>().await, (1..100).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_batch_finishes_what_is_under_way() {
    let (client, seen) = client().await;
    let mut batch = client.batch((0..).map(|_| ask(100, "x"))).concurrency(4);
    batch.next().await.unwrap();
    let handle = batch.handle();
    handle.stop();
    assert_eq!(indexes(batch).await, [1, 2, 3]);
    assert_eq!(seen.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_waits_for_its_input_is_stopped() {
    let (client, _) = client().await;
    let input = iter([ask(10, "a")]).chain(stream::pending());
    let batch = client.batch_stream(input);
    let handle = batch.handle();
    let stopper = async {
        seconds(60).await;
        handle.stop();
    };
    let (results, ()) = tokio::join!(batch.collect(), stopper);
    assert_eq!(results.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_every_call_would_meet_stops_the_batch() {
    let (client, seen) = client().await;
    let requests = || (0..100).map(|index| ask(10, if index == 2 { "auth" } else { "x" }));
    let batch = client.batch(requests()).concurrency(3);
    let handle = batch.handle();
    let results = batch.collect().await;
    assert!(handle.is_stopped());
    assert_eq!(results.len(), seen.calls());
    assert!((3..8).contains(&results.len()), "{}", results.len());
    assert!(results.iter().enumerate().all(|(index, result)| result.is_err() == (index == 2)));
    assert_eq!(client.batch(requests()).stop_on(|_| false).collect().await.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn calls_have_the_clients_options_at_the_priority_of_batches() {
    let (client, seen) = client().await;
    let mine = CallOptions::new().timeout(Duration::from_secs(9));
    let client = client.with(mine.clone());
    client.batch([ask(0, "x")]).collect().await;
    client.batch([ask(0, "x")]).priority(Priority::Interactive).collect().await;
    client.batch([ask(0, "x")]).options(CallOptions::new()).collect().await;
    let own = CallOptions::new().timeout(Duration::from_secs(1));
    client.batch([Call::new(ask(0, "x")).with_options(own.clone())]).collect().await;
    client.chat(ask(0, "x")).await.unwrap();
    let expected = [
        mine.clone().priority(Priority::Batch),
        mine.clone().priority(Priority::Interactive),
        CallOptions::new(),
        own,
        mine,
    ];
    assert_eq!(*seen.options.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_after_each_outcome() {
    let (client, _) = client().await;
    let mut told = Vec::new();
    let requests = [ask(100, "a"), ask(200, "throttled"), ask(300, "c")];
    let batch = client.batch(requests).concurrency(2).on_progress(|progress| told.push(*progress));
    batch.collect().await;
    let counts: Vec<_> = told.iter().map(|p| (p.succeeded, p.failed, p.in_flight, p.total)).collect();
    assert_eq!(counts, [(1, 0, 1, Some(3)), (1, 1, 1, Some(3)), (2, 1, 0, Some(3))]);
    let last = told[2];
    assert_eq!((last.input_tokens, last.output_tokens), (20, 10));
    assert_eq!(last.elapsed, Duration::from_millis(400));
    assert!((last.rate() - 7.5).abs() < 1e-9, "{}", last.rate());
    assert_eq!(told[1].remaining(), Some(Duration::from_millis(100)));
    let unknown = client.batch_stream(iter([ask(0, "x")]).filter(|_| ready(true)));
    assert_eq!((unknown.progress().total, unknown.progress().remaining()), (None, None));
}

#[tokio::test(start_paused = true)]
async fn streams_are_counted_when_they_end() {
    let (client, _) = client().await;
    let mut batch = client.batch([ask(0, "x").streaming()]);
    let stream = batch.next().await.unwrap().result.unwrap();
    assert_eq!(batch.progress().input_tokens, 0);
    assert_eq!(stream.collect().await.unwrap().text(), "word");
    assert_eq!((batch.progress().input_tokens, batch.progress().output_tokens), (7, 3));
}

#[test]
fn answers_that_were_paid_before_use_no_tokens() {
    let tokens = Arc::<progress::Tokens>::default();
    let mut replayed = answer("again");
    replayed.usage = Usage { is_replayed: true, ..Usage::new(10, 5) };
    tokens.count_in(&mut replayed);
    tokens.count_in(&mut answer("new"));
    assert_eq!((tokens.input(), tokens.output()), (10, 5));
}

#[test]
fn a_blocking_batch_is_an_iterator() {
    let seen = Seen::default();
    let client = builder(&seen).build_blocking().unwrap();
    let batch = client.batch((0..20).map(|index| ask(0, &index.to_string()))).concurrency(3).in_order();
    let texts: Vec<_> = batch.map(|item| item.result.unwrap().text()).collect();
    assert_eq!(texts, (0..20).map(|index| index.to_string()).collect::<Vec<_>>());
    assert!(seen.peak() <= 3);
    let results = client.batch([ask(0, "a"), ask(0, "throttled")]).into_results().unwrap();
    assert!(results[0].is_ok() && results[1].is_err());
}

#[test]
fn a_blocking_batch_inside_a_runtime_says_so_once() {
    let seen = Seen::default();
    let client = builder(&seen).build_blocking().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let items: Vec<_> = client.batch([ask(0, "a")]).collect();
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].result.as_ref().unwrap_err().kind(), &ErrorKind::Config);
        assert!(client.batch([ask(0, "a")]).into_results().is_err());
    });
    assert_eq!(seen.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_request() {
    let (client, _) = client().await;
    let mut batch = client.batch([ask(10, "secret"), ask(20, "secret")]);
    assert!(batch.next().now_or_never().is_none());
    assert!(!format!("{batch:?}").contains("secret"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever calls take and however they end: every request has one outcome, in its place where order is promised,
    /// and never more are under way than allowed.
    #[test]
    fn every_request_has_one_outcome(
        calls in prop::collection::vec((0_u64..50, any::<bool>()), 0..60),
        concurrency in 0_usize..9,
        is_in_order: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (client, seen) = client().await;
            let requests = calls.iter().enumerate().map(|(index, (delay, fails))| {
                ask(*delay, &if *fails { "throttled".to_owned() } else { index.to_string() })
            });
            let mut batch = client.batch(requests).concurrency(concurrency);
            if is_in_order {
                batch = batch.in_order();
            }
            let items: Vec<_> = futures_util::StreamExt::collect(batch).await;
            let mut order: Vec<_> = items.iter().map(|item| item.index).collect();
            if !is_in_order {
                order.sort_unstable();
            }
            assert_eq!(order, (0..calls.len()).collect::<Vec<_>>());
            for item in &items {
                match &item.result {
                    Ok(answer) => assert_eq!(answer.text(), item.index.to_string()),
                    Err(error) => assert!(error.is_throttled() && calls[item.index].1),
                }
            }
            assert!(seen.peak() <= concurrency.max(1));
        });
    }
}
