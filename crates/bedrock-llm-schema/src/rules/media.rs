//! Rules about documents, images, videos and sound.

use super::place::{self, Media, Place};
use super::rule::{RuleReport, Subject};
use crate::content::ContentKind;
use crate::content::media::{DocumentFormat, ImageFormat, VideoFormat};
use crate::model::Features;
use crate::{ContentBlock, DocumentBlock, ImageBlock, VideoBlock};

/// Whether the model reads nothing of the kind.
fn is_unread(media: Media<'_>, features: &Features) -> bool {
    let is_read = match media {
        Media::Image(_) => features.vision,
        Media::Document(_) => features.document_input,
        Media::Video(_) => features.video_input,
        Media::Audio(_) => features.audio_input,
    };
    let is_pdf = matches!(media, Media::Document(it) if it.format == Some(DocumentFormat::Pdf));
    is_read == Some(false) || (is_pdf && is_read.is_none() && features.pdf_input == Some(false))
}

/// What the model reads; of the rest, that it does not is said once.
fn readable<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (Place, Media<'a>)> + Clone {
    let features = &subject.profile.features;
    place::media(subject.request).filter(|(_, media)| !is_unread(*media, features))
}

pub(super) fn modality(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (place, media) in place::media(subject.request) {
        let kind = media.kind();
        if is_unread(media, &subject.profile.features) {
            let (path, message) = (format!("{}.{kind}", place.path()), format!("the model takes no {kind}"));
            let fix = "leave it out or choose a model that does";
            report.add_with(path, message, fix, &[("kind", kind.as_str())]);
        }
    }
}

/// Documents inside tool results pass (recording 3b7528d4db95), images there do not (8825215bc413).
pub(super) fn s3(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let profile = subject.profile;
    for (place, media) in readable(subject).filter(|(_, media)| media.s3().is_some()) {
        let is_taken = match media {
            Media::Image(_) => profile.images.s3,
            Media::Document(_) => profile.documents.s3.filter(|_| place.piece.is_none()),
            Media::Video(_) => profile.videos.s3,
            Media::Audio(_) => None,
        };
        if is_taken != Some(false) {
            continue;
        }
        let kind = media.kind();
        let path = format!("{}.{kind}.source.s3Location", place.path());
        let message = format!("the model takes no {kind} from S3");
        let fix = "put its bytes into the request";
        match kind {
            ContentKind::Image => report.add(path, message, fix),
            // recording 05e097def00a
            ContentKind::Document if subject.is_anthropic() => {
                let says = format!(
                    "The model returned the following errors: {}.document.source.type: Field required",
                    place.dotted()
                );
                report.add_saying(path, message, fix, Some(says));
            }
            _ => report.add_saying(path, message, fix, None),
        }
    }
}

/// `s3://bucket/key`, with a bucket as S3 names them.
pub(super) fn s3_uri(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (place, media) in place::media(subject.request) {
        let Some(location) = media.s3() else { continue };
        let path = || format!("{}.{}.source.s3Location", place.path(), media.kind());
        if !is_s3_uri(&location.uri) {
            report.add(format!("{}.uri", path()), "no URI of S3", "write it as s3://bucket/key");
        }
        let owner = location.bucket_owner.as_deref();
        if owner.is_some_and(|it| it.len() != 12 || !it.bytes().all(|b| b.is_ascii_digit())) {
            report.add(format!("{}.bucketOwner", path()), "no account id", "write its 12 digits");
        }
    }
}

fn is_s3_uri(uri: &str) -> bool {
    let bucket =
        uri.strip_prefix("s3://").map(|rest| rest.split_once('/').map_or(rest, |(bucket, _)| bucket));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    uri.len() <= 1024
        && bucket.is_some_and(|bucket| {
            let ends = [bucket.bytes().next(), bucket.bytes().next_back()];
            (3..=63).contains(&bucket.len())
                && ends.into_iter().flatten().all(plain)
                && bucket.bytes().all(|byte| plain(byte) || byte == b'.' || byte == b'-')
        })
}

/// Values that are not known are not refused: recording 01c245e48141 passes with `video/mp4`.
pub(super) fn format(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let profile = subject.profile;
    for (place, media) in readable(subject) {
        let refused = match media {
            Media::Image(ImageBlock { format: ImageFormat::Unknown(_), .. }) => None,
            Media::Image(image) => {
                outside(&image.format, profile.images.formats.as_deref()).map(ImageFormat::as_str)
            }
            Media::Document(DocumentBlock { format: None | Some(DocumentFormat::Unknown(_)), .. }) => None,
            Media::Document(document) => document
                .format
                .as_ref()
                .and_then(|it| outside(it, profile.documents.formats.as_deref()))
                .map(DocumentFormat::as_str),
            Media::Video(VideoBlock { format: VideoFormat::Unknown(_), .. }) => None,
            Media::Video(video) => {
                outside(&video.format, profile.videos.formats.as_deref()).map(VideoFormat::as_str)
            }
            Media::Audio(_) => None,
        };
        if let Some(format) = refused {
            let kind = media.kind();
            let path = format!("{}.{kind}.format", place.path());
            report.add(path, format!("the model takes no {kind} of format {format}"), "convert it");
        }
    }
}

/// The value, where it is not among those that are taken.
fn outside<'a, T: PartialEq>(value: &'a T, taken: Option<&[T]>) -> Option<&'a T> {
    taken.filter(|taken| !taken.contains(value)).map(|_| value)
}

const NAME_FIX: &str = "use letters, digits, single spaces, hyphens, parentheses and square brackets";

pub(super) fn document_names(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let documents = place::media(subject.request).filter_map(|(place, media)| match media {
        Media::Document(document) => Some((place, document)),
        _ => None,
    });
    for (place, document) in documents.clone() {
        document_name(place, document, report);
    }
    // of those inside tool results no refusal is known
    let names = documents.filter(|(place, _)| place.piece.is_none());
    for (place, _) in place::repeated(names.map(|(place, document)| (place, document.name.as_str()))) {
        let path = format!("{}.document.name", place.path());
        report.add_saying(
            path,
            "another document has the same name",
            "rename one",
            Some(DUPLICATE.to_owned()),
        );
    }
}

const DUPLICATE: &str =
    "Messages can't contain duplicate document names. Rename the document and retry your request.";

/// Underscores pass though the sentence does not have them (recording 3f12701e932a); no white space but a space does
/// (github.com/aws-samples/generative-ai-use-cases/issues/1671).
fn document_name(place: Place, document: &DocumentBlock, report: &mut RuleReport<'_>) {
    let name = &document.name;
    let path = || format!("{}.document.name", place.path());
    let member = || format!("{}.document.name", place.member());
    let is_legal = |c: char| c.is_ascii_alphanumeric() || " -_()[]".contains(c);
    if name.is_empty() {
        let constraint = "have length greater than or equal to 1";
        report.add_constraint(path(), "the document has no name", "name it", &member(), constraint);
    } else if name.len() > 200 && name.chars().count() > 200 {
        let constraint = "have length less than or equal to 200";
        report.add_constraint(path(), "longer than 200 characters", "shorten it", &member(), constraint);
    } else if let Some(place) = name.chars().position(|c| !is_legal(c)) {
        report.add(path(), format!("character {place} is not allowed in a document's name"), NAME_FIX);
    } else if name.contains("  ") {
        report.add(path(), "two spaces in a row in a document's name", NAME_FIX);
    }
}

pub(super) fn document_text(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (turn, message) in subject.request.messages.iter().enumerate() {
        let has = |kind| message.content.iter().any(|block: &ContentBlock| block.kind() == kind);
        if has(ContentKind::Document) && !has(ContentKind::Text) {
            let path = format!("messages[{turn}].content");
            report.add(path, "a document without text beside it", "say in a text block what to do with it");
        }
    }
}

/// Those inside tool results are not counted: no refusal of them is known.
pub(super) fn count(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let profile = subject.profile;
    for (kind, most) in [
        (ContentKind::Image, profile.images.max_count),
        (ContentKind::Document, profile.documents.max_count),
        (ContentKind::Video, profile.videos.max_count),
    ] {
        let Some(most) = most.map(|most| usize::try_from(most).unwrap_or(usize::MAX)) else { continue };
        let all = place::blocks(subject.request).filter(|(_, block)| block.kind() == kind);
        if let Some((first_over, _)) = all.clone().nth(most) {
            let message = format!("{} blocks of kind {kind}; the model takes {most}", all.count());
            report.add(format!("{}.{kind}", first_over.path()), message, "leave some out");
        }
    }
}

pub(super) fn size(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let profile = subject.profile;
    for (place, media) in place::media(subject.request) {
        let Some(bytes) = media.bytes() else { continue };
        let kind = media.kind();
        let path = || format!("{}.{kind}.source.bytes", place.path());
        if bytes == 0 {
            let member = format!("{}.{kind}.source.bytes", place.member());
            let constraint = "have length greater than or equal to 1";
            report.add_constraint(path(), "no bytes", "add its bytes or leave it out", &member, constraint);
            continue;
        }
        let (most, is_base64) = match media {
            Media::Image(_) => (profile.images.max_bytes, profile.images.counts_base64 == Some(true)),
            Media::Document(_) => (profile.documents.max_bytes, false),
            Media::Video(_) => (profile.videos.max_bytes, false),
            Media::Audio(_) => (None, false),
        };
        let size = u64::try_from(if is_base64 { bytes.div_ceil(3).saturating_mul(4) } else { bytes });
        let size = size.unwrap_or(u64::MAX);
        if let Some(most) = most.filter(|most| size > *most) {
            let unit = if is_base64 { "bytes of base64" } else { "bytes" };
            let message = format!("{size} {unit}; the model takes {most}");
            report.add(
                path(),
                message,
                "make it smaller, or name it by its S3 URI where the model takes that",
            );
        }
    }
}

/// Read off the images' headers; those inside tool results count as well.
pub(super) fn side(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let facts = &subject.profile.images;
    if facts.max_side.is_none() && facts.max_side_of_many.is_none() {
        return;
    }
    let images = place::media(subject.request).filter_map(|(place, media)| match media {
        Media::Image(image) => Some((place, image)),
        _ => None,
    });
    let many = facts.many.and_then(|many| usize::try_from(many).ok());
    let of_many = many.filter(|many| images.clone().nth(*many).is_some()).and(facts.max_side_of_many);
    let Some(most) = facts.max_side.into_iter().chain(of_many).min() else { return };
    for (place, image) in images {
        let Some((width, height)) = image.dimensions().filter(|(w, h)| (*w).max(*h) > most) else { continue };
        let path = format!("{}.image", place.path());
        let message = format!("{width}x{height} pixels; the model takes {most} a side");
        report.add(path, message, "make it smaller");
    }
}
