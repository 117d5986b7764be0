//! Titan text embeddings.

use bedrock_llm_schema::embed::{EmbedInput, EmbeddingType, Matrix, Vectors};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{EmbedRequest, EmbedResponse, ModelId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{CodecError, EmbedCodec, InvocationMetrics};

/// The bodies of `amazon.titan-embed-text-*`.
#[derive(Debug, Clone, Copy)]
pub struct TitanEmbed;

const NAME: &str = "amazon-titan-embed";

#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestBody {
    input_text: String,
    dimensions: Option<u32>,
    normalize: Option<bool>,
    embedding_types: Option<Vec<EmbeddingType>>,
    #[serde(flatten)]
    extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseBody {
    embedding: Vec<f32>,
    input_text_token_count: Option<u64>,
}

impl EmbedCodec for TitanEmbed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode_request(&self, request: &EmbedRequest, _model: &ModelId) -> Result<Bytes, CodecError> {
        let [EmbedInput::Text(text)] = request.inputs.as_slice() else {
            let what = "exactly one text".to_owned();
            return Err(CodecError::Missing { family: NAME, what, path: "inputs".to_owned() });
        };
        let body = RequestBody {
            input_text: text.clone(),
            dimensions: request.dimensions,
            normalize: request.normalize,
            embedding_types: (!request.types.is_empty()).then(|| request.types.clone()),
            extra: request.extra.clone(),
        };
        crate::json::write(NAME, "request", &body)
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<EmbedResponse, CodecError> {
        let body: ResponseBody = crate::json::read(NAME, "response", body)?;
        let width = body.embedding.len();
        let matrix = Matrix::from_values(body.embedding, width).unwrap_or_default();
        Ok(EmbedResponse {
            vectors: vec![Vectors::Float(matrix)],
            input_tokens: body.input_text_token_count.or(metrics.input_token_count),
            ..EmbedResponse::default()
        })
    }

    fn decode_request(&self, body: &[u8]) -> Result<EmbedRequest, CodecError> {
        let body: RequestBody = crate::json::read(NAME, "request", body)?;
        Ok(EmbedRequest {
            inputs: vec![EmbedInput::Text(body.input_text)],
            dimensions: body.dimensions,
            normalize: body.normalize,
            types: body.embedding_types.unwrap_or_default(),
            extra: body.extra,
            ..EmbedRequest::default()
        })
    }

    fn encode_response(
        &self,
        response: &EmbedResponse,
        _request: &EmbedRequest,
    ) -> Result<Bytes, CodecError> {
        let row = response.view::<f32>().and_then(|matrix| matrix.row(0));
        let embedding = row.unwrap_or_default().to_vec();
        let body = ResponseBody { embedding, input_text_token_count: response.input_tokens };
        crate::json::write(NAME, "response", &body)
    }
}
