//! The request body.

use bedrock_llm_schema::EmbedRequest;
use bedrock_llm_schema::embed::{EmbedInput, EmbedPart, EmbedPurpose, EmbeddingType};
use bedrock_llm_schema::wire::Extra;
use serde_json::Value;

use super::{CohereEmbed, Version, content};
use crate::families::common::setting::Read;
use crate::families::common::vectors::{Purposes, Refuse, read_truncation, write_truncation};
use crate::families::common::{overlay, picture};
use crate::families::nulls::malformed;
use crate::{CodecError, EmbedCodec};

/// What the inputs are written as.
const INPUTS: [&str; 3] = ["texts", "images", "inputs"];

impl CohereEmbed {
    /// Refuses what the body has no place for.
    pub(super) fn check(self, request: &EmbedRequest) -> Result<(), CodecError> {
        let refuse = Refuse(self.name());
        if request.inputs.is_empty() && !INPUTS.iter().any(|name| request.extra.contains_key(*name)) {
            refuse.missing("an input", "inputs")?;
        }
        let form = form(&request.inputs);
        if self.0 == Version::V3 && form == "inputs" {
            refuse.unsupported("texts and images in one call", "inputs")?;
        }
        for (place, input) in request.inputs.iter().enumerate() {
            let unknown = |part: &EmbedPart| !matches!(part, EmbedPart::Text(_) | EmbedPart::Image(_));
            match input {
                EmbedInput::Text(_) | EmbedInput::Image(_) => {}
                EmbedInput::Mixed(parts) if parts.is_empty() => {
                    refuse.missing("a text or an image", &format!("inputs[{place}]"))?;
                }
                EmbedInput::Mixed(parts) if !parts.iter().any(unknown) => {}
                _ => refuse.unsupported("an input of this kind", format!("inputs[{place}]"))?,
            }
            if input.images().any(|image| picture::to_data_uri(image).is_none()) {
                let path = format!("inputs[{place}].image.source");
                refuse.unsupported("images outside of the request", path)?;
            }
        }
        PURPOSES.check(request, refuse)?;
        refuse.member(request.normalize.as_ref(), "normalize")?;
        if self.0 == Version::V3 {
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
        let form = form(&request.inputs);
        let inputs = request.inputs.iter();
        write(
            form,
            match form {
                _ if request.inputs.is_empty() => None,
                "texts" => Some(inputs.flat_map(EmbedInput::texts).collect()),
                "images" => {
                    Some(inputs.flat_map(EmbedInput::images).filter_map(picture::to_data_uri).collect())
                }
                _ => Some(inputs.map(content::write).collect()),
            },
        );
        write("input_type", request.purpose.as_ref().and_then(|it| PURPOSES.write(it)).map(Value::from));
        // the names of v3, which v4 takes as well (recordings 8ff51120a939 and c8aae589f05c); the user guide has `LEFT`
        // and `RIGHT` for v4, which travel as they are
        write("truncate", request.truncation.as_ref().map(|truncation| write_truncation(truncation).into()));
        let types = request.types.iter().map(EmbeddingType::as_str);
        write("embedding_types", (!request.types.is_empty()).then(|| types.collect()));
        if self.0 == Version::V4 {
            write("output_dimension", request.dimensions.map(Value::from));
        }
        body
    }

    pub(super) fn read(self, body: Extra) -> Result<EmbedRequest, CodecError> {
        let inputs = match INPUTS.map(|name| body.get(name)) {
            [Some(texts), None, None] => self.read_all(texts, "texts", |text| text.into())?,
            [None, Some(images), None] => {
                self.read_all(images, "images", |uri| picture::from_data_uri(uri).into())?
            }
            [None, None, Some(Value::Array(inputs))] => inputs.iter().map(content::read).collect(),
            [None, None, None] => return Err(malformed(self.name(), "request", "texts", "no inputs")),
            // several of them, which the service refuses
            _ => Vec::new(),
        };
        let word = |name: &str| body.get(name).and_then(Value::as_str);
        let types = body.get("embedding_types").and_then(Vec::<String>::read).unwrap_or_default();
        let dimensions = body.get("output_dimension").filter(|_| self.0 == Version::V4);
        let mut request = EmbedRequest {
            inputs,
            purpose: word("input_type").map(|name| PURPOSES.read(name)),
            truncation: word("truncate").map(read_truncation),
            types: types.iter().map(|name| EmbeddingType::from(name.as_str())).collect(),
            dimensions: dimensions.and_then(u32::read),
            ..EmbedRequest::default()
        };
        request.extra = overlay::over(&self.known(&request), body);
        Ok(request)
    }

    fn read_all(
        self,
        values: &Value,
        name: &str,
        read: impl Fn(&str) -> EmbedInput,
    ) -> Result<Vec<EmbedInput>, CodecError> {
        let refuse = |path: String| malformed(self.name(), "request", &path, "not a text");
        let values = values.as_array().ok_or_else(|| refuse(name.to_owned()))?;
        let read = |(place, value): (usize, &Value)| {
            value.as_str().map(&read).ok_or_else(|| refuse(format!("{name}[{place}]")))
        };
        values.iter().enumerate().map(read).collect()
    }
}

/// The member that inputs go into.
fn form(inputs: &[EmbedInput]) -> &'static str {
    if inputs.iter().all(|input| matches!(input, EmbedInput::Text(_))) {
        "texts"
    } else if inputs.iter().all(|input| matches!(input, EmbedInput::Image(_))) {
        "images"
    } else {
        "inputs"
    }
}

const PURPOSES: Purposes = Purposes(&[
    (EmbedPurpose::Document, "search_document"),
    (EmbedPurpose::Query, "search_query"),
    (EmbedPurpose::Classification, "classification"),
    (EmbedPurpose::Clustering, "clustering"),
    (EmbedPurpose::Image, "image"),
]);
