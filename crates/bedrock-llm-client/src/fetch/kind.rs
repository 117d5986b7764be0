//! What is asked for: what the server may say of it, and whether the bytes bear it out.

use bedrock_llm_schema::DocumentFormat;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Document,
    Video,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Image => "an image",
            Self::Document => "a document",
            Self::Video => "a video",
        }
    }

    /// What a request says it accepts.
    pub(super) fn accept(self) -> &'static str {
        match self {
            Self::Image => "image/png, image/jpeg, image/webp, image/gif",
            Self::Document => "application/pdf, text/*, application/*;q=0.5",
            Self::Video => "video/*",
        }
    }

    /// Whether a content type, as [`essence`] gives it, is of this kind, or says nothing.
    pub(super) fn takes(self, content_type: &str) -> bool {
        says_nothing(content_type)
            || match self {
                Self::Image => content_type.starts_with("image/"),
                Self::Document => !Make::of_type(content_type).is_empty(),
                Self::Video => content_type.starts_with("video/"),
            }
    }
}

/// A content type without its parameters, in lower case.
pub(super) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Amazon S3 and others say this, or nothing at all, of files they were told nothing about.
fn says_nothing(content_type: &str) -> bool {
    matches!(content_type, "" | "application/octet-stream" | "binary/octet-stream")
}

/// How a document is made: as far as content types can be held to the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Make {
    Pdf,
    Office,
    Html,
    Text,
}

impl Make {
    /// How what is said to be of this type may be made; nothing where it is no document's.
    fn of_type(content_type: &str) -> &'static [Self] {
        match content_type {
            "application/pdf" | "application/x-pdf" => &[Self::Pdf],
            // servers on Windows say this of what Excel opens, CSV files and HTML tables among them
            "application/vnd.ms-excel" => &[Self::Office, Self::Html, Self::Text],
            "application/msword" => &[Self::Office],
            office if office.starts_with("application/vnd.openxmlformats-officedocument.") => &[Self::Office],
            "text/html" | "application/xhtml+xml" => &[Self::Html],
            "application/csv" | "application/json" | "application/xml" => &[Self::Html, Self::Text],
            text if text.starts_with("text/") => &[Self::Html, Self::Text],
            _ => &[],
        }
    }

    fn of_format(format: &DocumentFormat) -> Self {
        match format {
            DocumentFormat::Pdf => Self::Pdf,
            DocumentFormat::Doc | DocumentFormat::Docx | DocumentFormat::Xls | DocumentFormat::Xlsx => {
                Self::Office
            }
            DocumentFormat::Html => Self::Html,
            _ => Self::Text,
        }
    }
}

/// The format of a document by its bytes, its name and what the server says of them; `None` where they disagree.
pub(super) fn agreed(found: &DocumentFormat, content_type: &str) -> Option<DocumentFormat> {
    if says_nothing(content_type) {
        return Some(found.clone());
    }
    // text without a mark and without a telling name is what the server says
    let format = match (found, content_type) {
        (DocumentFormat::Txt, "text/csv" | "application/csv") => DocumentFormat::Csv,
        (DocumentFormat::Txt, "text/markdown" | "text/x-markdown") => DocumentFormat::Md,
        (DocumentFormat::Txt, "text/html" | "application/xhtml+xml") => DocumentFormat::Html,
        _ => found.clone(),
    };
    // a page of HTML where a table was expected is a login page
    Make::of_type(content_type).contains(&Make::of_format(&format)).then_some(format)
}
