//! What texts and images are made of: hashed features and their weights.

use bedrock_llm_schema::ImageBlock;
use bedrock_llm_schema::content::media::MediaSource;

use super::super::pieces::is_spaceless;
use super::super::words::{is_stop_stem, stems};
use crate::mix::mix;

/// What a word counts that says nothing about the matter; others count 1.
const STOP_WORD: f32 = 0.15;
/// What two words count that follow each other.
const PAIR: f32 = 0.5;
/// What all the letter groups of a word count together.
const LETTERS: f32 = 0.7;
/// How many bytes of an image make a feature, and how many of these are looked at.
const BLOCK: usize = 64;
const BLOCKS: usize = 4096;

/// Weighted hashes, each once, in the order of the hashes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Features(Vec<(u64, f32)>);

impl Features {
    /// Of a text: its words without endings, pairs of words, and groups of three and four letters, so that words of one
    /// root and misspelt ones are alike, too.
    pub(crate) fn of_text(text: &str) -> Self {
        let mut found = Vec::new();
        let mut before: Option<String> = None;
        for word in stems(text).flat_map(spaceless_apart) {
            if is_stop_stem(&word) {
                found.push((hash(b'w', word.as_bytes()), STOP_WORD));
                continue;
            }
            found.push((hash(b'w', word.as_bytes()), 1.0));
            letters(&word, &mut found);
            if let Some(before) = before {
                found.push((hash(b'p', format!("{before} {word}").as_bytes()), PAIR));
            }
            before = Some(word);
        }
        if found.is_empty() {
            // nothing but marks, or nothing at all
            found.push((hash(b't', text.trim().as_bytes()), 1.0));
            let mut bytes = [0; 4];
            found
                .extend(text.trim().chars().map(|c| (hash(b'c', c.encode_utf8(&mut bytes).as_bytes()), 1.0)));
        }
        Self::merged(found)
    }

    /// Of an image: its bytes, and blocks of them, so that files that begin alike are alike. What is to be seen in it is
    /// not looked at.
    pub(crate) fn of_image(image: &ImageBlock) -> Self {
        let mut found = Vec::new();
        match &image.source {
            MediaSource::Bytes(blob) => {
                let bytes = blob.as_bytes();
                let blocks = bytes.len().div_ceil(BLOCK).clamp(1, BLOCKS);
                let weight = 1.0 / (blocks as f32).sqrt();
                found.push((hash(b'i', bytes), 1.0));
                found.extend(bytes.chunks(BLOCK).take(BLOCKS).map(|block| (hash(b'b', block), weight)));
            }
            MediaSource::S3Location(location) => found.push((hash(b'u', location.uri.as_bytes()), 1.0)),
            _ => found.push((hash(b'i', b""), 1.0)),
        }
        Self::merged(found)
    }

    /// The mean of several: each counts as much as the others, however long it is.
    pub(crate) fn mean(parts: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<_> = parts.into_iter().collect();
        let share = 1.0 / (parts.len().max(1) as f32);
        let scaled = |part: Self| {
            let scale = share / part.length();
            part.0.into_iter().map(move |(hash, weight)| (hash, weight * scale))
        };
        let mut all: Vec<_> = parts.into_iter().flat_map(scaled).collect();
        all.sort_by_key(|(hash, _)| *hash);
        let mut mean: Vec<(u64, f32)> = Vec::with_capacity(all.len());
        for (hash, weight) in all {
            match mean.last_mut().filter(|(last, _)| *last == hash) {
                Some((_, sum)) => *sum += weight,
                None => mean.push((hash, weight)),
            }
        }
        Self(mean)
    }

    /// How alike two are: 1 for the same, 0 where they share nothing.
    pub(crate) fn cosine(&self, other: &Self) -> f32 {
        let mut others = other.0.iter().peekable();
        let mut product = 0.0;
        for (hash, weight) in &self.0 {
            while others.next_if(|(other, _)| other < hash).is_some() {}
            if let Some((_, other)) = others.next_if(|(other, _)| other == hash) {
                product += weight * other;
            }
        }
        product / (self.length() * other.length())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, f32)> {
        self.0.iter().copied()
    }

    /// More than 0, since there always is a feature, and no weight is 0.
    fn length(&self) -> f32 {
        self.0.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt()
    }

    /// What comes often counts for more, but less with each time.
    fn merged(mut found: Vec<(u64, f32)>) -> Self {
        found.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let groups = found.chunk_by(|a, b| a.0 == b.0);
        let merge = |group: &[(u64, f32)]| {
            let (hash, weight) = *group.last()?;
            Some((hash, weight * (1.0 + (group.len() as f32).ln())))
        };
        Self(groups.filter_map(merge).collect())
    }
}

/// The letters of scripts without spaces are words of their own.
fn spaceless_apart(word: String) -> Vec<String> {
    if word.chars().any(is_spaceless) { word.chars().map(String::from).collect() } else { vec![word] }
}

/// Groups of three and four letters of a word, with its ends marked.
fn letters(word: &str, found: &mut Vec<(u64, f32)>) {
    let marked: Vec<char> = format!("^{word}$").chars().collect();
    let groups = || marked.windows(3).chain(marked.windows(4));
    let weight = LETTERS / (groups().count().max(1) as f32).sqrt();
    found.extend(groups().map(|group| (hash(b'l', group.iter().collect::<String>().as_bytes()), weight)));
}

/// FNV-1a of a kind and what it is, mixed. Written down here, so that vectors stay what they are.
fn hash(kind: u8, bytes: &[u8]) -> u64 {
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix([kind].iter().chain(bytes).fold(0xcbf2_9ce4_8422_2325, fnv))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alike(a: &str, b: &str) -> f32 {
        Features::of_text(a).cosine(&Features::of_text(b))
    }

    #[test]
    fn more_alike_is_more() {
        for (text, near, related, unrelated) in [
            (
                "A cat sits on the mat.",
                "The cat sat on a mat!",
                "My cat is asleep.",
                "Quarterly revenue of the bank",
            ),
            (
                "How do I reset my password?",
                "how can I reset the password",
                "Passwords must have twelve letters.",
                "The museum opens at nine.",
            ),
            (
                "The Eiffel Tower is in Paris.",
                "The Eifel tower is in Paris",
                "Paris is the capital of France.",
                "Rust has no garbage collector.",
            ),
            ("東京は日本の首都です", "東京は日本の首都でした", "日本の料理", "猫が眠る"),
            (
                "Der Zug fährt um acht Uhr.",
                "Der Zug fährt um neun Uhr.",
                "Der Zug nach Berlin ist heute voll.",
                "Ein Rezept mit Kartoffeln",
            ),
        ] {
            let (near, related, unrelated) =
                (alike(text, near), alike(text, related), alike(text, unrelated));
            assert!(
                near > related + 0.1 && related > unrelated + 0.02,
                "{text}: {near} {related} {unrelated}"
            );
            assert!(near > 0.55 && unrelated < 0.15, "{text}: {near} {unrelated}");
        }
    }

    #[test]
    fn case_marks_and_endings_matter_little() {
        assert!(alike("Opening hours", "opening HOURS!") > 0.999);
        assert!(alike("The shop closes.", "the shop closed") > 0.99);
        assert!(alike("?!", "?!") > 0.999 && alike("?!", "🙂") < 0.01 && alike("", " ") > 0.999);
    }

    #[test]
    fn hashes_are_those_of_yesterday() {
        // pinned: vectors that were kept can be compared with those of a later version
        assert_eq!(hash(b'w', b"cat"), 4_519_929_408_964_820_088);
    }

    proptest! {
        #[test]
        fn every_text_has_features_and_is_like_itself(text in "\\PC*", other in "\\PC*") {
            let (one, two) = (Features::of_text(&text), Features::of_text(&other));
            prop_assert!((one.cosine(&one) - 1.0).abs() < 1e-4);
            prop_assert!((-1e-4..1.0001).contains(&one.cosine(&two)));
            prop_assert!((one.cosine(&two) - two.cosine(&one)).abs() < 1e-5);
            prop_assert!(one.iter().all(|(_, weight)| weight > 0.0));
        }
    }
}
