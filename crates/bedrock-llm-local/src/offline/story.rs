//! Longer texts, for whoever wants to see a stream or a limit at work.

use super::talk::topic;
use super::words::stems;

const WANTED: &[&str] = &[
    "story",
    "essay",
    "poem",
    "article",
    "chapter",
    "tale",
    "novel",
    "blog",
    "speech",
    "letter",
    "long",
    "paragraph",
];

/// A text about what was asked for, if a text was asked for.
pub(super) fn tell(asked: &str) -> Option<String> {
    let stems: Vec<String> = stems(asked).collect();
    let wanted: Vec<&&str> = WANTED.iter().filter(|word| stems.iter().any(|stem| stem == *word)).collect();
    if wanted.is_empty() {
        return None;
    }
    let about = asked
        .split_once("about ")
        .map(|(_, about)| about.split([',', '.', '!', '?', ';', '\n']).next().unwrap_or(about));
    let about = about.map(|about| about.trim().to_owned()).filter(|about| !about.is_empty());
    let about = about.or_else(|| topic(asked)).unwrap_or_else(|| "nothing in particular".to_owned());
    Some(format!(
        "Once upon a time someone asked for words about {about}, and this is what fixed rules can say. \
         First, {about} was there before anybody wrote about it. \
         Then a traveller came by and looked at {about} for a whole day, from the morning until the lamps were lit. \
         \"I have seen much,\" said the traveller, \"but never anything quite like {about}.\" \
         In the second chapter it rained, and everyone stayed at home and talked. \
         The third chapter is about patience, because every stream has to be read to its end. \
         In the fourth the traveller went on, and took along a small note on {about}. \
         At last the note was lost and found again, as happens in stories. \
         And whoever reads this knows that their code can show a long answer. The end."
    ))
}
