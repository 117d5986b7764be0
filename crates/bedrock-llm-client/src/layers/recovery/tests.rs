//! Streams that break and go on.

use bedrock_llm_schema::stream::{ContentBlockStart, ToolUseStart};
use bedrock_llm_schema::{
    Call, CallOptions, ChatRequest, ChatStream, ChatStreamRequest, ErrorKind, Role, StopReason, StreamEvent,
    Usage,
};
use futures_util::{StreamExt as _, stream};
use tower::ServiceExt as _;

use super::*;
use crate::layers::probe::{Probe, failure};

/// A model that takes a beginning, and one that is not known to.
const PREFILLS: &str = "anthropic.claude-3-5-haiku-20241022-v1:0";
const NOVA: &str = "us.amazon.nova-lite-v1:0";

fn request(model: &str, recovery: StreamRecovery) -> Call<ChatStreamRequest> {
    let request = ChatRequest::new(model).message("Count.").streaming();
    Call::new(request).with_options(CallOptions::new().recovery(recovery))
}

fn text(texts: &[&str], end: Option<ErrorKind>) -> ChatStream {
    let mut events = vec![Ok(StreamEvent::message_start())];
    events.extend(texts.iter().map(|text| Ok(StreamEvent::text(0, *text))));
    match end {
        Some(kind) => events.push(Err(failure(kind))),
        None => events.extend([
            Ok(StreamEvent::block_stop(0)),
            Ok(StreamEvent::message_stop(StopReason::EndTurn)),
            Ok(StreamEvent::metadata(Usage::new(7, 3), 1)),
        ]),
    }
    ChatStream::new(stream::iter(events), None)
}

/// First breaks off, then answers.
fn breaking(
    kind: ErrorKind,
    first: &'static [&'static str],
    then: &'static [&'static str],
) -> Probe<Call<ChatStreamRequest>> {
    Probe::new(move |_, number| {
        let said = if number == 0 { text(first, Some(kind.clone())) } else { text(then, None) };
        async move { Ok(said) }
    })
}

async fn run(
    service: &Probe<Call<ChatStreamRequest>>,
    request: Call<ChatStreamRequest>,
) -> (Vec<StreamEvent>, ChatStream, Option<Error>) {
    let layer = RecoveryLayer::new(StreamRecovery::Fail);
    let mut stream = layer.layer(service.clone()).oneshot(request).await.unwrap();
    let (mut events, mut error) = (Vec::new(), None);
    while let Some(item) = stream.next().await {
        match item {
            Ok(event) => events.push(event),
            Err(broken) => error = Some(broken),
        }
    }
    (events, stream, error)
}

#[tokio::test]
async fn a_broken_stream_fails_where_nothing_is_said() {
    let service = breaking(ErrorKind::StreamTruncated, &["one, "], &["one, two"]);
    let (_, stream, error) = run(&service, request(NOVA, StreamRecovery::Fail)).await;
    assert_eq!(error.unwrap().kind(), &ErrorKind::StreamTruncated);
    assert_eq!((stream.response().text().as_str(), service.seen().calls()), ("one, ", 1));
}

#[tokio::test]
async fn a_restart_tells_the_consumer_to_discard() {
    for kind in
        [ErrorKind::StreamTruncated, ErrorKind::StreamStalled, ErrorKind::Decode, ErrorKind::ModelStreamError]
    {
        let service = breaking(kind, &["one, "], &["two"]);
        let (events, stream, error) = run(&service, request(NOVA, StreamRecovery::Restart)).await;
        assert!(error.is_none(), "{error:?}");
        let restarts: Vec<_> = events
            .iter()
            .enumerate()
            .filter(|(_, event)| event.is_restart())
            .map(|(place, _)| place)
            .collect();
        assert_eq!(restarts, [2]);
        let starts = events.iter().filter(|event| matches!(event, StreamEvent::MessageStart(_))).count();
        assert_eq!((starts, stream.response().text().as_str()), (2, "two"));
        assert_eq!(stream.response().usage, Usage::new(7, 3));
    }
}

#[tokio::test]
async fn text_is_continued_where_the_model_can() {
    let service = breaking(ErrorKind::StreamTruncated, &["one, ", "two, "], &[" three"]);
    let (events, stream, error) = run(&service, request(PREFILLS, StreamRecovery::Continue)).await;
    assert!(error.is_none(), "{error:?}");
    assert!(!events.iter().any(StreamEvent::is_restart));
    assert_eq!(stream.response().text(), "one, two, three");
    assert_eq!(stream.response().message.content.len(), 1);
    let sent = service.seen().requests();
    let last = sent[1].chat().unwrap().messages.last().unwrap().clone();
    assert_eq!((last.role.clone(), last.text().as_str()), (Role::Assistant, "one, two,"));

    let service = breaking(ErrorKind::StreamTruncated, &["one, "], &["one, two"]);
    let (events, stream, _) = run(&service, request(NOVA, StreamRecovery::Continue)).await;
    assert!(events.iter().any(StreamEvent::is_restart), "it cannot: begun anew");
    assert_eq!(stream.response().text(), "one, two");
    assert_eq!(service.seen().requests()[1].chat().unwrap().messages.len(), 1);
}

#[tokio::test]
async fn tool_input_is_never_spliced() {
    let service = Probe::<Call<ChatStreamRequest>>::new(|_, number| async move {
        let start = ToolUseStart { tool_use_id: "t".into(), name: "n".into(), ..ToolUseStart::default() };
        let events = vec![
            Ok(StreamEvent::text(0, "Let me see.")),
            Ok(StreamEvent::block_stop(0)),
            Ok(StreamEvent::start(1, ContentBlockStart::ToolUse(start))),
            Ok(StreamEvent::tool_input(1, "{\"city\": \"Pa")),
            Err(failure(ErrorKind::StreamTruncated)),
        ];
        Ok(if number == 0 { ChatStream::new(stream::iter(events), None) } else { text(&["done"], None) })
    });
    let (events, stream, error) = run(&service, request(PREFILLS, StreamRecovery::Continue)).await;
    assert!(error.is_none() && events.iter().any(StreamEvent::is_restart));
    let response = stream.response();
    assert_eq!((response.text().as_str(), response.incomplete_tool_uses.len()), ("done", 0));
}

#[tokio::test]
async fn it_is_gone_on_with_only_so_often_and_nothing_is_lost() {
    let service = Probe::<Call<ChatStreamRequest>>::new(|_, number| async move {
        Ok(text(&[["a", "b", "c", "d"][number]], Some(ErrorKind::StreamTruncated)))
    });
    let (_, stream, error) = run(&service, request(PREFILLS, StreamRecovery::Continue)).await;
    assert_eq!((error.unwrap().partial().unwrap().text().as_str(), service.seen().calls()), ("abc", 3));
    assert_eq!(stream.response().text(), "abc");
}

#[tokio::test]
async fn what_would_fail_again_is_not_sent_again() {
    let service = breaking(ErrorKind::Validation, &["a"], &["b"]);
    let (_, _, error) = run(&service, request(NOVA, StreamRecovery::Restart)).await;
    assert_eq!((error.unwrap().kind(), service.seen().calls()), (&ErrorKind::Validation, 1));
    // nor a stream that broke after its answer was whole
    let service = Probe::<Call<ChatStreamRequest>>::new(|_, _| async {
        let events = text(&["a"], None).chain(stream::iter([Err(failure(ErrorKind::StreamTruncated))]));
        Ok(ChatStream::new(events, None))
    });
    let (_, stream, error) = run(&service, request(NOVA, StreamRecovery::Restart)).await;
    assert!(error.is_none());
    assert_eq!((stream.response().text().as_str(), service.seen().calls()), ("a", 1));
}

#[tokio::test]
async fn a_new_request_that_fails_is_the_error() {
    let service = Probe::<Call<ChatStreamRequest>>::new(|_, number| async move {
        match number {
            0 => Ok(text(&["a"], Some(ErrorKind::StreamTruncated))),
            _ => Err(failure(ErrorKind::Unavailable)),
        }
    });
    let (_, _, error) = run(&service, request(NOVA, StreamRecovery::Restart)).await;
    let error = error.unwrap();
    assert_eq!((error.kind(), error.partial().unwrap().text().as_str()), (&ErrorKind::Unavailable, "a"));
}
