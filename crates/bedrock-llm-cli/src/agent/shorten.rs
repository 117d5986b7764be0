//! What models and tools say, on one line of a terminal.

/// At most so many characters, on one line. What steers a terminal or turns the order of letters around is left out.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    let mut short = String::new();
    let mut count = 0;
    for c in text.trim().chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let c = if c.is_control() || turns || c.is_whitespace() { ' ' } else { c };
        if c == ' ' && short.ends_with(' ') {
            continue;
        }
        if count == most {
            short.push('…');
            break;
        }
        short.push(c);
        count += 1;
    }
    short
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(shorten(" a\n\n b\u{1b}[31m\u{202e}c ", 100), "a b [31m c");
        assert_eq!(shorten("ääää", 3), "äää…");
        assert_eq!(shorten("äää", 3), "äää");
        assert_eq!(shorten("", 3), "");
    }
}
