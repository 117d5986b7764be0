//! What is kept, and that it comes again as it was.

use std::sync::Mutex;
use std::task::Waker;

use serde_json::json;

use super::*;
use crate::content::media::ImageFormat;
use crate::{ErrorKind, ImageBlock, InvokeResponse, Message, ToolUseBlock, Usage};

type Shelf<K> = Arc<Mutex<Option<Arc<K>>>>;

/// Records an answer, and gives it with the place where what is kept of it will be.
fn recorded<A: Replayable>(answer: A) -> (A, Shelf<A::Kept>) {
    let shelf: Shelf<A::Kept> = Arc::default();
    let place = Arc::clone(&shelf);
    (answer.record(move |kept| *place.lock().unwrap() = Some(Arc::new(kept))), shelf)
}

fn taken<K>(shelf: &Shelf<K>) -> Option<Arc<K>> {
    shelf.lock().unwrap().take()
}

/// Whatever a stream gives; nothing here ever waits.
fn drain<S: Stream + Unpin>(stream: &mut S) -> Vec<S::Item> {
    let mut items = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(item)) = Pin::new(&mut *stream).poll_next(&mut cx) {
        items.push(item);
    }
    items
}

fn events(stream: &mut ChatStream) -> Vec<StreamEvent> {
    drain(stream).into_iter().map(Result::unwrap).collect()
}

struct Items<T>(std::vec::IntoIter<Result<T, Error>>);

impl<T> Stream for Items<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

impl<T> Unpin for Items<T> {}

fn stream(items: Vec<Result<StreamEvent, Error>>) -> ChatStream {
    ChatStream::new(Items(items.into_iter()), Some("r-1".to_owned()))
}

fn whole() -> Vec<StreamEvent> {
    vec![
        StreamEvent::message_start(),
        StreamEvent::text(0, "Hel"),
        StreamEvent::text(0, "lo"),
        StreamEvent::block_stop(0),
        StreamEvent::message_stop(StopReason::EndTurn),
        StreamEvent::metadata(Usage::new(10, 5), 7),
    ]
}

fn plain(mut events: Vec<StreamEvent>) -> Vec<StreamEvent> {
    for event in &mut events {
        if let StreamEvent::Metadata(metadata) = event {
            assert!(std::mem::take(&mut metadata.usage.is_replayed));
        }
    }
    events
}

#[test]
fn a_stream_comes_again_with_the_same_events_and_as_a_whole_answer() {
    let (mut live, shelf) = recorded(stream(whole().into_iter().map(Ok).collect()));
    // as a layer does that waits for the beginning
    let mut cx = Context::from_waker(Waker::noop());
    assert!(live.poll_begun(&mut cx).is_ready());
    assert_eq!(events(&mut live), whole());
    let kept = taken(&shelf).unwrap();
    for _ in 0..2 {
        let mut again = ChatStream::replay(&kept).unwrap();
        assert_eq!(plain(events(&mut again)), whole());
        assert_eq!(again.request_id(), Some("r-1"));
        assert!(again.usage().unwrap().is_replayed);
    }
    let mut answer = ChatResponse::replay(&kept).unwrap();
    assert!(std::mem::take(&mut answer.usage.is_replayed));
    assert_eq!(answer, live.response());
    assert!(ChatStream::kept_bytes(&kept) > 5 * size_of::<StreamEvent>());
}

#[test]
fn a_stream_that_had_begun_is_kept_from_its_first_event() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut live = stream(whole().into_iter().map(Ok).collect());
    assert!(live.poll_begun(&mut cx).is_ready());
    let (mut live, shelf) = recorded(live);
    assert_eq!(events(&mut live), whole());
    assert_eq!(plain(events(&mut ChatStream::replay(&taken(&shelf).unwrap()).unwrap())), whole());
}

#[test]
fn a_stream_is_kept_only_if_it_came_to_its_end() {
    let cut = |reason: StopReason| vec![StreamEvent::text(0, "a"), StreamEvent::message_stop(reason)];
    for (reason, is_kept) in [
        (StopReason::EndTurn, true),
        (StopReason::ToolUse, true),
        (StopReason::StopSequence, true),
        (StopReason::MaxTokens, false),
        (StopReason::GuardrailIntervened, false),
        (StopReason::ContentFiltered, false),
        (StopReason::MalformedToolUse, false),
        (StopReason::from("new"), false),
    ] {
        let (mut live, shelf) = recorded(stream(cut(reason.clone()).into_iter().map(Ok).collect()));
        events(&mut live);
        assert_eq!(taken(&shelf).is_some(), is_kept, "{reason}");
        let answer = ChatResponse::new(Message::assistant("a"), reason.clone(), Usage::new(1, 1));
        assert_eq!(taken(&recorded(answer).1).is_some(), is_kept, "{reason}");
    }
    // broken, by its own error or by its end, whether it is read on or not
    for last in [None, Some(Err(Error::new(ErrorKind::Internal, "x")))] {
        let items = [Some(Ok(StreamEvent::text(0, "a"))), last].into_iter().flatten().collect();
        let (mut live, shelf) = recorded(stream(items));
        drain(&mut live);
        drop(live);
        assert!(taken(&shelf).is_none());
    }
    // abandoned: before the end of the answer, and after it
    for (read, is_kept) in [(4, false), (5, true)] {
        let (mut live, shelf) = recorded(stream(whole().into_iter().map(Ok).collect()));
        for _ in 0..read {
            assert!(Pin::new(&mut live).poll_next(&mut Context::from_waker(Waker::noop())).is_ready());
        }
        drop(live);
        assert_eq!(taken(&shelf).is_some(), is_kept, "after {read} events");
    }
    // arguments that are no JSON
    let items = [
        StreamEvent::tool_use_start(0, "t", "f"),
        StreamEvent::tool_input(0, "{"),
        StreamEvent::message_stop(StopReason::ToolUse),
    ];
    let (mut live, shelf) = recorded(stream(Vec::from(items).into_iter().map(Ok).collect()));
    events(&mut live);
    assert!(taken(&shelf).is_none());
}

#[test]
fn an_answer_that_began_anew_is_kept_from_there() {
    let mut items =
        vec![StreamEvent::message_start(), StreamEvent::text(0, "lost"), StreamEvent::message_restart()];
    items.extend(whole().into_iter().skip(1));
    let (mut live, shelf) = recorded(stream(items.into_iter().map(Ok).collect()));
    events(&mut live);
    assert_eq!(plain(events(&mut ChatStream::replay(&taken(&shelf).unwrap()).unwrap())), whole());
}

#[test]
fn a_whole_answer_comes_as_a_stream_where_it_has_that_form() {
    let call = ToolUseBlock::new("t1", "get", json!({"b": 1, "a": [0.1]}));
    let message = Message::assistant("Hello").with(call);
    let answer = ChatResponse {
        request_id: Some("r-2".to_owned()),
        ..ChatResponse::new(message, StopReason::ToolUse, Usage::new(10, 5))
    };
    let kept = taken(&recorded(answer.clone()).1).unwrap();
    let mut again = ChatStream::replay(&kept).unwrap();
    events(&mut again);
    let mut made = again.response();
    assert!(std::mem::take(&mut made.usage.is_replayed));
    assert_eq!(made, answer);
    // a cache point has no form in streams
    let message = Message::assistant("Hello").with(crate::ContentBlock::cache_point());
    let odd = ChatResponse::new(message, StopReason::EndTurn, Usage::new(10, 5));
    let kept = taken(&recorded(odd).1).unwrap();
    assert!(ChatStream::replay(&kept).is_none());
    assert!(ChatResponse::replay(&kept).is_some());
    let image = ImageBlock::new(ImageFormat::Png, vec![1, 2, 3]);
    let answer = ChatResponse::new(Message::assistant(image), StopReason::EndTurn, Usage::new(1, 1));
    assert!(ChatStream::replay(&taken(&recorded(answer).1).unwrap()).is_some());
}

#[test]
fn native_answers_say_that_they_were_paid_before() {
    let headers = vec![("x-amzn-bedrock-input-token-count".to_owned(), "3".to_owned())];
    let answer = InvokeResponse { body: Bytes::from_static(b"{}"), headers, ..InvokeResponse::default() };
    let again = InvokeResponse::replay(&taken(&recorded(answer.clone()).1).unwrap()).unwrap();
    assert_eq!((again.usage().unwrap().is_replayed, answer.usage().unwrap().is_replayed), (true, false));

    let last = br#"{"amazon-bedrock-invocationMetrics":{"inputTokenCount":3,"outputTokenCount":5}}"#;
    let chunks = || vec![Ok(Bytes::from_static(b"{}")), Ok(Bytes::from_static(last))];
    let (mut live, shelf) = recorded(InvokeStream::new(Items(chunks().into_iter()), None));
    assert_eq!(drain(&mut live).len(), 2);
    let mut again = InvokeStream::replay(&taken(&shelf).unwrap()).unwrap();
    assert_eq!(drain(&mut again).len(), 2);
    assert!(again.usage().unwrap().is_replayed);
    let (mut live, shelf) = recorded(InvokeStream::new(Items(chunks().into_iter()), None));
    let first = Pin::new(&mut live).poll_next(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_ready());
    drop(live);
    assert!(taken(&shelf).is_none(), "a native stream has no mark of its end");
}
