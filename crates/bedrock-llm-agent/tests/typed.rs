//! Runs whose answer is a value of a type.

mod common;

use bedrock_llm_agent::agent::{AgentErrorKind, NoAnswer, TypedEvent};
use bedrock_llm_agent::run::{AgentStop, ToolCall, ToolCallState};
use bedrock_llm_agent::{Agent, AgentError};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::{StopReason, ToolChoice};
use common::{SONNET, add, add_call, calls, client, start};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// A sum.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
struct Sum {
    /// What it comes to.
    total: i64,
    terms: Vec<i64>,
}

const ANSWER: &str = "answer_Sum";

fn sum(total: i64, terms: &[i64]) -> Sum {
    Sum { total, terms: terms.to_vec() }
}

fn answer(id: &str, input: Value) -> (&str, &'static str, Value) {
    (id, ANSWER, input)
}

fn missing(error: &AgentError) -> &NoAnswer {
    match error.kind() {
        AgentErrorKind::NoAnswer(missing) => missing,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tools_work_until_the_answer_is_given_and_mistakes_go_back() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .always_check(true)
            .reply(calls(&[add_call("t1", 1, 2)]))
            .reply(calls(&[answer("t2", json!({"total": "three"}))]))
            .reply(calls(&[answer("t3", json!({"total": 3, "terms": [1, 2]}))]))
            .reply(Reply::text("You are welcome.")),
    )
    .await;
    let agent = agent.model(SONNET).tool(add()).build().unwrap().session("sums");
    let typed = agent.run_typed::<Sum>("What is 1 + 2?").await.unwrap();
    assert_eq!(typed.value, sum(3, &[1, 2]));
    assert_eq!(typed.response.stop, AgentStop::Tool(ANSWER.into()));
    let states: Vec<_> = typed.response.tool_calls.iter().map(ToolCall::state).collect();
    assert_eq!(states, [ToolCallState::Complete, ToolCallState::Failed, ToolCallState::Complete]);

    let asked = local.received();
    let choice = |place: usize| asked[place].chat().unwrap().tool_config.unwrap().tool_choice;
    assert_eq!(choice(0), None);
    assert_eq!(choice(2), Some(ToolChoice::tool(ANSWER)));
    let told = serde_json::to_string(&asked[2].chat().unwrap().messages).unwrap();
    assert!(told.contains("bad arguments") && told.contains("/total"), "{told}");

    // the session goes on, without the answer's tool
    assert_eq!(agent.run("Thanks.").await.unwrap().text(), "You are welcome.");
    let last = local.received()[3].chat().unwrap();
    assert_eq!(last.tool_config.unwrap().tools.len(), 1);
    assert!(last.messages.last().unwrap().text().contains("Thanks."));
    local.assert_done();
}

#[tokio::test]
async fn an_agent_without_tools_has_to_give_the_answer_at_once() {
    let (local, agent) =
        start(LocalBedrock::builder().reply(calls(&[answer("t1", json!({"total": 3, "terms": [1, 2]}))])))
            .await;
    let typed = agent.model(SONNET).build().unwrap().run_typed::<Sum>("1 + 2?").await.unwrap();
    assert_eq!(typed.value.total, 3);
    let choice = local.received()[0].chat().unwrap().tool_config.unwrap().tool_choice;
    assert_eq!(choice, Some(ToolChoice::tool(ANSWER)));
}

#[tokio::test]
async fn words_are_read_as_json_or_asked_for_again() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(Reply::text("It is 3."))
            .reply(Reply::text("Sure: {\"total\": 3, \"terms\": [1, 2]}")),
    )
    .await;
    let agent = agent.model(SONNET).tool(add()).build().unwrap();
    let typed = agent.run_typed::<Sum>("1 + 2?").await.unwrap();
    assert_eq!((typed.value, typed.response.iterations), (sum(3, &[1, 2]), 2));
    assert_eq!(typed.response.stop, AgentStop::EndTurn);
    let second = local.received()[1].chat().unwrap();
    assert!(second.messages.last().unwrap().text().contains(ANSWER));
    assert_eq!(second.tool_config.unwrap().tool_choice, Some(ToolChoice::tool(ANSWER)));
    local.assert_done();
}

/// More than its schema says.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(try_from = "u8")]
#[schemars(with = "u8")]
struct Even(u8);

impl TryFrom<u8> for Even {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err("must be even".to_owned()) }
    }
}

#[tokio::test]
async fn types_that_are_no_objects_and_say_more_than_their_schema() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[("t1", "answer_Array_of_Even", json!({"value": [2, 3]}))]))
            .reply(calls(&[("t2", "answer_Array_of_Even", json!({"value": [2, 4]}))])),
    )
    .await;
    let typed = agent.build().unwrap().run_typed::<Vec<Even>>("Which?").await.unwrap();
    assert_eq!(typed.value, [Even(2), Even(4)]);
    let told = serde_json::to_string(&local.received()[1].chat().unwrap().messages).unwrap();
    assert!(told.contains("must be even") && told.contains("/value/1"), "{told}");
}

#[tokio::test]
async fn what_never_fits_is_an_error_with_all_there_is() {
    let wrong = || calls(&[answer("t1", json!({"total": 1}))]);
    let (local, agent) = start(
        LocalBedrock::builder().reply(wrong()).reply(calls(&[answer("t1", json!({"terms": ["secret"]}))])),
    )
    .await;
    let agent = agent.max_answer_retries(1).build().unwrap();
    let error = agent.run_typed::<Sum>("1 + 2?").await.unwrap_err();
    let found = missing(&error);
    assert_eq!(found.response.stop, AgentStop::NoAnswer);
    assert_eq!((found.response.iterations, found.response.usage.total()), (2, 30));
    assert_eq!(found.raw, r#"{"terms":["secret"]}"#);
    assert!(found.violations.iter().any(|violation| violation.path == "/terms/0"), "{found:?}");
    assert!(!format!("{error:?} {error}").contains("secret"), "{error:?}");
    assert_eq!(error.run().unwrap().conversation().messages().len(), 5);
    local.assert_done();

    // in words
    let (local, agent) =
        start(LocalBedrock::builder().reply(Reply::text("Three.")).reply(Reply::text("Three!"))).await;
    let error = agent.max_answer_retries(1).build().unwrap().run_typed::<Sum>("?").await.unwrap_err();
    assert_eq!(
        (missing(&error).raw.as_str(), &missing(&error).response.stop),
        ("Three!", &AgentStop::EndTurn)
    );
    local.assert_done();
}

#[tokio::test]
async fn what_stops_a_run_stops_a_typed_one() {
    let cut = Reply::text("{\"total\": 3, \"ter").stop_reason(StopReason::MaxTokens);
    let (local, agent) = start(LocalBedrock::builder().reply(cut)).await;
    let error = agent.build().unwrap().run_typed::<Sum>("1 + 2?").await.unwrap_err();
    let found = missing(&error);
    assert_eq!((&found.response.stop, found.violations.len()), (&AgentStop::MaxTokens, 0));
    local.assert_done();

    let (local, agent) =
        start(LocalBedrock::builder().reply(calls(&[add_call("t1", 1, 2)])).reply(Reply::text("no"))).await;
    let agent = agent.tool(add()).max_iterations(1).build().unwrap();
    let error = agent.run_typed::<Sum>("1 + 2?").await.unwrap_err();
    assert_eq!(missing(&error).response.stop, AgentStop::MaxIterations);
    assert_eq!(local.received().len(), 1);
}

#[tokio::test]
async fn a_model_without_tools_answers_in_words() {
    let local = LocalBedrock::builder()
        .always_check(true)
        .reply(Reply::text("{\"total\": 3}"))
        .reply(Reply::text("{\"total\": 3, \"terms\": [1, 2]}"))
        .start()
        .await
        .unwrap();
    let client = client(&local.endpoint()).build().await.unwrap();
    let agent = Agent::builder(client).model(common::NO_TOOLS).build().unwrap();
    let typed = agent.run_typed::<Sum>("1 + 2?").await.unwrap();
    assert_eq!(typed.value, sum(3, &[1, 2]));
    let asked = local.received();
    assert!(asked[0].chat().unwrap().tool_config.is_none());
    let told = serde_json::to_string(&asked[0].json).unwrap();
    assert!(told.contains("JSON Schema"), "{told}");
    assert!(asked[1].chat().unwrap().messages.last().unwrap().text().contains("\"terms\" is a required"));
    local.assert_done();
}

#[tokio::test]
async fn a_name_that_is_taken_is_an_error() {
    let (tool, _) = common::counting(ANSWER);
    let (_local, agent) = start(LocalBedrock::builder()).await;
    let error = agent.tool(tool).build().unwrap().run_typed::<Sum>("?").await.unwrap_err();
    assert!(matches!(error.kind(), AgentErrorKind::Tools(_)), "{error}");
}

#[tokio::test]
async fn a_stream_ends_with_the_value() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(calls(&[add_call("t1", 1, 2)]))
            .reply(calls(&[answer("t2", json!({"total": 3, "terms": [1, 2]}))])),
    )
    .await;
    let agent = agent.tool(add()).build().unwrap();
    let mut stream = agent.stream_typed::<Sum>("1 + 2?").unwrap();
    let (mut events, mut value) = (Vec::new(), None);
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            TypedEvent::Event(event) => events.push(common::told(&event)),
            TypedEvent::Done(typed) => value = Some(typed.value),
            _ => {}
        }
    }
    assert_eq!(value, Some(sum(3, &[1, 2])));
    assert!(
        events.iter().any(|event| event == "complete t1") && !events.iter().any(|e| e.starts_with("done"))
    );
    local.assert_done();
}
