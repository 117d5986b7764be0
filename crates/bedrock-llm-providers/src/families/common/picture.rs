//! Images in bodies that carry them as base64 text or as data URIs.
//!
//! What we would not write the same way again (other text than base64, an address) is kept as a source of an unknown
//! kind, and written as it came.

use bedrock_llm_schema::Blob;
use bedrock_llm_schema::content::media::{ImageBlock, ImageFormat, MediaSource};
use bedrock_llm_schema::wire::Extra;

/// The member of an unknown source that holds what stood in the body.
const RAW: &str = "raw";

/// An image of base64 text alone, its format told by its bytes.
pub(crate) fn from_base64(text: &str) -> ImageBlock {
    let Some(blob) = canonical(text) else { return raw(ImageFormat::Unknown(String::new()), text) };
    ImageBlock::from_bytes(blob.clone())
        .unwrap_or_else(|_| ImageBlock::new(ImageFormat::Unknown(String::new()), blob))
}

/// An image of a data URI.
pub(crate) fn from_data_uri(uri: &str) -> ImageBlock {
    let parts = uri.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
    let (format, text) = parts.unwrap_or_default();
    match canonical(text).filter(|_| parts.is_some()) {
        Some(blob) => ImageBlock::new(ImageFormat::from(format), blob),
        None => raw(ImageFormat::from(format), uri),
    }
}

/// The image as base64 text; `None` where its bytes are not at hand.
pub(crate) fn to_base64(image: &ImageBlock) -> Option<String> {
    match &image.source {
        MediaSource::Bytes(blob) => Some(blob.to_base64()),
        MediaSource::Unknown(source) => source.get(RAW)?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// The image as a data URI; `None` where its bytes are not at hand.
pub(crate) fn to_data_uri(image: &ImageBlock) -> Option<String> {
    match &image.source {
        MediaSource::Bytes(blob) => Some(format!("data:image/{};base64,{}", image.format, blob.to_base64())),
        _ => to_base64(image),
    }
}

fn canonical(text: &str) -> Option<Blob> {
    Blob::from_base64(text).ok().filter(|blob| blob.to_base64() == text)
}

fn raw(format: ImageFormat, text: &str) -> ImageBlock {
    let source = Extra::from_iter([(RAW.to_owned(), text.into())]);
    ImageBlock { format, source: MediaSource::Unknown(source), error: None, extra: Extra::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_as_it_was() {
        for text in ["iVBORw0KGgo=", "aGVsbG8=", "aGVsbG8", "{IMAGE}", ""] {
            assert_eq!(to_base64(&from_base64(text)).as_deref(), Some(text));
        }
        assert_eq!(from_base64("iVBORw0KGgo=").format, ImageFormat::Png);
        for uri in ["data:image/png;base64,aGVsbG8=", "data:image/jpg;base64,aGVsbG8", "https://x/y.png", ""]
        {
            assert_eq!(to_data_uri(&from_data_uri(uri)).as_deref(), Some(uri));
        }
        let jpg = from_data_uri("data:image/jpg;base64,aGVsbG8=");
        assert_eq!((jpg.format.as_str(), jpg.source), ("jpg", MediaSource::Bytes(b"hello".to_vec().into())));
        let elsewhere = ImageBlock::from_s3(ImageFormat::Png, "s3://b/k");
        assert_eq!((to_base64(&elsewhere), to_data_uri(&elsewhere)), (None, None));
    }
}
