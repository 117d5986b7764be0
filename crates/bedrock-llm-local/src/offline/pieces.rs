//! Answers cut into the pieces that they are streamed and counted in.
//!
//! A piece is a word, or eight letters of a longer one, with the white space before it; every other mark is a piece of
//! its own, as is every letter of scripts without spaces.

/// The most letters of one piece.
const LETTERS: usize = 8;

/// The pieces of a text; joined they are the text.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(piece_length(rest)?);
        rest = after;
        Some(piece)
    })
}

fn piece_length(text: &str) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    let start = text.find(|c: char| !c.is_whitespace()).unwrap_or(text.len());
    let body = text.get(start..).unwrap_or_default();
    let mut letters = body.char_indices().take_while(|(_, c)| c.is_alphanumeric());
    let end = match letters.next() {
        None => body.chars().next().map_or(0, char::len_utf8),
        Some((_, first)) if is_spaceless(first) => first.len_utf8(),
        Some((_, first)) => {
            let more = letters.take(LETTERS - 1).take_while(|(_, c)| !is_spaceless(*c));
            more.last().map_or(first.len_utf8(), |(at, c)| at + c.len_utf8())
        }
    };
    // white space at the end belongs to the piece before it, if there is one
    let end = start + end;
    let tail = text.get(end..).unwrap_or_default();
    // (`trim` would look at all of it from behind)
    Some(if tail.chars().all(char::is_whitespace) { text.len() } else { end })
}

/// Chinese, Japanese and Korean letters.
pub(super) fn is_spaceless(c: char) -> bool {
    c >= '\u{2e80}'
}

/// How many tokens of this endpoint a text is.
pub(crate) fn count_pieces(text: &str) -> u64 {
    pieces(text).fold(0, |count, _| count + 1)
}

/// The beginning of a text that is this many tokens; all of it where it has no more.
pub(super) fn first_pieces(text: &str, most: u64) -> &str {
    split_after(text, most).0
}

/// The end of a text that is this many tokens; all of it where it has no more.
pub(super) fn last_pieces(text: &str, most: u64) -> &str {
    split_after(text, count_pieces(text).saturating_sub(most)).1
}

fn split_after(text: &str, count: u64) -> (&str, &str) {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let end = pieces(text).take(count).map(str::len).sum();
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_and_marks_are_pieces() {
        assert_eq!(pieces("Hello there, you! ").collect::<Vec<_>>(), ["Hello", " there", ",", " you", "! "]);
        assert_eq!(pieces("internationally").collect::<Vec<_>>(), ["internat", "ionally"]);
        assert_eq!(pieces("東京 x").collect::<Vec<_>>(), ["東", "京", " x"]);
        assert_eq!(pieces("  ").collect::<Vec<_>>(), ["  "]);
        assert_eq!(pieces("").count(), 0);
    }

    #[test]
    fn white_space_is_looked_at_once() {
        let blanks = " ".repeat(100_000);
        let text = format!("{}{blanks}", "a.".repeat(100_000));
        assert_eq!(count_pieces(&text), 200_000);
        assert_eq!(count_pieces(&format!("a{blanks}b{blanks}").repeat(20)), 40);
    }

    proptest! {
        #[test]
        fn pieces_joined_are_the_text(text in "\\PC*|[ a-zé\\n東.,]{0,60}") {
            prop_assert_eq!(pieces(&text).collect::<String>(), text.clone());
            prop_assert!(pieces(&text).all(|piece| !piece.is_empty()));
            for most in 0..4 {
                let (first, last) = (first_pieces(&text, most), last_pieces(&text, most));
                prop_assert!(text.starts_with(first) && text.ends_with(last));
                let whole = count_pieces(&text).min(most);
                // white space at the end belongs to the piece before it, and may be one alone
                prop_assert!(count_pieces(first) == whole && count_pieces(last) == whole);
            }
        }
    }
}
