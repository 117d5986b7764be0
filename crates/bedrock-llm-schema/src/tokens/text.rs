//! How many tokens a text is, by runs of letters, digits, marks and white space.

/// The longest word that is one token, in letters.
const WORD: u64 = 9;
/// The same in capitals, and in other alphabets: tokenizers have seen less of these.
const RARE_WORD: u64 = 4;
/// The most different marks in a row that are one token, such as `":{`.
const MARKS: u64 = 3;
/// The most equal marks in a row that are one token, such as `----`.
const EQUAL_MARKS: u64 = 8;
/// The most digits in a row that are one token, in most tokenizers.
const DIGITS: u64 = 3;

/// How many tokens a text is, estimated without knowing whose.
#[must_use]
pub fn of_text(text: &str) -> u64 {
    measure(text, DIGITS)
}

/// How many tokens a text is to a tokenizer that makes one of up to `digits` digits.
pub(super) fn measure(text: &str, digits: u64) -> u64 {
    let mut run = Run::begin(Kind::Space, ' ');
    run.length = 0;
    let mut tokens = 0;
    for c in text.chars() {
        let kind = Kind::of(c);
        if kind == run.kind && kind != Kind::Sign {
            run.add(c);
        } else {
            tokens += run.tokens(digits);
            run = Run::begin(kind, c);
        }
    }
    tokens + run.tokens(digits)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Letter,
    Digit,
    Mark,
    /// A letter of a script without spaces, or a pictogram: each is a run of its own.
    Sign,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' => Self::Letter,
            ' ' | '\n' | '\t' | '\r' => Self::Space,
            '0'..='9' => Self::Digit,
            '\0'..='\x7f' => Self::Mark,
            // Chinese, Japanese, Korean, and all that Unicode has after them
            '\u{2e80}'.. => Self::Sign,
            _ if c.is_alphabetic() => Self::Letter,
            _ if c.is_whitespace() => Self::Space,
            _ if c.is_numeric() => Self::Digit,
            _ => Self::Mark,
        }
    }
}

/// Characters of one kind.
struct Run {
    kind: Kind,
    length: u64,
    first: char,
    /// Whether all are capitals.
    is_capital: bool,
    /// Whether some are beyond ASCII.
    is_foreign: bool,
    /// Whether some are not as the first.
    is_mixed: bool,
    has_line_break: bool,
}

impl Run {
    fn begin(kind: Kind, first: char) -> Self {
        Self {
            kind,
            length: 1,
            first,
            is_capital: first.is_ascii_uppercase(),
            is_foreign: !first.is_ascii(),
            is_mixed: false,
            has_line_break: first == '\n',
        }
    }

    fn add(&mut self, c: char) {
        self.length += 1;
        self.is_capital &= c.is_ascii_uppercase();
        self.is_foreign |= !c.is_ascii();
        self.is_mixed |= c != self.first;
        self.has_line_break |= c == '\n';
    }

    fn tokens(&self, digits: u64) -> u64 {
        match self.kind {
            // a blank belongs to the word after it
            Kind::Space => u64::from(self.has_line_break || self.length > 2),
            Kind::Letter if self.is_capital || self.is_foreign => self.length.div_ceil(RARE_WORD),
            Kind::Letter => self.length.div_ceil(WORD),
            Kind::Digit => self.length.div_ceil(digits.max(1)),
            Kind::Mark if self.is_mixed => self.length.div_ceil(MARKS),
            Kind::Mark => self.length.div_ceil(EQUAL_MARKS),
            Kind::Sign => 1 + u64::from(self.first > '\u{ffff}'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_marks() {
        for (text, tokens) in [
            ("", 0),
            ("Hello there, you! ", 5),
            ("internationally", 2),
            ("YOU MUST RESPOND", 1 + 1 + 2),
            ("Grüße", 2),
            ("東京 x", 3),
            ("🦀", 2),
            ("1234567", 3),
            ("a\n\n    b", 3),
            ("  ", 0),
            ("----", 1),
            (r#"{"city":{"type":"string"}}"#, 8),
        ] {
            assert_eq!(of_text(text), tokens, "{text}");
        }
        assert_eq!(measure("1234567", 1), 7);
    }

    #[test]
    fn long_texts_are_read_once() {
        let blanks = " ".repeat(100_000);
        assert_eq!(of_text(&format!("{}{blanks}", "a.".repeat(100_000))), 200_001);
        assert_eq!(of_text(&format!("a{blanks}b{blanks}").repeat(20)), 80);
    }
}
