//! [`ConfigError`]: what is wrong with a configuration, said so that it can be put right.

use std::path::PathBuf;

/// Why a configuration was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A key that has no meaning here.
    #[error("unknown key `{key}`{}", did_you_mean(suggestion.as_deref()))]
    UnknownKey {
        /// The key as written, or the environment variable.
        key: String,
        /// The key that was probably meant.
        suggestion: Option<String>,
    },
    /// A value of the wrong type or form.
    #[error("`{key}`: {reason}")]
    InvalidValue {
        /// The path of the key, such as `stop_sequences[0]`, or the environment variable.
        key: String,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// A number outside its range.
    #[error("`{key}` is {value}, it must be {range}")]
    OutOfRange {
        /// The key, or the environment variable.
        key: String,
        /// The value given.
        value: String,
        /// The range in words.
        range: &'static str,
    },
    /// A key that must be set is not.
    #[error("`{key}` is not set")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// The text is not TOML or not JSON; the source tells where.
    #[error("the configuration cannot be parsed")]
    Syntax {
        /// The parser's account, with line and column.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file's name ends neither in `.toml` nor in `.json`.
    #[error("{}: expected a file name that ends in .toml or .json", path.display())]
    UnknownExtension {
        /// The file.
        path: PathBuf,
    },
}

impl ConfigError {
    pub(super) fn syntax(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Syntax { source: source.into() }
    }

    pub(super) fn invalid<E: std::error::Error>(error: &serde_path_to_error::Error<E>) -> Self {
        Self::InvalidValue {
            key: error.path().to_string(),
            reason: error.inner().to_string().trim_end().to_owned(),
        }
    }
}

/// An error of kind [`Config`](crate::ErrorKind::Config), in one line.
impl From<ConfigError> for crate::Error {
    fn from(error: ConfigError) -> Self {
        let cause =
            std::error::Error::source(&error).map(|cause| format!(": {}", cause.to_string().trim_end()));
        let message = format!("{error}{}", cause.unwrap_or_default());
        Self::new(crate::ErrorKind::Config, message).with_source(error)
    }
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}

/// The known key that is most like an unknown one, if any is.
pub(super) fn closest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let key = key.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&key, candidate), *candidate))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}
