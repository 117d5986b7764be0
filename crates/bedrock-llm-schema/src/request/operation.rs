//! The operations of the service.

use std::fmt;

/// An operation of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Operation {
    /// One answer in Converse form.
    Converse,
    /// A streamed answer in Converse form.
    ConverseStream,
    /// One answer in the model's native form.
    InvokeModel,
    /// A streamed answer in the model's native form.
    InvokeModelWithResponseStream,
    /// How many tokens a request is.
    CountTokens,
    /// A guardrail on its own.
    ApplyGuardrail,
    /// A ranking of documents.
    Rerank,
}

impl Operation {
    /// The operation's name in the service's API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Converse => "Converse",
            Self::ConverseStream => "ConverseStream",
            Self::InvokeModel => "InvokeModel",
            Self::InvokeModelWithResponseStream => "InvokeModelWithResponseStream",
            Self::CountTokens => "CountTokens",
            Self::ApplyGuardrail => "ApplyGuardrail",
            Self::Rerank => "Rerank",
        }
    }

    /// Whether the answer comes piece by piece.
    #[must_use]
    pub fn is_streaming(self) -> bool {
        matches!(self, Self::ConverseStream | Self::InvokeModelWithResponseStream)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
