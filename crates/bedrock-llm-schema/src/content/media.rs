//! Images, documents, video and audio inside messages.

use std::path::Path;

use bytes::Bytes;

use crate::Blob;
use crate::wire::{Extra, wire_enum, wire_struct, wire_union};

wire_enum! {
    /// Image formats the service takes.
    pub enum ImageFormat {
        /// PNG
        Png = "png",
        /// JPEG
        Jpeg = "jpeg",
        /// GIF
        Gif = "gif",
        /// `WebP`
        Webp = "webp",
    }

    /// Document formats the service takes.
    pub enum DocumentFormat {
        /// PDF
        Pdf = "pdf",
        /// Comma-separated values
        Csv = "csv",
        /// Word 97-2003
        Doc = "doc",
        /// Word
        Docx = "docx",
        /// Excel 97-2003
        Xls = "xls",
        /// Excel
        Xlsx = "xlsx",
        /// HTML
        Html = "html",
        /// Plain text
        Txt = "txt",
        /// Markdown
        Md = "md",
    }

    /// Video formats the service takes.
    pub enum VideoFormat {
        /// Matroska
        Mkv = "mkv",
        /// `QuickTime`
        Mov = "mov",
        /// MPEG-4
        Mp4 = "mp4",
        /// `WebM`
        Webm = "webm",
        /// Flash video
        Flv = "flv",
        /// MPEG
        Mpeg = "mpeg",
        /// MPEG, by its other name
        Mpg = "mpg",
        /// Windows Media
        Wmv = "wmv",
        /// 3GP
        ThreeGp = "three_gp",
    }

    /// Audio formats the service takes.
    pub enum AudioFormat {
        /// MP3
        Mp3 = "mp3",
        /// Opus
        Opus = "opus",
        /// WAV
        Wav = "wav",
        /// AAC
        Aac = "aac",
        /// FLAC
        Flac = "flac",
        /// MPEG-4 audio
        Mp4 = "mp4",
        /// Ogg
        Ogg = "ogg",
        /// Matroska
        Mkv = "mkv",
        /// Matroska audio
        Mka = "mka",
        /// AAC, by its MIME name
        XAac = "x-aac",
        /// M4A
        M4a = "m4a",
        /// MPEG
        Mpeg = "mpeg",
        /// MPEG audio
        Mpga = "mpga",
        /// Raw PCM
        Pcm = "pcm",
        /// `WebM`
        Webm = "webm",
    }
}

wire_struct! {
    /// An object in Amazon S3.
    #[derive(Default)]
    pub struct S3Location {
        /// `s3://bucket/key`, 1 to 1,024 characters.
        pub uri: String,
        /// The twelve-digit account that owns the bucket, when it is not the caller's.
        pub bucket_owner: Option<String>,
    }

    /// What went wrong with a piece of content, as the service says it.
    #[derive(Default)]
    pub struct ErrorBlock {
        /// The service's sentence.
        pub message: Option<String>,
    }

    /// An image.
    pub struct ImageBlock {
        /// Its format.
        pub format: ImageFormat,
        /// Where its bytes are.
        pub source: MediaSource,
        /// Why the service could not give or take it.
        pub error: Option<ErrorBlock>,
    }

    /// A video.
    pub struct VideoBlock {
        /// Its format.
        pub format: VideoFormat,
        /// Where its bytes are.
        pub source: MediaSource,
    }

    /// Sound.
    pub struct AudioBlock {
        /// Its format.
        pub format: AudioFormat,
        /// Where its bytes are.
        pub source: MediaSource,
        /// Why the service could not give or take it.
        pub error: Option<ErrorBlock>,
    }

    /// A document.
    pub struct DocumentBlock {
        /// Its format. A source of text may leave it out.
        pub format: Option<DocumentFormat>,
        /// A neutral name, 1 to 200 characters: letters, digits, single spaces, `-`, `_`, `(`, `)`, `[`, `]`.
        pub name: String,
        /// Where its content is.
        pub source: DocumentSource,
        /// What the model should know about the document when it cites it.
        pub context: Option<String>,
        /// Whether the model may cite it.
        pub citations: Option<CitationsConfig>,
    }

    /// Whether a document or search result may be cited.
    #[derive(Default)]
    pub struct CitationsConfig {
        /// Ask the model to cite.
        pub enabled: bool,
    }

    /// Text that a search found, which the model may cite.
    #[derive(Default)]
    pub struct SearchResultBlock {
        /// Where it was found, such as a URL.
        pub source: String,
        /// Its title.
        pub title: String,
        /// The text, in the pieces that a citation can point to.
        pub content: Vec<SearchResultContentBlock>,
        /// Whether it may be cited.
        pub citations: Option<CitationsConfig>,
    }

    /// A piece of a search result.
    #[derive(Default)]
    pub struct SearchResultContentBlock {
        /// The text.
        pub text: String,
    }
}

wire_union! {
    /// Where an image, video or sound is.
    pub enum MediaSource {
        /// In the request itself; at most 25 MB a request.
        Bytes(Blob) = "bytes",
        /// In Amazon S3.
        S3Location(S3Location) = "s3Location",
    }

    /// Where a document is.
    pub enum DocumentSource {
        /// In the request itself.
        Bytes(Blob) = "bytes",
        /// In Amazon S3.
        S3Location(S3Location) = "s3Location",
        /// As plain text.
        Text(String) = "text",
        /// As pieces of text that citations can point to.
        Content(Vec<DocumentContentBlock>) = "content",
    }

    /// A piece of a document.
    pub enum DocumentContentBlock {
        /// Text.
        Text(String) = "text",
    }
}

/// Why bytes or a file could not become a content block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The bytes are of none of the formats the service takes.
    #[error("the bytes are {found}, not {wanted}; convert them, or name the format with `new`")]
    UnknownFormat {
        /// What the service takes here.
        wanted: &'static str,
        /// What the bytes look like.
        found: String,
    },
    /// The file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

fn read(path: &Path) -> Result<Bytes, MediaError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes.into()),
        Err(source) => Err(MediaError::Read { path: path.display().to_string(), source }),
    }
}

/// The MIME type that a well-kept library reads off the first bytes.
fn sniff(bytes: &[u8]) -> &'static str {
    infer::get(bytes).map_or("of no format we know", |kind| kind.mime_type())
}

macro_rules! media_block {
    ($block:ident, $format:ident, $wanted:literal, { $($mime:pat => $variant:ident),* $(,)? } $(, $extra_field:ident)*) => {
        impl $block {
            /// A block of the given format.
            pub fn new(format: $format, bytes: impl Into<Blob>) -> Self {
                Self { format, source: MediaSource::Bytes(bytes.into()), $($extra_field: None,)* extra: Extra::new() }
            }

            /// A block from bytes, its format recognised from them.
            ///
            /// # Errors
            /// [`MediaError::UnknownFormat`] when they are of no format the service takes.
            pub fn from_bytes(bytes: impl Into<Blob>) -> Result<Self, MediaError> {
                let bytes = bytes.into();
                let format = match sniff(bytes.as_bytes()) {
                    $( $mime => $format::$variant, )*
                    found => return Err(MediaError::UnknownFormat { wanted: $wanted, found: found.to_owned() }),
                };
                Ok(Self::new(format, bytes))
            }

            /// A block from a file, its format recognised from its bytes.
            ///
            /// # Errors
            /// When the file cannot be read or is of no format the service takes.
            pub fn from_path(path: impl AsRef<Path>) -> Result<Self, MediaError> {
                Self::from_bytes(read(path.as_ref())?)
            }

            /// A block whose bytes lie in Amazon S3.
            pub fn from_s3(format: $format, uri: impl Into<String>) -> Self {
                let location = S3Location { uri: uri.into(), ..S3Location::default() };
                Self { format, source: MediaSource::S3Location(location), $($extra_field: None,)* extra: Extra::new() }
            }
        }
    };
}

media_block!(ImageBlock, ImageFormat, "png, jpeg, gif or webp", {
    "image/png" => Png, "image/jpeg" => Jpeg, "image/gif" => Gif, "image/webp" => Webp,
}, error);

media_block!(VideoBlock, VideoFormat, "mkv, mov, mp4, webm, flv, mpeg, wmv or 3gp", {
    "video/x-matroska" => Mkv, "video/quicktime" => Mov, "video/mp4" | "video/x-m4v" => Mp4, "video/webm" => Webm,
    "video/x-flv" => Flv, "video/mpeg" => Mpeg, "video/x-ms-wmv" => Wmv, "video/3gpp" => ThreeGp,
});

media_block!(AudioBlock, AudioFormat, "mp3, opus, wav, aac, flac, ogg, m4a, mka or webm", {
    "audio/mpeg" => Mp3, "audio/opus" => Opus, "audio/x-wav" | "audio/wav" => Wav, "audio/aac" => Aac,
    "audio/x-flac" | "audio/flac" => Flac, "audio/ogg" => Ogg, "audio/m4a" | "audio/mp4" => M4a,
    "video/x-matroska" => Mka, "video/webm" => Webm,
}, error);

impl DocumentBlock {
    /// A document of the given name, format and bytes.
    pub fn new(name: impl Into<String>, format: DocumentFormat, bytes: impl Into<Blob>) -> Self {
        Self::from_source(name, Some(format), DocumentSource::Bytes(bytes.into()))
    }

    /// A document of plain text.
    pub fn from_text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::from_source(name, Some(DocumentFormat::Txt), DocumentSource::Text(text.into()))
    }

    /// A document from bytes, its format recognised from them; text that is valid UTF-8 is `txt`, or `html`
    /// when it begins as HTML does.
    ///
    /// # Errors
    /// [`MediaError::UnknownFormat`] when they are of no format the service takes.
    pub fn from_bytes(name: impl Into<String>, bytes: impl Into<Blob>) -> Result<Self, MediaError> {
        let bytes = bytes.into();
        let format = document_format(bytes.as_bytes())?;
        Ok(Self::new(name, format, bytes))
    }

    /// A document from a file: named after it (in characters the service takes), its format recognised from
    /// its bytes and, for kinds of text that have no mark of their own (`csv`, `md`), from its ending.
    ///
    /// # Errors
    /// When the file cannot be read or is of no format the service takes.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, MediaError> {
        let path = path.as_ref();
        let bytes = Blob(read(path)?);
        let name = document_name(&path.file_stem().unwrap_or_default().to_string_lossy());
        let mut format = document_format(bytes.as_bytes())?;
        if format == DocumentFormat::Txt {
            format = match path.extension().and_then(|ending| ending.to_str()) {
                Some("csv") => DocumentFormat::Csv,
                Some("md" | "markdown") => DocumentFormat::Md,
                Some("html" | "htm") => DocumentFormat::Html,
                _ => format,
            };
        }
        Ok(Self::new(name, format, bytes))
    }

    /// The same document with citations asked for.
    #[must_use]
    pub fn citations(mut self, enabled: bool) -> Self {
        self.citations = Some(CitationsConfig { enabled, ..CitationsConfig::default() });
        self
    }

    /// The same document with something the model should know about it.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    fn from_source(name: impl Into<String>, format: Option<DocumentFormat>, source: DocumentSource) -> Self {
        Self { format, name: name.into(), source, context: None, citations: None, extra: Extra::new() }
    }
}

fn document_format(bytes: &[u8]) -> Result<DocumentFormat, MediaError> {
    Ok(match sniff(bytes) {
        "application/pdf" => DocumentFormat::Pdf,
        "application/msword" => DocumentFormat::Doc,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => DocumentFormat::Docx,
        "application/vnd.ms-excel" => DocumentFormat::Xls,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => DocumentFormat::Xlsx,
        "text/html" => DocumentFormat::Html,
        _ if std::str::from_utf8(bytes).is_ok() => DocumentFormat::Txt,
        found => {
            let wanted = "pdf, csv, doc, docx, xls, xlsx, html, txt or md";
            return Err(MediaError::UnknownFormat { wanted, found: found.to_owned() });
        }
    })
}

/// The most characters a document's name may have.
pub(crate) const DOCUMENT_NAME_MAX: usize = 200;

/// A name in the characters the service takes: ASCII letters, digits, single spaces, `-()[]` and `_` (recording
/// 3f12701e932a: `company_policy`). Any other character becomes a space; a name of which nothing stays is `document`.
pub(crate) fn document_name(name: &str) -> String {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || "-()[]_".contains(c);
    let spaced: String = name.chars().map(|c| if is_taken(c) { c } else { ' ' }).collect();
    let words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let name: String = words.chars().take(DOCUMENT_NAME_MAX).collect();
    if name.is_empty() { "document".to_owned() } else { name.trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    #[test]
    fn formats_are_read_off_the_bytes() {
        assert_eq!(ImageBlock::from_bytes(PNG).unwrap().format, ImageFormat::Png);
        assert_eq!(ImageBlock::from_bytes(&b"\xff\xd8\xff\xe0"[..]).unwrap().format, ImageFormat::Jpeg);
        let error = ImageBlock::from_bytes(&b"%PDF-1.7"[..]).unwrap_err().to_string();
        assert!(error.contains("application/pdf"), "{error}");
        assert_eq!(
            DocumentBlock::from_bytes("a", &b"%PDF-1.7"[..]).unwrap().format,
            Some(DocumentFormat::Pdf)
        );
        assert_eq!(DocumentBlock::from_bytes("a", &b"plain"[..]).unwrap().format, Some(DocumentFormat::Txt));
        assert!(DocumentBlock::from_bytes("a", PNG).is_err());
        assert_eq!(AudioBlock::from_bytes(&b"ID3\x03"[..]).unwrap().format, AudioFormat::Mp3);
    }

    #[test]
    fn a_file_gives_name_and_format() {
        let dir = std::env::temp_dir().join(format!("bedrock-llm-media-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("Q3: report_v2.csv");
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        let document = DocumentBlock::from_path(&path).unwrap();
        assert_eq!((document.name.as_str(), document.format), ("Q3 report_v2", Some(DocumentFormat::Csv)));
        assert!(
            ImageBlock::from_path(dir.join("missing.png")).unwrap_err().to_string().contains("missing.png")
        );
        std::fs::remove_dir_all(dir).unwrap();
    }
}
