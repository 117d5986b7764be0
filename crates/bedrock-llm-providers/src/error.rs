//! Why a body could not be written or read.

use bedrock_llm_schema::{Error, ErrorKind};

/// Why a native body could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The family does not have a parameter, or a kind of content.
    #[error(
        "{family} does not have {what} ({path}); leave it out, or, in a chat, choose `OnUnsupported::Degrade`"
    )]
    Unsupported {
        /// The format's name.
        family: &'static str,
        /// What it does not have.
        what: String,
        /// Where it stands in the request, as a JSON path.
        path: String,
    },
    /// The request lacks something that the family must have.
    #[error("{family} needs {what} ({path})")]
    Missing {
        /// The format's name.
        family: &'static str,
        /// What it needs.
        what: String,
        /// Where it should stand in the request, as a JSON path.
        path: String,
    },
    /// The bytes are not a body of the family.
    #[error("not a {what} of {family}, at {path}")]
    Malformed {
        /// The format's name.
        family: &'static str,
        /// `request`, `response` or `chunk`.
        what: &'static str,
        /// Where, as a JSON path; `.` for the whole.
        path: String,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// No codec is registered for the model.
    #[error("no native format is known for {model}; use `ApiMode::Converse`, or register a provider for it")]
    UnknownModel {
        /// The model's id.
        model: String,
    },
    /// No codec is registered for the model's embeddings.
    #[error(
        "{model} is not known to give embeddings; where its id does not tell, name its base model in the catalog"
    )]
    NoEmbeddings {
        /// The model's id.
        model: String,
    },
    /// No codec is registered for the model's rankings.
    #[error(
        "{model} is not known to rank documents; where its id does not tell, name its base model in the catalog"
    )]
    NoRanking {
        /// The model's id.
        model: String,
    },
}

impl From<CodecError> for Error {
    fn from(error: CodecError) -> Self {
        let kind = match &error {
            CodecError::Unsupported { .. }
            | CodecError::UnknownModel { .. }
            | CodecError::NoEmbeddings { .. }
            | CodecError::NoRanking { .. } => ErrorKind::Unsupported,
            CodecError::Missing { .. } => ErrorKind::InvalidRequest,
            CodecError::Malformed { .. } => ErrorKind::Decode,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}
