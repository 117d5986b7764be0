//! The whole client from one file and from the environment.

mod apply;
mod switch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bedrock_llm_schema::model::{ConfigError, ConfigValues};
use bedrock_llm_schema::{ModelConfig, OnUnsupported, StreamRecovery};
use serde::{Deserialize, Serialize};

pub use switch::Switch;

use crate::ApiMode;
use crate::layers::{
    CacheConfig, CircuitBreakerConfig, ConcurrencyConfig, FailoverConfig, RateLimitConfig, RetryConfig,
};

/// The variable that names the file.
const FILE_VARIABLE: &str = "BEDROCK_LLM_CONFIG";

/// What a program's configuration says of its model and its client; what it does not say is left to the defaults.
///
/// Keys of the model stand at the top beside those of the client, sections are tables. A variable is called
/// `BEDROCK_LLM_` and the key in capitals, with `__` after a section: `BEDROCK_LLM_RETRY__MAX_ATTEMPTS`. Lists and
/// tables of tables are JSON there.
///
/// What goes before what: setters called on a builder after [`config`](crate::ClientBuilder::config), then variables,
/// then the file, then defaults; key by key, inside sections too, but lists as a whole. Credentials are found as every
/// AWS tool finds them and have no key here.
///
/// ```
/// use bedrock_llm_client::ClientConfig;
///
/// let config = ClientConfig::from_toml_str(r#"
///     model = "us.amazon.nova-lite-v1:0"
///     max_tokens = 500
///     region = "us-east-1"
///     cache = true
///
///     [retry]
///     max_attempts = 6
///
///     [timeouts]
///     attempt = "2m"
/// "#)?;
/// assert_eq!(config.client.retry.unwrap_or_default().max_attempts, 6);
///
/// let error = ClientConfig::from_toml_str("[retry]\nmax_atempts = 6").unwrap_err();
/// assert_eq!(error.to_string(), "unknown key `retry.max_atempts`; did you mean `retry.max_attempts`?");
/// # Ok::<(), bedrock_llm_schema::model::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The model and its parameters, for [`Client::request`](crate::Client::request).
    pub model: ModelConfig,
    /// The client itself.
    pub client: ClientSettings,
}

/// The keys of a [`ClientConfig`] that are the client's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientSettings {
    /// The AWS region.
    pub region: Option<String>,
    /// The profile in `~/.aws/config` or `~/.aws/credentials`.
    pub profile: Option<String>,
    /// Another endpoint than the region's.
    pub endpoint_url: Option<String>,
    /// Which operations carry a chat.
    pub api_mode: Option<ApiMode>,
    /// Whether chats are normalised for their model.
    pub normalize: Option<bool>,
    /// Whether chats are checked against the rules before anything is sent.
    pub validate: Option<bool>,
    /// What to do about what a model cannot do.
    pub on_unsupported: Option<OnUnsupported>,
    /// Whether whole answers come by way of streams.
    pub chat_by_stream: Option<bool>,
    /// What to do when a chat's stream breaks after its first event.
    pub stream_recovery: Option<StreamRecovery>,
    /// Time limits.
    pub timeouts: TimeoutConfig,
    /// When and how often a request is sent again.
    pub retry: Option<RetryConfig>,
    /// When calls to a model that fails are refused; `false` never.
    pub circuit_breaker: Option<Switch<CircuitBreakerConfig>>,
    /// How much may be asked of each model; `true` only follows what models throttle.
    pub rate_limit: Option<Switch<RateLimitConfig>>,
    /// How many calls go at a time.
    pub concurrency: Option<Switch<ConcurrencyConfig>>,
    /// Where calls go when their model does not answer.
    pub failover: Option<FailoverConfig>,
    /// Which answers are kept and given again.
    pub cache: Option<Switch<CacheConfig>>,
}

/// Time limits. What is not set has the default of [`ClientBuilder`](crate::ClientBuilder).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TimeoutConfig {
    /// How long a connection may take to be made.
    #[serde(with = "humantime_serde")]
    pub connect: Option<Duration>,
    /// How long a response's head may take.
    #[serde(with = "humantime_serde")]
    pub read: Option<Duration>,
    /// How long one attempt may take until its answer is whole or its stream begins.
    #[serde(with = "humantime_serde")]
    pub attempt: Option<Duration>,
    /// How long a call may take in all, retries and stream included. Goes before the model's `timeout`, which is the
    /// same.
    #[serde(with = "humantime_serde")]
    pub operation: Option<Duration>,
    /// How long the first event of a stream may take, in each attempt.
    #[serde(with = "humantime_serde")]
    pub first_event: Option<Duration>,
    /// How long a stream may be silent.
    #[serde(with = "humantime_serde")]
    pub stream_idle: Option<Duration>,
}

impl ClientSettings {
    const KEYS: &'static [&'static str] = &[
        "region",
        "profile",
        "endpoint_url",
        "api_mode",
        "normalize",
        "validate",
        "on_unsupported",
        "chat_by_stream",
        "stream_recovery",
        "timeouts",
        "retry",
        "circuit_breaker",
        "rate_limit",
        "concurrency",
        "failover",
        "cache",
    ];

    /// Keys whose variable is plain text even where it looks like JSON.
    const TEXT_KEYS: &'static [&'static str] = &["region", "profile", "endpoint_url"];
}

impl ClientConfig {
    /// Reads a file, if there is one, and over it the process's environment.
    ///
    /// The file is this one, else the one that `BEDROCK_LLM_CONFIG` names, TOML or JSON by its ending. No other place is
    /// looked at: a folder's file must not change where a program that runs there sends its prompts.
    ///
    /// # Errors
    /// When the file cannot be read, or a key of either is unknown, of the wrong type or out of range.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        // not `vars()`: it panics when any variable at all is not UTF-8
        let vars = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::from_sources(file, vars)
    }

    /// [`load`](Self::load) with these variables in the place of the environment's.
    ///
    /// # Errors
    /// As there.
    pub fn from_sources(
        file: Option<&Path>,
        vars: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let (named, vars): (Vec<_>, Vec<_>) = vars.into_iter().partition(|(name, _)| name == FILE_VARIABLE);
        let named =
            named.into_iter().map(|(_, path)| PathBuf::from(path)).find(|path| !path.as_os_str().is_empty());
        let file = match file.or(named.as_deref()) {
            Some(path) => ConfigValues::from_path(path)?,
            None => ConfigValues::default(),
        };
        let keys = [ModelConfig::KEYS, ClientSettings::KEYS].concat();
        let texts = [ModelConfig::TEXT_KEYS, ClientSettings::TEXT_KEYS].concat();
        let environment = ConfigValues::from_env_vars(vars, &keys, &texts)?;
        // each alone first, so that what is wrong is said in the words of where it stands
        Self::from_values(file.clone())?;
        Self::from_values(environment.clone())?;
        Self::from_values(file.overlay(environment))
    }

    /// Reads TOML.
    ///
    /// # Errors
    /// When the text is not TOML, or a key is unknown, of the wrong type or out of range.
    pub fn from_toml_str(text: &str) -> Result<Self, ConfigError> {
        Self::from_values(ConfigValues::from_toml_str(text)?)
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    /// When the text is not a JSON object, or a key is unknown, of the wrong type or out of range.
    pub fn from_json_str(text: &str) -> Result<Self, ConfigError> {
        Self::from_values(ConfigValues::from_json_str(text)?)
    }

    fn from_values(values: ConfigValues) -> Result<Self, ConfigError> {
        values.expect_keys(&[ModelConfig::KEYS, ClientSettings::KEYS].concat())?;
        let (model, client) = values.split(ModelConfig::KEYS);
        Ok(Self { model: ModelConfig::from_values(&model)?, client: client.read()? })
    }
}

#[cfg(test)]
mod tests;
