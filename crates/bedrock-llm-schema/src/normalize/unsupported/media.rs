//! Images, documents, videos and sound that a model does not take, or not from Amazon S3.

use std::fmt::Display;

use super::Settler;
use crate::content::media::{
    DocumentContentBlock, DocumentFormat, DocumentSource, ImageFormat, MediaSource, VideoBlock, VideoFormat,
};
use crate::model::ModelProfile;
use crate::{ContentBlock, DocumentBlock, ImageBlock, Message, ToolResultContentBlock};

/// Puts a stated text in the place of what is not taken; of a document that is text, the text.
pub(super) fn settle(messages: &mut [Message], settler: &mut Settler<'_>) {
    for (turn, message) in messages.iter_mut().enumerate() {
        for (place, block) in message.content.iter_mut().enumerate() {
            let path = || format!("messages[{turn}].content[{place}]");
            if let ContentBlock::ToolResult(result) = block {
                for (piece, content) in result.content.iter_mut().enumerate() {
                    let path = || format!("{}.toolResult.content[{piece}]", path());
                    let words =
                        Media::in_result(content).and_then(|media| replaced(&media, true, path, settler));
                    if let Some(words) = words {
                        *content = words.into();
                    }
                }
            } else if let Some(words) =
                Media::in_turn(block).and_then(|media| replaced(&media, false, path, settler))
            {
                *block = words.into();
            }
        }
    }
}

/// The text for something that is not taken.
fn replaced(
    media: &Media<'_>,
    is_in_result: bool,
    path: impl Fn() -> String,
    settler: &mut Settler<'_>,
) -> Option<String> {
    let (rule, what) = media.lack(is_in_result, settler.profile)?;
    let cannot = format!("the model does not take {what}");
    let text = media.text();
    let instead = if text.is_some() { "its text in its place" } else { "a note in its place" };
    let path = format!("{}.{}", path(), media.name());
    settler
        .degrades(rule, path, &cannot, instead)
        .then(|| text.unwrap_or_else(|| format!("[{} left out: {cannot}]", media.name())))
}

/// A piece of a tool result as a block of a turn; nothing where the piece is of words.
pub(super) fn in_message(piece: ToolResultContentBlock) -> Option<ContentBlock> {
    match piece {
        ToolResultContentBlock::Image(image) => Some(image.into()),
        ToolResultContentBlock::Document(document) => Some(document.into()),
        ToolResultContentBlock::Video(video) => Some(video.into()),
        _ => None,
    }
}

/// Whether a piece of a tool result is of no words.
pub(super) fn is_media(piece: &ToolResultContentBlock) -> bool {
    Media::in_result(piece).is_some()
}

enum Media<'a> {
    Image(&'a ImageBlock),
    Document(&'a DocumentBlock),
    Video(&'a VideoBlock),
    Audio,
}

impl<'a> Media<'a> {
    fn in_turn(block: &'a ContentBlock) -> Option<Self> {
        match block {
            ContentBlock::Image(image) => Some(Self::Image(image)),
            ContentBlock::Document(document) => Some(Self::Document(document)),
            ContentBlock::Video(video) => Some(Self::Video(video)),
            ContentBlock::Audio(_) => Some(Self::Audio),
            _ => None,
        }
    }

    fn in_result(piece: &'a ToolResultContentBlock) -> Option<Self> {
        match piece {
            ToolResultContentBlock::Image(image) => Some(Self::Image(image)),
            ToolResultContentBlock::Document(document) => Some(Self::Document(document)),
            ToolResultContentBlock::Video(video) => Some(Self::Video(video)),
            _ => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Document(_) => "document",
            Self::Video(_) => "video",
            Self::Audio => "audio",
        }
    }

    /// The rule it breaks and what it is that the model does not take. A format this version does not know is none
    /// of those: recording 01c245e48141 has `video/mp4`, and the service took it.
    /// Documents from S3 pass inside tool results (recording 3b7528d4db95).
    fn lack(&self, is_in_result: bool, profile: &ModelProfile) -> Option<(&'static str, String)> {
        let features = &profile.features;
        let kind = |kind: &str| Some(("R-MODALITY", kind.to_owned()));
        match self {
            Self::Image(_) if features.vision == Some(false) => kind("images"),
            Self::Document(_) if features.document_input == Some(false) => kind("documents"),
            Self::Document(document)
                if (features.document_input, features.pdf_input) == (None, Some(false))
                    && document.format == Some(DocumentFormat::Pdf) =>
            {
                kind("documents as pdf")
            }
            Self::Video(_) if features.video_input == Some(false) => kind("videos"),
            Self::Audio if features.audio_input == Some(false) => kind("sound"),
            Self::Image(image) => {
                let is_known = !matches!(image.format, ImageFormat::Unknown(_));
                let format = is_known.then_some(&image.format);
                part(
                    "images",
                    format,
                    profile.images.formats.as_deref(),
                    is_s3(&image.source),
                    profile.images.s3,
                )
            }
            Self::Document(document) => {
                let format =
                    document.format.as_ref().filter(|format| !matches!(format, DocumentFormat::Unknown(_)));
                let is_s3 = !is_in_result && matches!(document.source, DocumentSource::S3Location(_));
                let formats = profile.documents.formats.as_deref();
                part("documents", format, formats, is_s3, profile.documents.s3)
            }
            Self::Video(video) => {
                let is_known = !matches!(video.format, VideoFormat::Unknown(_));
                let format = is_known.then_some(&video.format);
                part(
                    "videos",
                    format,
                    profile.videos.formats.as_deref(),
                    is_s3(&video.source),
                    profile.videos.s3,
                )
            }
            Self::Audio => None,
        }
    }

    /// The text of a document that is text.
    fn text(&self) -> Option<String> {
        let Self::Document(document) = self else { return None };
        let text = match &document.source {
            DocumentSource::Text(text) => text.clone(),
            DocumentSource::Content(pieces) => {
                pieces.iter().map(piece_text).collect::<Option<Vec<_>>>()?.join("\n")
            }
            DocumentSource::Bytes(bytes) if is_text(document.format.as_ref()) => {
                std::str::from_utf8(bytes.as_bytes()).ok()?.to_owned()
            }
            _ => return None,
        };
        Some(format!("[document {}]\n{text}", document.name))
    }
}

/// What of a medium that is taken is not.
fn part<F: PartialEq + Display>(
    kind: &str,
    format: Option<&F>,
    formats: Option<&[F]>,
    is_s3: bool,
    takes_s3: Option<bool>,
) -> Option<(&'static str, String)> {
    if is_s3 && takes_s3 == Some(false) {
        return Some(("R-S3", format!("{kind} from S3")));
    }
    let format = format.filter(|format| formats.is_some_and(|formats| !formats.contains(format)))?;
    Some(("R-FORMAT", format!("{kind} as {format}")))
}

fn is_s3(source: &MediaSource) -> bool {
    matches!(source, MediaSource::S3Location(_))
}

fn is_text(format: Option<&DocumentFormat>) -> bool {
    use DocumentFormat::{Csv, Html, Md, Txt};
    matches!(format, None | Some(Csv | Html | Md | Txt))
}

fn piece_text(piece: &DocumentContentBlock) -> Option<&str> {
    match piece {
        DocumentContentBlock::Text(text) => Some(text),
        DocumentContentBlock::Unknown(_) => None,
    }
}
