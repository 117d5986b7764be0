//! [`ModelConfig`]: a model and its parameters, as a program's configuration holds them.

mod values;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{ConfigError, ModelId};
pub use values::ConfigValues;

/// A model and the parameters to call it with; what is not set is left to the model or the client.
///
/// It is read from TOML, JSON and the environment, which [`overlay`](Self::overlay) puts one over the other. A key
/// that is misspelt or has a wrong value is an error that names it.
///
/// ```
/// use bedrock_llm_schema::model::ModelConfig;
/// use std::time::Duration;
///
/// let file = ModelConfig::from_toml_str(r#"
///     model = "us.amazon.nova-lite-v1:0"
///     max_tokens = 500
///     timeout = "1m 30s"
/// "#)?;
/// let env = ModelConfig::from_env_vars([("BEDROCK_LLM_MAX_TOKENS".to_owned(), "800".to_owned())])?;
///
/// let config = file.overlay(env);
/// config.validate()?;
/// assert_eq!(config.max_tokens, Some(800));
/// assert_eq!(config.timeout, Some(Duration::from_secs(90)));
/// assert!(config.request().message("Hi").validate().is_ok());
///
/// let error = ModelConfig::from_toml_str("max_token = 500").unwrap_err();
/// assert_eq!(error.to_string(), "unknown key `max_token`; did you mean `max_tokens`?");
/// # Ok::<(), bedrock_llm_schema::model::ConfigError>(())
/// ```
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelConfig {
    /// The model to call. Empty is not set.
    #[serde(skip_serializing_if = "ModelId::is_empty", deserialize_with = "checked_model")]
    pub model: ModelId,
    /// The most tokens to produce, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// How freely to pick the next token, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The share of probability to pick the next token from, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Texts that end the answer where the model produces them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
    /// The system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Whether to take the answer as a stream; `None` lets the caller choose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streaming: Option<bool>,
    /// How long one call may take, retries included. Written as `90s`, `2m`, `1500ms` or `1m 30s`.
    #[serde(skip_serializing_if = "Option::is_none", with = "humane_duration")]
    pub timeout: Option<Duration>,
    /// Parameters of the model's own that Bedrock passes on (`additionalModelRequestFields`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_model_request_fields: Option<Value>,
}

impl ModelConfig {
    /// Every key, as in a file.
    pub const KEYS: &'static [&'static str] = &[
        "model",
        "max_tokens",
        "temperature",
        "top_p",
        "stop_sequences",
        "system",
        "streaming",
        "timeout",
        "additional_model_request_fields",
    ];

    /// The keys whose environment variable is plain text, even where it looks like JSON.
    pub const TEXT_KEYS: &'static [&'static str] = &["model", "system", "timeout"];

    /// A configuration that names a model and leaves the rest.
    #[must_use]
    pub fn new(model: impl Into<ModelId>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }

    /// Reads TOML.
    ///
    /// # Errors
    ///
    /// When the text is not TOML, or a key is unknown, of the wrong type or out of range.
    pub fn from_toml_str(text: &str) -> Result<Self, ConfigError> {
        Self::from_values(&ConfigValues::from_toml_str(text)?)
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    ///
    /// When the text is not a JSON object, or a key is unknown, of the wrong type or out of range.
    pub fn from_json_str(text: &str) -> Result<Self, ConfigError> {
        Self::from_values(&ConfigValues::from_json_str(text)?)
    }

    /// Reads a file, as TOML or JSON by the ending of its name.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, its name ends otherwise, or its content is not right.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::from_values(&ConfigValues::from_path(path)?)
    }

    /// Reads the process's environment, see [`from_env_vars`](Self::from_env_vars).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn from_env() -> Result<Self, ConfigError> {
        // Not `vars()`: it panics when any variable at all is not UTF-8.
        Self::from_env_vars(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Reads environment variables: `BEDROCK_LLM_` and the key in capitals, such as `BEDROCK_LLM_MAX_TOKENS`.
    ///
    /// Values are written as in JSON, except that model, system and timeout are plain text. An empty value is not
    /// set. A variable with the prefix that is no key and not like one is left to whom it belongs, as is one of a section
    /// (`BEDROCK_LLM_RETRY__…`).
    ///
    /// # Errors
    ///
    /// When a variable is a misspelt key, or its value is of the wrong type or out of range.
    pub fn from_env_vars(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let vars = vars.into_iter().filter(|(name, _)| !name.contains("__"));
        Self::from_values(&ConfigValues::from_env_vars(vars, Self::KEYS, Self::TEXT_KEYS)?)
    }

    /// Puts `over` over this: each value that is set there wins, as with an environment over a file.
    #[must_use]
    pub fn overlay(mut self, over: Self) -> Self {
        super::profile::overlay_set!(self, over: max_tokens, temperature, top_p, system, streaming, timeout,
            additional_model_request_fields);
        if !over.model.is_empty() {
            self.model = over.model;
        }
        if !over.stop_sequences.is_empty() {
            self.stop_sequences = over.stop_sequences;
        }
        self
    }

    /// A request to this model with these parameters, without messages yet. `streaming` and `timeout` are the
    /// caller's to follow.
    #[must_use]
    pub fn request(&self) -> crate::ChatRequest {
        let mut request = crate::ChatRequest::new(self.model.clone());
        request.system = self.system.as_deref().map(|text| vec![text.into()]);
        request.additional_model_request_fields.clone_from(&self.additional_model_request_fields);
        let sampling = crate::InferenceConfig {
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
            stop_sequences: (!self.stop_sequences.is_empty()).then(|| self.stop_sequences.clone()),
            ..crate::InferenceConfig::default()
        };
        request.inference_config = (sampling != crate::InferenceConfig::default()).then_some(sampling);
        request
    }

    /// Checks that a model is set and every number is in its range: for when all layers are in place, or for a
    /// configuration made in code.
    ///
    /// # Errors
    ///
    /// Names the first key that is not right.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.model.is_empty() {
            return Err(ConfigError::MissingKey { key: "model" });
        }
        self.check_ranges(str::to_owned)
    }

    /// Reads values that have these keys only.
    ///
    /// # Errors
    ///
    /// When a key is unknown, of the wrong type or out of range.
    pub fn from_values(values: &ConfigValues) -> Result<Self, ConfigError> {
        values.expect_keys(Self::KEYS)?;
        let config: Self = values.read()?;
        config.check_ranges(|key| values.show_key(key))?;
        Ok(config)
    }

    fn check_ranges(&self, show: impl Fn(&str) -> String) -> Result<(), ConfigError> {
        let out_of_range = |key, value, range| Err(ConfigError::OutOfRange { key: show(key), value, range });
        if self.max_tokens == Some(0) {
            return out_of_range("max_tokens", "0".to_owned(), "at least 1");
        }
        for (key, value) in [("temperature", self.temperature), ("top_p", self.top_p)] {
            if let Some(value) = value.filter(|value| !(0.0..=1.0).contains(value)) {
                return out_of_range(key, value.to_string(), "from 0 to 1");
            }
        }
        if self.timeout == Some(Duration::ZERO) {
            return out_of_range("timeout", "0s".to_owned(), "more than 0");
        }
        Ok(())
    }
}

/// Shows neither the system prompt nor parameters of the model's own.
impl fmt::Debug for ModelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelConfig")
            .field("model", &self.model)
            .field("max_tokens", &self.max_tokens)
            .field("temperature", &self.temperature)
            .field("top_p", &self.top_p)
            .field("streaming", &self.streaming)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A configuration is the place to find out that an id was mistyped, before the first call.
fn checked_model<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ModelId, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// A duration as people write it.
mod humane_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.collect_str(&humantime::format_duration(*duration)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        humantime::parse_duration(&text).map(Some).map_err(|_| {
            de::Error::custom(format_args!("{text:?} is not a duration, write it as \"90s\" or \"2m\""))
        })
    }
}

#[cfg(test)]
mod tests;
