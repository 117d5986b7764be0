//! Inputs of several parts: `{"content": [{"type": "text", …}, {"type": "image_url", …}]}`.
//!
//! An image's address stands in `image_url` itself, as the Bedrock user guide has it; `{"url": …}`, the form of
//! Cohere's own API, is read too, and kept by the request's `extra`.

use bedrock_llm_schema::embed::{EmbedInput, EmbedPart};
use serde_json::{Value, json};

use crate::families::common::picture;

pub(super) fn write(input: &EmbedInput) -> Value {
    let texts = |text: &str| json!({"type": "text", "text": text});
    let content: Vec<Value> = match input {
        EmbedInput::Text(text) => vec![texts(text)],
        EmbedInput::Image(image) => {
            picture::to_data_uri(image).as_deref().map(image_url).into_iter().collect()
        }
        EmbedInput::Mixed(parts) => parts
            .iter()
            .filter_map(|part| match part {
                EmbedPart::Text(text) => Some(texts(text)),
                EmbedPart::Image(image) => picture::to_data_uri(image).as_deref().map(image_url),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    json!({"content": content})
}

fn image_url(uri: &str) -> Value {
    json!({"type": "image_url", "image_url": uri})
}

/// An input, as far as its parts are known.
pub(super) fn read(input: &Value) -> EmbedInput {
    let parts = input.get("content").and_then(Value::as_array).into_iter().flatten();
    EmbedInput::Mixed(parts.filter_map(part).collect())
}

fn part(part: &Value) -> Option<EmbedPart> {
    if let Some(text) = part.get("text") {
        return Some(EmbedPart::from(text.as_str()?));
    }
    let address = part.get("image_url")?;
    let uri = address.as_str().or_else(|| address.get("url")?.as_str())?;
    Some(EmbedPart::from(picture::from_data_uri(uri)))
}
