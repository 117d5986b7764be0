//! Texts that are longer than the model takes.

use bedrock_llm_schema::tokens::of_text;
use text_splitter::{ChunkConfig, ChunkSizer, TextSplitter};
use unicode_segmentation::GraphemeCursor;

/// What becomes of texts that are longer than the model takes.
///
/// It is about inputs that are one text. Mixed inputs are the model's to truncate or refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LongText {
    /// They fail, with an error of kind [`ContextOverflow`](bedrock_llm_schema::ErrorKind::ContextOverflow); others are not
    /// touched by it.
    #[default]
    Error,
    /// Their end is cut off: by the model where it can, else here, between words, by an estimate of its tokens.
    TruncateEnd,
    /// The same with their beginning.
    TruncateStart,
    /// They are split where sentences and paragraphs end, and get the mean of their pieces' vectors, weighted by the
    /// pieces' tokens. Needs `f32`.
    ///
    /// Where vectors are scaled or cut by the embedder, pieces have length 1 before they are weighted. The mean is as long
    /// as vectors of whole texts are: 1 where those have length 1, by the model or by
    /// [`normalize`](super::EmbedderBuilder::normalize), else the weighted mean of the pieces' lengths.
    SplitAndPool,
}

/// How long a text may be; what is `None` is not limited, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct TextLimits {
    /// By [`of_text`].
    pub(super) tokens: Option<u64>,
    pub(super) characters: Option<u64>,
}

impl TextLimits {
    /// Whether a text is within them.
    pub(super) fn hold(self, text: &str) -> bool {
        // neither characters nor tokens are more than bytes: most texts need no counting
        let bytes = wide(text.len());
        self.characters.is_none_or(|most| bytes <= most || characters(text) <= most)
            && self.tokens.is_none_or(|most| bytes <= most || of_text(text) <= most)
    }

    /// Tighter ones, for a text that held these and that the service finds too long all the same.
    pub(super) fn tighter(self, text: &str) -> Self {
        let tokens = of_text(text);
        let most = self.tokens.map_or(tokens, |most| most.min(tokens));
        Self { tokens: Some((most.saturating_mul(3) / 4).max(1)), ..self }
    }

    /// The longest beginning that is within them and ends with a word, or, where it is one word, with a character as
    /// readers see it.
    pub(super) fn beginning(self, text: &str) -> &str {
        if self.hold(text) {
            return text;
        }
        let holds = |end: usize| text.get(..end).is_some_and(|part| self.hold(part));
        let furthest = furthest(text.len(), |end| holds(text.floor_char_boundary(end)));
        let end = text.floor_char_boundary(furthest);
        let end = word_end(text, end).unwrap_or_else(|| grapheme_before(text, end));
        text.get(..end).map_or(text, str::trim_end)
    }

    /// The longest end that is within them, in the same way.
    pub(super) fn end(self, text: &str) -> &str {
        if self.hold(text) {
            return text;
        }
        let holds = |start: usize| text.get(start..).is_some_and(|part| self.hold(part));
        let furthest = furthest(text.len(), |length| holds(text.ceil_char_boundary(text.len() - length)));
        let start = text.ceil_char_boundary(text.len() - furthest);
        let start = word_start(text, start).unwrap_or_else(|| grapheme_after(text, start));
        text.get(start..).map_or(text, str::trim_start)
    }

    /// Pieces that are within them and have all the words, in order.
    pub(super) fn pieces(self, text: &str) -> Vec<&str> {
        let measure = Measure(self);
        let config = ChunkConfig::new(measure.capacity()).with_sizer(measure);
        let mut pieces = Vec::new();
        for chunk in TextSplitter::new(config).chunks(text) {
            self.divide(chunk, &mut pieces);
        }
        if pieces.is_empty() { vec![text] } else { pieces }
    }

    /// Cuts a piece that is too long all the same: the splitter takes it that a longer text never counts less, which holds
    /// for tokens nearly always.
    fn divide<'a>(self, chunk: &'a str, pieces: &mut Vec<&'a str>) {
        let mut rest = chunk;
        while !self.hold(rest) {
            let beginning = self.beginning(rest);
            let Some(after) = rest.get(beginning.len()..).filter(|_| !beginning.is_empty()) else { break };
            pieces.push(beginning);
            rest = after.trim_start();
        }
        if !rest.is_empty() {
            pieces.push(rest);
        }
    }
}

/// Measures by both limits at once: each counts as many units as the other allows, so that a text of the most tokens
/// and one of the most characters are as long.
#[derive(Debug, Clone, Copy)]
struct Measure(TextLimits);

impl Measure {
    fn capacity(self) -> usize {
        let units = match (self.0.tokens, self.0.characters) {
            (Some(tokens), Some(characters)) => tokens.saturating_mul(characters),
            (Some(most), None) | (None, Some(most)) => most,
            (None, None) => u64::MAX,
        };
        usize::try_from(units).unwrap_or(usize::MAX).max(1)
    }
}

impl ChunkSizer for Measure {
    fn size(&self, chunk: &str) -> usize {
        let units = match (self.0.tokens, self.0.characters) {
            (Some(tokens), Some(most)) => {
                of_text(chunk).saturating_mul(most).max(characters(chunk).saturating_mul(tokens))
            }
            (Some(_), None) => of_text(chunk),
            (None, Some(_)) => characters(chunk),
            (None, None) => 0,
        };
        usize::try_from(units).unwrap_or(usize::MAX)
    }
}

/// The largest number up to `most` that holds, where all below one that holds do.
fn furthest(most: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut good, mut bad) = (0, most.saturating_add(1));
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if holds(middle) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    good
}

/// Where the last whole word before a place ends; `None` where it would take more than half away.
fn word_end(text: &str, place: usize) -> Option<usize> {
    if text.get(place..)?.starts_with(char::is_whitespace) {
        return Some(place);
    }
    let end = text.get(..place)?.rfind(char::is_whitespace)?;
    (end >= place / 2).then_some(end)
}

/// Where the first whole word after a place begins; `None` where it would take more than half away.
fn word_start(text: &str, place: usize) -> Option<usize> {
    if text.get(..place)?.ends_with(char::is_whitespace) {
        return Some(place);
    }
    let start = place + text.get(place..)?.find(char::is_whitespace)?;
    (text.len() - start >= (text.len() - place) / 2).then_some(start)
}

fn grapheme_before(text: &str, place: usize) -> usize {
    let mut cursor = GraphemeCursor::new(place, text.len(), true);
    match cursor.is_boundary(text, 0) {
        Ok(false) => {
            cursor.prev_boundary(text, 0).ok().flatten().filter(|before| *before > 0).unwrap_or(place)
        }
        _ => place,
    }
}

fn grapheme_after(text: &str, place: usize) -> usize {
    let mut cursor = GraphemeCursor::new(place, text.len(), true);
    match cursor.is_boundary(text, 0) {
        Ok(false) => {
            let after = cursor.next_boundary(text, 0).ok().flatten();
            after.filter(|after| *after < text.len()).unwrap_or(place)
        }
        _ => place,
    }
}

fn characters(text: &str) -> u64 {
    wide(text.chars().count())
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(most: u64) -> TextLimits {
        TextLimits { tokens: Some(most), characters: None }
    }

    #[test]
    fn texts_are_cut_between_words() {
        let text = "the quick brown fox jumps over the lazy dog";
        assert_eq!(tokens(4).beginning(text), "the quick brown fox");
        assert_eq!(tokens(3).end(text), "the lazy dog");
        assert_eq!(tokens(100).beginning(text), text);
        assert_eq!(TextLimits { tokens: None, characters: Some(12) }.beginning(text), "the quick");
        assert_eq!(TextLimits { tokens: None, characters: Some(10) }.end(text), "lazy dog");
        assert_eq!(TextLimits::default().beginning(text), text);
    }

    #[test]
    fn what_readers_see_as_one_character_stays_whole() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}"; // five characters, one picture
        let text = format!("{family}{family}{family}");
        let limits = TextLimits { tokens: None, characters: Some(12) };
        assert_eq!(limits.beginning(&text), format!("{family}{family}"));
        assert_eq!(limits.end(&text), format!("{family}{family}"));
    }

    #[test]
    fn texts_are_split_where_sentences_end() {
        let text = "One fish swims here. Two fish swim there.\n\nThree fish are gone.";
        assert_eq!(
            tokens(6).pieces(text),
            ["One fish swims here.", "Two fish swim there.", "Three fish are gone."]
        );
        assert_eq!(tokens(100).pieces(text), [text]);
        assert_eq!(tokens(1).pieces("   "), ["   "]);
    }

    proptest! {
        #[test]
        fn parts_are_parts_and_hold(text in "[a-zäß中🦀 .\n]{0,200}", most in 1u64..60, by_characters: bool) {
            let limits = if by_characters {
                TextLimits { tokens: None, characters: Some(most) }
            } else {
                TextLimits { tokens: Some(most + 1), characters: None }
            };
            let (beginning, end) = (limits.beginning(&text), limits.end(&text));
            prop_assert!(limits.hold(beginning) && limits.hold(end));
            prop_assert!(text.starts_with(beginning) && text.ends_with(end));
            if limits.hold(&text) {
                prop_assert_eq!(beginning, &text);
            }
        }

        #[test]
        fn pieces_have_every_word_once(text in "[a-z中. \n]{1,300}", most in 2u64..40, characters in 5u64..60) {
            let limits = TextLimits { tokens: Some(most), characters: Some(characters) };
            let pieces = limits.pieces(&text);
            let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(pieces.iter().map(|piece| solid(piece)).collect::<String>(), solid(&text));
            if !text.trim().is_empty() {
                prop_assert!(pieces.iter().all(|piece| limits.hold(piece)), "{:?}", pieces);
            }
        }

        #[test]
        fn limits_tighten_to_an_end(text in "[a-z ]{1,80}") {
            let mut limits = TextLimits::default();
            let mut last = u64::MAX;
            for _ in 0..8 {
                limits = limits.tighter(&text);
                let tokens = limits.tokens.unwrap();
                prop_assert!(tokens < last || tokens == 1);
                last = tokens;
            }
        }
    }
}
