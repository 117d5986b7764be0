//! Paused time: what opens, what closes, what counts.

use std::time::Duration;

use bedrock_llm_schema::{
    ApplyGuardrailResponse, Call, ChatRequest, ChatStream, ChatStreamRequest, Error, ErrorKind, ModelId,
    Request as _, StopReason, StreamEvent, ThrottleScope,
};
use futures_util::{FutureExt as _, stream};
use tokio::time::advance;
use tower::{Layer as _, Service as _, ServiceExt as _};

use super::*;
use crate::layers::probe::{Probe, answer, failure, seconds};

/// Opens at half of four calls, for ten seconds, and closes after two probes.
fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig::new().min_calls(4).open_for(Duration::from_secs(10)).half_open_probes(2)
}

/// Answers as the request's text says: nothing wrong, or a kind of failure, after so many seconds.
fn obedient() -> Probe<ChatRequest> {
    Probe::new(|request: ChatRequest, _| async move {
        let wish = request.messages[0].text();
        let (kind, after) = wish.split_once(' ').unwrap_or((&wish, "0"));
        seconds(after.parse().unwrap()).await;
        match kind {
            "ok" => Ok(answer("ok")),
            "internal" => Err(failure(ErrorKind::Internal)),
            "throttled" => Err(failure(ErrorKind::Throttled(ThrottleScope::Requests))),
            "validation" => Err(failure(ErrorKind::Validation)),
            other => panic!("no such wish: {other}"),
        }
    })
}

struct Bench {
    service: CircuitBreaker<Probe<ChatRequest>>,
    handle: CircuitBreakerHandle,
    probe: Probe<ChatRequest>,
}

impl Bench {
    fn new(config: CircuitBreakerConfig) -> Self {
        let layer = CircuitBreakerLayer::new(config).unwrap();
        let probe = obedient();
        Self { handle: layer.handle(), service: layer.layer(probe.clone()), probe }
    }

    fn call(
        &self,
        wish: &str,
    ) -> impl Future<Output = Result<bedrock_llm_schema::ChatResponse, Error>> + use<> {
        self.service.clone().oneshot(ChatRequest::new("m").message(wish))
    }

    /// The wishes one after another; `true` for those that were sent.
    async fn calls(&self, wishes: &[&str]) -> Vec<bool> {
        let mut sent = Vec::new();
        for wish in wishes {
            let before = self.probe.seen().calls();
            let outcome = self.call(wish).await;
            sent.push(self.probe.seen().calls() > before);
            assert_eq!(is_refusal(&outcome), !sent.last().unwrap());
        }
        sent
    }

    fn state(&self) -> CircuitState {
        self.handle.state(&model(), None)
    }
}

fn model() -> ModelId {
    "m".into()
}

fn is_refusal<T>(outcome: &Result<T, Error>) -> bool {
    outcome.as_ref().is_err_and(|error| *error.kind() == ErrorKind::CircuitOpen)
}

#[tokio::test(start_paused = true)]
async fn it_opens_lets_probes_through_and_closes() {
    let bench = Bench::new(config());
    assert_eq!(
        bench.calls(&["ok", "internal", "ok", "internal", "ok"]).await,
        [true, true, true, true, false]
    );
    advance(Duration::from_secs(4)).await;
    let refused = bench.call("ok").await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(6)));
    assert_eq!((refused.is_retryable(), refused.model()), (false, Some(&model())));
    advance(Duration::from_secs(6)).await;
    assert_eq!(bench.state(), CircuitState::HalfOpen);
    assert_eq!(bench.calls(&["ok", "ok"]).await, [true, true]);
    assert_eq!(bench.state(), CircuitState::Closed);
    assert_eq!(
        bench.calls(&["internal", "internal", "internal"]).await,
        [true; 3],
        "nothing is looked back on"
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_it_again() {
    let bench = Bench::new(config());
    bench.calls(&["internal"; 4]).await;
    advance(Duration::from_secs(10)).await;
    assert_eq!(bench.calls(&["ok", "internal", "ok"]).await, [true, true, false]);
    assert_eq!(bench.state(), CircuitState::Open { retry_after: Duration::from_secs(10) });
}

#[tokio::test(start_paused = true)]
async fn no_more_probes_than_allowed_and_a_dropped_one_gives_its_place_back() {
    let bench = Bench::new(config());
    bench.calls(&["internal"; 4]).await;
    advance(Duration::from_secs(10)).await;
    let mut first = Box::pin(bench.call("ok 3"));
    let mut second = Box::pin(bench.call("ok 3"));
    assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
    advance(Duration::from_secs(1)).await;
    let refused = bench.call("ok").await;
    assert!(is_refusal(&refused));
    assert_eq!(
        refused.unwrap_err().retry_after(),
        Some(Duration::from_secs(9)),
        "when a probe's place is let anew"
    );
    drop(second);
    assert_eq!(
        bench.calls(&["ok", "validation"]).await,
        [true, true],
        "what counts for nothing gives it back too"
    );
    first.await.unwrap();
    assert_eq!(bench.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_never_ends_does_not_keep_the_circuit_half_open() {
    let bench = Bench::new(config().half_open_probes(1));
    bench.calls(&["internal"; 4]).await;
    advance(Duration::from_secs(10)).await;
    let mut stuck = Box::pin(bench.call("ok 1000"));
    assert!(stuck.as_mut().now_or_never().is_none());
    assert_eq!(bench.calls(&["ok"]).await, [false]);
    advance(Duration::from_secs(10)).await;
    assert_eq!(bench.calls(&["ok"]).await, [true]);
    assert_eq!(bench.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn neither_throttled_calls_nor_the_caller_s_mistakes_count() {
    let bench = Bench::new(config());
    bench.calls(&["throttled"; 20]).await;
    bench.calls(&["validation"; 20]).await;
    assert_eq!(bench.handle.states()[0].calls, 0);
    let counting = Bench::new(config().throttle_rate(0.75));
    counting.calls(&["ok", "throttled", "throttled"]).await;
    let status = &counting.handle.states()[0];
    assert_eq!((status.calls, status.throttled, status.failed), (3, 2, 0));
    assert_eq!(counting.calls(&["throttled", "ok"]).await, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn calls_may_be_slow() {
    let bench = Bench::new(config().slow_calls(Duration::from_secs(5), 0.75));
    assert_eq!(bench.calls(&["ok 5", "ok 4", "ok 9", "ok 5", "ok"]).await, [true, true, true, true, false]);
    advance(Duration::from_secs(10)).await;
    assert_eq!(
        bench.calls(&["ok 1", "ok 5", "ok"]).await,
        [true, true, false],
        "a slow probe opens it again"
    );
}

#[tokio::test(start_paused = true)]
async fn what_lies_back_too_far_is_forgotten() {
    let bench = Bench::new(config().window(Duration::from_secs(60), 6));
    bench.calls(&["internal"; 3]).await;
    advance(Duration::from_secs(60)).await;
    assert_eq!(bench.calls(&["internal"; 3]).await, [true; 3]);
    assert_eq!(bench.handle.states()[0].failed, 3);
    bench.handle.reset(&model(), None);
    bench.calls(&["internal", "ok", "ok", "ok", "ok", "ok", "ok"]).await;
    let status = &bench.handle.states()[0];
    assert_eq!((status.calls, status.failed), (6, 0), "no more than six calls are looked back on");
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_tells_nothing_about_now() {
    let bench = Bench::new(config());
    let mut old = Box::pin(bench.call("internal 11"));
    assert!(old.as_mut().now_or_never().is_none());
    bench.calls(&["internal"; 4]).await;
    advance(Duration::from_secs(10)).await;
    bench.calls(&["ok"]).await;
    old.await.unwrap_err();
    assert_eq!(bench.state(), CircuitState::HalfOpen);
    bench.calls(&["ok"]).await;
    assert_eq!(bench.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn models_and_regions_have_circuits_of_their_own() {
    let layer = CircuitBreakerLayer::new(config()).unwrap();
    let probe = Probe::new(|_: Call<ChatRequest>, _| async { Err(failure(ErrorKind::Unavailable)) });
    let service = layer.layer(probe);
    let call = |model: &str, region: Option<&str>| {
        let mut call = Call::new(ChatRequest::new(model));
        if let Some(region) = region {
            call.set_region(region);
        }
        service.clone().oneshot(call)
    };
    for _ in 0..4 {
        call("m", Some("eu-west-1")).await.unwrap_err();
    }
    assert!(is_refusal(&call("m", Some("eu-west-1")).await));
    assert!(!is_refusal(&call("m", None).await) && !is_refusal(&call("n", Some("eu-west-1")).await));
    let names = |status: &CircuitStatus| (status.model.to_string(), status.region.clone(), status.failed);
    let states = layer.handle().states();
    assert_eq!(
        states.iter().map(names).collect::<Vec<_>>(),
        [
            ("m".into(), None, 1),
            ("m".into(), Some("eu-west-1".into()), 0),
            ("n".into(), Some("eu-west-1".into()), 1)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_hand_can_open_and_close_it() {
    let bench = Bench::new(config());
    bench.handle.force_open(&model(), None);
    let refused = bench.call("ok").await.unwrap_err();
    assert_eq!((refused.kind(), refused.retry_after()), (&ErrorKind::CircuitOpen, None));
    advance(Duration::from_secs(3600)).await;
    assert_eq!(bench.calls(&["ok"]).await, [false]);
    bench.handle.force_close(&model(), None);
    assert_eq!(bench.calls(&["internal"; 20]).await, [true; 20]);
    assert_eq!(bench.state(), CircuitState::ForcedClosed);
    bench.handle.reset(&model(), None);
    bench.calls(&["internal"; 4]).await;
    assert!(matches!(bench.state(), CircuitState::Open { .. }));
}

/// A service of streams that end as the request's text says.
fn streaming() -> Probe<ChatStreamRequest> {
    Probe::new(|request: ChatStreamRequest, _| async move {
        let broken = request.0.messages[0].text() == "broken";
        let last = if broken {
            Err(failure(ErrorKind::ModelStreamError))
        } else {
            Ok(StreamEvent::message_stop(StopReason::EndTurn))
        };
        Ok(ChatStream::new(stream::iter([Ok(StreamEvent::text(0, "x")), last]), None))
    })
}

#[tokio::test(start_paused = true)]
async fn streams_count_when_they_end() {
    let layer = CircuitBreakerLayer::new(config()).unwrap();
    let mut service = layer.layer(streaming());
    let mut open = async |wish: &str| {
        let request = ChatRequest::new("m").message(wish).streaming();
        service.ready().await.unwrap().call(request).await
    };
    let counts = || layer.handle().states().first().map(|status| (status.calls, status.failed)).unwrap();
    let mut whole = open("whole").await.unwrap();
    assert!(whole.next().await.unwrap().is_ok());
    assert_eq!(counts(), (0, 0), "not over yet");
    assert!(whole.next().await.unwrap().is_ok() && whole.next().await.is_none());
    assert_eq!(counts(), (1, 0));
    drop(open("whole").await.unwrap());
    assert_eq!(counts(), (1, 0), "nobody read it");
    for failed in 1..4 {
        open("broken").await.unwrap().collect().await.unwrap_err();
        if failed < 3 {
            assert_eq!(counts(), (1 + failed, failed));
        }
    }
    assert!(is_refusal(&open("whole").await));
    advance(Duration::from_secs(10)).await;
    let (first, second) = (open("whole").await.unwrap(), open("whole").await.unwrap());
    assert!(is_refusal(&open("whole").await), "a probe's stream keeps its place");
    drop(first);
    let third = open("whole").await.unwrap();
    second.collect().await.unwrap();
    third.collect().await.unwrap();
    assert_eq!(layer.handle().state(&model(), None), CircuitState::Closed);
}

#[tokio::test]
async fn what_no_model_answers_passes() {
    use bedrock_llm_schema::guardrail::GuardrailSource;
    use bedrock_llm_schema::{ApplyGuardrailRequest, CountTokensRequest};

    let layer = CircuitBreakerLayer::new(config()).unwrap();
    layer.handle().force_open(&model(), None);
    let guard = Probe::new(|_: ApplyGuardrailRequest, _| async {
        Err::<ApplyGuardrailResponse, _>(failure(ErrorKind::Internal))
    });
    let count = Probe::new(|_: CountTokensRequest, _| async { Err(failure(ErrorKind::Internal)) });
    for _ in 0..10 {
        let request = ApplyGuardrailRequest::new("gr1abcdefghi", "DRAFT", GuardrailSource::Input);
        let error = layer.layer(guard.clone()).oneshot(request).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Internal);
        let error = layer.layer(count.clone()).oneshot(ChatRequest::new("m").into()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Internal);
    }
}
