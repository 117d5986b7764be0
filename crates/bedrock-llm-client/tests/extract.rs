//! Typed answers over a real socket.
#![cfg(feature = "extract")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_client::Client;
use bedrock_llm_client::extract::{ExtractError, ExtractRequest, ExtractStream, Partial, Road};
use bedrock_llm_local::{Exception, LocalBedrock, Reply};
use bedrock_llm_schema::{ChatRequest, ErrorKind, StopReason, StreamEvent, ToolResultStatus, Usage};
use common::{NOVA, builder, start};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// A person.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Person {
    name: String,
    #[schemars(range(max = 150))]
    age: Option<u8>,
    #[serde(default)]
    towns: Vec<String>,
}

fn ada() -> Person {
    Person { name: "Ada".to_owned(), age: Some(36), towns: vec!["London".to_owned()] }
}

fn ada_json() -> Value {
    json!({"name": "Ada", "age": 36, "towns": ["London"]})
}

fn ask(road: Road) -> ExtractRequest {
    ExtractRequest::new(ChatRequest::new(NOVA).message("Who is Ada?").max_tokens(300)).road(road)
}

fn call(input: Value) -> Reply {
    Reply::tool_use("t1", "answer_Person", input)
}

#[test]
fn auto_traits() {
    fn is_send<T: Send>(_: &T) {}
    fn futures(client: &Client) {
        is_send(&client.extract::<Person>(ask(Road::Tool)));
        is_send(&client.extract_stream::<Person>(ask(Road::Tool)));
    }
    fn is_stream<T: Send + Unpin + std::fmt::Debug + 'static>() {}
    is_stream::<ExtractStream<Person>>();
    let _ = futures;
}

#[tokio::test]
async fn a_tool_that_is_not_called_may_be_answered_in_words() {
    // the model was to call, and wrote; another wrote its arguments as a text
    let (_local, client) = start(
        LocalBedrock::builder()
            .reply(Reply::text(format!("Here: {}", ada_json())).times(2))
            .reply(call(Value::String(ada_json().to_string())))
            .reply(Reply::tool_use("t2", "other", json!({})))
            .reply(call(ada_json())),
    )
    .await;
    assert_eq!(client.extract::<Person>(ask(Road::Tool)).await.unwrap().value, ada());
    assert_eq!(states(&client, Road::Tool).await.1.value.unwrap(), ada());
    assert_eq!(client.extract::<Person>(ask(Road::Tool)).await.unwrap().attempts, 1);
    assert_eq!(client.extract::<Person>(ask(Road::Tool)).await.unwrap().attempts, 2);
}

#[tokio::test]
async fn each_road_asks_in_its_way() {
    let (local, client) = start(
        LocalBedrock::builder()
            .reply(Reply::text(ada_json().to_string()))
            .reply(call(ada_json()))
            .reply(Reply::text("Sure:\n```json\n{'name': 'Ada', 'age': 36, 'towns': ['London',],}\n```")),
    )
    .await;
    for road in [Road::Native, Road::Tool, Road::Prompt] {
        let answer = client.extract::<Person>(ask(road)).await.unwrap();
        assert_eq!((answer.value, answer.road, answer.attempts), (ada(), road, 1));
        assert!(answer.usage.output_tokens > 0);
    }
    let sent: Vec<Value> = local.received().into_iter().map(|request| request.json).collect();
    let native = &sent[0]["outputConfig"]["textFormat"]["structure"]["jsonSchema"];
    let schema: Value = serde_json::from_str(native["schema"].as_str().unwrap()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"]["age"].get("maximum").is_none(), "{schema}");
    let tool = &sent[1]["toolConfig"]["tools"][0]["toolSpec"];
    assert_eq!(
        (&tool["name"], &tool["inputSchema"]["json"]["properties"]["age"]["maximum"]),
        (&json!("answer_Person"), &json!(150))
    );
    assert!(sent[2]["system"][0]["text"].as_str().unwrap().contains("\"towns\""));
}

#[tokio::test]
async fn what_does_not_fit_is_asked_for_again_with_what_is_wrong() {
    let wrong = json!({"name": "Ada", "age": 360});
    for (road, first, second) in [
        (Road::Native, Reply::text(wrong.to_string()), Reply::text(ada_json().to_string())),
        (Road::Tool, call(wrong), call(ada_json())),
        (Road::Prompt, Reply::text("I do not know."), Reply::text(ada_json().to_string())),
    ] {
        let script = LocalBedrock::builder()
            .reply(first.usage(Usage::new(10, 5)))
            .reply(second.usage(Usage { cache_read_input_tokens: Some(3), ..Usage::new(20, 7) }));
        let (local, client) = start(script).await;
        let answer = client.extract::<Person>(ask(road)).await.unwrap();
        assert_eq!((answer.value, answer.attempts), (ada(), 2));
        assert_eq!((answer.usage.input_tokens, answer.usage.output_tokens), (30, 12));
        assert_eq!(answer.usage.cache_read(), 3);

        let again: ChatRequest = serde_json::from_value(local.received()[1].json.clone()).unwrap();
        let [_, said, told] = &again.messages[..] else { panic!("{again:?}") };
        match road {
            Road::Tool => {
                let result = told.tool_results().next().unwrap();
                assert_eq!(result.tool_use_id, said.tool_uses().next().unwrap().tool_use_id);
                assert_eq!(result.status, Some(ToolResultStatus::Error));
                assert!(serde_json::to_string(result).unwrap().contains("/age"));
            }
            Road::Native => assert!(told.text().contains("/age: "), "{}", told.text()),
            _ => assert!(told.text().contains("not JSON")),
        }
    }
}

#[tokio::test]
async fn an_answer_that_never_fits_is_an_error_with_all_there_is_to_know() {
    let reply = Reply::text(r#"{"name": "secret", "age": "old"}"#).usage(Usage::new(10, 5));
    let (local, client) = start(LocalBedrock::builder().reply(reply.forever())).await;
    let error = client.extract::<Person>(ask(Road::Prompt).max_retries(3)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (&ErrorKind::AnswerInvalid, 4));
    let why = ExtractError::of(&error).unwrap();
    assert_eq!(why.raw, r#"{"name": "secret", "age": "old"}"#);
    assert_eq!((why.violations[0].path.as_str(), why.attempts, why.usage.total()), ("/age", 4, 60));
    assert!(error.to_string().contains("/age"), "{error}");
    for shown in [format!("{error:?}"), error.to_string(), why.to_string()] {
        assert!(!shown.contains("secret") && !shown.contains("old"), "{shown}");
    }
    assert_eq!(local.received().len(), 4);
}

#[tokio::test]
async fn cut_and_refused_answers_are_told_apart_and_not_asked_again() {
    for (reason, kind) in [
        (StopReason::MaxTokens, ErrorKind::AnswerIncomplete),
        (StopReason::ModelContextWindowExceeded, ErrorKind::AnswerIncomplete),
        (StopReason::GuardrailIntervened, ErrorKind::AnswerRefused),
        (StopReason::ContentFiltered, ErrorKind::AnswerRefused),
        (StopReason::Unknown("refusal".to_owned()), ErrorKind::AnswerRefused),
    ] {
        let reply = || Reply::text(r#"{"name": "Ad"#).stop_reason(reason.clone()).times(2);
        let (local, client) = start(LocalBedrock::builder().reply(reply())).await;
        let error = client.extract::<Person>(ask(Road::Prompt)).await.unwrap_err();
        assert_eq!((error.kind(), local.received().len()), (&kind, 1), "{reason}");
        assert_eq!(ExtractError::of(&error).unwrap().raw, r#"{"name": "Ad"#);
        let stream = client.extract_stream::<Person>(ask(Road::Native)).await.unwrap();
        assert_eq!(stream.collect().await.unwrap_err().kind(), &kind);
    }
}

#[tokio::test]
async fn a_road_that_is_refused_is_left_for_the_next() {
    // the catalog knows that this model has tools
    let request = || ChatRequest::new(NOVA).message("Who is Ada?").max_tokens(300);
    let has_tool = |request: &bedrock_llm_local::ReceivedRequest| request.json.get("toolConfig").is_some();
    let refusal = || Reply::exception(Exception::new("ValidationException")).when(has_tool).forever();
    let (local, client) =
        start(LocalBedrock::builder().reply(refusal()).reply(Reply::text(ada_json().to_string()).forever()))
            .await;
    let answer = client.extract::<Person>(request()).await.unwrap();
    assert_eq!((answer.value, answer.road), (ada(), Road::Prompt));
    let stream = client.extract_stream::<Person>(request()).await.unwrap();
    assert_eq!((stream.road(), stream.collect().await.unwrap()), (Road::Prompt, ada()));
    assert!(local.received().iter().any(has_tool));
    // the one road that was asked for is not left
    let forced = ExtractRequest::new(request()).road(Road::Tool);
    assert_eq!(client.extract::<Person>(forced).await.unwrap_err().kind(), &ErrorKind::Validation);
}

#[tokio::test]
async fn what_is_no_object_travels_in_one() {
    let list = json!({"value": [ada_json()]});
    let (_local, client) = start(
        LocalBedrock::builder()
            .reply(Reply::text(list.to_string()))
            .reply(Reply::tool_use("t1", "answer_Array_of_Person", list))
            .reply(Reply::text(format!("The people are: {}.", json!([ada_json()])))),
    )
    .await;
    for road in [Road::Native, Road::Tool, Road::Prompt] {
        assert_eq!(client.extract::<Vec<Person>>(ask(road)).await.unwrap().value, [ada()], "{road:?}");
    }
}

/// Every state of a value, and the last.
async fn states(client: &Client, road: Road) -> (Vec<Partial<Person>>, Partial<Person>) {
    let mut stream = client.extract_stream::<Person>(ask(road)).await.unwrap();
    let mut states = Vec::new();
    while let Some(partial) = stream.next().await {
        states.push(partial.unwrap());
    }
    assert!(stream.response().usage.output_tokens > 0);
    let last = states.pop().unwrap();
    (states, last)
}

#[tokio::test]
async fn a_streamed_value_grows() {
    let whole = json!({"name": "Ada Augusta King of Lovelace", "age": 36, "towns": ["London", "Marylebone"]});
    let script = LocalBedrock::builder()
        .reply(Reply::text(whole.to_string()))
        .reply(call(whole.clone()))
        .reply(Reply::text(format!("Here it is: ```json\n{whole}\n```")));
    let (_local, client) = start(script).await;
    for road in [Road::Native, Road::Tool, Road::Prompt] {
        let (states, last) = states(&client, road).await;
        assert!(last.is_final && states.iter().all(|state| !state.is_final));
        assert_eq!(last.json, whole);
        assert_eq!(last.value.unwrap().towns, ["London", "Marylebone"]);
        assert!(states.len() > 2, "{road:?} {}", states.len());
        for pair in states.windows(2) {
            let name = |place: usize| pair[place].json["name"].as_str().unwrap_or_default();
            assert!(name(1).starts_with(name(0)) && pair[0].json != pair[1].json);
            let towns = |place: usize| pair[place].json["towns"].as_array().map_or(0, Vec::len);
            assert!(towns(1) >= towns(0));
        }
        assert!(
            states.iter().any(|state| state.value.as_ref().is_some_and(|person| person.towns.is_empty()))
        );
        assert!(!format!("{states:?}").contains("Ada"));
    }
}

#[tokio::test]
async fn what_was_paid_for_is_told_when_asking_again_fails() {
    let wrong = || Reply::text(r#"{"name": 1}"#).usage(Usage::new(10, 5));
    let (_local, client) = start(
        LocalBedrock::builder()
            .reply(wrong().times(2))
            .reply(Reply::exception("AccessDeniedException").times(2)),
    )
    .await;
    let error = client.extract::<Person>(ask(Road::Prompt)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::AccessDenied);
    let last = error.partial().unwrap();
    assert_eq!(
        (last.text().as_str(), last.usage.input_tokens, last.usage.output_tokens),
        (r#"{"name": 1}"#, 20, 10)
    );
    // nothing came, nothing is told
    let error = client.extract::<Person>(ask(Road::Prompt)).await.unwrap_err();
    assert!(error.partial().is_none());
}

#[tokio::test]
async fn a_whole_answer_is_taken_though_the_chatter_behind_it_was_cut_off() {
    let cut = |reply: Reply| reply.stop_reason(StopReason::MaxTokens);
    let (_local, client) = start(
        LocalBedrock::builder()
            .reply(cut(Reply::text(format!("Sure: {} I hope that [this", ada_json()))).times(2))
            .reply(cut(call(ada_json()).with("I hope that")))
            .reply(cut(call(json!({"name": "Ada"})))),
    )
    .await;
    let answer = client.extract::<Person>(ask(Road::Prompt)).await.unwrap();
    assert_eq!((&answer.value, answer.attempts), (&ada(), 1));
    let shown = format!("{answer:?}");
    assert!(shown.contains("attempts: 1") && !shown.contains("Ada") && !shown.contains("London"), "{shown}");
    let stream = client.extract_stream::<Person>(ask(Road::Prompt)).await.unwrap();
    assert_eq!(stream.collect().await.unwrap(), ada());
    assert_eq!(client.extract::<Person>(ask(Road::Tool)).await.unwrap().value, ada());
    // a call at the end may be what was cut off
    let error = client.extract::<Person>(ask(Road::Tool)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::AnswerIncomplete);
}

#[tokio::test]
async fn words_before_a_call_are_no_state_of_the_value() {
    let words = r#"I call it with {"name": "Bob", "age": 1}:"#;
    let script = LocalBedrock::builder().reply(
        Reply::text(words).with(bedrock_llm_schema::ToolUseBlock::new("t1", "answer_Person", ada_json())),
    );
    let (_local, client) = start(script).await;
    let (states, last) = states(&client, Road::Tool).await;
    assert_eq!(last.value.unwrap(), ada());
    assert!(!states.is_empty());
    for state in states {
        assert!("Ada".starts_with(state.json["name"].as_str().unwrap_or_default()), "{}", state.json);
    }
}

#[tokio::test]
async fn a_list_that_was_not_wrapped_streams_as_a_list() {
    let list = json!([ada_json(), ada_json()]);
    let script = LocalBedrock::builder().reply(Reply::text(format!("The {{two}} [sic] are {list}")));
    let (_local, client) = start(script).await;
    let mut stream = client.extract_stream::<Vec<Person>>(ask(Road::Prompt)).await.unwrap();
    let mut lengths = Vec::new();
    while let Some(partial) = stream.next().await {
        lengths.push(partial.unwrap().json.as_array().unwrap().len());
    }
    assert!(lengths.is_sorted() && lengths.contains(&1) && lengths.last() == Some(&2), "{lengths:?}");
}

#[tokio::test]
async fn the_corrected_answer_is_taken_and_never_a_part_of_one() {
    let bob = json!({"name": "Bob", "age": 1});
    let (_local, client) = start(
        LocalBedrock::builder()
            .reply(Reply::text(format!("Draft: {bob}. Corrected: {}.", ada_json())))
            // not a person, though a person is in it
            .reply(Reply::text(format!(r#"{{"people": [{bob}],}}"#)))
            .reply(Reply::text(ada_json().to_string())),
    )
    .await;
    for attempts in [1, 2] {
        let answer = client.extract::<Person>(ask(Road::Prompt)).await.unwrap();
        assert_eq!((answer.value, answer.attempts), (ada(), attempts));
    }
}

#[tokio::test]
async fn a_long_value_is_not_read_anew_for_every_piece() {
    let whole = json!({"name": "Ada", "towns": vec!["Marylebone"; 6_400]}).to_string();
    let pieces: Vec<&str> =
        whole.as_bytes().chunks(15).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    let piece = |text: &&str| json!({"contentBlockIndex": 0, "delta": {"text": text}}).to_string();
    let deltas =
        pieces.iter().map(|text| StreamEvent::from_frame("contentBlockDelta", piece(text).as_bytes()));
    let event = |name: &str, payload: Value| StreamEvent::from_frame(name, payload.to_string().as_bytes());
    let events = [event("messageStart", json!({"role": "assistant"}))]
        .into_iter()
        .chain(deltas)
        .chain([
            event("contentBlockStop", json!({"contentBlockIndex": 0})),
            event("messageStop", json!({"stopReason": "end_turn"})),
            event("metadata", json!({"usage": Usage::new(1, 1), "metrics": {"latencyMs": 1}})),
        ])
        .map(Result::unwrap);
    let (_local, client) = start(LocalBedrock::builder().reply(Reply::events(events))).await;
    let started = std::time::Instant::now();
    let (states, last) = states(&client, Road::Native).await;
    println!(
        "{} bytes, {} pieces, {} states, {:?}",
        whole.len(),
        pieces.len(),
        states.len(),
        started.elapsed()
    );
    assert_eq!(last.value.unwrap().towns.len(), 6_400);
    assert!((20..pieces.len() / 5).contains(&states.len()), "{}", states.len());
}

#[tokio::test]
async fn a_stream_ends_in_what_went_wrong() {
    let script = LocalBedrock::builder()
        .reply(Reply::text(r#"{"name": "Ada", "age": 360}"#))
        .reply(Reply::text(ada_json().to_string()).cut_after(3));
    let (_local, client) = start(script).await;
    let stream = client.extract_stream::<Person>(ask(Road::Native)).await.unwrap();
    let error = stream.collect().await.unwrap_err();
    assert_eq!(ExtractError::of(&error).unwrap().violations[0].path, "/age");
    let stream = client.extract_stream::<Person>(ask(Road::Native)).await.unwrap();
    assert_eq!(stream.collect().await.unwrap_err().kind(), &ErrorKind::StreamTruncated);
}

#[test]
fn a_blocking_client_extracts_too() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let script = LocalBedrock::builder().reply(call(ada_json()));
    let local = runtime.block_on(script.start()).unwrap();
    let client = builder(&local.endpoint()).build_blocking().unwrap();
    assert_eq!(client.extract::<Person>(ask(Road::Tool)).unwrap().value, ada());
}
