//! Tokens, by a simple estimate.
//!
//! A piece is a word, or eight letters of a longer one, with the white space before it; every other mark is a
//! piece of its own, as is every letter of scripts without spaces. Answers are streamed piece by piece, and
//! `maxTokens` and usage count pieces. Real tokenizers differ: for prices, ask the service.

use bedrock_llm_schema::content::tool::ToolResultContentBlock;
use bedrock_llm_schema::{ChatRequest, ContentBlock, ToolConfig};

/// The letters of one piece.
const LETTERS: usize = 8;

/// What every request costs beside its words, and every message.
const PER_REQUEST: u64 = 3;
const PER_MESSAGE: u64 = 4;

/// What an image, a document of bytes, a video or sound costs.
const PER_MEDIUM: u64 = 100;

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
    Some(if tail.trim().is_empty() { text.len() } else { end })
}

/// Chinese, Japanese and Korean letters.
fn is_spaceless(c: char) -> bool {
    c >= '\u{2e80}'
}

/// How many tokens a text is.
pub(crate) fn estimate(text: &str) -> u64 {
    pieces(text).fold(0, |count, _| count + 1)
}

/// How many tokens a request is.
pub(crate) fn of_request(request: &ChatRequest) -> u64 {
    let system = request.system_text().map_or(0, |text| estimate(&text));
    let tools = request.tool_config.iter().flat_map(ToolConfig::specs);
    let tools: u64 = tools.map(|spec| estimate(&serde_json::to_string(spec).unwrap_or_default())).sum();
    let blocks = request.messages.iter().flat_map(|message| &message.content);
    let blocks: u64 = blocks.map(of_block).sum();
    let messages = request.messages.iter().fold(0, |count, _| count + PER_MESSAGE);
    PER_REQUEST + system + tools + messages + blocks
}

fn of_block(block: &ContentBlock) -> u64 {
    match block {
        ContentBlock::Text(text) => estimate(text),
        ContentBlock::Image(_) | ContentBlock::Video(_) | ContentBlock::Audio(_) => PER_MEDIUM,
        ContentBlock::Document(document) => {
            super::media::document_text(document).map_or(PER_MEDIUM, |text| estimate(&text))
        }
        ContentBlock::CachePoint(_) => 0,
        ContentBlock::ToolResult(result) => result.content.iter().map(of_result).sum(),
        other => estimate(&serde_json::to_string(other).unwrap_or_default()),
    }
}

fn of_result(content: &ToolResultContentBlock) -> u64 {
    match content {
        ToolResultContentBlock::Text(text) => estimate(text),
        ToolResultContentBlock::Json(value) => estimate(&value.to_string()),
        _ => PER_MEDIUM,
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::Message;
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
    fn requests_count_near_the_service() {
        let count = |text: &str| of_request(&ChatRequest::new("m").message(Message::user(text)));
        assert_eq!(count("Hello, world!"), 11); // the service says 11 (recording 0c77f1024436)
        assert!((5..=30).contains(&count("Hello there, how are you?")));
        assert!((14..=24).contains(&count("The quick brown fox jumps over the lazydog."))); // it says 19
    }

    proptest! {
        #[test]
        fn pieces_joined_are_the_text(text in "\\PC*|[ a-zé\\n東.,]{0,60}") {
            prop_assert_eq!(pieces(&text).collect::<String>(), text.clone());
            prop_assert!(pieces(&text).all(|piece| !piece.is_empty()));
        }
    }
}
