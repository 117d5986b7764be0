//! Paused time: who gets a place when, and that every place comes back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedrock_llm_schema::{
    Call, CallOptions, ChatRequest, ChatResponse, ChatStream, ChatStreamRequest, Error, ErrorKind, Priority,
    StopReason, StreamEvent,
};
use futures_util::future::join_all;
use futures_util::{FutureExt as _, stream};
use proptest::prelude::*;
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer as _, ServiceExt as _};

use super::*;
use crate::layers::DeadlineLayer;
use crate::layers::probe::{Probe, answer, failure, seconds};

type Chat = Call<ChatRequest>;

/// Takes as many seconds as the request's text says.
fn taking() -> Probe<Chat> {
    Probe::new(|request: Chat, _| async move {
        seconds(request.messages[0].text().parse().unwrap()).await;
        Ok(answer("done"))
    })
}

fn config(places: usize) -> ConcurrencyConfig {
    ConcurrencyConfig::new().max_concurrency(places)
}

fn chat(seconds: u64, priority: Priority) -> Chat {
    let request = ChatRequest::new("m").message(seconds.to_string());
    Call::new(request).with_options(CallOptions::new().priority(priority))
}

struct Bench {
    service: Concurrency<Probe<Chat>>,
    handle: ConcurrencyHandle,
    probe: Probe<Chat>,
    order: Arc<Mutex<Vec<(&'static str, u64)>>>,
    started: Instant,
}

impl Bench {
    fn new(config: ConcurrencyConfig) -> Self {
        let layer = ConcurrencyLayer::new(config).unwrap();
        let probe = taking();
        let service = layer.layer(probe.clone());
        Self { handle: layer.handle(), service, probe, order: Arc::default(), started: Instant::now() }
    }

    fn call(
        &self,
        seconds: u64,
        priority: Priority,
    ) -> impl Future<Output = Result<ChatResponse, Error>> + Send + use<> {
        self.service.clone().oneshot(chat(seconds, priority))
    }

    /// A call of a name that notes when it is done.
    fn named(
        &self,
        name: &'static str,
        seconds: u64,
        priority: Priority,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (call, order, started) = (self.call(seconds, priority), Arc::clone(&self.order), self.started);
        async move {
            call.await.unwrap();
            order.lock().unwrap().push((name, started.elapsed().as_secs()));
        }
    }

    fn order(&self) -> Vec<(&'static str, u64)> {
        self.order.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_served_by_priority_and_in_order() {
    let bench = Bench::new(config(1).age(Duration::from_secs(3600)));
    tokio::join!(
        bench.named("first", 1, Priority::Normal),
        bench.named("batch", 1, Priority::Batch),
        bench.named("normal", 1, Priority::Normal),
        bench.named("interactive 1", 1, Priority::Interactive),
        bench.named("interactive 2", 1, Priority::Interactive),
    );
    let wanted = [("first", 1), ("interactive 1", 2), ("interactive 2", 3), ("normal", 4), ("batch", 5)];
    assert_eq!(bench.order(), wanted);
    assert_eq!(bench.handle.status().peak, 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_starves() {
    let bench = Bench::new(config(1).age(Duration::from_secs(10)));
    let crowd = async {
        // every second another one that outranks the batch call
        for _ in 0..40 {
            tokio::spawn(bench.call(2, Priority::Interactive));
            seconds(1).await;
        }
    };
    let batch = async {
        sleep(Duration::from_millis(500)).await;
        bench.named("batch", 1, Priority::Batch).await;
    };
    tokio::join!(crowd, batch);
    let done = bench.order()[0].1;
    assert!((20..60).contains(&done), "{done}");
}

#[tokio::test(start_paused = true)]
async fn the_newcomer_is_refused_when_the_queue_is_full() {
    let bench = Bench::new(config(2).max_queue(1));
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(bench.call(5, Priority::Batch))).collect();
    for call in &mut waiting {
        assert!(call.as_mut().now_or_never().is_none());
    }
    let refused = bench.call(1, Priority::Interactive).await.unwrap_err();
    assert_eq!(refused.kind(), &ErrorKind::Overloaded);
    assert_eq!((bench.handle.status().in_flight, bench.handle.status().queued_batch), (2, 1));
    drop(waiting.pop());
    assert_eq!(bench.handle.status().queued(), 0);
    bench.call(1, Priority::Normal).now_or_never();
    drop(waiting);
    assert_eq!(bench.handle.status().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_its_limit_and_with_the_deadline() {
    let bench = Bench::new(config(1).max_wait(Duration::from_secs(5)));
    let mut long = Box::pin(bench.call(100, Priority::Normal));
    assert!(long.as_mut().now_or_never().is_none());
    let error = bench.call(1, Priority::Normal).await.unwrap_err();
    assert_eq!((error.kind(), bench.started.elapsed().as_secs()), (&ErrorKind::Overloaded, 5));
    let hurried = DeadlineLayer::new(Duration::from_secs(2)).layer(bench.service.clone());
    let error = hurried.oneshot(chat(1, Priority::Normal)).await.unwrap_err();
    assert_eq!((error.kind(), bench.started.elapsed().as_secs()), (&ErrorKind::Overloaded, 7));
    assert_eq!(bench.handle.status().queued(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_granted_to_one_who_is_dropped_goes_to_the_next() {
    let bench = Bench::new(config(1));
    let mut running = Box::pin(bench.call(5, Priority::Normal));
    let mut granted = Box::pin(bench.call(5, Priority::Normal));
    assert!(running.as_mut().now_or_never().is_none() && granted.as_mut().now_or_never().is_none());
    let next = tokio::spawn(bench.call(5, Priority::Normal));
    tokio::task::yield_now().await;
    drop(running);
    assert_eq!(bench.handle.status().queued(), 1, "the place is the second one's, who was not polled yet");
    drop(granted);
    assert!(timeout(Duration::from_secs(6), next).await.unwrap().unwrap().is_ok());
    assert_eq!((bench.handle.status().in_flight, bench.handle.status().queued()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn failures_give_the_place_back() {
    let layer = ConcurrencyLayer::new(config(1)).unwrap();
    let failing = Probe::new(|_: ChatRequest, _| async { Err(failure(ErrorKind::Internal)) });
    for _ in 0..3 {
        layer.layer(failing.clone()).oneshot(ChatRequest::new("m")).await.unwrap_err();
    }
    assert_eq!(layer.handle().status().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_holds_its_place_until_it_ends() {
    let layer = ConcurrencyLayer::new(config(1)).unwrap();
    let streaming = Probe::new(|_: ChatStreamRequest, _| async {
        let events = [StreamEvent::text(0, "x"), StreamEvent::message_stop(StopReason::EndTurn)];
        Ok(ChatStream::new(stream::iter(events.map(Ok)), None))
    });
    let open = || layer.layer(streaming.clone()).oneshot(ChatRequest::new("m").streaming());
    let stream = open().await.unwrap();
    assert_eq!(layer.handle().status().in_flight, 1);
    let mut second = Box::pin(open());
    assert!(second.as_mut().now_or_never().is_none());
    stream.collect().await.unwrap();
    let second = second.now_or_never().unwrap().unwrap();
    assert_eq!(layer.handle().status().in_flight, 1);
    drop(second);
    assert_eq!(layer.handle().status().in_flight, 0);
}

/// One that arrives, takes so long, and may be dropped before it is done.
#[derive(Debug, Clone)]
struct Arrival {
    at: u64,
    takes: u64,
    dropped_after: Option<u64>,
    priority: Priority,
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let priority = prop_oneof![Just(Priority::Batch), Just(Priority::Normal), Just(Priority::Interactive)];
    (0_u64..20, 0_u64..5, proptest::option::of(0_u64..8), priority)
        .prop_map(|(at, takes, dropped_after, priority)| Arrival { at, takes, dropped_after, priority })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn never_above_the_limit_and_all_places_come_back(
        places in 1_usize..4,
        arrivals in proptest::collection::vec(arrival(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let bench = Bench::new(config(places).age(Duration::from_secs(3)));
            let calls = arrivals.into_iter().map(|arrival| {
                let bench = &bench;
                async move {
                    seconds(arrival.at).await;
                    let call = bench.call(arrival.takes, arrival.priority);
                    match arrival.dropped_after {
                        Some(limit) => timeout(Duration::from_secs(limit), call).await.ok().map(Result::unwrap),
                        None => Some(call.await.unwrap()),
                    };
                }
            });
            // 40 calls of 5 seconds and 20 of arrival: whoever still waits then waits for ever
            assert!(timeout(Duration::from_secs(300), join_all(calls)).await.is_ok(), "somebody starved");
            let status = bench.handle.status();
            assert_eq!((status.in_flight, status.queued()), (0, 0));
            assert!(bench.probe.seen().peak() <= places && status.peak <= places);
        });
    }
}
