//! Documents from bytes, text, files and Amazon S3.

use std::path::Path;

use super::source::{parts, read, sniff};
use super::{CitationsConfig, DocumentBlock, DocumentFormat, DocumentSource, MediaError, S3Location};
use crate::Blob;
use crate::wire::Extra;

const WANTED: &str = "pdf, csv, doc, docx, xls, xlsx, html, txt or md";

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
        Self::from_file(&path.file_name().unwrap_or_default().to_string_lossy(), read(path)?)
    }

    /// A document from the name and the bytes of a file that is not on disk, such as an upload; it is named
    /// and recognised as [`from_path`](Self::from_path) does it.
    ///
    /// # Errors
    /// [`MediaError::UnknownFormat`] when the bytes are of no format the service takes.
    pub fn from_file(file_name: &str, bytes: impl Into<Blob>) -> Result<Self, MediaError> {
        let (stem, ending) = parts(file_name);
        let mut document = Self::from_bytes(document_name(stem), bytes)?;
        if document.format == Some(DocumentFormat::Txt)
            && let Some(format) = DocumentFormat::from_ending(ending)
            && matches!(format, DocumentFormat::Csv | DocumentFormat::Md | DocumentFormat::Html)
        {
            document.format = Some(format);
        }
        Ok(document)
    }

    /// A document whose bytes lie in Amazon S3, at `s3://bucket/key`.
    pub fn from_s3(name: impl Into<String>, format: DocumentFormat, location: impl Into<S3Location>) -> Self {
        Self::from_source(name, Some(format), DocumentSource::S3Location(location.into()))
    }

    /// A document whose bytes lie in Amazon S3, at `s3://bucket/key`, named after the key (in characters the
    /// service takes); its format is told by the key's ending.
    ///
    /// ```
    /// use bedrock_llm_schema::content::media::S3Location;
    /// use bedrock_llm_schema::{DocumentBlock, DocumentFormat};
    ///
    /// let there = S3Location::new("s3://reports/2026/Q3_final.pdf").bucket_owner("123456789012");
    /// let report = DocumentBlock::from_s3_uri(there)?;
    /// assert_eq!((report.name.as_str(), report.format), ("Q3_final", Some(DocumentFormat::Pdf)));
    /// # Ok::<(), bedrock_llm_schema::MediaError>(())
    /// ```
    ///
    /// # Errors
    /// [`MediaError::NotS3`] when the URI names no object, [`MediaError::UnknownEnding`] when its ending tells no
    /// format the service takes: name the format with [`from_s3`](Self::from_s3) then.
    pub fn from_s3_uri(location: impl Into<S3Location>) -> Result<Self, MediaError> {
        let location = location.into();
        let format = location.format(DocumentFormat::from_ending, WANTED)?;
        let name = document_name(parts(location.file_name()?).0);
        Ok(Self::from_s3(name, format, location))
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

impl DocumentFormat {
    /// The format of files with this ending, in any case and without its dot.
    #[must_use]
    pub fn from_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "pdf" => Some(Self::Pdf),
            "csv" => Some(Self::Csv),
            "doc" => Some(Self::Doc),
            "docx" => Some(Self::Docx),
            "xls" => Some(Self::Xls),
            "xlsx" => Some(Self::Xlsx),
            "html" | "htm" => Some(Self::Html),
            "txt" | "text" => Some(Self::Txt),
            "md" | "markdown" => Some(Self::Md),
            _ => None,
        }
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
        found => return Err(MediaError::UnknownFormat { wanted: WANTED, found: found.to_owned() }),
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
