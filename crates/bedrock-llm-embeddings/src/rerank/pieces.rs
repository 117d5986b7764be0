//! Documents in as many calls as they need.

use std::io;

use bedrock_llm_schema::rerank::RerankDocument;
use serde::Serialize;

use super::ToRerankDocument;

/// What one call takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) documents: usize,
    /// Of all documents as JSON.
    pub(super) bytes: usize,
}

/// The documents of one call, and where they stand among all.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) places: Vec<usize>,
    pub(super) documents: Vec<RerankDocument>,
}

impl Piece {
    /// Of documents at some places, which go together.
    pub(super) fn of<D: ToRerankDocument>(documents: &[D], places: Vec<usize>) -> Self {
        let read = |place: &usize| documents.get(*place).map(ToRerankDocument::to_rerank_document);
        Self { documents: places.iter().filter_map(read).collect(), places }
    }
}

/// Divides the documents at some places, in order. Every piece but the last is as full as it can be, because each hundred
/// documents of a call are paid for as one query.
///
/// Source: <https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-pricing.html>.
///
/// A document that alone is larger than a call takes goes alone, and the service says what it thinks of it.
pub(super) fn pieces<'a, D: ToRerankDocument>(
    documents: &'a [D],
    places: impl Iterator<Item = usize> + 'a,
    limits: Limits,
) -> impl Iterator<Item = Piece> + 'a {
    let read = move |place: usize| Some((place, documents.get(place)?.to_rerank_document()));
    let mut waiting =
        places.filter_map(read).map(|(place, document)| (place, bytes(&document), document)).peekable();
    std::iter::from_fn(move || {
        let (place, mut size, document) = waiting.next()?;
        let mut piece = Piece { places: vec![place], documents: vec![document] };
        while piece.places.len() < limits.documents
            && let Some((place, more, document)) =
                waiting.next_if(|(_, more, _)| size.saturating_add(*more) <= limits.bytes)
        {
            size = size.saturating_add(more);
            piece.places.push(place);
            piece.documents.push(document);
        }
        Some(piece)
    })
}

/// What stands around a document in a body of the agent runtime, which is the longer one, with some room.
const AROUND: usize = 128;

/// How long a document is in a body, where JSON may stand as text.
fn bytes(document: &RerankDocument) -> usize {
    json_bytes(document.text().as_ref()).saturating_add(AROUND)
}

/// How long a value is as JSON.
pub(super) fn json_bytes<T: Serialize + ?Sized>(value: &T) -> usize {
    let mut count = Count(0);
    // neither counting nor texts can fail
    let written = serde_json::to_writer(&mut count, value);
    written.map_or(0, |()| count.0)
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_document_too_large_goes_alone() {
        let documents = ["a".repeat(10), "b".repeat(5_000), "c".repeat(10), "d".repeat(10)];
        let limits = Limits { documents: 3, bytes: 1_000 };
        let places: Vec<_> = pieces(&documents, 0..4, limits).map(|piece| piece.places).collect();
        assert_eq!(places, [vec![0], vec![1], vec![2, 3]]);
    }

    #[test]
    fn what_is_escaped_counts() {
        assert_eq!(json_bytes("a\"\n\u{1}"), r#""a\"\n\u0001""#.len());
        let object = serde_json::json!({"a": "\""});
        assert_eq!(bytes(&object.to_rerank_document()), json_bytes(r#"{"a":"\""}"#) + AROUND);
    }

    proptest! {
        #[test]
        fn every_document_is_in_one_piece_in_order(
            lengths in prop::collection::vec(0usize..400, 0..60),
            most in 1usize..10,
            bytes in 100usize..2_000,
        ) {
            let documents: Vec<_> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            let pieces: Vec<_> =
                pieces(&documents, 0..documents.len(), Limits { documents: most, bytes }).collect();
            let places: Vec<_> = pieces.iter().flat_map(|piece| piece.places.iter().copied()).collect();
            prop_assert_eq!(places, (0..documents.len()).collect::<Vec<_>>());
            for piece in &pieces {
                prop_assert!((1..=most).contains(&piece.documents.len()));
                let size: usize = piece.documents.iter().map(super::bytes).sum();
                prop_assert!(size <= bytes || piece.documents.len() == 1);
            }
        }
    }
}
