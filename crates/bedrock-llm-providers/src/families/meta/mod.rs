//! Meta Llama: a `prompt` in the template of its generation in, `generation` out.
//!
//! - [x] text, multi-turn system prompt: the templates of Llama 2, 3 (to 3.3) and 4
//! - [x] streaming, guardrail members, invocation metrics
//! - [x] `maxTokens`, `temperature`, `topP`; images (`images`, at `<|image|>` in the prompt) where the model sees
//! - [ ] stop sequences, documents, tools, reasoning, prompt cache
//!
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html>

mod request;
mod response;
mod template;

use bedrock_llm_schema::{ChatRequest, ChatResponse};
use bytes::Bytes;

use super::common::answer::{self, TextDecoder, TextEncoder};
use super::common::with_additional_fields;
use crate::json::{self, Lowering};
use crate::{
    CodecError, Decoded, EncodeOptions, Encoded, InvocationMetrics, Provider, Spelling, StreamDecoder,
    StreamEncoder,
};

pub(super) const FAMILY: &str = "meta";

/// Meta Llama.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meta;

impl Provider for Meta {
    fn name(&self) -> &'static str {
        FAMILY
    }

    fn encode_request(&self, request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
        let mut lowering = Lowering::new(FAMILY, options);
        let body = request::lower(request, options.spelling.as_ref(), &mut lowering)?;
        let body = with_additional_fields(FAMILY, &body, request)?;
        lowering.finish(&body)
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
        answer::decode::<response::Response>(body, metrics)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(TextDecoder::<response::Response>::default())
    }

    fn decode_request(&self, body: &[u8]) -> Result<Decoded, CodecError> {
        Ok(request::lift(json::read(FAMILY, "request", body)?))
    }

    fn encode_response(&self, response: &ChatResponse, _spelling: &Spelling) -> Result<Bytes, CodecError> {
        answer::encode::<response::Response>(response)
    }

    fn stream_encoder(&self, _spelling: &Spelling) -> Box<dyn StreamEncoder> {
        Box::new(TextEncoder::<response::Response>::default())
    }

    fn rewrite_request(&self, body: &[u8]) -> Result<Bytes, CodecError> {
        json::write(FAMILY, "request", &json::read::<request::Request>(FAMILY, "request", body)?)
    }
}
