//! Paused time: who passes when, what is charged, what is given back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedrock_llm_schema::{
    ChatRequest, ChatResponse, ChatStream, ChatStreamRequest, Error, ErrorKind, Message, ModelId, Retry,
    StopReason, StreamEvent, ThrottleScope, Usage,
};
use futures_util::future::join_all;
use futures_util::{FutureExt as _, stream};
use tokio::time::{Instant, advance};
use tower::{Layer as _, ServiceExt as _};

use super::*;
use crate::layers::DeadlineLayer;
use crate::layers::probe::{Probe, answer, failure, seconds};

const NOVA: &str = "amazon.nova-lite-v1:0";
const SONNET: &str = "anthropic.claude-sonnet-4-20250514-v1:0";

fn config() -> RateLimitConfig {
    RateLimitConfig::new()
}

fn ok() -> Probe<ChatRequest> {
    Probe::new(|_, _| async { Ok(answer("ok")) })
}

struct Bench {
    service: RateLimit<Probe<ChatRequest>>,
    handle: RateLimitHandle,
    probe: Probe<ChatRequest>,
    started: Instant,
}

impl Bench {
    fn new(config: RateLimitConfig, probe: Probe<ChatRequest>) -> Self {
        let layer = RateLimitLayer::new(config).unwrap();
        Self { handle: layer.handle(), service: layer.layer(probe.clone()), probe, started: Instant::now() }
    }

    fn call(&self, request: ChatRequest) -> impl Future<Output = Result<ChatResponse, Error>> + Send + use<> {
        self.service.clone().oneshot(request)
    }

    fn status(&self, model: &str) -> RateLimitStatus {
        self.handle.status(&ModelId::from(model), None).unwrap()
    }

    fn passed(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

fn chat(model: &str, max_tokens: u32) -> ChatRequest {
    ChatRequest::new(model).message("Hi").max_tokens(max_tokens)
}

/// What the estimate of [`chat`]'s input is.
fn input(model: &str) -> f64 {
    use bedrock_llm_schema::Request as _;
    f64::from(u32::try_from(chat(model, 1).estimate_input_tokens()).unwrap())
}

fn tokens(status: &RateLimitStatus) -> f64 {
    status.tokens.unwrap().available
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-3
}

#[tokio::test(start_paused = true)]
async fn a_minute_s_requests_pass_at_once_and_the_rest_in_turn() {
    let bench = Bench::new(config().requests_per_minute(6), ok());
    let order = Arc::new(Mutex::new(Vec::new()));
    let calls = (0..9_u64).map(|number| {
        let (call, order, started) = (bench.call(chat(NOVA, 9)), Arc::clone(&order), bench.started);
        async move {
            call.await.unwrap();
            order.lock().unwrap().push((number, started.elapsed().as_secs()));
        }
    });
    join_all(calls).await;
    let wanted = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 10), (7, 20), (8, 30)];
    assert_eq!(*order.lock().unwrap(), wanted);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_charged_on_entry_and_settled_at_its_end() {
    let slow = Probe::new(|_, _| async {
        seconds(1).await;
        let usage = Usage {
            cache_read_input_tokens: Some(4000),
            cache_write_input_tokens: Some(1000),
            ..Usage::new(3000, 1000)
        };
        Ok(ChatResponse::new(Message::assistant("x"), StopReason::EndTurn, usage))
    });
    for (model, used) in [(SONNET, 9000.0), (NOVA, 5000.0)] {
        let bench = Bench::new(config().tokens_per_minute(60_000), slow.clone());
        let mut call = Box::pin(bench.call(chat(model, 32_000)));
        assert!(call.as_mut().now_or_never().is_none());
        let charged = 60_000.0 - tokens(&bench.status(model));
        assert!(close(charged, 32_000.0 + input(model)), "{charged}: `max_tokens` has no factor on entry");
        call.await.unwrap();
        // a second has brought a thousand, which were charged still
        let wanted = 60_000.0 - used + 1000.0;
        assert!(close(tokens(&bench.status(model)), wanted), "{model}: {:?}", bench.status(model));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_used_beyond_the_charge_is_owed() {
    let long = Probe::new(|_, _| async {
        Ok(ChatResponse::new(Message::assistant("x"), StopReason::EndTurn, Usage::new(0, 2000)))
    });
    let bench = Bench::new(config().tokens_per_minute(6000), long);
    bench.call(chat(SONNET, 2000)).await.unwrap();
    assert!(close(tokens(&bench.status(SONNET)), -4000.0));
    bench.call(chat(SONNET, 1000)).await.unwrap();
    let wanted = Duration::from_secs_f64((4000.0 + 1000.0 + input(SONNET)) / 100.0);
    assert_eq!(bench.started.elapsed(), wanted, "4000 owed, 1000 and the input wanted, 100 a second");
}

#[tokio::test(start_paused = true)]
async fn what_others_give_back_shortens_the_wait() {
    let slow = Probe::new(|_, _| async {
        seconds(2).await;
        Ok(answer("ok"))
    });
    let bench = Bench::new(config().tokens_per_minute(6000), slow);
    let calls = join_all((0..4).map(|_| bench.call(chat(NOVA, 5000).message("more"))));
    let outcomes = calls.await;
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        2,
        "the estimate refuses the others"
    );
    assert_eq!(bench.passed(), 4, "the second does not wait for 40 seconds");
}

#[tokio::test(start_paused = true)]
async fn without_max_tokens_the_model_s_most_is_reserved() {
    let bench = Bench::new(config().tokens_per_minute(20_000), ok());
    let error = bench.call(ChatRequest::new(SONNET).message("Hi")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry(), error.retry_after()),
        (&ErrorKind::Overloaded, Retry::Permanent, None)
    );
    assert!(error.message().contains("64000") && error.message().contains("20000"), "{error}");
    assert!(error.hint().unwrap().contains("max_tokens"));
    bench.call(chat(SONNET, 100)).await.unwrap();
    assert_eq!(bench.probe.seen().requests(), [chat(SONNET, 100)], "only what fits was sent, as it was");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_would_be_too_long_is_refused_at_once() {
    let bench = Bench::new(config().requests_per_minute(1).max_wait(Duration::from_secs(90)), ok());
    bench.call(chat(NOVA, 9)).await.unwrap();
    let mut first = Box::pin(bench.call(chat(NOVA, 9)));
    assert!(first.as_mut().now_or_never().is_none());
    let refused = bench.call(chat(NOVA, 9)).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.retry_after()),
        (&ErrorKind::Overloaded, Some(Duration::from_secs(120)))
    );
    let hurried = DeadlineLayer::new(Duration::from_secs(119)).layer(bench.service.clone());
    assert_eq!(hurried.oneshot(chat(NOVA, 9)).await.unwrap_err().kind(), &ErrorKind::Overloaded);
    assert_eq!(bench.passed(), 0);
    first.await.unwrap();
    assert_eq!(bench.passed(), 60);
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_while_waiting_leaves_no_trace() {
    let bench = Bench::new(config().requests_per_minute(1).max_wait(Duration::from_secs(600)), ok());
    bench.call(chat(NOVA, 9)).await.unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(bench.call(chat(NOVA, 9)))).collect();
    for call in &mut waiting {
        assert!(call.as_mut().now_or_never().is_none());
    }
    assert_eq!(bench.status(NOVA).waiting, 3);
    let last = tokio::spawn(waiting.pop().unwrap());
    tokio::task::yield_now().await;
    drop(waiting);
    assert_eq!(bench.status(NOVA).waiting, 1);
    last.await.unwrap().unwrap();
    assert_eq!(bench.passed(), 60, "the last one is the first now");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_usage_gives_back_what_no_model_can_have_used() {
    for (kind, kept) in [
        (ErrorKind::Throttled(ThrottleScope::Requests), 0.0),
        (ErrorKind::Validation, 0.0),
        (ErrorKind::Timeout, input(NOVA)),
        (ErrorKind::StreamTruncated, input(NOVA)),
    ] {
        let failing = Probe::new({
            let kind = kind.clone();
            move |_, _| std::future::ready(Err(failure(kind.clone())))
        });
        let bench = Bench::new(config().tokens_per_minute(6000), failing);
        bench.call(chat(NOVA, 3000)).await.unwrap_err();
        assert!(close(tokens(&bench.status(NOVA)), 6000.0 - kept), "{kind}");
    }
    let hanging = Probe::new(|_, _| std::future::pending());
    let bench = Bench::new(config().tokens_per_minute(6000), hanging);
    assert!(bench.call(chat(NOVA, 3000)).now_or_never().is_none(), "dropped while it was under way");
    assert!(close(tokens(&bench.status(NOVA)), 6000.0 - input(NOVA)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_settled_at_its_end() {
    let probe = Probe::new(|_: ChatStreamRequest, _| async {
        let events = [
            StreamEvent::text(0, "x"),
            StreamEvent::message_stop(StopReason::EndTurn),
            StreamEvent::metadata(Usage::new(100, 50), 1),
        ];
        Ok(ChatStream::new(stream::iter(events.map(Ok)), None))
    });
    let layer = RateLimitLayer::new(config().tokens_per_minute(6000)).unwrap();
    let left = || tokens(&layer.handle().status(&NOVA.into(), None).unwrap());
    let open = || layer.layer(probe.clone()).oneshot(chat(NOVA, 3000).streaming());
    let stream = open().await.unwrap();
    assert!(close(left(), 3000.0 - input(NOVA)));
    stream.collect().await.unwrap();
    assert!(close(left(), 5850.0));
    drop(open().await.unwrap());
    assert!(close(left(), 5850.0 - input(NOVA)), "abandoned: the input stays");
}

/// Throttles whatever is above so many requests in a second.
fn crowded(most: u32) -> Probe<ChatRequest> {
    let second = Arc::new(Mutex::new((0, 0)));
    let started = Instant::now();
    Probe::new(move |_, _| {
        let now = started.elapsed().as_secs();
        let mut second = second.lock().unwrap();
        if second.0 != now {
            *second = (now, 0);
        }
        second.1 += 1;
        std::future::ready(if second.1 > most {
            Err(failure(ErrorKind::Throttled(ThrottleScope::Requests)))
        } else {
            Ok(answer("ok"))
        })
    })
}

#[tokio::test(start_paused = true)]
async fn an_unlimited_model_that_throttles_is_asked_less_and_then_freely_again() {
    let bench = Bench::new(config(), crowded(5));
    for _ in 0..20 {
        bench.call(chat(NOVA, 9)).await.unwrap();
        advance(Duration::from_millis(250)).await;
    }
    assert_eq!(bench.status(NOVA).requests, None);
    let burst = join_all((0..10).map(|_| bench.call(chat(NOVA, 9)))).await;
    assert!(burst.iter().any(Result::is_err));
    let limit = bench.status(NOVA).requests.unwrap();
    assert!(limit.per_minute > 100.0 && limit.per_minute < 250.0, "half of some 300 a minute: {limit:?}");
    let throttled = bench.probe.seen().calls();
    let mut seconds = 0;
    while bench.status(NOVA).requests.is_some() {
        bench.call(chat(NOVA, 9)).await.unwrap();
        advance(Duration::from_millis(900)).await;
        seconds += 1;
        assert!(seconds < 300, "{:?}", bench.status(NOVA));
    }
    assert!(bench.probe.seen().calls() > throttled);
}

#[tokio::test(start_paused = true)]
async fn a_set_rate_is_cut_and_grows_back_no_further() {
    let bench = Bench::new(config().requests_per_minute(600).max_wait(Duration::from_secs(9)), crowded(10));
    let outcomes = join_all((0..50).map(|_| bench.call(chat(NOVA, 9)))).await;
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!(failed, 5, "the eleventh, and those of the same second that came after, five a second");
    assert!((6..=7).contains(&bench.passed()), "39 calls at a good five a second: {}", bench.passed());
    let limit = bench.status(NOVA).requests.unwrap();
    assert!(limit.per_minute > 300.0 && limit.per_minute < 400.0, "{limit:?}");
    for _ in 0..60 {
        bench.call(chat(NOVA, 9)).await.unwrap();
        advance(Duration::from_secs(1)).await;
    }
    assert!(close(bench.status(NOVA).requests.unwrap().per_minute, 600.0));
    let steady = Bench::new(config().requests_per_minute(600).adaptive(false), crowded(10));
    join_all((0..50).map(|_| steady.call(chat(NOVA, 9)))).await;
    assert!(close(steady.status(NOVA).requests.unwrap().per_minute, 600.0));
}
