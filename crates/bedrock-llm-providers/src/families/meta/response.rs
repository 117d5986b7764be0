//! The response body, which is also the form of a stream's chunks.

use bedrock_llm_schema::StopReason;
use bedrock_llm_schema::wire::Extra;
use serde::{Deserialize, Serialize};

use super::FAMILY;
use crate::families::common::answer::{Answer, Piece};
use crate::json::count;

/// The body of a response, or a chunk. Chunks write what they do not know yet as null.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Response {
    generation: Option<String>,
    #[serde(default, deserialize_with = "count")]
    prompt_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    generation_token_count: Option<u64>,
    stop_reason: Option<String>,
    #[serde(flatten)]
    extra: Extra,
}

impl Answer for Response {
    const FAMILY: &'static str = FAMILY;

    fn into_piece(self) -> Piece {
        Piece {
            text: self.generation.unwrap_or_default(),
            stop: self.stop_reason.map(|reason| match reason.as_str() {
                "stop" => StopReason::EndTurn,
                "length" => StopReason::MaxTokens,
                other => StopReason::Unknown(other.to_owned()),
            }),
            input: self.prompt_token_count,
            output: self.generation_token_count,
            fields: Extra::new(),
            extra: self.extra,
        }
    }

    fn from_piece(piece: Piece) -> Self {
        Self {
            generation: Some(piece.text),
            prompt_token_count: piece.input,
            generation_token_count: piece.output,
            stop_reason: piece.stop.map(|reason| match reason {
                StopReason::EndTurn | StopReason::StopSequence => "stop".to_owned(),
                StopReason::MaxTokens => "length".to_owned(),
                other => other.as_str().to_owned(),
            }),
            extra: piece.extra,
        }
    }
}
