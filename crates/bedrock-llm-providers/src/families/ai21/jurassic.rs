//! Jurassic-2's completions.

use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatRequest, ChatResponse, Message, StopReason, StreamEvent};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

use crate::families::common::answer::{Answer, Piece, TextDecoder, decode, encode};
use crate::families::common::spelling::{Rules, apply, learn};
use crate::families::common::{additional_fields, cannot_answer, with_additional_fields};
use crate::families::settings::Settings;
use crate::families::{bare_prompt, nulls};
use crate::json::{self, Lowering};
use crate::{
    CodecError, Decoded, EncodeOptions, Encoded, InvocationMetrics, Provider, Spelling, StreamDecoder,
    StreamEncoder,
};

const NAME: &str = "ai21-jurassic-2";
const NAMES: [&str; 3] = ["maxTokens", "temperature", "topP"];
const RULES: Rules = Rules { aliases: &[], constants: &[], same: |_, _| false };

/// The codec of Jurassic-2, see the [module](super).
#[derive(Debug, Clone, Copy, Default)]
pub struct Jurassic2;

#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    prompt: String,
    max_tokens: Option<Number>,
    temperature: Option<Number>,
    top_p: Option<Number>,
    stop_sequences: Option<Vec<String>>,
    #[serde(flatten)]
    extra: Extra,
}

/// An answer. The token lists of `prompt` and of each completion's `data` are not kept.
#[derive(Debug, Serialize, Deserialize)]
struct Completions {
    #[serde(default, skip_serializing_if = "Value::is_null")]
    prompt: Value,
    completions: Vec<Completion>,
    #[serde(flatten)]
    extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Completion {
    data: Data,
    finish_reason: Option<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Data {
    text: String,
}

impl Answer for Completions {
    const FAMILY: &'static str = NAME;

    fn into_piece(self) -> Piece {
        let mut completions = self.completions.into_iter();
        let first = completions.next();
        let reason = first.as_ref().and_then(|first| first.finish_reason.as_ref()?.get("reason")?.as_str());
        let stop = reason.map(|reason| match reason {
            "endoftext" => StopReason::EndTurn,
            "length" => StopReason::MaxTokens,
            "stop" => StopReason::StopSequence,
            other => StopReason::Unknown(other.to_owned()),
        });
        let mut fields = Extra::new();
        let others: Vec<Value> = completions.map(|other| other.data.text.into()).collect();
        if !others.is_empty() {
            fields.insert("completions".to_owned(), others.into());
        }
        let text = first.map(|first| first.data.text).unwrap_or_default();
        Piece { text, stop, fields, extra: self.extra, ..Piece::default() }
    }

    fn from_piece(piece: Piece) -> Self {
        let reason = match &piece.stop {
            None => None,
            Some(StopReason::EndTurn) => Some("endoftext"),
            Some(StopReason::MaxTokens) => Some("length"),
            Some(StopReason::StopSequence) => Some("stop"),
            Some(other) => Some(other.as_str()),
        };
        let finish_reason = reason.map(|reason| json!({"reason": reason}));
        let first = Completion { data: Data { text: piece.text }, finish_reason };
        let others = piece.fields.get("completions").and_then(Value::as_array).into_iter().flatten();
        let other = |text: &Value| {
            Some(Completion { data: Data { text: text.as_str()?.to_owned() }, finish_reason: None })
        };
        let completions = [first].into_iter().chain(others.filter_map(other)).collect();
        Self { prompt: Value::Null, completions, extra: piece.extra }
    }
}

impl Provider for Jurassic2 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn encode_request(&self, request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
        let mut lowering = Lowering::new(NAME, options);
        let settings = Settings::lower(request, &mut lowering)?;
        lowering.refuse(request.tool_config.as_ref(), "toolConfig")?;
        lowering.refuse(request.output_config.as_ref(), "outputConfig")?;
        let body = Request {
            prompt: bare_prompt::lower(NAME, request, &mut lowering)?,
            max_tokens: settings.max_tokens,
            temperature: settings.temperature,
            top_p: settings.top_p,
            stop_sequences: settings.stop_sequences,
            extra: Extra::new(),
        };
        let mut body = with_additional_fields(NAME, &body, request)?;
        apply(&mut body, options.spelling.as_ref());
        lowering.finish(&body)
    }

    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
        decode::<Completions>(body, metrics)
    }

    /// The service has no streams of Jurassic-2; a whole answer in one chunk is read.
    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(TextDecoder::<Completions>::default())
    }

    fn decode_request(&self, body: &[u8]) -> Result<Decoded, CodecError> {
        let (native, _) = nulls::read::<Request>(NAME, "request", body)?;
        let mut fields = native.extra;
        let settings = Settings {
            max_tokens: native.max_tokens,
            temperature: native.temperature,
            top_p: native.top_p,
            stop_sequences: native.stop_sequences,
        };
        let mut request = ChatRequest::default().message(Message::user(native.prompt));
        request.inference_config = settings.raise(NAMES, &mut fields);
        request.additional_model_request_fields = additional_fields(fields);
        let mut spelling = Spelling::default();
        let usual = self.encode_request(&request, &EncodeOptions::default())?.body;
        learn(
            &json::read(NAME, "request", &usual)?,
            &json::read(NAME, "request", body)?,
            &RULES,
            &mut spelling,
        );
        Ok(Decoded { request, spelling, is_chat: false })
    }

    fn encode_response(&self, response: &ChatResponse, _spelling: &Spelling) -> Result<Bytes, CodecError> {
        encode::<Completions>(response)
    }

    fn stream_encoder(&self, _spelling: &Spelling) -> Box<dyn StreamEncoder> {
        Box::new(NoStream)
    }

    fn rewrite_request(&self, body: &[u8]) -> Result<Bytes, CodecError> {
        nulls::rewrite::<Request>(NAME, body)
    }
}

#[derive(Debug)]
struct NoStream;

impl StreamEncoder for NoStream {
    fn event(&mut self, _event: &StreamEvent) -> Result<Vec<Bytes>, CodecError> {
        Err(cannot_answer(NAME, "streams", "stream"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedrock_llm_schema::OnUnsupported;

    #[test]
    fn one_text_and_nothing_else() {
        let body = json!({"prompt": "Hi", "maxTokens": 200, "topP": 0.5, "countPenalty": {"scale": 0}, "temperature": null});
        let decoded = Jurassic2.decode_request(body.to_string().as_bytes()).unwrap();
        assert!(!decoded.is_chat);
        let options = EncodeOptions::default().spelling(decoded.spelling);
        let again = Jurassic2.encode_request(&decoded.request, &options).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&again.body).unwrap(), body);

        let chat = decoded.request.system("s").message(Message::assistant("a")).message("b");
        assert!(Jurassic2.encode_request(&chat, &EncodeOptions::default()).is_err());
        let options = EncodeOptions::default().on_unsupported(OnUnsupported::Degrade);
        assert_eq!(Jurassic2.encode_request(&chat, &options).unwrap().dropped, ["system", "messages"]);
    }

    #[test]
    fn answers_round_trip() {
        let body = json!({
            "id": 1234, "prompt": {"text": "Hi", "tokens": [1]},
            "completions": [{"data": {"text": "Ho", "tokens": []}, "finishReason": {"reason": "endoftext"}}, {"data": {"text": "Hu"}}]
        });
        let metrics = InvocationMetrics { output_token_count: Some(3), ..InvocationMetrics::default() };
        let response = Jurassic2.decode_response(body.to_string().as_bytes(), &metrics).unwrap();
        assert_eq!(
            (response.text().as_str(), &response.stop_reason, response.usage.output_tokens),
            ("Ho", &StopReason::EndTurn, 3)
        );
        let again = Jurassic2.encode_response(&response, &Spelling::default()).unwrap();
        assert_eq!(Jurassic2.decode_response(&again, &metrics).unwrap(), response);
        assert!(Jurassic2.stream_encoder(&Spelling::default()).event(&StreamEvent::message_start()).is_err());
        assert_eq!(Jurassic2.stream_decoder().chunk(&again).unwrap().len(), 4);
    }
}
