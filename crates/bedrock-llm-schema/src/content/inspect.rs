//! What can be said of images and documents by looking at their bytes.

use std::borrow::Cow;

use super::media::{
    DocumentBlock, DocumentContentBlock, DocumentFormat, DocumentSource, ImageBlock, MediaSource,
};

impl ImageBlock {
    /// Width and height in pixels of PNG, GIF, JPEG and plain WebP images whose bytes are in the request.
    #[must_use]
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        let MediaSource::Bytes(bytes) = &self.source else { return None };
        dimensions(bytes.as_bytes())
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

/// Width and height of PNG, GIF, JPEG and plain WebP images.
fn dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    let big = |at: usize| Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let little = |at: usize| Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if bytes.starts_with(b"\x89PNG") {
        return Some((word(16)?, word(20)?));
    }
    if bytes.starts_with(b"GIF8") {
        return Some((little(6)?, little(8)?));
    }
    if bytes.starts_with(b"RIFF") && bytes.get(12..16)? == b"VP8 " {
        return Some((little(26)? & 0x3fff, little(28)? & 0x3fff));
    }
    if !bytes.starts_with(b"\xff\xd8") {
        return None;
    }
    // JPEG: segments follow one another until the one that starts a frame
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return Some((big(at + 7)?, big(at + 5)?));
        }
        at += 2 + usize::try_from(big(at + 2)?).ok()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_gives_its_text() {
        let html = "<html><head><style>p {}</style></head><body><p>Tom &amp; <b>Ada</b></p>\n<script>x<y</script><p>b</p>";
        assert_eq!(without_tags(html), "Tom & Ada\nb");
        assert_eq!(without_tags("a < b"), "a");
        assert_eq!(without_tags("<script"), "");
    }

    #[test]
    fn sizes_are_read_off_the_bytes() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03";
        assert_eq!(dimensions(png), Some((2, 3)));
        assert_eq!(dimensions(b"GIF89a\x05\0\x06\0"), Some((5, 6)));
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x07\0\x08\x01";
        assert_eq!(dimensions(jpeg), Some((8, 7)));
        for cut in 0..jpeg.len() {
            let _ = dimensions(&jpeg[..cut]);
        }
        assert_eq!(dimensions(b"?"), None);
    }
}
