//! The traits that codecs for embeddings and rankings implement.

use std::fmt;

use bedrock_llm_schema::{EmbedRequest, EmbedResponse, ModelId, RerankRequest, RerankResponse};
use bytes::Bytes;

use crate::{CodecError, InvocationMetrics};

/// A native wire format of embedding models. Bytes in, bytes out.
///
/// The first two methods are what a client needs, the last two what an endpoint needs. Implement it for models of your
/// own and [register](crate::Registry::register_embed) it.
pub trait EmbedCodec: fmt::Debug + Send + Sync + 'static {
    /// The format's name, for messages: `amazon-titan-embed`, …
    fn name(&self) -> &'static str;

    /// Writes the native body for a request to a model. The request's own model may be empty.
    ///
    /// # Errors
    /// [`CodecError`] for what the format has no place for.
    fn encode_request(&self, request: &EmbedRequest, model: &ModelId) -> Result<Bytes, CodecError>;

    /// Reads the native body of a response. `metrics` are those of the response's headers; they fill in where the body
    /// is silent.
    ///
    /// # Errors
    /// When the body is not one of the format's.
    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<EmbedResponse, CodecError>;

    /// Reads the native body of a request. Writing it again gives the same body. The request's model is left empty.
    ///
    /// # Errors
    /// When the body is not one of the format's.
    fn decode_request(&self, body: &[u8]) -> Result<EmbedRequest, CodecError>;

    /// Writes the native body of a response to a request.
    ///
    /// # Errors
    /// For vectors that the format's responses cannot carry.
    fn encode_response(&self, response: &EmbedResponse, request: &EmbedRequest) -> Result<Bytes, CodecError>;
}

/// A native wire format of reranking models. Bytes in, bytes out.
///
/// The first two methods are what a client needs, the last two what an endpoint needs. Implement it for models of your
/// own and [register](crate::Registry::register_rerank) it.
pub trait RerankCodec: fmt::Debug + Send + Sync + 'static {
    /// The format's name, for messages: `cohere-rerank`, …
    fn name(&self) -> &'static str;

    /// Writes the native body for a request to a model. The request's own model may be empty.
    ///
    /// # Errors
    /// [`CodecError`] for what the format has no place for.
    fn encode_request(&self, request: &RerankRequest, model: &ModelId) -> Result<Bytes, CodecError>;

    /// Reads the native body of a response. `metrics` are those of the response's headers; they fill in where the body
    /// is silent.
    ///
    /// # Errors
    /// When the body is not one of the format's.
    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics)
    -> Result<RerankResponse, CodecError>;

    /// Reads the native body of a request. Writing it again gives the same body. The request's model is left empty,
    /// unless the body names it.
    ///
    /// # Errors
    /// When the body is not one of the format's.
    fn decode_request(&self, body: &[u8]) -> Result<RerankRequest, CodecError>;

    /// Writes the native body of a response.
    ///
    /// # Errors
    /// For results that the format's responses cannot carry.
    fn encode_response(&self, response: &RerankResponse) -> Result<Bytes, CodecError>;
}
