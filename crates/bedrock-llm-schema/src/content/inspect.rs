//! What can be said of images and documents by looking at their bytes.

use std::borrow::Cow;

use super::media::{
    DocumentBlock, DocumentContentBlock, DocumentFormat, DocumentSource, ImageBlock, MediaSource,
};

impl ImageBlock {
    /// Width and height in pixels, as the file's header says; `None` where the bytes are not here, as in Amazon S3,
    /// or are no image. A picture that is to be seen turned is measured as it is stored.
    #[must_use]
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        let MediaSource::Bytes(bytes) = &self.source else { return None };
        let size = imagesize::blob_size(bytes.as_bytes()).ok()?;
        Some((u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?))
    }
}

impl DocumentBlock {
    /// The text of a document, where it has one that can be read without its program: given as text, or the bytes of
    /// plain text, Markdown, CSV or HTML (without its tags).
    #[must_use]
    pub fn readable_text(&self) -> Option<Cow<'_, str>> {
        match &self.source {
            DocumentSource::Text(text) => Some(text.into()),
            DocumentSource::Content(parts) => {
                let texts = parts.iter().filter_map(|part| match part {
                    DocumentContentBlock::Text(text) => Some(text.as_str()),
                    DocumentContentBlock::Unknown(_) => None,
                });
                Some(texts.collect::<Vec<_>>().join("\n").into())
            }
            DocumentSource::Bytes(bytes) => {
                let is_text = matches!(
                    self.format,
                    Some(
                        DocumentFormat::Txt | DocumentFormat::Md | DocumentFormat::Csv | DocumentFormat::Html
                    ) | None
                );
                let text = std::str::from_utf8(bytes.as_bytes()).ok().filter(|_| is_text)?;
                let is_html = self.format == Some(DocumentFormat::Html);
                Some(if is_html { without_tags(text).into() } else { text.into() })
            }
            DocumentSource::S3Location(_) | DocumentSource::Unknown(_) => None,
        }
    }
}

/// The text between the tags of HTML; scripts and styles are left out.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let tag =
            after.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_ascii_lowercase();
        let inside = match tag.as_str() {
            "script" | "style" => after.split_once(&format!("</{tag}")).map_or("", |(_, rest)| rest),
            _ => after,
        };
        rest = inside.split_once('>').map_or("", |(_, rest)| rest);
        let is_inline = ["b", "i", "em", "strong", "a", "span", "code"].contains(&tag.as_str());
        text.push_str(if is_inline { "" } else { "\n" });
    }
    text.push_str(rest);
    let text = text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageFormat;

    #[test]
    fn html_gives_its_text() {
        let html = "<html><head><style>p {}</style></head><body><p>Tom &amp; <b>Ada</b></p>\n<script>x<y</script><p>b</p>";
        assert_eq!(without_tags(html), "Tom & Ada\nb");
        assert_eq!(without_tags("a < b"), "a");
        assert_eq!(without_tags("<script"), "");
    }

    #[test]
    fn sizes_are_read_off_the_bytes() {
        let size = |bytes: &[u8]| ImageBlock::new(ImageFormat::Png, bytes.to_vec()).dimensions();
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03";
        assert_eq!(size(png), Some((2, 3)));
        assert_eq!(size(b"GIF89a\x05\0\x06\0\0\0\0"), Some((5, 6)));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x07\0\x08\x01";
        assert_eq!(size(jpeg), Some((8, 7)));
        for cut in 0..jpeg.len() {
            let _ = size(&jpeg[..cut]);
        }
        assert_eq!(size(b"?"), None);
        assert_eq!(ImageBlock::from_s3(ImageFormat::Png, "s3://bucket/a.png").dimensions(), None);
    }
}
