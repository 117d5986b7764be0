//! Layers, auto traits, the blocking client.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bedrock_llm_client::layers::ContextLayer;
use bedrock_llm_client::{Bedrock, BlockingClient, Client, ClientBuilder};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::{ChatRequest, Error, ErrorKind, InvokeRequest, Request};
use common::{CLAUDE, NOVA, builder, chat, count, every_operation, guard, invoke, start};
use serde_json::json;
use tower::timeout::TimeoutLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt as _};

fn is_everything<T: Send + Sync + Clone + Unpin + std::fmt::Debug + 'static>() {}
fn serves<R: Request, S: Service<R, Response = R::Response, Error = Error>>() {}

#[test]
fn auto_traits() {
    is_everything::<Client>();
    is_everything::<Bedrock>();
    is_everything::<BlockingClient>();
    is_everything::<ClientBuilder>();
    is_everything::<ContextLayer>();
    serves::<ChatRequest, Client>();
    serves::<InvokeRequest, Bedrock>();
    fn is_send<T: Send>(_: &T) {}
    fn futures(client: &Client) {
        is_send(&client.chat(chat(NOVA)));
        is_send(&client.chat_stream(chat(NOVA)));
    }
    let _ = futures;
}

/// Notes the operation of every call; one layer for all request types.
#[derive(Clone, Default)]
struct Note {
    name: &'static str,
    seen: Arc<Mutex<Vec<String>>>,
    made: Arc<AtomicUsize>,
}

impl<S> Layer<S> for Note {
    type Service = Noting<S>;
    fn layer(&self, inner: S) -> Noting<S> {
        self.made.fetch_add(1, Ordering::Relaxed);
        Noting { inner, note: self.clone() }
    }
}

#[derive(Clone)]
struct Noting<S> {
    inner: S,
    note: Note,
}

impl<S, R> Service<R> for Noting<S>
where
    R: Request,
    S: Service<R, Error = Error>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = S::Future;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }
    fn call(&mut self, request: R) -> S::Future {
        self.note.seen.lock().unwrap().push(format!("{}{}", self.note.name, R::OPERATION));
        self.inner.call(request)
    }
}

#[tokio::test]
async fn a_layer_sees_every_request_type() {
    let local = LocalBedrock::start().await.unwrap();
    let note = Note::default();
    let client = builder(&local.endpoint()).layer(note.clone()).build().await.unwrap();
    for (operation, outcome) in every_operation(&client, CLAUDE).await {
        outcome.unwrap_or_else(|error| panic!("{operation}: {error}"));
    }
    let wanted = [
        "Converse",
        "ConverseStream",
        "CountTokens",
        "ApplyGuardrail",
        "InvokeModel",
        "InvokeModelWithResponseStream",
    ];
    assert_eq!(*note.seen.lock().unwrap(), wanted);
    assert_eq!(note.made.load(Ordering::Relaxed), 1, "its state is shared between request types");
}

#[tokio::test]
async fn the_last_layer_is_the_outermost() {
    let local = LocalBedrock::start().await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |name| Note { name, seen: Arc::clone(&seen), made: Arc::default() };
    let client =
        builder(&local.endpoint()).layer(note("inner ")).layer(note("outer ")).build().await.unwrap();
    client.chat(chat(NOVA)).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["outer Converse", "inner Converse"]);
}

#[tokio::test]
async fn tower_s_own_layers_fit_and_their_errors_are_ours() {
    let (local, _) =
        start(LocalBedrock::builder().reply(Reply::text("late").delay(Duration::from_secs(9)))).await;
    let limited = |limit| builder(&local.endpoint()).layer(TimeoutLayer::new(limit));
    let client = limited(Duration::from_millis(50)).build().await.unwrap();
    let error = client.chat(chat(NOVA)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Timeout, "{error:?}");
    // an error of ours goes through a foreign layer as it is
    let client = limited(Duration::from_secs(60)).build().await.unwrap();
    let error = client.chat(chat("local.error.ModelNotReadyException")).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (&ErrorKind::ModelNotReady, Some(429)));
}

#[tokio::test]
async fn the_base_is_a_service_of_its_own() {
    let local = LocalBedrock::start().await.unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let service = ServiceBuilder::new().layer(Note::default()).service(bedrock);
    let answer: bedrock_llm_schema::ChatResponse = service.oneshot(chat(NOVA)).await.unwrap();
    assert!(!answer.text().is_empty());
    // and so is the client
    let client = builder(&local.endpoint()).build().await.unwrap();
    let answer: bedrock_llm_schema::ChatResponse = client.oneshot(chat(NOVA)).await.unwrap();
    assert!(!answer.text().is_empty());
}

#[tokio::test]
async fn a_ready_sdk_client_is_a_way_in() {
    let (local, _) = start(LocalBedrock::builder()).await;
    let sdk = aws_sdk_bedrockruntime::Client::from_conf(
        aws_sdk_bedrockruntime::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
            .region(aws_config::Region::new("eu-west-1"))
            .endpoint_url(local.endpoint())
            .credentials_provider(aws_credential_types::Credentials::new(
                "AKIDOTHER",
                "s",
                None,
                None,
                "test",
            ))
            .build(),
    );
    let once = bedrock_llm_client::layers::RetryConfig::default().max_attempts(1);
    let client = Client::builder().sdk_client(sdk.clone()).retry(once).build().await.unwrap();
    assert_eq!(client.region(), Some("eu-west-1"));
    client.chat(chat(NOVA)).await.unwrap();
    assert!(local.received()[0].header("authorization").unwrap().contains("AKIDOTHER"));
    // its retries are off
    client.chat(chat("local.error.ThrottlingException")).await.unwrap_err();
    assert_eq!(local.received().len(), 2);
    let error = Client::builder().sdk_client(sdk).region("us-east-1").build().await.unwrap_err();
    assert!(error.kind() == &ErrorKind::Config && error.message().contains("`region`"), "{error}");
}

#[tokio::test]
async fn pool_settings_do_not_break_a_call() {
    let local = LocalBedrock::start().await.unwrap();
    let client = builder(&local.endpoint())
        .pool_idle_timeout(Duration::from_secs(5))
        .pool_max_idle_per_host(2)
        .connect_timeout(Duration::from_secs(2))
        .build()
        .await
        .unwrap();
    client.chat(chat(NOVA)).await.unwrap();
}

#[test]
fn the_blocking_client_does_it_all() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let script = LocalBedrock::builder().reply(
        Reply::chunks([json!({"a": 1}), json!({"b": 2})])
            .on(bedrock_llm_schema::Operation::InvokeModelWithResponseStream),
    );
    let local = runtime.block_on(script.start()).unwrap();
    let client = builder(&local.endpoint()).build_blocking().unwrap();
    assert!(!client.chat(chat(NOVA)).unwrap().text().is_empty());
    assert!(client.count_tokens(count(CLAUDE)).unwrap().input_tokens > 0);
    client.apply_guardrail(guard()).unwrap();
    client.invoke(invoke(NOVA)).unwrap();
    let events: Result<Vec<_>, _> = client.chat_stream(chat(NOVA)).unwrap().collect();
    assert!(events.unwrap().len() >= 5);
    let text: Result<String, _> = client.chat_stream(chat(NOVA)).unwrap().text().collect();
    let whole = client.chat_stream(chat(NOVA)).unwrap().into_response().unwrap();
    assert_eq!(text.unwrap(), whole.text());
    let chunks: Result<Vec<_>, _> = client.invoke_stream(invoke(NOVA).streaming()).unwrap().collect();
    assert_eq!(chunks.unwrap().len(), 2);
    // from many threads at once
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| client.chat(chat(NOVA)).unwrap());
        }
    });
    assert_eq!(client.shutdown(Duration::from_secs(60)).unwrap(), 0);
    assert_eq!(client.chat(chat(NOVA)).unwrap_err().kind(), &ErrorKind::ShutDown);
}

#[test]
fn the_blocking_client_never_panics_inside_a_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let local = runtime.block_on(LocalBedrock::start()).unwrap();
    let client = builder(&local.endpoint()).build_blocking().unwrap();
    let mut stream = client.chat_stream(chat(NOVA)).unwrap();
    runtime.block_on(async {
        let error = client.chat(chat(NOVA)).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Config);
        assert!(error.to_string().contains("runtime"), "{error}");
        assert_eq!(builder(&local.endpoint()).build_blocking().unwrap_err().kind(), &ErrorKind::Config);
        assert!(stream.next().unwrap().is_err());
        assert!(stream.next().is_none());
        // the last owner of the inner runtime goes here
        drop(stream);
        drop(client);
    });
}
