//! Where things stand in a request, and walks over them that take no memory.

use std::collections::BTreeSet;

use crate::content::ContentKind;
use crate::content::media::{DocumentSource, MediaSource, S3Location};
use crate::{
    AudioBlock, ChatRequest, ContentBlock, DocumentBlock, ImageBlock, Message, ToolResultBlock,
    ToolResultContentBlock, ToolUseBlock, VideoBlock,
};

/// A block of a message, or a piece of a tool result.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) turn: usize,
    pub(super) block: usize,
    pub(super) piece: Option<usize>,
}

impl Place {
    /// As a JSON path: `messages[0].content[1].toolResult.content[2]`.
    pub(super) fn path(self) -> String {
        let Self { turn, block, .. } = self;
        let piece = self.piece.map(|piece| format!(".toolResult.content[{piece}]")).unwrap_or_default();
        format!("messages[{turn}].content[{block}]{piece}")
    }

    /// As the service names places in the rules of its own.
    pub(super) fn dotted(self) -> String {
        let Self { turn, block, .. } = self;
        let piece = self.piece.map(|piece| format!(".toolResult.content.{piece}")).unwrap_or_default();
        format!("messages.{turn}.content.{block}{piece}")
    }

    /// As the service names places that break its model's constraints.
    pub(super) fn member(self) -> String {
        let (turn, block) = (self.turn + 1, self.block + 1);
        let piece =
            self.piece.map(|piece| format!(".toolResult.content.{}.member", piece + 1)).unwrap_or_default();
        format!("messages.{turn}.member.content.{block}.member{piece}")
    }
}

/// Every block, in order.
pub(super) fn blocks(request: &ChatRequest) -> impl Iterator<Item = (Place, &ContentBlock)> + Clone {
    request.messages.iter().enumerate().flat_map(|(turn, message)| {
        let place = move |block| Place { turn, block, piece: None };
        message.content.iter().enumerate().map(move |(block, content)| (place(block), content))
    })
}

/// Every tool result that the caller gives.
pub(super) fn all_results(request: &ChatRequest) -> impl Iterator<Item = (Place, &ToolResultBlock)> + Clone {
    blocks(request)
        .filter_map(|(place, block)| Some((place, block.as_tool_result()?)))
        .filter(|(_, result)| result.r#type.is_none())
}

/// The tool calls of a turn that the caller answers.
pub(super) fn calls(message: &Message) -> impl Iterator<Item = (usize, &ToolUseBlock)> + Clone {
    let blocks = message.content.iter().enumerate();
    blocks
        .filter_map(|(block, content)| Some((block, content.as_tool_use()?)))
        .filter(|(_, call)| !call.is_run_by_service())
}

/// The tool results that the caller gives; one of a tool that the service ran stands in one turn with its call.
pub(super) fn results(message: &Message) -> impl Iterator<Item = (usize, &ToolResultBlock)> + Clone {
    let blocks = message.content.iter().enumerate();
    blocks
        .filter_map(|(block, content)| Some((block, ContentBlock::as_tool_result(content)?)))
        .filter(|(_, result)| result.r#type.is_none())
}

/// A block that is not text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Media<'a> {
    Image(&'a ImageBlock),
    Document(&'a DocumentBlock),
    Video(&'a VideoBlock),
    Audio(&'a AudioBlock),
}

impl<'a> Media<'a> {
    fn of_block(block: &'a ContentBlock) -> Option<Self> {
        Some(match block {
            ContentBlock::Image(image) => Self::Image(image),
            ContentBlock::Document(document) => Self::Document(document),
            ContentBlock::Video(video) => Self::Video(video),
            ContentBlock::Audio(audio) => Self::Audio(audio),
            _ => return None,
        })
    }

    fn of_piece(piece: &'a ToolResultContentBlock) -> Option<Self> {
        Some(match piece {
            ToolResultContentBlock::Image(image) => Self::Image(image),
            ToolResultContentBlock::Document(document) => Self::Document(document),
            ToolResultContentBlock::Video(video) => Self::Video(video),
            _ => return None,
        })
    }

    pub(super) fn kind(self) -> ContentKind {
        match self {
            Self::Image(_) => ContentKind::Image,
            Self::Document(_) => ContentKind::Document,
            Self::Video(_) => ContentKind::Video,
            Self::Audio(_) => ContentKind::Audio,
        }
    }

    pub(super) fn s3(self) -> Option<&'a S3Location> {
        match (self, self.source()) {
            (Self::Document(DocumentBlock { source: DocumentSource::S3Location(place), .. }), _)
            | (_, Some(MediaSource::S3Location(place))) => Some(place),
            _ => None,
        }
    }

    /// How many bytes are in the request itself.
    pub(super) fn bytes(self) -> Option<usize> {
        match (self, self.source()) {
            (Self::Document(DocumentBlock { source: DocumentSource::Bytes(bytes), .. }), _)
            | (_, Some(MediaSource::Bytes(bytes))) => Some(bytes.as_bytes().len()),
            _ => None,
        }
    }

    fn source(self) -> Option<&'a MediaSource> {
        match self {
            Self::Image(image) => Some(&image.source),
            Self::Video(video) => Some(&video.source),
            Self::Audio(audio) => Some(&audio.source),
            Self::Document(_) => None,
        }
    }
}

/// Every image, document, video and sound, those inside tool results too.
pub(super) fn media(request: &ChatRequest) -> impl Iterator<Item = (Place, Media<'_>)> + Clone {
    blocks(request).flat_map(|(place, block)| {
        let pieces = block.as_tool_result().map_or(&[][..], |result| &result.content);
        let pieces = pieces.iter().enumerate().filter_map(move |(piece, content)| {
            Some((Place { piece: Some(piece), ..place }, Media::of_piece(content)?))
        });
        Media::of_block(block).map(|media| (place, media)).into_iter().chain(pieces)
    })
}

/// The names that came before, each with its place; no memory is taken for the few that requests have.
pub(super) fn repeated<'a, P>(
    names: impl Iterator<Item = (P, &'a str)> + Clone,
) -> impl Iterator<Item = (P, &'a str)> {
    const FEW: usize = 64;
    let all = names.clone();
    let mut seen = (names.clone().nth(FEW).is_some()).then(BTreeSet::new);
    names.enumerate().filter_map(move |(place, (at, name))| {
        let is_repeated = match &mut seen {
            Some(seen) => !seen.insert(name),
            None => all.clone().take(place).any(|(_, earlier)| earlier == name),
        };
        is_repeated.then_some((at, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_names_are_found_among_few_and_many() {
        for size in [3_usize, 200] {
            let names: Vec<String> = (0..size).map(|i| format!("n{}", i % (size - 1))).collect();
            let found: Vec<_> = repeated(names.iter().map(String::as_str).enumerate()).collect();
            assert_eq!(found, [(size - 1, "n0")]);
        }
    }

    #[test]
    fn a_place_has_three_spellings() {
        let place = Place { turn: 2, block: 0, piece: Some(1) };
        assert_eq!(place.path(), "messages[2].content[0].toolResult.content[1]");
        assert_eq!(place.dotted(), "messages.2.content.0.toolResult.content.1");
        assert_eq!(place.member(), "messages.3.member.content.1.member.toolResult.content.2.member");
    }
}
