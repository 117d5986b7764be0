//! Words and sentences, and how much two texts share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Words that say nothing about a text's matter.
const STOP: &str = " a about above after again all also am an and any are as at be because been before being but by \
    can could did do does doing done for from get give had has have having he her here hers him his how i if in into is \
    it its just know let like list make many may me might mine more most much must my name need no nor not now of off on once only or \
    other our out over please say shall she should show so some such tell than thank thanks that the their them then \
    there these they this those through to today too under until up us use using very want was we were what whats \
    when where whether which while who whom whose why will with would yes you your yours ";

/// Words that are in the description of every second tool.
const TOOL_STOP: &str = " action api base call content current data describe detail fetch find following function given \
    id information input item look lookup new object output parameter perform provide query request result retrieve \
    return run search set specific specified string text thing tool type user value work ";

/// The words of a text in lower case, without endings of number and tense.
pub(super) fn stems(text: &str) -> impl Iterator<Item = String> {
    let breaks = text.replace(['’', '\''], "");
    let words: Vec<String> =
        breaks.split(|c: char| !c.is_alphanumeric()).map(split_camel).collect::<Vec<_>>().concat();
    words.into_iter().filter(|word| !word.is_empty()).map(|word| stem(&word))
}

/// `getWeather` is two words.
fn split_camel(word: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in word.chars() {
        if after_lower && c.is_uppercase() {
            words.push(String::new());
        }
        after_lower = c.is_lowercase();
        if let Some(last) = words.last_mut() {
            last.extend(c.to_lowercase());
        }
    }
    words
}

fn stem(word: &str) -> String {
    let cut = ["ing", "ed", "es", "s", "e"].iter().find_map(|ending| {
        word.strip_suffix(ending)
            .filter(|rest| rest.chars().nth(2).is_some() && !(*ending == "s" && rest.ends_with('s')))
    });
    cut.unwrap_or(word).to_owned()
}

fn is_in(list: &str, word: &str) -> bool {
    list.contains(&format!(" {word} "))
}

/// Whether a word, in lower case, says nothing about a text's matter.
pub(super) fn is_stop(word: &str) -> bool {
    is_in(STOP, word)
}

fn stop_stems(list: &str) -> BTreeSet<String> {
    list.split_whitespace().map(stem).collect()
}

/// Whether a word without its ending is one that says nothing about a text's matter.
pub(super) fn is_stop_stem(stem: &str) -> bool {
    static STEMS: LazyLock<BTreeSet<String>> = LazyLock::new(|| stop_stems(STOP));
    STEMS.contains(stem)
}

/// The words that say what a text is about.
pub(super) fn matter(text: &str) -> BTreeSet<String> {
    stems(text).filter(|word| !is_stop_stem(word)).collect()
}

/// The same for a tool's name and description.
pub(super) fn tool_matter(text: &str) -> BTreeSet<String> {
    static STEMS: LazyLock<BTreeSet<String>> = LazyLock::new(|| stop_stems(TOOL_STOP));
    matter(text).into_iter().filter(|word| !STEMS.contains(word)).collect()
}

/// The sentences of a text: lines, and what ends in `.`, `!` or `?` before white space.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    for line in text.lines() {
        let mut rest = line.trim();
        while let Some(end) = sentence_end(rest) {
            let (sentence, after) = rest.split_at(end);
            sentences.push(sentence.trim());
            rest = after.trim();
        }
        sentences.push(rest);
    }
    sentences.retain(|sentence| sentence.chars().any(char::is_alphanumeric));
    sentences
}

fn sentence_end(text: &str) -> Option<usize> {
    text.match_indices(['.', '!', '?', '。', '！', '？']).map(|(at, mark)| at + mark.len()).find(|end| {
        let after = text.get(*end..).unwrap_or_default();
        let ended = after.starts_with(char::is_whitespace) || (after.is_empty() && *end < text.len());
        let initial = text.get(..*end).unwrap_or_default().trim_end_matches('.');
        let is_initial = initial.chars().last().is_some_and(char::is_uppercase)
            && initial.chars().rev().nth(1).is_none_or(|before| !before.is_alphanumeric());
        (ended
            || !after.is_empty()
                && !after.is_ascii()
                && text.get(..*end).is_some_and(|t| t.ends_with(['。', '！', '？'])))
            && !is_initial
    })
}

/// Whether a sentence begins with a word for what the one before it is about.
fn refers_back(sentence: &str) -> bool {
    let first = sentence.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty());
    first.is_some_and(|word| {
        ["it", "its", "they", "their", "he", "his", "she", "her"].contains(&word.to_lowercase().as_str())
    })
}

/// The sentence that shares most with a question; words that few of the sentences have count for more.
pub(super) fn best<'a>(question: &str, sentences: &[&'a str]) -> Option<&'a str> {
    let asked = matter(question);
    let mut matters: Vec<BTreeSet<String>> = Vec::with_capacity(sentences.len());
    for sentence in sentences {
        let mut words = matter(sentence);
        // “It closes at five.” speaks of what was spoken of before
        if let Some(before) = matters.last().filter(|_| refers_back(sentence) && !words.is_empty()) {
            words.extend(before.iter().cloned());
        }
        matters.push(words);
    }
    let mut spread: BTreeMap<&str, u32> = BTreeMap::new();
    for word in matters.iter().flatten() {
        *spread.entry(word).or_default() += 1;
    }
    let score = |words: &BTreeSet<String>| -> f64 {
        words
            .intersection(&asked)
            .map(|word| 1.0 / f64::from(spread.get(word.as_str()).copied().unwrap_or(1)))
            .sum()
    };
    let mut found: Option<(f64, &str)> = None;
    for (sentence, words) in sentences.iter().zip(&matters) {
        let score = score(words);
        if score > 0.0 && found.is_none_or(|(best, _)| score > best) {
            found = Some((score, sentence));
        }
    }
    found.map(|(_, sentence)| sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_share_words_whatever_their_endings() {
        assert_eq!(
            matter("What is the weather in Paris?"),
            BTreeSet::from(["weather".to_owned(), "pari".to_owned()])
        );
        assert_eq!(stems("getWeather opening opens").collect::<Vec<_>>(), ["get", "weather", "open", "open"]);
        assert_eq!(tool_matter("get_weather Current weather in a city").len(), 2);
    }

    #[test]
    fn sentences_end_where_they_should() {
        assert_eq!(
            sentences("It costs 3.50 euros. J. Doe pays!\n\nNew line"),
            ["It costs 3.50 euros.", "J. Doe pays!", "New line"]
        );
        assert_eq!(sentences(""), [""; 0]);
    }

    #[test]
    fn the_best_sentence_is_found() {
        let all = ["Our shop sells books.", "The shop opens at nine.", "The shop is in Rome."];
        assert_eq!(best("When does the shop open?", &all), Some(all[1]));
        assert_eq!(best("What about fish?", &all), None);
    }

    #[test]
    fn a_sentence_speaks_of_what_it_refers_to() {
        assert_eq!(stems("close closes closed closing").collect::<Vec<_>>(), ["clos"; 4]);
        let all = ["The shop opens at 9 am.", "It closes at 5 pm.", "Our bakery is new."];
        for (question, answer) in [
            ("When does the shop open?", 0),
            ("When does the shop close?", 1),
            ("When is the shop closed?", 1),
            ("When is closing time?", 1),
            ("Where is the shop?", 0),
            ("Is the bakery new?", 2),
        ] {
            assert_eq!(best(question, &all), Some(all[answer]), "{question}");
        }
    }
}
