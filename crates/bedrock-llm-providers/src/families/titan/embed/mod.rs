//! Amazon Titan's embeddings: one input a call.
//!
//! - [x] text v1 (and its older name `g1-text-02`); v2 with `dimensions`, `normalize`, `embeddingTypes`
//! - [x] multimodal: `inputText`, `inputImage` or both, `outputEmbeddingLength`
//! - [ ] several inputs a call, purposes, truncation
//!
//! A binary vector has a number of 0 or 1 for each dimension, says
//! <https://aws.amazon.com/blogs/machine-learning/build-cost-effective-rag-applications-with-binary-embeddings-in-amazon-titan-text-embeddings-v2-amazon-opensearch-serverless-and-amazon-bedrock-knowledge-bases/>;
//! here they lie eight to a byte, the first in the highest bit.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-mm.html>

mod request;
mod response;
#[cfg(test)]
mod tests;

use bedrock_llm_schema::{EmbedRequest, EmbedResponse, ModelId};
use bytes::Bytes;

use crate::{CodecError, EmbedCodec, InvocationMetrics, json};

/// The bodies of `amazon.titan-embed-*`.
///
/// A purpose is not told to these models, which do not tell purposes apart; all else they have no place for is
/// refused by its name.
///
/// ```
/// use bedrock_llm_providers::EmbedCodec as _;
/// use bedrock_llm_providers::families::titan::TitanEmbed;
/// use bedrock_llm_schema::EmbedRequest;
///
/// let request = EmbedRequest::new("amazon.titan-embed-text-v2:0").input("hello").dimensions(256);
/// let body = TitanEmbed::text_v2().encode_request(&request, &request.model)?;
/// assert_eq!(&*body, br#"{"inputText":"hello","dimensions":256}"#);
/// # Ok::<(), bedrock_llm_providers::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TitanEmbed(Form);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    TextV1,
    TextV2,
    Multimodal,
}

impl TitanEmbed {
    /// The member of a response's `extra` that says where its vectors stood, a list of paths such as
    /// `embeddingsByType.binary`. It is there only where an answer came in another form than the one that answers of
    /// our own get: `embedding` of v1 and multimodal, `embedding` and `embeddingsByType` of v2.
    pub const MEMBERS: &str = "$members";

    /// `amazon.titan-embed-text-v1` and `amazon.titan-embed-g1-text-02`.
    #[must_use]
    pub fn text_v1() -> Self {
        Self(Form::TextV1)
    }

    /// `amazon.titan-embed-text-v2`.
    #[must_use]
    pub fn text_v2() -> Self {
        Self(Form::TextV2)
    }

    /// `amazon.titan-embed-image-v1`.
    #[must_use]
    pub fn multimodal() -> Self {
        Self(Form::Multimodal)
    }
}

impl EmbedCodec for TitanEmbed {
    fn name(&self) -> &'static str {
        match self.0 {
            Form::TextV1 => "amazon-titan-embed-text-v1",
            Form::TextV2 => "amazon-titan-embed-text-v2",
            Form::Multimodal => "amazon-titan-embed-image",
        }
    }

    fn encode_request(&self, request: &EmbedRequest, _model: &ModelId) -> Result<Bytes, CodecError> {
        self.check(request)?;
        json::write(self.name(), "request", &self.write(request))
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<EmbedResponse, CodecError> {
        let mut response = json::read_numbers::<response::Body>(self.name(), body)?.into_response(*self);
        response.input_tokens = response.input_tokens.or(metrics.input_token_count);
        Ok(response)
    }

    fn decode_request(&self, body: &[u8]) -> Result<EmbedRequest, CodecError> {
        self.read(json::read(self.name(), "request", body)?)
    }

    fn encode_response(
        &self,
        response: &EmbedResponse,
        _request: &EmbedRequest,
    ) -> Result<Bytes, CodecError> {
        json::write(self.name(), "response", &response::Written::new(*self, response)?)
    }
}
