//! Phrases of a text: quoted, named, after a preposition, in capitals.

use super::find::{Text, Word};
use super::words::{is_stop, stems};

/// Words that end a phrase.
const PREPOSITIONS: &[&str] = &[
    "in", "at", "on", "for", "from", "to", "of", "with", "by", "about", "near", "using", "into", "and", "or",
    "is", "are", "today", "tomorrow", "tonight", "now", "right", "please", "this", "next", "as", "if",
    "that", "who", "which",
];

const DAYS: &[&str] = &[
    "today",
    "tomorrow",
    "tonight",
    "yesterday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

const COMMANDS: &[&str] = &[
    "search for",
    "search the web for",
    "search",
    "look up",
    "google",
    "find out about",
    "find",
    "research",
    "query",
    "remember that",
    "send",
];

impl Text<'_> {
    fn is_new(&self, found: &str) -> bool {
        !found.is_empty() && !self.used.iter().any(|used| used == found)
    }

    pub(super) fn quoted(&self) -> Option<String> {
        [('"', '"'), ('“', '”'), ('`', '`'), ('«', '»')].into_iter().find_map(|(open, close)| {
            let mut rest = self.text;
            while let Some((_, after)) = rest.split_once(open) {
                let (inside, beyond) = after.split_once(close)?;
                if self.is_new(inside) {
                    return Some(inside.to_owned());
                }
                rest = beyond;
            }
            None
        })
    }

    /// `city: Paris`, `city = Paris`, `city is Paris`, `called Ada`.
    pub(super) fn labelled(&self, named: &[String]) -> Option<String> {
        let last = named.last()?;
        let places = self
            .words
            .iter()
            .enumerate()
            .filter(|(_, word)| stems(&word.lower).last().as_ref() == Some(last));
        for (place, word) in places {
            let Some(next) = self.words.get(place + 1) else { continue };
            let between = self.text.get(word.end..next.start).unwrap_or_default();
            let links = ["is", "named", "called", "of"].contains(&next.lower.as_str());
            let from = match () {
                () if between.contains([':', '=']) => place + 1,
                () if links && !word.closes => place + 2,
                () => continue,
            };
            if let Some(phrase) = self.phrase(from).filter(|phrase| self.is_new(phrase)) {
                return Some(phrase);
            }
        }
        None
    }

    /// The words from here to a mark or a word that ends a phrase.
    fn phrase(&self, from: usize) -> Option<String> {
        let mut from = from;
        while self
            .words
            .get(from)
            .is_some_and(|word| ["the", "a", "an", "my", "our"].contains(&word.lower.as_str()))
        {
            from += 1;
        }
        let words = self.words.get(from..)?;
        let mut last: Option<&Word<'_>> = None;
        for word in words {
            if PREPOSITIONS.contains(&word.lower.as_str()) {
                break;
            }
            last = Some(word);
            if word.closes {
                break;
            }
        }
        self.text.get(words.first()?.start..last?.end).map(str::to_owned)
    }

    /// The phrase after one of these words, the earlier of them first.
    pub(super) fn after(&self, prepositions: &[&str]) -> Option<String> {
        prepositions.iter().find_map(|preposition| {
            let places =
                self.words.iter().enumerate().filter(|(_, word)| word.lower == *preposition && !word.closes);
            places.filter_map(|(place, _)| self.phrase(place + 1)).find(|phrase| self.is_new(phrase))
        })
    }

    pub(super) fn capitals_after(&self, prepositions: &[&str]) -> Option<String> {
        let places =
            self.words.iter().enumerate().filter(|(_, word)| prepositions.contains(&word.lower.as_str()));
        places
            .filter_map(|(place, _)| self.capital_run(place + 1))
            .map(|(found, _)| found)
            .find(|found| self.is_new(found))
    }

    /// The next name: words with capital letters that do not merely begin a sentence.
    pub(super) fn capitals(&self) -> Option<String> {
        let mut place = 0;
        while let Some(word) = self.words.get(place) {
            match self.capital_run(place).filter(|_| !word.opens || !is_command(&word.lower)) {
                Some((found, next))
                    if self.is_new(&found) && !(word.opens && next == place + 1 && !self.is_name(&found)) =>
                {
                    return Some(found);
                }
                Some((_, next)) => place = next,
                None => place += 1,
            }
        }
        None
    }

    /// Whether a word that begins a sentence is a name all the same, because it is all the text has.
    fn is_name(&self, found: &str) -> bool {
        self.words.len() <= 2 && !is_command(&found.to_lowercase())
    }

    fn capital_run(&self, from: usize) -> Option<(String, usize)> {
        let first = self.words.get(from).filter(|word| is_capital(word.core) && word.core != "I")?;
        let mut last = first;
        let mut next = from + 1;
        while let Some(word) = self.words.get(next).filter(|_| !last.closes) {
            let links = ["de", "la", "of", "am", "do", "van"].contains(&word.lower.as_str());
            let linked =
                links && !word.closes && self.words.get(next + 1).is_some_and(|word| is_capital(word.core));
            if !is_capital(word.core) && !linked {
                break;
            }
            last = word;
            next += 1;
        }
        self.text.get(first.start..last.end).map(|found| (found.to_owned(), next))
    }

    /// The first token, up to white space, that fits.
    pub(super) fn token(&self, fits: impl Fn(&str) -> bool) -> Option<String> {
        let tokens = self
            .text
            .split_whitespace()
            .map(|token| token.trim_matches(|c: char| !c.is_alphanumeric() && !"/#".contains(c)));
        tokens.filter(|token| fits(token)).find(|token| self.is_new(token)).map(str::to_owned)
    }

    /// The first token that looks like the path of a file or folder: `notes.txt`, `../a/b`.
    pub(super) fn path(&self) -> Option<String> {
        let is_name = |token: &str| {
            let (stem, ending) = token.rsplit_once('.').unwrap_or((token, ""));
            let is_ending = (1..=5).contains(&ending.len()) && ending.chars().all(char::is_alphanumeric);
            // not a number, not `e.g`
            is_ending && stem.chars().count() > 1 && !ending.chars().all(|c| c.is_ascii_digit())
        };
        let is_path = |token: &str| {
            !token.contains("://") && !token.contains('@') && (token.contains('/') || is_name(token))
        };
        let marks = ['"', '\'', '`', '“', '”', '«', '»', '(', ')', ',', ';', ':', '!', '?'];
        let tokens = self.text.split_whitespace();
        let mut tokens =
            tokens.map(|token| token.trim_matches(marks).trim_end_matches('.').trim_matches(marks));
        tokens.find(|token| is_path(token) && self.is_new(token)).map(str::to_owned)
    }

    pub(super) fn date(&self) -> Option<String> {
        let iso = |token: &str| {
            let mut parts = token.split(['-', 'T']);
            parts.next().is_some_and(|year| year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()))
                && parts.next().is_some()
        };
        let day = || {
            self.words
                .iter()
                .find(|word| DAYS.contains(&word.lower.as_str()))
                .map(|word| word.core.to_owned())
        };
        let clock = |token: &str| token.split_once(':').is_some_and(|(hour, _)| hour.parse::<u8>().is_ok());
        self.token(iso).or_else(day).or_else(|| self.token(clock))
    }

    /// The longest run of digits and operators that has both.
    pub(super) fn formula(&self) -> Option<String> {
        let runs = self.text.split(|c: char| !(c.is_ascii_digit() || "+-*/^%(). ×÷".contains(c)));
        let whole = runs.map(|run| run.trim_matches([' ', '.', '-', '+'])).filter(|run| {
            run.contains(|c: char| c.is_ascii_digit()) && run.contains(|c| "+-*/^%×÷".contains(c))
        });
        let longest = whole.max_by_key(|run| run.len());
        longest.map(str::to_owned).or_else(|| Some(self.query()))
    }

    /// The text without the words that ask to search.
    pub(super) fn query(&self) -> String {
        let text = self.whole().trim_end_matches(['.', '?', '!']);
        let lower = text.to_lowercase();
        let after = COMMANDS.iter().find_map(|command| {
            let after = lower.strip_prefix(command)?;
            // lower case may have other lengths than the text in rare scripts
            after.starts_with(' ').then(|| text.get(command.len()..)).flatten()
        });
        after.unwrap_or(text).trim().trim_start_matches("the web for ").to_owned()
    }
}

pub(super) fn is_capital(word: &str) -> bool {
    word.chars().next().is_some_and(char::is_uppercase)
}

/// A word that begins a sentence without being a name.
pub(super) fn is_command(lower: &str) -> bool {
    is_stop(lower)
        || [
            "add",
            "book",
            "calculate",
            "check",
            "compare",
            "compute",
            "convert",
            "count",
            "create",
            "delete",
            "explain",
            "fetch",
            "find",
            "forecast",
            "hello",
            "hi",
            "look",
            "order",
            "remind",
            "reserve",
            "search",
            "send",
            "set",
            "summarize",
            "translate",
            "weather",
            "write",
            "whats",
        ]
        .contains(&lower.replace(['\'', '’'], "").as_str())
}
