//! The cache of answers around the base service, over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_client::Bedrock;
use bedrock_llm_client::layers::{Cache, CacheConfig, CacheHandle, CacheLayer};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::request::CacheUse;
use bedrock_llm_schema::{
    Call, CallOptions, ChatRequest, Error, ErrorKind, InvokeRequest, InvokeStreamRequest, Request,
    StreamEvent,
};
use common::{CLAUDE, NOVA, builder, chat, count, guard, invoke};
use serde_json::json;
use tower::{Layer as _, Service, ServiceExt as _};

struct Cached {
    local: LocalBedrock,
    service: Cache<Bedrock>,
    handle: CacheHandle,
}

async fn cached(script: bedrock_llm_local::Builder) -> Cached {
    let local = script.start().await.unwrap();
    let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
    let layer = CacheLayer::new(CacheConfig::default()).unwrap();
    Cached { local, service: layer.layer(bedrock), handle: layer.handle() }
}

impl Cached {
    /// Sends a call whose answer shall be kept, whatever it is.
    async fn ask<R: Request>(&self, request: R) -> Result<R::Response, Error>
    where
        Cache<Bedrock>: Service<Call<R>, Response = R::Response, Error = Error>,
    {
        let options = Arc::new(CallOptions::new().cache(CacheUse::Use));
        self.service.clone().oneshot(Call::new(request).with_options(options)).await
    }

    fn sent(&self) -> usize {
        self.local.received().len()
    }
}

async fn events(cached: &Cached, request: ChatRequest) -> Vec<StreamEvent> {
    let mut stream = cached.ask(request.streaming()).await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event.unwrap());
    }
    events
}

#[tokio::test]
async fn every_operation_is_answered_from_memory_the_second_time() {
    let chunks = Reply::chunks([json!({"a": 1}), json!({"b": 2})])
        .on(bedrock_llm_schema::Operation::InvokeModelWithResponseStream);
    let cached = cached(LocalBedrock::builder().reply(chunks)).await;
    for round in 0..2 {
        let is_replayed = round == 1;
        let answer = cached.ask(chat(NOVA)).await.unwrap();
        assert_eq!(answer.usage.is_replayed, is_replayed);
        assert!(answer.request_id.is_some());
        cached.ask(count(CLAUDE)).await.unwrap();
        cached.ask(guard()).await.unwrap();
        assert_eq!(cached.ask(invoke(CLAUDE)).await.unwrap().is_replayed, is_replayed);
        let mut stream = cached.ask(InvokeStreamRequest(invoke(CLAUDE))).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), r#"{"a":1}"#);
        assert_eq!(stream.next().await.unwrap().unwrap(), r#"{"b":2}"#);
        assert!(stream.next().await.is_none());
        assert_eq!((cached.sent(), cached.handle.hits()), (5, if is_replayed { 5 } else { 0 }));
    }
    cached.ask(InvokeRequest::new(CLAUDE, r#"{"max_tokens":1}"#)).await.unwrap_err();
    assert_eq!(cached.sent(), 6);
}

#[tokio::test]
async fn a_stream_comes_again_event_by_event() {
    let cached = cached(LocalBedrock::builder()).await;
    let live = events(&cached, chat(NOVA)).await;
    let mut again = events(&cached, chat(NOVA)).await;
    let Some(StreamEvent::Metadata(metadata)) = again.last_mut() else { panic!("{again:?}") };
    assert!(std::mem::take(&mut metadata.usage.is_replayed));
    assert_eq!(again, live);
    assert!(live.len() > 5);
    // and answers the chat that is not streamed
    let whole = cached.ask(chat(NOVA)).await.unwrap();
    let text: String = live.iter().filter_map(StreamEvent::as_text).collect();
    assert_eq!((whole.text(), whole.usage.is_replayed, cached.sent()), (text, true, 1));
}

#[tokio::test]
async fn a_stream_that_breaks_is_asked_for_again() {
    let script = LocalBedrock::builder().reply(Reply::text("one two three").cut_after(3));
    let cached = cached(script).await;
    let broken = cached.ask(chat(NOVA).streaming()).await.unwrap().collect().await;
    assert_eq!(broken.unwrap_err().kind(), &ErrorKind::StreamTruncated);
    let whole = cached.ask(chat(NOVA).streaming()).await.unwrap().collect().await.unwrap();
    assert!(!whole.usage.is_replayed);
    assert_eq!(cached.sent(), 2);
}

#[tokio::test]
async fn callers_at_the_same_time_send_one_request() {
    let reply = Reply::text("Rayleigh").delay(Duration::from_millis(50)).forever();
    let cached = cached(LocalBedrock::builder().reply(reply)).await;
    let answers = futures_util::future::join_all((0..8).map(|_| cached.ask(chat(NOVA)))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().text() == "Rayleigh"));
    assert_eq!(cached.sent(), 1);
    assert_eq!(cached.handle.shared_flights() + cached.handle.hits(), 7);
}
