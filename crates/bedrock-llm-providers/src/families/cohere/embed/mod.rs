//! Cohere Embed: many inputs a call.
//!
//! - [x] v3 (English, multilingual): texts, or one image; `input_type`, `truncate`, `embedding_types`
//! - [x] v4: texts, images, or contents of both; `output_dimension` too
//! - [x] answers as a plain list and by type: float, int8, uint8, binary, ubinary
//! - [ ] scaling to length 1, which the models do by themselves; `max_tokens` has no name of ours and goes as it is
//!
//! `binary` and `ubinary` hold eight dimensions in a byte. No source says how Cohere makes a `binary` byte signed: it
//! is taken for the same eight bits in two's complement, which loses nothing. Were it less by 128 instead, as the
//! sentence-transformers library makes it, then the first of every eight dimensions would be the other way round in
//! all vectors, and their Hamming distances the same. Whoever reads single dimensions is safe with `ubinary`.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html>

mod content;
mod request;
mod response;
#[cfg(test)]
mod tests;

use bedrock_llm_schema::{EmbedRequest, EmbedResponse, ModelId};
use bytes::Bytes;

use crate::{CodecError, EmbedCodec, InvocationMetrics, json};

/// The bodies of `cohere.embed-*`.
///
/// Texts alone go as `texts`, images alone as `images`, anything else as `inputs`.
///
/// ```
/// use bedrock_llm_providers::EmbedCodec as _;
/// use bedrock_llm_providers::families::cohere::CohereEmbed;
/// use bedrock_llm_schema::EmbedRequest;
/// use bedrock_llm_schema::embed::{EmbedPurpose, EmbedTruncation};
///
/// let request = EmbedRequest::new("cohere.embed-v4:0").inputs(["hello", "world"]);
/// let request = request.purpose(EmbedPurpose::Document).truncation(EmbedTruncation::End);
/// let body = CohereEmbed::v4().encode_request(&request, &request.model)?;
/// let expected = r#"{"texts":["hello","world"],"input_type":"search_document","truncate":"END"}"#;
/// assert_eq!(&*body, expected.as_bytes());
/// # Ok::<(), bedrock_llm_providers::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CohereEmbed(Version);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V3,
    V4,
}

impl CohereEmbed {
    /// The member of a response's `extra` that says in which form its vectors came, in the words of `response_type`. It
    /// is there only where the answer has no `response_type` that says the same.
    pub const FORM: &str = "$response_type";

    /// `cohere.embed-english-v3` and `cohere.embed-multilingual-v3`.
    #[must_use]
    pub fn v3() -> Self {
        Self(Version::V3)
    }

    /// `cohere.embed-v4`.
    #[must_use]
    pub fn v4() -> Self {
        Self(Version::V4)
    }
}

impl EmbedCodec for CohereEmbed {
    fn name(&self) -> &'static str {
        match self.0 {
            Version::V3 => "cohere-embed-v3",
            Version::V4 => "cohere-embed-v4",
        }
    }

    fn encode_request(&self, request: &EmbedRequest, _model: &ModelId) -> Result<Bytes, CodecError> {
        self.check(request)?;
        json::write(self.name(), "request", &self.write(request))
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<EmbedResponse, CodecError> {
        let mut response = json::read_numbers::<response::Body>(self.name(), body)?.0;
        response.input_tokens = metrics.input_token_count;
        Ok(response)
    }

    fn decode_request(&self, body: &[u8]) -> Result<EmbedRequest, CodecError> {
        self.read(json::read(self.name(), "request", body)?)
    }

    fn encode_response(&self, response: &EmbedResponse, request: &EmbedRequest) -> Result<Bytes, CodecError> {
        json::write(self.name(), "response", &response::Written::new(*self, response, request)?)
    }
}
