//! The request body.

use bedrock_llm_schema::content::SystemContentBlock;
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatRequest, ContentBlock, InferenceConfig, Message, ToolConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FAMILY;
use crate::families::common::setting::{Setting, Take, known, present, read_with_serde};
use crate::families::common::spelling::{self, Rules};
use crate::families::common::{additional_fields, from_value, refuse_unplaced, with_additional_fields};
use crate::json::{self, Lowering};
use crate::{CodecError, Decoded, EncodeOptions, Encoded, Spelling};

/// The body of a request.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    schema_version: Option<String>,
    messages: Vec<Message>,
    system: Option<Vec<SystemContentBlock>>,
    #[serde(default, deserialize_with = "present")]
    inference_config: Option<Setting<Inference>>,
    tool_config: Option<ToolConfig>,
    #[serde(flatten)]
    extra: Extra,
}

/// The settings, of which some have two names: those of the documentation of Converse and of InvokeModel.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Inference {
    #[serde(rename = "maxTokens", default, deserialize_with = "present")]
    max_tokens: Option<Setting<u32>>,
    #[serde(default, deserialize_with = "present")]
    max_new_tokens: Option<Setting<u32>>,
    #[serde(default, deserialize_with = "present")]
    temperature: Option<Setting<f64>>,
    #[serde(rename = "topP", default, deserialize_with = "present")]
    top_p: Option<Setting<f64>>,
    #[serde(rename = "top_p", default, deserialize_with = "present")]
    top_p_snake: Option<Setting<f64>>,
    #[serde(rename = "stopSequences", default, deserialize_with = "present")]
    stop_sequences: Option<Setting<Vec<String>>>,
    /// `topK` or `top_k`, and what else there is.
    #[serde(flatten)]
    extra: Extra,
}

read_with_serde!(Inference);

const RULES: Rules = Rules {
    aliases: &[("maxTokens", "max_new_tokens"), ("topP", "top_p")],
    constants: &[("schemaVersion", "messages-v1")],
    same: |_, _| false,
};

pub(super) fn encode(request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
    let mut lowering = Lowering::new(FAMILY, options);
    let mut body = lower(request, &mut lowering)?;
    spelling::apply(&mut body, options.spelling.as_ref());
    lowering.finish(&body)
}

fn lower(request: &ChatRequest, lowering: &mut Lowering) -> Result<Value, CodecError> {
    refuse_unplaced(request, lowering)?;
    let config = request.inference_config.as_ref().map(|config| Inference {
        max_tokens: known(config.max_tokens),
        temperature: known(config.temperature),
        top_p: known(config.top_p),
        stop_sequences: known(config.stop_sequences.clone()),
        extra: config.extra.clone(),
        ..Inference::default()
    });
    let mut system = request.system.clone();
    if let Some(blocks) = &mut system {
        let mut place = 0;
        retain(blocks, |block| {
            place += 1;
            match block {
                SystemContentBlock::GuardContent(_) => lowering
                    .unsupported(format!("system[{}].guardContent", place - 1), "guardContent")
                    .map(|()| false),
                _ => Ok(true),
            }
        })?;
    }
    let mut messages = request.messages.clone();
    for (index, message) in messages.iter_mut().enumerate() {
        let mut place = 0;
        retain(&mut message.content, |block| {
            let path = format!("messages[{index}].content[{place}].{}", block.tag());
            place += 1;
            match block {
                ContentBlock::GuardContent(_)
                | ContentBlock::SearchResult(_)
                | ContentBlock::CitationsContent(_)
                | ContentBlock::ToolAddition(_)
                | ContentBlock::ToolRemoval(_) => lowering.unsupported(path, block.tag()).map(|()| false),
                _ => Ok(true),
            }
        })?;
    }
    let body = Request {
        schema_version: None,
        messages,
        system,
        inference_config: known(config),
        tool_config: request.tool_config.clone(),
        extra: Extra::new(),
    };
    with_additional_fields(FAMILY, &body, request)
}

/// [`Vec::retain`] with a test that can fail.
fn retain<T>(
    items: &mut Vec<T>,
    mut keep: impl FnMut(&T) -> Result<bool, CodecError>,
) -> Result<(), CodecError> {
    let mut result = Ok(());
    items.retain(|item| match keep(item) {
        Ok(keep) => keep,
        Err(error) => {
            result = Err(error);
            true
        }
    });
    result
}

pub(super) fn decode(body: &[u8]) -> Result<Decoded, CodecError> {
    let body: Value = json::read(FAMILY, "request", body)?;
    let request = lift(from_value(FAMILY, "request", body.clone())?);
    let mut spelling = Spelling::default();
    if let Ok(usual) = lower(&request, &mut Lowering::new(FAMILY, &EncodeOptions::default())) {
        spelling::learn(&usual, &body, &RULES, &mut spelling);
    }
    Ok(Decoded { request, spelling, is_chat: true })
}

fn lift(body: Request) -> ChatRequest {
    let mut rest = body.extra;
    if let Some(version) = body.schema_version.filter(|version| version != "messages-v1") {
        rest.insert("schemaVersion".to_owned(), version.into());
    }
    let inference_config = body.inference_config.take("inferenceConfig", &mut rest).map(|config| {
        let mut odd = config.extra;
        let max_tokens =
            one_of(config.max_tokens, config.max_new_tokens, ["maxTokens", "max_new_tokens"], &mut odd);
        let top_p = one_of(config.top_p, config.top_p_snake, ["topP", "top_p"], &mut odd);
        let lifted = InferenceConfig {
            max_tokens,
            temperature: config.temperature.take("temperature", &mut odd),
            top_p,
            stop_sequences: config.stop_sequences.take("stopSequences", &mut odd),
            extra: Extra::new(),
        };
        if !odd.is_empty() {
            // where Converse has them for Nova too (converse/amazon.nova-micro-v1-0.077e2950e15d)
            rest.insert("inferenceConfig".to_owned(), Value::Object(odd));
        }
        lifted
    });
    ChatRequest {
        messages: body.messages,
        system: body.system,
        inference_config,
        tool_config: body.tool_config,
        additional_model_request_fields: additional_fields(rest),
        ..ChatRequest::default()
    }
}

/// The setting under either name. If a body has both, the second stays a native setting.
fn one_of<T: Serialize>(
    first: Option<Setting<T>>,
    second: Option<Setting<T>>,
    names: [&str; 2],
    rest: &mut Extra,
) -> Option<T> {
    let [first_name, second_name] = names;
    match (first.take(first_name, rest), second.take(second_name, rest)) {
        (Some(value), Some(other)) => {
            rest.extend(serde_json::to_value(other).ok().map(|other| (second_name.to_owned(), other)));
            Some(value)
        }
        (first, second) => first.or(second),
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::{ToolResultBlock, ToolSpec, ToolUseBlock};
    use serde_json::json;

    use super::*;

    fn round_trip(body: &Value) -> Decoded {
        let decoded = decode(body.to_string().as_bytes()).unwrap();
        let options = EncodeOptions::default().spelling(decoded.spelling.clone());
        let again: Value = serde_json::from_slice(&encode(&decoded.request, &options).unwrap().body).unwrap();
        assert!(spelling::equal(&again, body), "{again}\n{body}");
        decoded
    }

    #[test]
    fn native_settings_go_where_converse_has_them() {
        let decoded = round_trip(&json!({
            "schemaVersion": "messages-v1", "messages": [], "system": null,
            "inferenceConfig": {"max_new_tokens": 10.0, "top_p": 0.5, "topK": 20, "temperature": null},
            "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}
        }));
        let config = decoded.request.inference_config.unwrap();
        assert_eq!((config.max_tokens, config.top_p), (Some(10), Some(0.5)));
        let fields = decoded.request.additional_model_request_fields.unwrap();
        assert_eq!(fields["inferenceConfig"], json!({"topK": 20, "temperature": null}));
        round_trip(
            &json!({"messages": [], "inferenceConfig": {"maxTokens": 1, "max_new_tokens": 2}, "schemaVersion": "v9"}),
        );
    }

    #[test]
    fn tools_keep_converses_form() {
        let request = ChatRequest::new("amazon.nova-lite-v1:0")
            .message(Message::user("Weather?").with(ContentBlock::cache_point()))
            .message(Message::assistant(ToolUseBlock::new("t1", "weather", json!({"city": "Paris"}))))
            .message(ToolResultBlock::json("t1", json!({"degrees": 21})))
            .tool(ToolSpec::new("weather", "Weather in a city", json!({"type": "object"})));
        let body = encode(&request, &EncodeOptions::default()).unwrap().body;
        let decoded = decode(&body).unwrap();
        assert_eq!(
            (decoded.request.messages, decoded.request.tool_config),
            (request.messages, request.tool_config)
        );
        let request = ChatRequest::new("m").message("hi").json_schema("a", &json!({}));
        assert!(
            encode(&request, &EncodeOptions::default()).unwrap_err().to_string().contains("(outputConfig)")
        );
    }
}
