//! Images, documents, video and audio inside messages.

mod blocks;
mod document;
mod error;
#[cfg(feature = "image")]
mod fit;
#[cfg(feature = "image")]
mod scale;
mod source;

pub(crate) use document::{DOCUMENT_NAME_MAX, document_name};
pub use error::MediaError;
#[cfg(feature = "image")]
pub use fit::{Fitted, ImageLimits, ImageSize};

use crate::Blob;
use crate::wire::{wire_enum, wire_struct, wire_union};

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

#[cfg(test)]
mod tests;
