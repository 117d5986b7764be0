//! What can be said of images by looking at their bytes.

use bedrock_llm_schema::ImageBlock;
use bedrock_llm_schema::content::media::MediaSource;

/// An image in words: format, size in pixels where the bytes tell it, size in bytes.
pub(crate) fn describe_image(image: &ImageBlock) -> String {
    let format = &image.format;
    match &image.source {
        MediaSource::Bytes(bytes) => {
            let size = image.dimensions();
            let size = size.map(|(width, height)| format!(" of {width}x{height} pixels")).unwrap_or_default();
            format!("a {format} image{size} ({} bytes)", bytes.as_bytes().len())
        }
        MediaSource::S3Location(location) => format!("a {format} image at {}", location.uri),
        _ => format!("a {format} image"),
    }
}
