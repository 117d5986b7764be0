//! The response body, and the chunks of a stream.

use bedrock_llm_schema::StopReason;
use bedrock_llm_schema::wire::Extra;
use serde::{Deserialize, Serialize};

use super::FAMILY;
use crate::families::common::answer::{Answer, Piece};
use crate::json::count;

/// The body of a response.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    #[serde(default, deserialize_with = "count")]
    input_text_token_count: Option<u64>,
    results: Vec<Outcome>,
    #[serde(flatten)]
    extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    #[serde(default, deserialize_with = "count")]
    token_count: Option<u64>,
    output_text: Option<String>,
    completion_reason: Option<String>,
    #[serde(flatten)]
    extra: Extra,
}

/// A chunk of a stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chunk {
    output_text: Option<String>,
    #[serde(default)]
    index: f64,
    #[serde(default, deserialize_with = "count")]
    total_output_text_token_count: Option<u64>,
    completion_reason: Option<String>,
    #[serde(default, deserialize_with = "count")]
    input_text_token_count: Option<u64>,
    #[serde(flatten)]
    extra: Extra,
}

impl Answer for Response {
    const FAMILY: &'static str = FAMILY;

    fn into_piece(self) -> Piece {
        let mut results = self.results.into_iter();
        let first = results.next();
        let mut fields = Extra::new();
        let rest: Vec<_> = results.filter_map(|result| serde_json::to_value(result).ok()).collect();
        if !rest.is_empty() {
            fields.insert("results".to_owned(), rest.into());
        }
        let mut piece =
            Piece { input: self.input_text_token_count, fields, extra: self.extra, ..Piece::default() };
        if let Some(first) = first {
            piece.text = first.output_text.unwrap_or_default();
            piece.stop = first.completion_reason.map(|reason| stop_reason(&reason));
            piece.output = first.token_count;
            piece.extra.extend(first.extra);
        }
        piece
    }

    fn from_piece(piece: Piece) -> Self {
        let result = Outcome {
            token_count: piece.output,
            output_text: Some(piece.text),
            completion_reason: piece.stop.as_ref().map(completion_reason),
            extra: Extra::new(),
        };
        Self { input_text_token_count: piece.input, results: vec![result], extra: piece.extra }
    }
}

impl Answer for Chunk {
    const FAMILY: &'static str = FAMILY;

    fn into_piece(self) -> Piece {
        Piece {
            text: self.output_text.unwrap_or_default(),
            stop: self.completion_reason.map(|reason| stop_reason(&reason)),
            input: self.input_text_token_count,
            output: self.total_output_text_token_count,
            fields: Extra::new(),
            extra: self.extra,
        }
    }

    fn from_piece(piece: Piece) -> Self {
        Self {
            output_text: Some(piece.text),
            index: 0.0,
            total_output_text_token_count: piece.output,
            completion_reason: piece.stop.as_ref().map(completion_reason),
            input_text_token_count: piece.input,
            extra: piece.extra,
        }
    }
}

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "FINISH" | "FINISHED" => StopReason::EndTurn,
        "LENGTH" => StopReason::MaxTokens,
        "STOP_CRITERIA_MET" => StopReason::StopSequence,
        "CONTENT_FILTERED" => StopReason::ContentFiltered,
        other => StopReason::Unknown(other.to_owned()),
    }
}

fn completion_reason(reason: &StopReason) -> String {
    let text = match reason {
        StopReason::EndTurn => "FINISH",
        StopReason::MaxTokens => "LENGTH",
        StopReason::StopSequence => "STOP_CRITERIA_MET",
        StopReason::ContentFiltered | StopReason::GuardrailIntervened => "CONTENT_FILTERED",
        other => other.as_str(),
    };
    text.to_owned()
}
