//! `bedrock-llm demo`: the main jobs once, one after the other, with what to see in each.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bedrock_llm_agent::Agent;
use bedrock_llm_client::{Client, ClientConfig};
use bedrock_llm_embeddings::Embedder;
use bedrock_llm_embeddings::rerank::Reranker;
use bedrock_llm_embeddings::similarity::{Metric, top_k};
use bedrock_llm_schema::ChatRequest;
use tokio::sync::Notify;

use crate::agent::tools::BuiltIn;
use crate::agent::{Form, Show};
use crate::chat::{Turn, tools};
use crate::connect::Connection;
use crate::{agent, chat, embed, print, rerank};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// TOML or JSON file with the client's settings [default: the one that `BEDROCK_LLM_CONFIG` names]
    #[arg(long)]
    config: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

const QUESTION: &str = "What is the weather in Paris?";
const TASK: &str = "What is 12 * 7?";
const QUERY: &str = "Which river flows through Paris?";
const TEXTS: [&str; 5] = [
    "The Rhône rises from a glacier in the Swiss canton of Valais.",
    "Bread is made of flour, water, salt and yeast.",
    "The Seine is the river that flows through Paris.",
    "Paris has been the capital of France for most of a thousand years.",
    "The moons of Mars are called Phobos and Deimos.",
];

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let config = ClientConfig::load(args.config.as_deref())?;
    let connected = args.connection.open(&config).await?;
    let client = connected.client.clone();
    let of_whom = if connected.is_local() { "the local endpoint in the place of " } else { "" };

    print::line(format_args!("\n1. A chat that calls a tool: {of_whom}{}\n", chat::DEFAULT_MODEL))?;
    print::line(format_args!("> {QUESTION}"))?;
    let tools = vec![tools::DemoTool::Weather];
    let mut request =
        ChatRequest::new(chat::DEFAULT_MODEL).tool(tools::DemoTool::Weather.spec()).message(QUESTION);
    // it holds the local endpoint, too
    let turn = Turn { connected, tools, json: false, streaming: true };
    turn.run(&mut request).await?;

    print::line(format_args!("\n2. Texts as vectors: {of_whom}{}\n", embed::DEFAULT_MODEL))?;
    vectors(client.clone()).await.context("texts could not be embedded")?;

    print::line(format_args!("\n3. The same texts ranked: {of_whom}{}\n", rerank::DEFAULT_MODEL))?;
    ranking(client.clone()).await.context("texts could not be ranked")?;

    print::line(format_args!("\n4. An agent with tools: {of_whom}{}\n", chat::DEFAULT_MODEL))?;
    Box::pin(task(client)).await.context("the agent could not work")?;
    drop(turn);
    Ok(())
}

async fn task(client: Client) -> anyhow::Result<()> {
    let tools = agent::tools::registry(&[BuiltIn::Calc, BuiltIn::Time], Path::new("."))?;
    let worker = Agent::builder(client).model(chat::DEFAULT_MODEL).tools(tools).build()?;
    print::line(format_args!("> {TASK}"))?;
    let mut show = Show::new(Form::Words, chat::DEFAULT_MODEL);
    agent::run_agent(&worker, TASK.into(), &mut show, &Notify::new()).await?;
    Ok(())
}

async fn vectors(client: Client) -> anyhow::Result<()> {
    let embedder = Embedder::new(client, embed::DEFAULT_MODEL)?;
    let texts = embedder.embed_documents(TEXTS).await?;
    let query = embedder.embed_query(QUERY).await?;
    print::line(format_args!(
        "{} texts, {} dimensions each; cosine of the angle to \"{QUERY}\":",
        texts.len(),
        texts.dimensions()
    ))?;
    for found in top_k(texts.matrix(), &query, TEXTS.len(), Metric::Cosine)? {
        let text = TEXTS.get(found.index).copied().unwrap_or_default();
        print::line(format_args!("{:>8.4}  {text}", found.score))?;
    }
    Ok(())
}

async fn ranking(client: Client) -> anyhow::Result<()> {
    let reranker = Reranker::new(client, rerank::DEFAULT_MODEL);
    print::line(format_args!("relevance for \"{QUERY}\":"))?;
    for found in reranker.rerank(QUERY, &TEXTS).top_n(3).await? {
        print::line(format_args!("{:>8.4}  {}", found.score, found.document))?;
    }
    Ok(())
}
