//! Reasoning inside the content: gpt-oss puts it first, between `<reasoning>` and `</reasoning>`.

const OPEN: &str = "<reasoning>";
const CLOSE: &str = "</reasoning>";

/// Cuts content that comes in pieces. Tags count until the first word of the answer, so that an answer that
/// speaks of the tag is left alone.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    pending: String,
    inside: bool,
    answering: bool,
}

#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Reasoning(String),
    Text(String),
}

impl Piece {
    fn is_empty(&self) -> bool {
        match self {
            Self::Reasoning(text) | Self::Text(text) => text.is_empty(),
        }
    }
}

impl Splitter {
    pub(super) fn feed(&mut self, text: &str) -> Vec<Piece> {
        self.pending.push_str(text);
        let mut pieces = Vec::new();
        loop {
            if self.answering {
                pieces.push(Piece::Text(std::mem::take(&mut self.pending)));
                break;
            } else if self.inside {
                let closes = self.pending.find(CLOSE);
                let end = closes.unwrap_or_else(|| self.pending.len() - held_back(&self.pending));
                pieces.push(Piece::Reasoning(self.pending.drain(..end).collect()));
                if closes.is_none() {
                    break;
                }
                self.pending.drain(..CLOSE.len());
                self.inside = false;
            } else if self.pending.starts_with(OPEN) {
                self.pending.drain(..OPEN.len());
                self.inside = true;
            } else if OPEN.starts_with(&self.pending) {
                break;
            } else {
                self.answering = true;
            }
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// What was held back because it could have become a tag.
    pub(super) fn finish(&mut self) -> Option<Piece> {
        let pending = std::mem::take(&mut self.pending);
        let piece = if self.inside { Piece::Reasoning(pending) } else { Piece::Text(pending) };
        (!piece.is_empty()).then_some(piece)
    }
}

/// How many bytes at the end may be the beginning of the closing tag.
fn held_back(text: &str) -> usize {
    (1..CLOSE.len())
        .rev()
        .find(|length| CLOSE.get(..*length).is_some_and(|start| text.ends_with(start)))
        .unwrap_or(0)
}

/// Reasoning as it stands in content.
pub(super) fn tagged(text: &str) -> String {
    format!("{OPEN}{text}{CLOSE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let mut splitter = Splitter::default();
        let mut cut: Vec<Piece> = pieces.iter().flat_map(|piece| splitter.feed(piece)).collect();
        cut.extend(splitter.finish());
        cut.into_iter().fold(Default::default(), |(reasoning, text), piece| match piece {
            Piece::Reasoning(more) => (reasoning + &more, text),
            Piece::Text(more) => (reasoning, text + &more),
        })
    }

    #[test]
    fn cuts_wherever_the_pieces_are_cut() {
        let whole = "<reasoning>He says <hi> é</reasoning>Hi <reasoning>";
        let wanted = ("He says <hi> é".to_owned(), "Hi <reasoning>".to_owned());
        for (at, _) in whole.char_indices() {
            assert_eq!(split(&[&whole[..at], &whole[at..]]), wanted);
        }
        let letters: Vec<String> = whole.chars().map(String::from).collect();
        assert_eq!(split(&letters.iter().map(String::as_str).collect::<Vec<_>>()), wanted);
        assert_eq!(
            split(&["<reasoning>a</reasoning>", "<reasoning>b</reasoning>", "c"]),
            ("ab".into(), "c".into())
        );
        assert_eq!(split(&["<reas"]), (String::new(), "<reas".into()));
        assert_eq!(split(&["<reasoning>cut</rea"]), ("cut</rea".into(), String::new()));
    }
}
