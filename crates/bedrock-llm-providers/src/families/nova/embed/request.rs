//! The request body.

use bedrock_llm_schema::EmbedRequest;
use bedrock_llm_schema::content::media::{ImageBlock, ImageFormat, MediaSource};
use bedrock_llm_schema::embed::{EmbedInput, EmbedPurpose};
use bedrock_llm_schema::wire::Extra;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::NAME;
use crate::CodecError;
use crate::families::common::overlay;
use crate::families::common::setting::Read as _;
use crate::families::common::vectors::{Purposes, Refuse, read_truncation, text_and_image, write_truncation};
use crate::families::nulls::malformed;

const PARAMETERS: &str = "singleEmbeddingParams";
const TASK: &str = "SINGLE_EMBEDDING";

/// Refuses what the body has no place for.
pub(super) fn check(request: &EmbedRequest) -> Result<(), CodecError> {
    let refuse = Refuse(NAME);
    let natively = request.extra.get(PARAMETERS).is_some_and(has_input);
    if let Some(input) = refuse.one_input(request, natively)? {
        match text_and_image(input) {
            Some((None, None)) => refuse.missing("a text or an image", "inputs[0]")?,
            // it has a place for each; that they exclude each other is the rules' to say
            Some(_) => {}
            None => refuse.unsupported("inputs of several parts", "inputs[0]")?,
        }
    }
    PURPOSES.check(request, refuse)?;
    refuse.member(request.normalize.as_ref(), "normalize")?;
    refuse.all_but_floats(request)
}

pub(super) fn write(request: &EmbedRequest) -> Extra {
    let mut body = known(request);
    overlay::lay(&mut body, &request.extra);
    body
}

fn has_input(parameters: &Value) -> bool {
    ["text", "image", "audio", "video"]
        .iter()
        .any(|name| parameters.get(name).is_some_and(|it| !it.is_null()))
}

pub(super) fn read(body: Extra) -> Result<EmbedRequest, CodecError> {
    let parameters = body.get(PARAMETERS);
    if !parameters.is_some_and(has_input) {
        return Err(malformed(NAME, "request", PARAMETERS, "no text, image, audio or video"));
    }
    let member = |name: &str| parameters?.get(name);
    let text = member("text").and_then(|text| text.get("value")?.as_str());
    let image = member("image").and_then(read_image);
    let truncation = member("text").and_then(|text| text.get("truncationMode")?.as_str());
    let mut request = EmbedRequest {
        inputs: match (text, image) {
            (Some(text), Some(image)) => vec![EmbedInput::Mixed(vec![text.into(), image.into()])],
            (text, image) => text.map(EmbedInput::from).or(image.map(EmbedInput::from)).into_iter().collect(),
        },
        purpose: member("embeddingPurpose").and_then(Value::as_str).map(|name| PURPOSES.read(name)),
        dimensions: member("embeddingDimension").and_then(u32::read),
        truncation: truncation.map(read_truncation),
        ..EmbedRequest::default()
    };
    request.extra = overlay::over(&known(&request), body);
    Ok(request)
}

/// The members that have a name in a request.
fn known(request: &EmbedRequest) -> Extra {
    let mut parameters = Extra::new();
    let mut write = |name: &str, value: Value| drop(parameters.insert(name.to_owned(), value));
    if let Some(purpose) = request.purpose.as_ref().and_then(|it| PURPOSES.write(it)) {
        write("embeddingPurpose", purpose.into());
    }
    if let Some(dimensions) = request.dimensions {
        write("embeddingDimension", dimensions.into());
    }
    let mode = request.truncation.as_ref().map_or("NONE", write_truncation);
    let (text, image) = request.inputs.first().and_then(text_and_image).unwrap_or_default();
    if let Some(text) = text {
        write("text", json!({"truncationMode": mode, "value": text}));
    }
    if let Some(image) = image {
        // the block's serde form is this body's, unknown members included
        write("image", serde_json::to_value(image).unwrap_or_default());
    }
    Extra::from_iter([(String::from("taskType"), TASK.into()), (PARAMETERS.to_owned(), parameters.into())])
}

/// An image; a source that we would not write the same way again is kept as it came.
fn read_image(value: &Value) -> Option<ImageBlock> {
    let mut extra = value.as_object()?.clone();
    let format = ImageFormat::from(extra.shift_remove("format")?.as_str()?);
    let source = extra.shift_remove("source")?;
    let known = MediaSource::deserialize(&source).ok();
    let known = known.filter(|known| serde_json::to_value(known).is_ok_and(|again| again == source));
    let Value::Object(members) = source else { return None };
    let source = known.unwrap_or(MediaSource::Unknown(members));
    Some(ImageBlock { format, source, error: None, extra })
}

const PURPOSES: Purposes = Purposes(&[
    (EmbedPurpose::Document, "GENERIC_INDEX"),
    (EmbedPurpose::Query, "GENERIC_RETRIEVAL"),
    (EmbedPurpose::TextQuery, "TEXT_RETRIEVAL"),
    (EmbedPurpose::ImageQuery, "IMAGE_RETRIEVAL"),
    (EmbedPurpose::VideoQuery, "VIDEO_RETRIEVAL"),
    (EmbedPurpose::DocumentQuery, "DOCUMENT_RETRIEVAL"),
    (EmbedPurpose::AudioQuery, "AUDIO_RETRIEVAL"),
    (EmbedPurpose::Classification, "CLASSIFICATION"),
    (EmbedPurpose::Clustering, "CLUSTERING"),
]);
