//! The request body.

use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatRequest, InferenceConfig, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FAMILY;
use crate::families::common::setting::{Setting, Take, known, present, read_with_serde};
use crate::families::common::template::{self, Mark, Script};
use crate::families::common::{additional_fields, inference, refuse_unplaced};
use crate::json::Lowering;
use crate::{CodecError, Decoded, Spelling};

const MODEL: &str = "Bot:";
const MARKS: &[(&str, Mark)] = &[("User:", Mark::Opens(Role::User)), (MODEL, Mark::Opens(Role::Assistant))];

/// The body of a request.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    input_text: String,
    #[serde(default, deserialize_with = "present")]
    text_generation_config: Option<Setting<TextGenerationConfig>>,
    #[serde(flatten)]
    extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TextGenerationConfig {
    #[serde(default, deserialize_with = "present")]
    max_token_count: Option<Setting<u32>>,
    #[serde(default, deserialize_with = "present")]
    stop_sequences: Option<Setting<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    temperature: Option<Setting<f64>>,
    #[serde(default, deserialize_with = "present")]
    top_p: Option<Setting<f64>>,
    #[serde(flatten)]
    extra: Extra,
}

read_with_serde!(TextGenerationConfig);

pub(super) fn lower(
    request: &ChatRequest,
    spelling: Option<&Spelling>,
    lowering: &mut Lowering,
) -> Result<Request, CodecError> {
    refuse_unplaced(request, lowering)?;
    lowering.refuse(request.tool_config.as_ref(), "toolConfig")?;
    let config = inference(request, lowering)?;
    let turns = template::turns(FAMILY, request, lowering, |_| None)?;
    let input_text = match template::write_spelled(&turns, spelling) {
        Some(prompt) => prompt,
        None => template::dialogue(&template::without_system(turns, request, lowering)?, MODEL),
    };
    let config = request.inference_config.is_some().then(|| TextGenerationConfig {
        max_token_count: known(config.max_tokens),
        stop_sequences: known(config.stop_sequences),
        temperature: known(config.temperature),
        top_p: known(config.top_p),
        extra: Extra::new(),
    });
    Ok(Request { input_text, text_generation_config: known(config), extra: Extra::new() })
}

pub(super) fn lift(body: Request) -> Decoded {
    let mut rest = body.extra;
    let config = body.text_generation_config.take("textGenerationConfig", &mut rest).map(|config| {
        let mut odd = config.extra;
        let lifted = InferenceConfig {
            max_tokens: config.max_token_count.take("maxTokenCount", &mut odd),
            stop_sequences: config.stop_sequences.take("stopSequences", &mut odd),
            temperature: config.temperature.take("temperature", &mut odd),
            top_p: config.top_p.take("topP", &mut odd),
            extra: Extra::new(),
        };
        if !odd.is_empty() {
            rest.insert("textGenerationConfig".to_owned(), Value::Object(odd));
        }
        lifted
    });
    let script = template::parse(&body.input_text, MARKS, true);
    let is_chat = script.is_some();
    let script = script.unwrap_or_else(|| Script::bare(body.input_text));
    let mut spelling = Spelling::default();
    script.spell(&mut spelling);
    let mut request = script.into_request(template::text_block);
    request.inference_config = config;
    request.additional_model_request_fields = additional_fields(rest);
    Decoded { request, spelling, is_chat }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::Message;
    use serde_json::json;

    use crate::families::titan::Titan;
    use crate::{EncodeOptions, Provider};
    use bedrock_llm_schema::OnUnsupported;

    use super::*;

    #[test]
    fn a_conversation_takes_the_template() {
        let request = ChatRequest::new("amazon.titan-text-express-v1").message("hi").max_tokens(5);
        let request = request.message(Message::assistant("hello")).message("bye").stop_sequence("|");
        let body = Titan.encode_request(&request, &EncodeOptions::default()).unwrap().body;
        let body: Value = serde_json::from_slice(&body).unwrap();
        let config = json!({"maxTokenCount": 5, "stopSequences": ["|"]});
        let prompt = "User: hi\nBot: hello\nUser: bye\nBot:";
        assert_eq!(body, json!({"inputText": prompt, "textGenerationConfig": config}));
        let decoded = Titan.decode_request(body.to_string().as_bytes()).unwrap();
        assert!(decoded.is_chat);
        assert_eq!(decoded.request.messages, request.messages);
    }

    #[test]
    fn what_titan_does_not_have_is_named() {
        let request = ChatRequest::new("m").system("be brief").message("hi");
        let error = Titan.encode_request(&request, &EncodeOptions::default()).unwrap_err();
        assert!(error.to_string().contains("(system)"), "{error}");
        let dropped = EncodeOptions::default().on_unsupported(OnUnsupported::Degrade);
        let encoded = Titan.encode_request(&request, &dropped).unwrap();
        assert_eq!(encoded.dropped, ["system"]);
        assert_eq!(&*encoded.body, br#"{"inputText":"User: hi\nBot:"}"#);
    }
}
