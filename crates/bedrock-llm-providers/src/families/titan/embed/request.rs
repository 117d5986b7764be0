//! The request body.

use bedrock_llm_schema::EmbedRequest;
use bedrock_llm_schema::embed::{EmbedInput, EmbedPart, EmbedTruncation, EmbeddingType};
use bedrock_llm_schema::wire::Extra;
use serde_json::{Value, json};

use super::{Form, TitanEmbed};
use crate::families::common::setting::Read;
use crate::families::common::vectors::{Refuse, text_and_image};
use crate::families::common::{overlay, picture};
use crate::families::nulls::malformed;
use crate::{CodecError, EmbedCodec};

impl TitanEmbed {
    /// Refuses what the body has no place for.
    pub(super) fn check(self, request: &EmbedRequest) -> Result<(), CodecError> {
        let refuse = Refuse(self.name());
        let native = ["inputText", "inputImage"].iter().any(|name| request.extra.contains_key(*name));
        if let Some(input) = refuse.one_input(request, native)? {
            let takes_images = self.0 == Form::Multimodal;
            match text_and_image(input) {
                Some((None, None)) => refuse.missing("a text or an image", "inputs[0]")?,
                Some((_, Some(_))) if !takes_images => refuse.unsupported("images", "inputs[0]")?,
                Some((_, Some(image))) if picture::to_base64(image).is_none() => {
                    refuse.unsupported("images outside of the request", "inputs[0].image.source")?;
                }
                None if takes_images => {
                    refuse.unsupported("more than one text and one image", "inputs[0]")?;
                }
                None => refuse.unsupported("inputs of several parts", "inputs[0]")?,
                Some(_) => {}
            }
        }
        // it refuses texts that are too long, whether that is asked for or not
        refuse
            .member(request.truncation.as_ref().filter(|it| **it != EmbedTruncation::Refuse), "truncation")?;
        if self.0 != Form::TextV2 {
            refuse.member(request.normalize.as_ref(), "normalize")?;
            refuse.all_but_floats(request)?;
        }
        if self.0 == Form::TextV1 {
            refuse.member(request.dimensions.as_ref(), "dimensions")?;
        }
        Ok(())
    }

    pub(super) fn write(self, request: &EmbedRequest) -> Extra {
        let mut body = self.known(request);
        overlay::lay(&mut body, &request.extra);
        body
    }

    /// The members that have a name in a request.
    fn known(self, request: &EmbedRequest) -> Extra {
        let mut body = Extra::new();
        let mut write = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        let (text, image) = request.inputs.first().and_then(text_and_image).unwrap_or_default();
        write("inputText", text.map(Value::from));
        match self.0 {
            Form::TextV1 => {}
            Form::TextV2 => {
                write("dimensions", request.dimensions.map(Value::from));
                write("normalize", request.normalize.map(Value::from));
                let types = request.types.iter().map(EmbeddingType::as_str);
                write("embeddingTypes", (!request.types.is_empty()).then(|| types.collect()));
            }
            Form::Multimodal => {
                write("inputImage", image.and_then(picture::to_base64).map(Value::from));
                let length = |length| json!({"outputEmbeddingLength": length});
                write("embeddingConfig", request.dimensions.map(length));
            }
        }
        body
    }

    pub(super) fn read(self, body: Extra) -> Result<EmbedRequest, CodecError> {
        let text = body.get("inputText").and_then(Value::as_str);
        let image = (self.0 == Form::Multimodal).then(|| body.get("inputImage")?.as_str()).flatten();
        let image = image.map(picture::from_base64);
        let input = match (text, image) {
            (Some(text), None) => EmbedInput::from(text),
            (None, Some(image)) => EmbedInput::from(image),
            (Some(text), Some(image)) => {
                EmbedInput::Mixed(vec![EmbedPart::from(text), EmbedPart::from(image)])
            }
            (None, None) => return Err(malformed(self.name(), "request", "inputText", "no text")),
        };
        let mut request = EmbedRequest::default().input(input);
        match self.0 {
            Form::TextV1 => {}
            Form::TextV2 => {
                request.dimensions = body.get("dimensions").and_then(u32::read);
                request.normalize = body.get("normalize").and_then(bool::read);
                let types = body.get("embeddingTypes").and_then(Vec::<String>::read).unwrap_or_default();
                request.types = types.iter().map(|name| EmbeddingType::from(name.as_str())).collect();
            }
            Form::Multimodal => {
                let config = body.get("embeddingConfig");
                request.dimensions =
                    config.and_then(|it| it.get("outputEmbeddingLength")).and_then(u32::read);
            }
        }
        request.extra = overlay::over(&self.known(&request), body);
        Ok(request)
    }
}
