//! `bedrock-llm pipeline`: pipelines declared in TOML, over files of JSON lines.

mod graph;
mod run;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use bedrock_llm::nodes::register_kinds;
use bedrock_llm::pipeline::AnyPipeline;
use bedrock_llm::pipeline::graph::Registry;
use bedrock_llm_client::Client;
use clap::Subcommand;
use serde_json::Value;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take each line of a file through a pipeline; started again, it continues where it stopped.
    Run(Box<run::Args>),
    /// Draw a pipeline, for Mermaid or Graphviz.
    Graph(graph::Args),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Run(args) => run::run(*args).await,
        Command::Graph(args) => graph::run(&args).await.map(|()| ExitCode::SUCCESS),
    }
}

/// The pipeline that a file declares.
fn load(path: &Path, client: Client) -> anyhow::Result<AnyPipeline<Value, Value>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut registry = Registry::json();
    register_kinds(&mut registry, client);
    let graph = registry.load(&text).with_context(|| path.display().to_string())?;
    graph.build().with_context(|| path.display().to_string())
}
