//! The `bedrock-llm` command.

mod agent;
mod batch;
mod catalog;
mod chat;
mod connect;
mod demo;
mod embed;
mod interrupt;
mod lines;
mod lint;
mod local;
mod models;
mod pipeline;
mod print;
mod prompt;
mod records;
mod rerank;
mod sessions;
mod settings;
mod show;
mod store;
mod texts;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chat with Amazon Bedrock's models, let them work with tools, embed and rank with them, list them, check requests for
/// them, serve a local stand-in for them.
#[derive(Parser)]
#[command(name = "bedrock-llm", version, propagate_version = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// See the main jobs at work: a chat with a tool, vectors, a ranking, an agent.
    Demo(Box<demo::Args>),
    /// Ask a model, once or in a conversation.
    Chat(Box<chat::Args>),
    /// Let a model work with tools until it has answered, once or in a conversation, in a session that lasts.
    Agent(Box<agent::Args>),
    /// List, show, export and delete the sessions of `agent`.
    Sessions(sessions::Args),
    /// Send a file of requests and write a file of answers; started again, it continues where it stopped.
    Batch(Box<batch::Args>),
    /// Turn texts into vectors, from files or standard input; started again with --resume, it continues.
    Embed(Box<embed::Args>),
    /// Rank documents by how well they answer a query, or many.
    ///
    /// Queries are read as they are asked. All documents are in memory, for a ranking is one of all of them.
    Rerank(Box<rerank::Args>),
    /// Take a file of JSON lines through a pipeline that is declared in TOML, or draw one.
    Pipeline(pipeline::Args),
    /// List the models of the catalog with their limits, features and prices.
    Models(models::Args),
    /// Say what Bedrock would refuse in a request, before it is sent; mend it with --fix.
    Lint(lint::Args),
    /// Serve the local endpoint, which speaks Bedrock's protocol without an AWS account.
    Local(local::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Demo(args) => Box::pin(demo::run(*args)).await.map(|()| ExitCode::SUCCESS),
        Command::Chat(args) => Box::pin(chat::run(*args)).await.map(|()| ExitCode::SUCCESS),
        Command::Agent(args) => Box::pin(agent::run(*args)).await,
        Command::Sessions(args) => Box::pin(sessions::run(args)).await.map(|()| ExitCode::SUCCESS),
        Command::Batch(args) => Box::pin(batch::run(*args)).await,
        Command::Embed(args) => Box::pin(embed::run(*args)).await,
        Command::Rerank(args) => Box::pin(rerank::run(*args)).await,
        Command::Pipeline(args) => Box::pin(pipeline::run(args)).await,
        Command::Models(args) => models::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Lint(args) => lint::run(&args),
        Command::Local(args) => local::run(args).await.map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) if print::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", print::explain(&error));
            ExitCode::FAILURE
        }
    }
}
