//! A ranking for people.

use std::fmt::Write as _;

use bedrock_llm_embeddings::similarity::Scored;

use super::documents::Documents;

/// How much of a document is shown.
const CHARACTERS: usize = 80;

/// A line for each document: its rank, its score, where it stands, how it begins.
pub(super) fn of(ranking: &[Scored], documents: &Documents) -> String {
    let rows: Vec<(String, String)> = ranking
        .iter()
        .map(|ranked| {
            let place = documents.labels.get(ranked.index).map(|label| match &label.id {
                Some(serde_json::Value::String(id)) => id.clone(),
                Some(id) => id.to_string(),
                None => label.place.to_string(),
            });
            let text = documents.content.get(ranked.index).map(|document| shorten(&document.text()));
            (place.unwrap_or_default(), text.unwrap_or_default())
        })
        .collect();
    let width = rows.iter().map(|(place, _)| place.chars().count()).max().unwrap_or_default();
    let mut table = String::new();
    for ((rank, ranked), (place, text)) in (1..).zip(ranking).zip(&rows) {
        // a table that cannot be written into memory is not there
        let _ = writeln!(table, "{rank:>4}  {:>7.4}  {place:<width$}  {text}", ranked.score);
    }
    table
}

/// The beginning, on one line.
fn shorten(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut short = String::new();
    for word in words.by_ref() {
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
        if short.chars().count() > CHARACTERS {
            return short.chars().take(CHARACTERS - 1).chain(['…']).collect();
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::rerank::RerankDocument;

    use super::super::documents::Label;
    use super::*;
    use crate::texts::Place;

    #[test]
    fn lines_are_aligned_and_short() {
        let label =
            |line, id: Option<&str>| Label { place: Place { file: None, line }, id: id.map(Into::into) };
        let documents = Documents {
            content: vec![
                RerankDocument::Text("word ".repeat(40)),
                RerankDocument::Text("two\nlines".into()),
            ],
            labels: vec![label(1, None), label(12, Some("a"))],
        };
        let ranking = [Scored { index: 1, score: 0.87654 }, Scored { index: 0, score: -1.5 }];
        let table = of(&ranking, &documents);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[0], "   1   0.8765  a       two lines");
        assert!(
            lines[1].starts_with("   2  -1.5000  line 1  word word") && lines[1].ends_with('…'),
            "{table}"
        );
        assert_eq!(lines[1].chars().count(), 23 + CHARACTERS);
    }
}
