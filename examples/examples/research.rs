//! An agent is a tool of another: a writer asks a researcher, and gives a text of a type.

use bedrock_llm::Agent;
use bedrock_llm::agent::tool;
use bedrock_llm::local::{LocalBedrock, Reply};
use serde_json::json;

const RESEARCHER: &str = "us.amazon.nova-lite-v1:0";
const WRITER: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

/// Looks a word up in the encyclopedia.
#[tool]
fn look_up(
    /// The word.
    word: String,
) -> String {
    match word.to_lowercase().as_str() {
        "bee" | "bees" => "Bees tell each other by a dance where flowers are.".to_owned(),
        _ => format!("There is no article on {word}."),
    }
}

/// A short article.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Article {
    /// At most six words.
    title: String,
    /// One paragraph.
    text: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, local) = examples::connect().await?;
    if let Some(local) = &local {
        script(local);
    }
    let client = builder.build().await?;

    let researcher = Agent::builder(client.clone())
        .model(RESEARCHER)
        .system("You find facts by looking them up. Answer in one sentence.")
        .tool(look_up)
        .build()?;
    let writer = Agent::builder(client)
        .model(WRITER)
        .system("You write short articles from what your researcher finds.")
        .tool(researcher.as_tool("research", "Has a researcher answer a question."))
        .build()?;

    let article = writer.run_typed::<Article>("Write about how bees talk.").await?;
    println!("{}\n{}", article.value.title, article.value.text);
    let response = article.response;
    for call in &response.tool_calls {
        println!("[{}: {} answers, {} tokens]", call.name(), call.used().answers, call.used().usage.total());
    }
    if let Some(cost) = response.cost {
        println!("{} tokens in all, {cost} dollars", response.total_usage().total());
    }
    Ok(())
}

/// What the models say where none is at hand.
fn script(local: &LocalBedrock) {
    let fact = "Bees dance to tell where flowers are.";
    let article = json!({"title": "The Language of Bees", "text": fact});
    for reply in [
        Reply::tool_use("w1", "research", json!({"task": "How do bees talk to each other?"})).model(WRITER),
        Reply::tool_use("r1", "look_up", json!({"word": "bees"})).model(RESEARCHER),
        Reply::text(fact).model(RESEARCHER),
        Reply::tool_use("w2", "answer_Article", article).model(WRITER),
    ] {
        local.add_reply(reply);
    }
}
