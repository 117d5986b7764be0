//! Command and Command Light: `prompt` in, `generations` out.

use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatRequest, InferenceConfig, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FAMILY, FORM, lift_stop, lower_stop};
use crate::families::common::answer::{Answer, Piece};
use crate::families::common::setting::{Setting, Take, known, present};
use crate::families::common::template::{self, Mark, Script};
use crate::families::common::{
    additional_fields, from_value, inference, lift_inference, refuse_unplaced, with_additional_fields,
};
use crate::json::{Lowering, count};
use crate::{CodecError, Decoded, EncodeOptions, Encoded, Spelling};

const MODEL: &str = "Chatbot:";
const MARKS: &[(&str, Mark)] = &[("User:", Mark::Opens(Role::User)), (MODEL, Mark::Opens(Role::Assistant))];

/// The body of a request.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Request {
    prompt: String,
    #[serde(default, deserialize_with = "present")]
    max_tokens: Option<Setting<u32>>,
    #[serde(default, deserialize_with = "present")]
    temperature: Option<Setting<f64>>,
    #[serde(default, deserialize_with = "present")]
    p: Option<Setting<f64>>,
    #[serde(default, deserialize_with = "present")]
    stop_sequences: Option<Setting<Vec<String>>>,
    /// Must be true for the answer to be streamed.
    #[serde(default, deserialize_with = "present")]
    stream: Option<Setting<bool>>,
    /// `k`, `num_generations`, `return_likelihoods`, `logit_bias`, `truncate`.
    #[serde(flatten)]
    extra: Extra,
}

pub(super) fn encode(request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
    let mut lowering = Lowering::new(FAMILY, options);
    refuse_unplaced(request, &mut lowering)?;
    lowering.refuse(request.tool_config.as_ref(), "toolConfig")?;
    let config = inference(request, &mut lowering)?;
    let turns = template::turns(FAMILY, request, &mut lowering, |_| None)?;
    let spelling = options.spelling.as_ref().filter(|spelling| spelling.0.contains_key(FORM));
    let prompt = match template::write_spelled(&turns, spelling) {
        Some(prompt) => prompt,
        None => match &*template::without_system(turns, request, &mut lowering)? {
            [only] => only.text.clone(),
            turns => template::dialogue(turns, MODEL),
        },
    };
    let stream = match spelling {
        Some(spelling) => spelling.0.get("stream").and_then(Value::as_bool),
        None => options.streaming.then_some(true),
    };
    let body = Request {
        prompt,
        max_tokens: known(config.max_tokens),
        temperature: known(config.temperature),
        p: known(config.top_p),
        stop_sequences: known(config.stop_sequences),
        stream: known(stream),
        extra: Extra::new(),
    };
    lowering.finish(&with_additional_fields(FAMILY, &body, request)?)
}

pub(super) fn decode(body: Value) -> Result<Decoded, CodecError> {
    let body: Request = from_value(FAMILY, "request", body)?;
    let mut rest = body.extra;
    let config = InferenceConfig {
        max_tokens: body.max_tokens.take("max_tokens", &mut rest),
        temperature: body.temperature.take("temperature", &mut rest),
        top_p: body.p.take("p", &mut rest),
        stop_sequences: body.stop_sequences.take("stop_sequences", &mut rest),
        extra: Extra::new(),
    };
    let mut spelling = Spelling::default();
    spelling.0.insert(FORM.to_owned(), "prompt".into());
    if let Some(stream) = body.stream.take("stream", &mut rest) {
        spelling.0.insert("stream".to_owned(), stream.into());
    }
    let script = template::parse(&body.prompt, MARKS, true);
    let is_chat = script.is_some();
    let script = script.unwrap_or_else(|| Script::bare(body.prompt));
    script.spell(&mut spelling);
    let mut request = script.into_request(template::text_block);
    request.inference_config = lift_inference(config);
    request.additional_model_request_fields = additional_fields(rest);
    Ok(Decoded { request, spelling, is_chat })
}

/// The body of a response.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Generations {
    generations: Vec<Generation>,
    #[serde(flatten)]
    extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Generation {
    text: Option<String>,
    finish_reason: Option<String>,
    /// `id`, likelihoods.
    #[serde(flatten)]
    extra: Extra,
}

/// A chunk of a stream. With several generations `index` tells whose it is.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Chunk {
    #[serde(default, deserialize_with = "count")]
    pub(super) index: Option<u64>,
    pub(super) text: Option<String>,
    pub(super) is_finished: Option<bool>,
    pub(super) finish_reason: Option<String>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

impl Answer for Generations {
    const FAMILY: &'static str = FAMILY;

    fn into_piece(self) -> Piece {
        let mut generations = self.generations.into_iter();
        let mut piece = Piece { extra: self.extra, ..Piece::default() };
        // the prompt comes back; the caller has it
        piece.extra.shift_remove("prompt");
        if let Some(first) = generations.next() {
            piece.text = first.text.unwrap_or_default();
            piece.stop = first.finish_reason.map(|reason| lift_stop(&reason, false));
        }
        let rest: Vec<_> =
            generations.filter_map(|generation| serde_json::to_value(generation).ok()).collect();
        if !rest.is_empty() {
            piece.fields.insert("generations".to_owned(), rest.into());
        }
        piece
    }

    fn from_piece(piece: Piece) -> Self {
        let finish_reason = piece.stop.as_ref().map(lower_stop);
        let first = Generation { text: Some(piece.text), finish_reason, extra: Extra::new() };
        let rest = piece.fields.get("generations").and_then(|rest| Vec::<Generation>::deserialize(rest).ok());
        Self {
            generations: std::iter::once(first).chain(rest.unwrap_or_default()).collect(),
            extra: piece.extra,
        }
    }
}

impl Answer for Chunk {
    const FAMILY: &'static str = FAMILY;

    fn into_piece(self) -> Piece {
        Piece {
            text: self.text.unwrap_or_default(),
            stop: self.finish_reason.map(|reason| lift_stop(&reason, false)),
            extra: self.extra,
            ..Piece::default()
        }
    }

    fn before_last(fields: &Extra) -> Vec<Self> {
        let others = fields.get("generations").and_then(Value::as_array).into_iter().flatten();
        let chunk = |(place, other): (u64, &Value)| Self {
            index: Some(other.get("index").and_then(Value::as_u64).unwrap_or(place)),
            text: other.get("text").and_then(Value::as_str).map(str::to_owned),
            is_finished: Some(false),
            finish_reason: None,
            extra: Extra::new(),
        };
        (1..).zip(others).map(chunk).collect()
    }

    fn from_piece(piece: Piece) -> Self {
        Self {
            index: None,
            is_finished: Some(piece.stop.is_some()),
            text: Some(piece.text).filter(|text| !text.is_empty() || piece.stop.is_none()),
            finish_reason: piece.stop.as_ref().map(lower_stop),
            extra: piece.extra,
        }
    }
}
