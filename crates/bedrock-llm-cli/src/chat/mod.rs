//! `bedrock-llm chat`: one question, or a conversation.

mod render;
mod session;
pub(crate) mod tools;
mod turn;

use std::path::PathBuf;

use bedrock_llm_schema::{DocumentBlock, ImageBlock, Message, Role};

use crate::connect::Connection;
use crate::prompt;
use crate::settings::Settings;
pub(crate) use turn::Turn;

/// The model where neither flag, file nor environment names one: cheap, fast, and takes tools and images.
pub(crate) const DEFAULT_MODEL: &str = "us.amazon.nova-lite-v1:0";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to ask. Without it a conversation begins, or standard input is the question if it is no terminal.
    prompt: Option<String>,
    #[command(flatten)]
    settings: Settings,
    /// Image to show with the (first) question; may be repeated.
    #[arg(long)]
    image: Vec<PathBuf>,
    /// Document to give with the (first) question; may be repeated.
    #[arg(long)]
    document: Vec<PathBuf>,
    /// Demo tool the model may call; may be repeated.
    #[arg(long, value_enum)]
    tool: Vec<tools::DemoTool>,
    /// Print each answer as Converse JSON on one line instead of its text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.settings.load()?;
    let request = args.tool.iter().fold(config.model.request(), |request, tool| request.tool(tool.spec()));
    let mut attachments = args.attachments()?;
    let prompt = prompt::of(args.prompt.as_deref())?;
    let connected = args.connection.open(&config).await?;
    let streaming = config.model.streaming.unwrap_or(true);
    let turn = Turn { connected, tools: args.tool, json: args.json, streaming };
    let Some(prompt) = prompt else { return session::run(&turn, request, attachments).await };
    attachments.content.push(prompt.as_str().into());
    turn.run(&mut request.message(attachments)).await
}

impl Args {
    /// Images and documents as the beginning of the user's turn. Documents of one name are numbered, since the
    /// service takes each name once.
    fn attachments(&self) -> anyhow::Result<Message> {
        let mut turn = Message::new(Role::User, Vec::<String>::new());
        for path in &self.image {
            turn.content.push(ImageBlock::from_path(path)?.into());
        }
        let mut names: Vec<String> = Vec::new();
        for path in &self.document {
            let mut document = DocumentBlock::from_path(path)?;
            let count = names.iter().filter(|name| **name == document.name).count();
            names.push(document.name.clone());
            if count > 0 {
                document.name = format!("{} ({})", document.name, count + 1);
            }
            turn.content.push(document.into());
        }
        Ok(turn)
    }
}
