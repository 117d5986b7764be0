//! Finds names, places, numbers and the like in a text.

use super::phrases::{is_capital, is_command};
use super::words::stems;

/// A text, and what of it has been found.
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) words: Vec<Word<'a>>,
    pub(super) used: Vec<String>,
    numbers_used: usize,
}

/// A word with the marks around it.
pub(super) struct Word<'a> {
    /// Without marks.
    pub(super) core: &'a str,
    pub(super) lower: String,
    /// Where the core begins and ends in the text.
    pub(super) start: usize,
    pub(super) end: usize,
    /// A mark follows it.
    pub(super) closes: bool,
    /// It begins a sentence.
    pub(super) opens: bool,
}

/// What a name or a description has that asks for a place, a search, …
const PLACES: &[&str] = &[
    "city",
    "location",
    "place",
    "town",
    "country",
    "region",
    "addres",
    "destination",
    "origin",
    "airport",
    "station",
    "timezon",
];
const QUERIES: &[&str] = &[
    "query",
    "question",
    "search",
    "keyword",
    "topic",
    "term",
    "q",
    "prompt",
    "text",
    "input",
    "messag",
    "content",
    "body",
    "request",
    "task",
    "instruction",
    "sentenc",
    "not",
];
const PATHS: &[&str] = &["path", "fil", "filenam", "filepath", "fold", "folder", "directory"];
const FORMULAS: &[&str] = &["expression", "expr", "formula", "calculation", "equation"];
const DATES: &[&str] = &["date", "day", "time", "when"];
const ORIGINS: &[&str] = &["origin", "from", "sourc", "start", "departur"];
const TARGETS: &[&str] = &["destination", "to", "target", "end", "arrival", "recipient"];
const NUMBERS: &[&str] = &[
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut words: Vec<Word<'a>> = Vec::new();
        for raw in text.split_whitespace() {
            let core = raw.trim_matches(|c: char| !c.is_alphanumeric());
            if core.is_empty() {
                continue;
            }
            let start = core.as_ptr().addr() - text.as_ptr().addr();
            let end = start + core.len();
            let closes = raw.ends_with(|c: char| ".,;:!?)\"”".contains(c));
            let opens = words.last().is_none_or(|last: &Word<'_>| {
                text.get(last.end..start).is_some_and(|between| between.contains(['.', '!', '?', ':', '\n']))
            });
            words.push(Word { core, lower: core.to_lowercase(), start, end, closes, opens });
        }
        Self { text, words, used: Vec::new(), numbers_used: 0 }
    }

    /// The whole text.
    pub(super) fn whole(&self) -> &'a str {
        self.text.trim()
    }

    /// Whether the text has these words.
    pub(super) fn says(&self, phrase: &str) -> bool {
        let wanted: Vec<_> = stems(phrase).collect();
        let said: Vec<_> = stems(self.text).collect();
        !wanted.is_empty() && said.windows(wanted.len()).any(|window| window == wanted)
    }

    /// A truth about `name`: said, denied, or not spoken of.
    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        let wanted: Vec<_> = stems(name).collect();
        let said: Vec<_> = stems(self.text).collect();
        let at = said.windows(wanted.len().max(1)).position(|window| window == wanted)?;
        let before = said.get(at.saturating_sub(2)..at).unwrap_or_default();
        Some(!before.iter().any(|word| ["no", "not", "without", "dont", "non"].contains(&word.as_str())))
    }

    /// A number: the one beside `name`, else the next one if it is needed.
    pub(super) fn number(&mut self, name: &str, needed: bool, integer: bool) -> Option<serde_json::Number> {
        let numbers: Vec<(usize, f64)> = self
            .words
            .iter()
            .enumerate()
            .filter_map(|(place, word)| Some((place, number(word, self.text)?)))
            .collect();
        let name: Vec<_> = stems(name).collect();
        let is_named = |place: usize| {
            let around = self
                .words
                .get(place.saturating_sub(2)..(place + 3).min(self.words.len()))
                .unwrap_or_default();
            around.iter().any(|word| stems(&word.lower).any(|stem| name.contains(&stem)))
        };
        let named = numbers.iter().find(|(place, _)| is_named(*place));
        let next = || numbers.get(self.numbers_used).filter(|_| needed);
        let value = match named {
            Some((_, value)) => *value,
            None => next().map(|(_, value)| *value)?,
        };
        self.numbers_used += 1;
        #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        if value.fract() == 0.0 && value.abs() < 9e15 {
            return Some((value as i64).into());
        }
        if integer { None } else { serde_json::Number::from_f64(value) }
    }

    /// A string for a member of this name; `hint` is name and description.
    pub(super) fn string(
        &mut self,
        name: &str,
        hint: &str,
        format: Option<&str>,
        needed: bool,
    ) -> Option<String> {
        let named: Vec<_> = stems(name).collect();
        let hinted: Vec<_> = stems(hint).collect();
        let is = |kinds: &[&str]| named.iter().any(|stem| kinds.contains(&stem.as_str()));
        let found = match format {
            Some("email") => self.token(|token| token.contains('@')),
            Some("uri" | "url") => self.token(|token| token.contains("://")),
            _ if is(&["email", "mail"]) => self.token(|token| token.contains('@')),
            _ if is(&["url", "uri", "link"]) => self.token(|token| token.contains("://")),
            _ if is(FORMULAS) => self.formula(),
            _ if is(PATHS) => self.path().or_else(|| match needed {
                true => self.any(&named),
                false => self.labelled(&named),
            }),
            _ if is(DATES) || matches!(format, Some("date" | "date-time" | "time")) => self.date(),
            _ if is(ORIGINS) => self.after(&["from"]),
            _ if is(TARGETS) => self.after(&["to"]).or_else(|| self.place()),
            _ if is(PLACES) => self.labelled(&named).or_else(|| self.place()),
            _ if is(QUERIES) && needed => self.quoted().or_else(|| Some(self.query())),
            _ if is(QUERIES) => self.labelled(&named),
            _ if !needed => self.labelled(&named),
            _ if hinted.iter().any(|stem| PLACES.contains(&stem.as_str())) => {
                self.labelled(&named).or_else(|| self.place())
            }
            _ => self.any(&named),
        };
        let found = found?.trim().to_owned();
        if found.is_empty() {
            return None;
        }
        self.used.push(found.clone());
        Some(found)
    }

    /// The next item of a list.
    pub(super) fn item(&mut self) -> Option<String> {
        let item = self.quoted().or_else(|| self.capitals())?;
        self.used.push(item.clone());
        Some(item)
    }

    fn any(&self, named: &[String]) -> Option<String> {
        self.quoted()
            .or_else(|| self.labelled(named))
            .or_else(|| self.capitals())
            .or_else(|| self.token(|token| token.len() > 1 && token.chars().any(|c| c.is_ascii_digit())))
            .or_else(|| self.after(&["named", "called", "of", "about", "for", "in", "on", "to", "with"]))
    }

    fn place(&self) -> Option<String> {
        self.quoted()
            .or_else(|| self.capitals_after(&["in", "at", "near", "for", "of", "from", "to"]))
            .or_else(|| self.capitals())
            .or_else(|| self.after(&["in", "at", "near", "for"]))
            .or_else(|| {
                let first =
                    self.words.first().filter(|word| is_capital(word.core) && !is_command(&word.lower));
                first.map(|word| word.core.to_owned())
            })
    }
}

fn number(word: &Word<'_>, text: &str) -> Option<f64> {
    if let Some(named) = NUMBERS.iter().position(|name| *name == word.lower) {
        return u32::try_from(named).ok().map(f64::from);
    }
    let plain: String = word.core.chars().filter(|c| *c != ',').collect();
    let digits = plain.trim_end_matches(|c: char| c.is_alphabetic() || "%°€$".contains(c));
    let value: f64 = digits.parse().ok().filter(|value: &f64| value.is_finite())?;
    let negative = text.get(..word.start).is_some_and(|before| {
        before.ends_with('-') && !before.trim_end_matches('-').ends_with(|c: char| c.is_alphanumeric())
    });
    Some(if negative { -value } else { value })
}
