//! Tools for models that have none.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_agent::agent::{AgentErrorKind, PromptTools};
use bedrock_llm_agent::run::{AgentStop, ToolCall, ToolCallState};
use bedrock_llm_agent::{Agent, AgentEvent};
use bedrock_llm_local::{Builder, LocalBedrock, Reply};
use bedrock_llm_schema::{StopReason, ToolChoice};
use common::{NO_TOOLS, NOVA, add, client};
use serde_json::json;

async fn start(script: Builder) -> (LocalBedrock, bedrock_llm_agent::agent::AgentBuilder) {
    let local = script.always_check(true).start().await.unwrap();
    let client = client(&local.endpoint()).build().await.unwrap();
    (local, Agent::builder(client).model(NO_TOOLS).prompt_tools(PromptTools::IfNeeded).tool(add()))
}

const CALLS: &str = "Let me see.\n<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2}}</tool_call>\n\
                     <tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 3, \"b\": 4}}</tool_call>";

#[tokio::test]
async fn without_the_option_it_is_an_error_that_names_it() {
    let (_local, agent) = start(LocalBedrock::builder()).await;
    let error = agent.prompt_tools(PromptTools::Never).build().unwrap_err();
    assert!(matches!(error.kind(), AgentErrorKind::Config { setting: "tools", .. }), "{error}");
    assert!(error.to_string().contains("prompt_tools"), "{error}");
}

#[tokio::test]
async fn calls_in_words_are_run_as_any() {
    let (local, agent) =
        start(LocalBedrock::builder().reply(Reply::text(CALLS)).reply(Reply::text("3 and 7."))).await;
    let agent = agent.system("Be brief.").build().unwrap().session("sums");
    let response = agent.run("What is 1 + 2, and 3 + 4?").await.unwrap();
    assert_eq!((response.text().as_str(), &response.stop), ("3 and 7.", &AgentStop::EndTurn));
    let calls: Vec<_> = response.tool_calls.iter().map(|call| (call.id(), call.state())).collect();
    let complete = ToolCallState::Complete;
    assert_eq!(calls, [("prompted_1", complete), ("prompted_2", complete)]);

    // the history has blocks, the requests have not
    let history = response.run.conversation().messages();
    assert_eq!(history[1].text(), "Let me see.");
    assert_eq!(history[1].tool_uses().count(), 2);
    assert_eq!(history[2].tool_results().count(), 2);
    let asked = local.received();
    for request in &asked {
        let request = request.chat().unwrap();
        assert!(request.tool_config.is_none());
        assert!(
            request
                .messages
                .iter()
                .all(|m| m.tool_uses().next().is_none() && m.tool_results().next().is_none())
        );
    }
    let second = serde_json::to_string(&asked[1].json).unwrap();
    for part in ["Adds two numbers.", "Be brief.", "<tool_result of=", "\\\"result\\\":7"] {
        assert!(second.contains(part), "{part}: {second}");
    }
    local.assert_done();
}

#[tokio::test]
async fn a_stream_shows_no_call() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(Reply::text(format!("{CALLS} So.")))
            .reply(Reply::text("3 < 7. <tool_c")),
    )
    .await;
    let agent = agent.build().unwrap();
    let mut stream = agent.stream("What is 1 + 2, and 3 + 4?");
    let (mut shown, mut done) = (String::new(), None);
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            AgentEvent::Text(text) => shown.push_str(&text),
            AgentEvent::Done(response) => done = Some(response),
            _ => {}
        }
    }
    assert_eq!(shown, "Let me see.\n\n So.3 < 7. <tool_c");
    assert_eq!(done.unwrap().tool_calls.len(), 2);
    local.assert_done();
}

#[tokio::test]
async fn mistakes_go_back_to_the_model() {
    let (local, agent) = start(
        LocalBedrock::builder()
            .reply(Reply::text("<tool_call>{\"name\": \"add\", \"arguments\": {}} or {}</tool_call>"))
            .reply(Reply::text("<tool_call>{\"name\": \"sub\", \"arguments\": {}}</tool_call>"))
            .reply(Reply::text("<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1}}</tool_call>"))
            .reply(Reply::text("I give up.")),
    )
    .await;
    let response = agent.build().unwrap().run("1 + 2?").await.unwrap();
    let failures: Vec<_> = response.tool_calls.iter().map(ToolCall::failure).collect();
    assert_eq!(failures, [Some("bad_arguments"), Some("unknown"), Some("bad_arguments")]);
    let last = serde_json::to_string(&local.received()[3].json).unwrap();
    for part in ["you wrote: ", "there is no tool named `sub`", "status=\\\"error\\\""] {
        assert!(last.contains(part), "{part}: {last}");
    }
    assert_eq!(response.text(), "I give up.");
    local.assert_done();
}

#[tokio::test]
async fn a_call_that_is_cut_off_is_not_run() {
    let half = Reply::text("<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2")
        .stop_reason(StopReason::MaxTokens);
    let (local, agent) = start(LocalBedrock::builder().reply(half)).await;
    let response = agent.build().unwrap().run("1 + 2?").await.unwrap();
    assert_eq!((response.stop, response.tool_calls.len()), (AgentStop::MaxTokens, 0));
    local.assert_done();
}

#[tokio::test]
async fn the_choice_of_tools_and_typed_answers_go_in_words_too() {
    #[derive(Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
    struct Sum {
        total: i64,
    }
    let answer = json!({"name": "answer_Sum", "arguments": {"total": 3}});
    let (local, agent) =
        start(LocalBedrock::builder().reply(Reply::text(format!("<tool_call>{answer}</tool_call>")))).await;
    let agent = agent.tool_choice(ToolChoice::any()).build().unwrap();
    let typed = agent.run_typed::<Sum>("1 + 2?").await.unwrap();
    assert_eq!(typed.value, Sum { total: 3 });
    let told = serde_json::to_string(&local.received()[0].json).unwrap();
    assert!(told.contains("Now you must call at least one tool") && told.contains("answer_Sum"), "{told}");
    local.assert_done();
}

#[tokio::test]
async fn models_with_tools_can_be_asked_in_words() {
    let (local, agent) =
        start(LocalBedrock::builder().reply(Reply::text(CALLS)).reply(Reply::text("Done."))).await;
    let agent = agent.model(NOVA).prompt_tools(PromptTools::Always).build().unwrap();
    assert_eq!(agent.run("1 + 2?").await.unwrap().tool_calls.len(), 2);
    assert!(local.received()[0].chat().unwrap().tool_config.is_none());
    local.assert_done();
}
