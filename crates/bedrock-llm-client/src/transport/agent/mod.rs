//! The SDK client that carries calls to bedrock-agent-runtime, if there is one.

#[cfg(feature = "agent-runtime")]
mod sdk;

#[cfg(not(feature = "agent-runtime"))]
mod none;

use bedrock_llm_schema::{Error, ErrorKind};

#[cfg(not(feature = "agent-runtime"))]
pub(crate) use none::Agent;
#[cfg(feature = "agent-runtime")]
pub(crate) use sdk::Agent;

/// Why bedrock-agent-runtime cannot be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAgent {
    /// Its SDK is not built in.
    #[cfg(not(feature = "agent-runtime"))]
    NotBuilt,
    /// The client speaks by an API key, which the service does not take there:
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-reference.html>.
    #[cfg(feature = "agent-runtime")]
    ApiKey,
    /// The client was made of a ready SDK client, whose credentials cannot be had from it.
    #[cfg(feature = "agent-runtime")]
    Given,
}

/// Tells whoever has no credentials that the API key they may have is none to this service.
pub(super) fn advise(error: Error) -> Error {
    match error.kind() {
        ErrorKind::MissingCredentials => error.with_hint(
            "give AWS credentials, such as by `aws sso login`: bedrock-agent-runtime does not take Bedrock API keys; or rank by \
             `RerankApi::InvokeModel`",
        ),
        _ => error,
    }
}

impl NoAgent {
    pub(super) fn error(self) -> Error {
        let (message, hint) = match self {
            #[cfg(not(feature = "agent-runtime"))]
            Self::NotBuilt => (
                "bedrock-agent-runtime's Rerank is not built in",
                "turn on the feature `agent-runtime` of bedrock-llm-client, or rank by `RerankApi::InvokeModel`",
            ),
            #[cfg(feature = "agent-runtime")]
            Self::ApiKey => (
                "bedrock-agent-runtime does not take Bedrock API keys",
                "give the client AWS credentials in the key's place, or rank by `RerankApi::InvokeModel`",
            ),
            #[cfg(feature = "agent-runtime")]
            Self::Given => (
                "the client was made of a ready SDK client of bedrock-runtime alone",
                "give it one of bedrock-agent-runtime by `ClientBuilder::agent_sdk_client`, or rank by \
                 `RerankApi::InvokeModel`",
            ),
        };
        Error::new(ErrorKind::Unsupported, message).with_hint(hint)
    }
}
