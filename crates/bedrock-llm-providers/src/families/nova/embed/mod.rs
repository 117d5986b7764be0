//! Amazon Nova's multimodal embeddings: one input a call.
//!
//! - [x] text and images, in the request or in Amazon S3; purposes, `embeddingDimension`, `truncationMode`
//! - [x] what has no name of ours (sound, video, a text in S3, `detailLevel`, `schemaVersion`) travels as it is, in
//!   the request's or the image's `extra`
//! - [x] a text and an image in one body, which the rules know that the model refuses (`embedding.mixed`)
//! - [ ] types other than float, asynchronous calls
//!
//! <https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html>

mod request;
mod response;
#[cfg(test)]
mod tests;

use bedrock_llm_schema::{EmbedRequest, EmbedResponse, ModelId};
use bytes::Bytes;

use crate::{CodecError, EmbedCodec, InvocationMetrics, json};

const NAME: &str = "amazon-nova-embed";

/// The bodies of `amazon.nova-2-multimodal-embeddings-*`.
///
/// The service wants `truncationMode` with every text; where the request is silent it is `NONE`.
///
/// ```
/// use bedrock_llm_providers::EmbedCodec as _;
/// use bedrock_llm_providers::families::nova::NovaEmbed;
/// use bedrock_llm_schema::EmbedRequest;
/// use bedrock_llm_schema::embed::EmbedPurpose;
///
/// let request = EmbedRequest::new("amazon.nova-2-multimodal-embeddings-v1:0").input("hello");
/// let body = NovaEmbed.encode_request(&request.purpose(EmbedPurpose::Document), &"".into())?;
/// let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
/// assert_eq!(body["taskType"], "SINGLE_EMBEDDING");
/// assert_eq!(body["singleEmbeddingParams"]["embeddingPurpose"], "GENERIC_INDEX");
/// assert_eq!(body["singleEmbeddingParams"]["text"]["truncationMode"], "NONE");
/// # Ok::<(), bedrock_llm_providers::CodecError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NovaEmbed;

impl EmbedCodec for NovaEmbed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode_request(&self, request: &EmbedRequest, _model: &ModelId) -> Result<Bytes, CodecError> {
        request::check(request)?;
        json::write(NAME, "request", &request::write(request))
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<EmbedResponse, CodecError> {
        let mut response = json::read_numbers::<response::Body>(NAME, body)?.0;
        response.input_tokens = metrics.input_token_count;
        Ok(response)
    }

    fn decode_request(&self, body: &[u8]) -> Result<EmbedRequest, CodecError> {
        request::read(json::read(NAME, "request", body)?)
    }

    fn encode_response(&self, response: &EmbedResponse, request: &EmbedRequest) -> Result<Bytes, CodecError> {
        json::write(NAME, "response", &response::Written::new(response, request)?)
    }
}
