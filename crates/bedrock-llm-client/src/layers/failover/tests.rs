//! Where calls go, when they return, and when they wait.

use std::time::Duration;

use bedrock_llm_schema::content::media::ImageFormat;
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{
    Call, ChatRequest, ChatResponse, ChatStream, ChatStreamRequest, CountTokensRequest, CountTokensResponse,
    ErrorKind, ImageBlock, InvokeRequest, InvokeResponse, ModelId, Request, Retry, StreamEvent,
    ThrottleScope, Usage,
};
use futures_util::stream;
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::*;
use crate::layers::DeadlineLayer;
use crate::layers::probe::{Probe, answer, failure, seconds};

const HOME: &str = "eu.amazon.nova-lite-v1:0";
const PRO: &str = "eu.amazon.nova-pro-v1:0";
const MICRO: &str = "eu.amazon.nova-micro-v1:0";

fn chat() -> Call<ChatRequest> {
    Call::new(ChatRequest::new(HOME).message("Hi"))
}

fn layer(config: FailoverConfig) -> FailoverLayer {
    FailoverLayer::new(config).unwrap()
}

fn to(targets: impl IntoIterator<Item = FailoverTarget>) -> FailoverConfig {
    targets.into_iter().fold(FailoverConfig::default().home_region("eu-west-1"), FailoverConfig::target)
}

fn throttled() -> Error {
    failure(ErrorKind::Throttled(ThrottleScope::Requests))
}

/// `model@region` of a request.
fn place(request: &impl Request) -> String {
    let model = request.model().map_or("", ModelId::as_str);
    request.region().map_or_else(|| model.to_owned(), |region| format!("{model}@{region}"))
}

/// Fails at the places named, by this error, and answers with the place elsewhere.
fn failing_at(
    places: &[&'static str],
    error: impl Fn() -> Error + Send + Sync + 'static,
) -> Probe<Call<ChatRequest>> {
    let places = places.to_vec();
    Probe::new(move |call: Call<ChatRequest>, _| {
        let here = place(&call);
        let outcome = if places.contains(&here.as_str()) { Err(error()) } else { Ok(answer(&here)) };
        async move { outcome }
    })
}

fn asked<R: Request>(probe: &Probe<R>) -> Vec<String> {
    probe.seen().requests().iter().map(place).collect()
}

#[tokio::test]
async fn a_call_goes_on_in_order_and_the_answer_says_who_gave_it() {
    let targets = [
        FailoverTarget::region("eu-central-1"),
        FailoverTarget::model(HOME), // home itself
        FailoverTarget::model(PRO).in_region("eu-north-1"),
        FailoverTarget::model(PRO),
    ];
    let down = [HOME, "eu.amazon.nova-lite-v1:0@eu-central-1"];
    let probe = failing_at(&down, throttled);
    let given = layer(to(targets)).layer(probe.clone()).oneshot(chat()).await.unwrap();
    assert_eq!(given.text(), "eu.amazon.nova-pro-v1:0@eu-north-1");
    assert_eq!(asked(&probe), [down[0], down[1], "eu.amazon.nova-pro-v1:0@eu-north-1"]);
    let who = given.answered_by.unwrap();
    assert_eq!((who.model.as_str(), who.region.as_deref()), (PRO, Some("eu-north-1")));
    let moves: Vec<_> = who.moves.iter().map(|it| (it.model.as_str(), it.region.as_deref())).collect();
    assert_eq!(moves, [(HOME, None), (HOME, Some("eu-central-1"))]);
    assert!(who.moves.iter().all(|it| it.error == Some(ErrorKind::Throttled(ThrottleScope::Requests))));
}

#[tokio::test]
async fn at_home_the_answer_says_so_and_other_errors_stay() {
    let config = to([FailoverTarget::model(PRO)]);
    let probe = failing_at(&[], throttled);
    let given = layer(config.clone()).layer(probe).oneshot(chat()).await.unwrap();
    let who = given.answered_by.unwrap();
    assert!(who.model.as_str() == HOME && who.moves.is_empty());
    for kind in [ErrorKind::Validation, ErrorKind::Auth, ErrorKind::AccessDenied, ErrorKind::Timeout] {
        let told = kind.clone();
        let probe = failing_at(&[HOME], move || failure(told.clone()));
        let error = layer(config.clone()).layer(probe.clone()).oneshot(chat()).await.unwrap_err();
        assert_eq!((error.kind(), error.hint(), asked(&probe).len()), (&kind, None, 1));
    }
}

#[tokio::test]
async fn the_last_error_tells_what_was_tried() {
    let targets = [FailoverTarget::model("us.amazon.nova-lite-v1:0"), FailoverTarget::model(PRO)];
    let probe = failing_at(&[HOME, PRO], || failure(ErrorKind::Unavailable).with_hint("wait"));
    // known to be outside only when the call comes
    let config =
        FailoverConfig { targets: targets.to_vec(), ..FailoverConfig::default() }.fence(["eu", "us"]);
    let mut failover = layer(config.home_region("eu-west-1"));
    Arc::make_mut(&mut failover.settings).fence = Fence::new(&["eu".to_owned()]);
    let error = failover.layer(probe.clone()).oneshot(chat()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (&ErrorKind::Unavailable, Retry::Temporary));
    let hint = "wait; failover also considered eu.amazon.nova-lite-v1:0 (service unavailable), \
                us.amazon.nova-lite-v1:0 (outside the fence: us)";
    assert_eq!(error.hint(), Some(hint));
    assert_eq!(error.model().unwrap().as_str(), PRO);
    assert_eq!(asked(&probe), [HOME, PRO]);
}

#[tokio::test]
async fn a_rule_of_the_caller_s_own_decides() {
    let rule = |error: &Error| match error.kind() {
        ErrorKind::Validation => Some(true),
        ErrorKind::Internal => Some(false),
        _ => None,
    };
    for (kind, moves) in
        [(ErrorKind::Validation, true), (ErrorKind::Internal, false), (ErrorKind::Connect, true)]
    {
        let told = kind.clone();
        let probe = failing_at(&[HOME], move || failure(told.clone()));
        let failover = layer(to([FailoverTarget::model(PRO)])).moves_if(rule);
        assert_eq!(failover.layer(probe).oneshot(chat()).await.is_ok(), moves, "{kind:?}");
    }
}

#[tokio::test]
async fn without_a_target_nothing_is_cloned_or_held() {
    for config in [
        FailoverConfig::default(),
        to([FailoverTarget::model(HOME)]),
        to([]).model(PRO, [FailoverTarget::region("eu-north-1")]),
    ] {
        let service = tower::service_fn(|mut call: Call<ChatRequest>| async move {
            let before = &raw const *call;
            call.chat_mut();
            Ok::<_, Error>(answer(if std::ptr::eq(before, &raw const *call) { "alone" } else { "shared" }))
        });
        let given = layer(config).layer(service).oneshot(chat()).await.unwrap();
        assert_eq!((given.text().as_str(), given.answered_by), ("alone", None));
    }
}

#[tokio::test(start_paused = true)]
async fn home_cools_down_is_probed_and_is_had_back() {
    let probe = Probe::new(|call: Call<ChatRequest>, number| async move {
        seconds(1).await;
        // home answers again from the sixth call on
        if place(&call) == HOME && number < 6 { Err(throttled()) } else { Ok(answer(&place(&call))) }
    });
    let failover = layer(to([FailoverTarget::model(PRO)]));
    let (service, handle) = (failover.layer(probe.clone()), failover.handle());
    let ask = || async { service.clone().oneshot(chat()).await.unwrap() };
    assert_eq!(ask().await.text(), PRO);
    assert_eq!(handle.failing()[0].cooling, None, "one failure is none");
    ask().await;
    let failing = handle.failing().remove(0);
    assert_eq!((failing.model.as_str(), failing.failures), (HOME, 2));
    assert_eq!(failing.cooling, Some(Duration::from_secs(29)));
    // passed over
    let who = ask().await.answered_by.unwrap();
    assert_eq!((who.model.as_str(), who.moves[0].error.clone(), asked(&probe).len()), (PRO, None, 5));
    // one probe, which fails; meanwhile and after it others stay away
    seconds(30).await;
    let (first, second) = tokio::join!(ask(), ask());
    assert_eq!((first.text(), second.text()), (PRO.to_owned(), PRO.to_owned()));
    assert_eq!(asked(&probe).iter().filter(|it| *it == HOME).count(), 3);
    seconds(20).await;
    ask().await;
    assert_eq!(asked(&probe).iter().filter(|it| *it == HOME).count(), 3);
    // and one that does not
    seconds(30).await;
    assert_eq!(ask().await.text(), HOME);
    assert!(handle.failing().is_empty());
    assert_eq!(ask().await.text(), HOME);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_well_home_is_asked() {
    let probe = failing_at(&[HOME, PRO], || failure(ErrorKind::QuotaExceeded));
    let service = layer(to([FailoverTarget::model(PRO)])).layer(probe.clone());
    service.clone().oneshot(chat()).await.unwrap_err();
    assert_eq!(asked(&probe), [HOME, PRO], "a quota lets both cool down at once");
    let error = service.oneshot(chat()).await.unwrap_err();
    assert_eq!(asked(&probe)[2..], [HOME]);
    assert!(
        error.hint().unwrap().contains("eu.amazon.nova-pro-v1:0 (it cools down after failures)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_model_that_lacks_what_the_request_needs_is_passed_over() {
    let mut catalog = Catalog::builtin().clone();
    let mut small = ModelProfile::new("eu.anthropic.small");
    small.max_input_tokens = Some(10);
    catalog.insert(small);
    let targets = ["eu.anthropic.small", MICRO, PRO].map(FailoverTarget::model);
    let failover = layer(to(targets)).catalog(catalog);
    let picture = ImageBlock::new(ImageFormat::Png, vec![0x89, b'P', b'N', b'G']);
    let request = ChatRequest::new(HOME)
        .message(bedrock_llm_schema::Message::user("What is it? ".repeat(9)).with(picture));
    let probe = failing_at(&[HOME], throttled);
    let given = failover.layer(probe.clone()).oneshot(Call::new(request)).await.unwrap();
    let reasons: Vec<_> = given.answered_by.unwrap().moves.into_iter().map(|it| it.reason).collect();
    assert_eq!(given.message.text(), PRO);
    assert!(reasons[1].contains("and it takes 10"), "{reasons:?}");
    assert!(reasons[2].starts_with("it does not take messages[0].content[1]"), "{reasons:?}");
    // a plain question goes to the first that takes it
    for (question, text) in [("Hi", "eu.anthropic.small"), (&*"What is it? ".repeat(9), MICRO)] {
        let call = Call::new(ChatRequest::new(HOME).message(question));
        let given = failover.layer(failing_at(&[HOME], throttled)).oneshot(call).await.unwrap();
        assert_eq!(given.text(), text);
    }
}

#[tokio::test]
async fn input_that_is_too_long_goes_to_a_larger_model() {
    let mut catalog = Catalog::default();
    for (id, most) in [(HOME, 100), (MICRO, 100), (PRO, 1000)] {
        let mut profile = ModelProfile::new(id);
        profile.max_input_tokens = Some(most);
        catalog.insert(profile);
    }
    let targets = [MICRO, "eu.amazon.nova-unknown", PRO].map(FailoverTarget::model);
    let config = to(targets).context_overflow(true);
    let probe = failing_at(&[HOME], || failure(ErrorKind::ContextOverflow));
    let failover = layer(config).catalog(catalog);
    assert_eq!(failover.layer(probe).oneshot(chat()).await.unwrap().text(), PRO);
    assert!(failover.handle().failing().is_empty(), "home is well");
}

#[tokio::test]
async fn native_bodies_and_counts_stay_with_their_model() {
    let targets = || [FailoverTarget::model(PRO), FailoverTarget::model("apac.amazon.nova-lite-v1:0")];
    let probe = Probe::new(|call: Call<InvokeRequest>, number| async move {
        let body = place(&call);
        if number == 0 {
            Err(throttled())
        } else {
            Ok(InvokeResponse { body: body.into(), ..InvokeResponse::default() })
        }
    });
    let call = Call::new(InvokeRequest::new(HOME, "{}"));
    let given = layer(to(targets())).layer(probe).oneshot(call).await.unwrap();
    assert_eq!(given.body, "apac.amazon.nova-lite-v1:0");
    assert_eq!(given.answered_by.unwrap().moves.len(), 2);
    // a profile cannot be counted for
    let probe =
        Probe::new(|_: Call<CountTokensRequest>, _| async { Err::<CountTokensResponse, _>(throttled()) });
    let count = CountTokensRequest::from(ChatRequest::new("amazon.nova-lite-v1:0").message("Hi"));
    layer(to(targets())).layer(probe.clone()).oneshot(Call::new(count)).await.unwrap_err();
    assert_eq!(probe.seen().calls(), 1);
}

#[tokio::test]
async fn a_request_that_is_no_call_stays_in_its_region() {
    let probe = Probe::new(|request: ChatRequest, number| async move {
        if number == 0 { Err(throttled()) } else { Ok(answer(&place(&request))) }
    });
    let targets = [FailoverTarget::region("eu-north-1"), FailoverTarget::model(PRO)];
    let request = ChatRequest::new(HOME).message("Hi");
    let given = layer(to(targets)).layer(probe).oneshot(request).await.unwrap();
    assert_eq!(given.text(), PRO);
    assert!(given.answered_by.unwrap().moves[1].reason.contains("`Call`"));
}

/// Throttles for some seconds after the first answer, which wrote a prompt cache of 10,000 tokens.
fn caching(retry_after: u64) -> Probe<Call<ChatRequest>> {
    Probe::new(move |call: Call<ChatRequest>, number| async move {
        match number {
            0 => {
                let usage = Usage { cache_write_input_tokens: Some(10_000), ..Usage::new(5, 5) };
                Ok(ChatResponse { usage, ..answer("written") })
            }
            1 => Err(throttled().with_retry_after(Duration::from_secs(retry_after))),
            _ => Ok(answer(&place(&call))),
        }
    })
}

fn priced() -> Catalog {
    let mut catalog = Catalog::builtin().clone();
    let prices =
        format!("[models.\"{HOME}\".prices]\ncache_read = \"0.0000003\"\ncache_write = \"0.00000375\"\n");
    catalog.extend_toml(&prices).unwrap();
    catalog
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_at_home_while_a_warm_cache_is_worth_it() {
    // 10,000 tokens are worth 3.45 s at a cent a second; the cache stays warm for 300 s
    for (retry_after, pause, text, waited) in
        [(3, 0, HOME, 3), (4, 0, PRO, 0), (3, 296, HOME, 3), (3, 297, PRO, 0)]
    {
        let failover = layer(to([FailoverTarget::model(PRO)])).catalog(priced());
        let service = failover.layer(caching(retry_after));
        service.clone().oneshot(chat()).await.unwrap();
        seconds(pause).await;
        let started = Instant::now();
        let later = chat().into_request().message(bedrock_llm_schema::Message::assistant("a")).message("b");
        let given = service.oneshot(Call::new(later)).await.unwrap();
        assert_eq!(
            (given.text().as_str(), started.elapsed().as_secs()),
            (text, waited),
            "{retry_after} {pause}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_at_home_has_its_bounds() {
    let config = to([FailoverTarget::model(PRO)]);
    let other = Call::new(ChatRequest::new(HOME).message("Something else"));
    for (name, config, catalog, call, limit) in [
        ("another conversation", config.clone(), priced(), other, 60),
        ("no price", config.clone(), Catalog::default(), chat(), 60),
        ("longer than allowed", config.clone().home_wait(Duration::from_secs(2)), priced(), chat(), 60),
        ("a dearer second", config.clone().second_price("0.02".parse().unwrap()), priced(), chat(), 60),
        ("past the deadline", config.clone(), priced(), chat(), 3),
    ] {
        let failover = layer(config).catalog(catalog);
        let service = DeadlineLayer::new(Duration::from_secs(limit)).layer(failover.layer(caching(3)));
        service.clone().oneshot(chat()).await.unwrap();
        let started = Instant::now();
        let given = service.oneshot(call).await.unwrap();
        assert_eq!((given.text().as_str(), started.elapsed().as_secs()), (PRO, 0), "{name}");
    }
}

fn events(items: Vec<Result<StreamEvent, Error>>) -> ChatStream {
    ChatStream::new(stream::iter(items), None)
}

#[tokio::test]
async fn a_stream_moves_on_until_its_first_event() {
    let probe = Probe::new(|call: Call<ChatStreamRequest>, _| async move {
        let here = place(&call);
        let internal = || Err(failure(ErrorKind::Internal));
        Ok(match here.as_str() {
            HOME => events(vec![internal()]),
            _ => events(vec![Ok(StreamEvent::text(0, here)), internal()]),
        })
    });
    let failover = layer(to([FailoverTarget::model(PRO), FailoverTarget::model(MICRO)]).failures(1));
    let stream = failover.layer(probe.clone()).oneshot(chat().streaming()).await.unwrap();
    assert_eq!(stream.answered_by().unwrap().model.as_str(), PRO);
    let failing =
        || failover.handle().failing().into_iter().map(|it| it.model.to_string()).collect::<Vec<_>>();
    assert_eq!(failing(), [HOME]);
    let error = stream.collect().await.unwrap_err();
    assert_eq!(error.partial().unwrap().text(), PRO);
    assert_eq!(asked(&probe), [HOME, PRO], "what has begun does not move");
    assert_eq!(failing().len(), 2, "but counts against the place");
}

#[tokio::test]
async fn streams_that_break_again_and_again_let_a_place_cool_down() {
    let probe = Probe::new(|call: Call<ChatStreamRequest>, number| async move {
        let here = place(&call);
        let last = if here == HOME && number < 2 {
            Err(failure(ErrorKind::ModelStreamError))
        } else {
            Ok(StreamEvent::message_stop(bedrock_llm_schema::StopReason::EndTurn))
        };
        Ok(events(vec![Ok(StreamEvent::text(0, here)), last]))
    });
    let service = layer(to([FailoverTarget::model(PRO)])).layer(probe.clone());
    let ask = || async { service.clone().oneshot(chat().streaming()).await.unwrap().collect().await };
    ask().await.unwrap_err();
    ask().await.unwrap_err();
    assert_eq!(ask().await.unwrap().text(), PRO);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_past_the_deadline() {
    let probe = Probe::new(|_: Call<ChatRequest>, _| async {
        seconds(5).await;
        Err::<ChatResponse, _>(throttled())
    });
    let failover = layer(to([FailoverTarget::model(PRO)]));
    let service = DeadlineLayer::new(Duration::from_secs(5)).layer(failover.layer(probe.clone()));
    service.oneshot(chat()).await.unwrap_err();
    assert_eq!(probe.seen().calls(), 1);
}
