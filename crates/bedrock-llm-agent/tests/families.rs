//! Every family with tools, in both API modes: two tools, their results, the answer.

mod common;

use std::collections::BTreeMap;

use bedrock_llm_agent::agent::PromptTools;
use bedrock_llm_agent::run::{AgentStop, ToolCallState};
use bedrock_llm_agent::{Agent, AgentEvent, AgentResponse, Tool, ToolResult, tool_fn};
use bedrock_llm_client::ApiMode;
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::model::{Mode, ModelProfile};
use bedrock_llm_schema::{Catalog, ErrorKind, Family, ModelId, Operation, ToolUseBlock};
use common::{add, client};
use serde_json::{Value, json};

/// Families whose native form has no place for tools. Meta's is a bare prompt
/// (<https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html>).
const WITHOUT_NATIVE_TOOLS: [Family; 1] = [Family::Meta];
/// Families that are reached by Converse alone: no codec of ours knows their native form.
const WITHOUT_CODEC: [Family; 1] = [Family::Xai];

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Product {
    /// The one.
    x: i64,
    /// The other.
    y: i64,
}

fn multiply() -> impl Tool {
    tool_fn("multiply", "Multiplies two numbers.", |product: Product, _| async move {
        ToolResult::Ok(product.x * product.y)
    })
}

/// A model of each family that the catalog says takes tools.
fn representatives() -> BTreeMap<Family, ModelId> {
    let mut chosen = BTreeMap::new();
    for profile in Catalog::builtin().iter() {
        let is_chat = profile.mode.is_none_or(|mode| mode == Mode::Chat);
        if is_chat && profile.features.tool_use == Some(true) && has(profile, Operation::Converse) {
            let family = profile.id.family();
            if !matches!(family, Family::Other(_) | Family::Unknown) {
                chosen.entry(family).or_insert_with(|| profile.id.clone());
            }
        }
    }
    chosen
}

fn has(profile: &ModelProfile, operation: Operation) -> bool {
    profile.access.operations.as_ref().is_none_or(|known| known.contains(&operation))
}

fn call(id: &str, name: &str, input: Value) -> ToolUseBlock {
    ToolUseBlock::new(id, name, input)
}

/// What came of a run, and how often text or calls came as events.
struct Ran {
    response: AgentResponse,
    text: String,
    /// Whether the first request went to a streaming operation.
    was_streamed: bool,
    last: String,
}

async fn run(model: &ModelId, mode: ApiMode, streamed: bool, when: PromptTools) -> Result<Ran, String> {
    let first = match when {
        PromptTools::Always => Reply::text(
            "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 20, \"b\": 22}}</tool_call>\
             <tool_call>{\"name\": \"multiply\", \"arguments\": {\"x\": 6, \"y\": 7}}</tool_call>",
        ),
        _ => Reply::content([
            call("call00001", "add", json!({"a": 20, "b": 22})),
            call("call00002", "multiply", json!({"x": 6, "y": 7})),
        ]),
    };
    let script = LocalBedrock::builder().always_check(true).reply(first).reply(Reply::text("Both are 42."));
    let local = script.start().await.map_err(|error| error.to_string())?;
    let client = client(&local.endpoint()).api_mode(mode).build().await.map_err(|error| error.to_string())?;
    let agent = Agent::builder(client)
        .model(model.clone())
        .prompt_tools(when)
        .tool(add())
        .tool(multiply())
        .build()
        .map_err(|error| error.to_string())?;
    let question = "What is 20 + 22, and what is 6 times 7?";
    let mut text = String::new();
    let ran = if streamed {
        let mut stream = agent.stream(question);
        let mut done = Err("the stream had no end".to_owned());
        while let Some(event) = stream.next().await {
            match event {
                Ok(AgentEvent::Text(piece)) => text.push_str(&piece),
                Ok(AgentEvent::Done(response)) => done = Ok(*response),
                Ok(_) => {}
                Err(error) => done = Err(format!("{error:?}")),
            }
        }
        done
    } else {
        agent.run(question).await.map_err(|error| format!("{error:?}"))
    };
    let response = ran?;
    let asked = local.received();
    let was_streamed =
        asked.first().and_then(|request| request.operation).is_some_and(Operation::is_streaming);
    Ok(Ran {
        response,
        text,
        was_streamed,
        last: asked.last().map(|asked| asked.json.to_string()).unwrap_or_default(),
    })
}

fn check(ran: &Ran) -> Result<(), String> {
    let response = &ran.response;
    let calls: Vec<(&str, ToolCallState)> =
        response.tool_calls.iter().map(|call| (call.name(), call.state())).collect();
    if calls != [("add", ToolCallState::Complete), ("multiply", ToolCallState::Complete)] {
        return Err(format!("calls: {calls:?}"));
    }
    if (response.text().trim(), &response.stop) != ("Both are 42.", &AgentStop::EndTurn) {
        return Err(format!("answer: {:?} {:?}", response.text(), response.stop));
    }
    // both results were told
    if ran.last.matches("42").count() < 2 {
        return Err(format!("results: {}", ran.last));
    }
    Ok(())
}

/// Whether a model streams its answers while it has tools.
fn streams(model: &ModelId, operation: Operation) -> bool {
    let profile = Catalog::builtin().profile(model);
    has(&profile, operation) && profile.tools.streaming != Some(false)
}

#[tokio::test]
async fn two_tools_in_every_family_by_converse() {
    let families = representatives();
    assert!(families.len() >= 10, "{families:?}");
    let mut wrong = Vec::new();
    for (family, model) in &families {
        for streamed in [false, true] {
            let ran = run(model, ApiMode::Converse, streamed, PromptTools::Never).await;
            let outcome = ran.and_then(|ran| {
                let expected = streamed && streams(model, Operation::ConverseStream);
                if ran.was_streamed != expected {
                    return Err(format!("streamed: {}", ran.was_streamed));
                }
                if expected && ran.text != "Both are 42." {
                    return Err(format!("text: {}", ran.text));
                }
                check(&ran)
            });
            if let Err(why) = outcome {
                wrong.push(format!("{family} ({model}), streamed {streamed}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn two_tools_in_every_family_natively() {
    let families = representatives();
    for listed in WITHOUT_NATIVE_TOOLS.iter().chain(&WITHOUT_CODEC) {
        assert!(families.contains_key(listed), "{listed} is listed, and has no model with tools");
    }
    let mut wrong = Vec::new();
    for (family, model) in &families {
        for streamed in [false, true] {
            let ran = run(model, ApiMode::Invoke, streamed, PromptTools::Never).await;
            let cannot = WITHOUT_NATIVE_TOOLS.contains(family) || WITHOUT_CODEC.contains(family);
            let outcome = match ran {
                Ok(_) if cannot => Err("it worked, and is listed as one that cannot".to_owned()),
                Ok(ran) => check(&ran),
                Err(why) if cannot && is_clear(family, &why) => Ok(()),
                Err(why) => Err(why),
            };
            if let Err(why) = outcome {
                wrong.push(format!("{family} ({model}), streamed {streamed}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_clear(family: &Family, why: &str) -> bool {
    let kind = format!("{:?}", ErrorKind::Unsupported);
    why.contains(&kind) && (WITHOUT_CODEC.contains(family) || why.contains("toolConfig"))
}

#[tokio::test]
async fn in_words_every_family_works_in_both_modes() {
    let mut wrong = Vec::new();
    for (family, model) in &representatives() {
        for mode in [ApiMode::Converse, ApiMode::Invoke] {
            if mode == ApiMode::Invoke && WITHOUT_CODEC.contains(family) {
                continue;
            }
            for streamed in [false, true] {
                let ran = run(model, mode, streamed, PromptTools::Always).await;
                if let Err(why) = ran.and_then(|ran| {
                    if ran.text.contains("tool_call") {
                        return Err(format!("text: {}", ran.text));
                    }
                    check(&ran)
                }) {
                    wrong.push(format!("{family} ({model}), {mode:?}, streamed {streamed}: {why}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
