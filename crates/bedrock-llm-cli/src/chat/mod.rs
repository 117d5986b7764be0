//! `bedrock-llm chat`: one question, or a conversation.

mod render;
mod session;
pub(crate) mod tools;
mod turn;

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use bedrock_llm_client::ClientConfig;
use bedrock_llm_schema::{DocumentBlock, ImageBlock, Message, Role};

use crate::connect::{ApiChoice, Connection};
pub(crate) use turn::Turn;

/// The model where neither flag, file nor environment names one: cheap, fast, and takes tools and images.
pub(crate) const DEFAULT_MODEL: &str = "us.amazon.nova-lite-v1:0";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to ask. Without it a conversation begins, or standard input is the question if it is no terminal.
    prompt: Option<String>,
    /// Model id, inference profile or ARN [default: us.amazon.nova-lite-v1:0]
    #[arg(short, long)]
    model: Option<String>,
    /// System prompt.
    #[arg(short, long)]
    system: Option<String>,
    /// Image to show with the (first) question; may be repeated.
    #[arg(long)]
    image: Vec<PathBuf>,
    /// Document to give with the (first) question; may be repeated.
    #[arg(long)]
    document: Vec<PathBuf>,
    /// Demo tool the model may call; may be repeated.
    #[arg(long, value_enum)]
    tool: Vec<tools::DemoTool>,
    /// The most tokens an answer may have.
    #[arg(long)]
    max_tokens: Option<u32>,
    /// Randomness, 0 to 1.
    #[arg(long)]
    temperature: Option<f64>,
    /// TOML or JSON file with model, parameters and the client's settings; `BEDROCK_LLM_*` variables and flags override it
    /// [default: the one that `BEDROCK_LLM_CONFIG` names]
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print each answer as Converse JSON on one line instead of its text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiChoice,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.config()?;
    let request = args.tool.iter().fold(config.model.request(), |request, tool| request.tool(tool.spec()));
    let mut attachments = args.attachments()?;
    let prompt = match &args.prompt {
        Some(prompt) => Some(prompt.clone()),
        None if std::io::stdin().is_terminal() => None,
        None => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the question from standard input")?;
            Some(text)
        }
    };
    let connected = args.connection.open(&config).await?;
    let streaming = config.model.streaming.unwrap_or(true);
    let turn = Turn { connected, tools: args.tool, json: args.json, streaming };
    let Some(prompt) = prompt else { return session::run(&turn, request, attachments).await };
    attachments.content.push(prompt.as_str().into());
    turn.run(&mut request.message(attachments)).await
}

impl Args {
    /// File, then environment, then flags.
    fn config(&self) -> anyhow::Result<ClientConfig> {
        let mut whole = ClientConfig::load(self.config.as_deref())?;
        let config = &mut whole.model;
        if let Some(model) = &self.model {
            config.model = model.parse()?;
        } else if config.model.is_empty() {
            config.model = DEFAULT_MODEL.into();
        }
        config.system = self.system.clone().or(config.system.take());
        config.max_tokens = self.max_tokens.or(config.max_tokens);
        config.temperature = self.temperature.or(config.temperature);
        config.validate()?;
        self.api.put_into(&mut whole);
        Ok(whole)
    }

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
