//! Model and parameters of a conversation.

use std::path::PathBuf;

use bedrock_llm_client::ClientConfig;

use crate::chat::DEFAULT_MODEL;
use crate::connect::ApiChoice;

/// Model and parameters, by file, environment and flags.
#[derive(clap::Args)]
pub(crate) struct Settings {
    /// Model id, inference profile or ARN [default: us.amazon.nova-lite-v1:0]
    #[arg(short, long)]
    model: Option<String>,
    /// System prompt.
    #[arg(short, long)]
    system: Option<String>,
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
    #[command(flatten)]
    api: ApiChoice,
}

impl Settings {
    /// File, then environment, then flags.
    pub(crate) fn load(&self) -> anyhow::Result<ClientConfig> {
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
}
