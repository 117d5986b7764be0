//! The request body.

use bedrock_llm_schema::content::media::MediaSource;
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{Blob, ChatRequest, ContentBlock, ImageBlock, InferenceConfig, ModelId};
use serde::{Deserialize, Serialize};

use super::FAMILY;
use super::template::{self as llama, IMAGE, Template};
use crate::families::common::setting::{Setting, Take, known, present};
use crate::families::common::template::{self, Script, Turn};
use crate::families::common::{additional_fields, inference, lift_inference, refuse_unplaced};
use crate::json::Lowering;
use crate::{CodecError, Decoded, Spelling};

/// The body of a request.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Request {
    prompt: String,
    #[serde(default, deserialize_with = "present")]
    max_gen_len: Option<Setting<u32>>,
    #[serde(default, deserialize_with = "present")]
    temperature: Option<Setting<f64>>,
    #[serde(default, deserialize_with = "present")]
    top_p: Option<Setting<f64>>,
    /// Images as base64 text, in the order of their places in the prompt.
    #[serde(default, deserialize_with = "present")]
    images: Option<Setting<Vec<String>>>,
    #[serde(flatten)]
    extra: Extra,
}

pub(super) fn lower(
    request: &ChatRequest,
    spelling: Option<&Spelling>,
    lowering: &mut Lowering,
) -> Result<Request, CodecError> {
    refuse_unplaced(request, lowering)?;
    lowering.refuse(request.tool_config.as_ref(), "toolConfig")?;
    let config = inference(request, lowering)?;
    lowering.refuse(config.stop_sequences.as_ref(), "inferenceConfig.stopSequences")?;
    let mut images = Vec::new();
    let sees = sees(&request.model);
    let turns = template::turns(FAMILY, request, lowering, |block| match block {
        ContentBlock::Image(ImageBlock { source: MediaSource::Bytes(bytes), .. }) if sees => {
            images.push(bytes.to_base64());
            Some(IMAGE)
        }
        _ => None,
    })?;
    let prompt = template::write_spelled(&turns, spelling)
        .unwrap_or_else(|| Template::of(&request.model).write(&turns));
    Ok(Request {
        prompt,
        max_gen_len: known(config.max_tokens),
        temperature: known(config.temperature),
        top_p: known(config.top_p),
        images: known((!images.is_empty()).then_some(images)),
        extra: Extra::new(),
    })
}

/// Whether a model takes images; an id that does not tell the model may.
fn sees(model: &ModelId) -> bool {
    let base = model.base().unwrap_or_default();
    let may = !base.contains("llama") || base.contains("llama4");
    may || base.contains("llama3-2-11b") || base.contains("llama3-2-90b")
}

pub(super) fn lift(body: Request) -> Decoded {
    let mut rest = body.extra;
    let config = InferenceConfig {
        max_tokens: body.max_gen_len.take("max_gen_len", &mut rest),
        temperature: body.temperature.take("temperature", &mut rest),
        top_p: body.top_p.take("top_p", &mut rest),
        stop_sequences: None,
        extra: Extra::new(),
    };
    let images = body.images.take("images", &mut rest);
    let script = llama::read(&body.prompt);
    let is_chat = script.is_some();
    let script = script.unwrap_or_else(|| Script::bare(body.prompt));
    let mut spelling = Spelling::default();
    script.spell(&mut spelling);

    // images become blocks where each has its place in the prompt; otherwise they stay a native setting
    let places: usize = script.turns.iter().map(|turn| turn.text.matches(IMAGE).count()).sum();
    let blocks: Option<Vec<ImageBlock>> =
        images.as_deref().map(|images| images.iter().map_while(|text| image(text)).collect());
    let mut blocks = match (blocks, images) {
        (Some(blocks), Some(images))
            if blocks.len() == places && blocks.len() == images.len() && places > 0 =>
        {
            blocks.into_iter()
        }
        (_, images) => {
            rest.extend(images.map(|images| ("images".to_owned(), images.into())));
            Vec::new().into_iter()
        }
    };
    let mut request = script.into_request(|turn| {
        if blocks.len() == 0 { template::text_block(turn) } else { with_images(&turn, &mut blocks) }
    });
    request.inference_config = lift_inference(config);
    request.additional_model_request_fields = additional_fields(rest);
    Decoded { request, spelling, is_chat }
}

/// An image, if its text is base64 as we would write it and of a format that Converse knows.
fn image(text: &str) -> Option<ImageBlock> {
    let bytes = Blob::from_base64(text).ok().filter(|bytes| bytes.to_base64() == text)?;
    ImageBlock::from_bytes(bytes).ok()
}

/// A turn's text and images in their order.
fn with_images(turn: &Turn, images: &mut impl Iterator<Item = ImageBlock>) -> Vec<ContentBlock> {
    let mut blocks = Vec::new();
    for (place, text) in turn.text.split(IMAGE).enumerate() {
        if place > 0 {
            blocks.extend(images.next().map(ContentBlock::Image));
        }
        if !text.is_empty() {
            blocks.push(text.into());
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::{ImageFormat, Message};
    use serde_json::{Value, json};

    use crate::families::meta::Meta;
    use crate::{EncodeOptions, Provider};

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    #[test]
    fn images_stand_where_they_stood() {
        let image = || ImageBlock::new(ImageFormat::Png, PNG);
        let request = ChatRequest::new("us.meta.llama3-2-90b-instruct-v1:0")
            .message(Message::user(image()).with("What is this?"))
            .message(Message::assistant("A dot."))
            .message(Message::user("And").with(image()).with("this?"));
        let encoded = Meta.encode_request(&request, &EncodeOptions::default()).unwrap();
        let decoded = Meta.decode_request(&encoded.body).unwrap();
        assert!(decoded.is_chat);
        assert_eq!(decoded.request.messages, request.messages);
        let again = Meta
            .encode_request(&decoded.request, &EncodeOptions::default().spelling(decoded.spelling))
            .unwrap();
        assert_eq!(again.body, encoded.body);

        let blind = ChatRequest { model: "meta.llama3-8b-instruct-v1:0".into(), ..request };
        let error = Meta.encode_request(&blind, &EncodeOptions::default()).unwrap_err().to_string();
        assert!(error.contains("messages[0].content[0].image"), "{error}");
    }

    #[test]
    fn images_without_a_place_stay_a_setting() {
        let body = json!({"prompt": "What is this?", "images": ["aGk="], "max_gen_len": null, "seed": 1});
        let decoded = Meta.decode_request(body.to_string().as_bytes()).unwrap();
        assert!(!decoded.is_chat);
        let fields = json!({"images": ["aGk="], "max_gen_len": null, "seed": 1});
        assert_eq!(decoded.request.additional_model_request_fields, Some(fields));
        let again = Meta
            .encode_request(&decoded.request, &EncodeOptions::default().spelling(decoded.spelling))
            .unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&again.body).unwrap(), body);
    }

    #[test]
    fn stop_sequences_and_tools_are_refused_by_name() {
        let request = ChatRequest::new("meta.llama3-8b-instruct-v1:0").message("hi").stop_sequence("|");
        let error = Meta.encode_request(&request, &EncodeOptions::default()).unwrap_err().to_string();
        assert!(error.contains("(inferenceConfig.stopSequences)"), "{error}");
    }
}
