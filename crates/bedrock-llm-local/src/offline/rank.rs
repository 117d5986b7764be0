//! Rankings by a lexical method. A document's score depends on the query and on it alone, so that documents can be
//! ranked in several calls and their scores compared.

use std::collections::BTreeMap;

use bedrock_llm_schema::model::RerankFacts;
use bedrock_llm_schema::rerank::RerankResult;
use bedrock_llm_schema::{RerankRequest, RerankResponse};

use super::pieces::{count_pieces, first_pieces};
use super::vectors::Features;
use super::words::{is_stop_stem, stems};

/// BM25's settings, for short texts: how soon a word that is repeated counts no more, and how much long documents pay.
const SATURATION: f64 = 0.6;
const LENGTH: f64 = 0.4;
/// The length that is usual, in words, in the place of the mean of a collection, which there is none of.
const USUAL_LENGTH: f64 = 200.0;
/// What a query's word weighs that says nothing about the matter; others weigh 1, whatever else is in the call.
const STOP_WORD: f64 = 0.1;
/// How much of a score is BM25's; the rest is how alike the texts are, which misspelt and related words are part of.
const WORDS: f64 = 0.75;
/// The logistic curve that makes scores of it: 0 is 0.01, and what has all words of the query about 0.95.
const STEEPNESS: f64 = 9.0;
const MIDDLE: f64 = 0.5;

/// Answers a request for a ranking: the best first, those that are equal in the order of the request.
pub(crate) fn rerank(request: &RerankRequest, facts: &RerankFacts) -> RerankResponse {
    let query = Query::new(&request.query);
    let room = facts.max_tokens.map(|most| u64::from(most).saturating_sub(count_pieces(&request.query)));
    let scored = request.documents.iter().enumerate().map(|(index, document)| {
        let text = document.text();
        let text = room.map_or(&*text, |room| first_pieces(&text, room));
        RerankResult { index, relevance_score: query.score(text), document: None }
    });
    let mut results: Vec<_> = scored.collect();
    results.sort_by(|a, b| b.relevance_score.total_cmp(&a.relevance_score));
    results.truncate(request.top_n.and_then(|top| usize::try_from(top).ok()).unwrap_or(usize::MAX));
    RerankResponse { results, ..RerankResponse::default() }
}

/// A query, as it is looked for in documents.
struct Query {
    /// Its words without endings, and what they weigh.
    words: BTreeMap<String, f64>,
    features: Features,
}

impl Query {
    fn new(text: &str) -> Self {
        let weight = |word: &str| if is_stop_stem(word) { STOP_WORD } else { 1.0 };
        let words = stems(text).map(|word| (weight(&word), word)).map(|(weight, word)| (word, weight));
        Self { words: words.collect(), features: Features::of_text(text) }
    }

    /// How well a text answers, between 0 and 1.
    fn score(&self, text: &str) -> f32 {
        let alike = f64::from(self.features.cosine(&Features::of_text(text)));
        let sum = WORDS * self.words_found(text) + (1.0 - WORDS) * alike.max(0.0);
        (1.0 / (1.0 + (-STEEPNESS * (sum - MIDDLE)).exp())) as f32
    }

    /// BM25 in relation to the most that this query can get, from 0 to 1.
    fn words_found(&self, text: &str) -> f64 {
        let mut found: BTreeMap<&str, f64> = BTreeMap::new();
        let mut length = 0.0;
        for word in stems(text) {
            length += 1.0;
            if let Some((word, _)) = self.words.get_key_value(&word) {
                *found.entry(word).or_default() += 1.0;
            }
        }
        let damping = SATURATION * (1.0 - LENGTH + LENGTH * length / USUAL_LENGTH);
        let gained = found.iter().map(|(word, count)| {
            self.words.get(*word).copied().unwrap_or_default() * count / (count + damping)
        });
        let most: f64 = self.words.values().sum();
        if most > 0.0 { gained.sum::<f64>() / most } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(query: &str, documents: &[&str]) -> Vec<usize> {
        let request = RerankRequest::new("m", query).documents(documents.iter().copied());
        let response = rerank(&request, &RerankFacts::default());
        assert!(response.results.is_sorted_by(|a, b| a.relevance_score >= b.relevance_score));
        response.results.iter().map(|result| result.index).collect()
    }

    #[test]
    fn what_answers_comes_first() {
        for (query, documents) in [
            (
                "What is the capital of the United States?",
                [
                    "Washington, D.C. is the capital of the United States.",
                    "Carson City is the capital of Nevada.",
                    "The museum opens at nine.",
                ],
            ),
            (
                "how to reset a password",
                [
                    "To reset your password, open the settings.",
                    "Passwords must have twelve letters.",
                    "To reset the clock, hold the button.",
                ],
            ),
            // misspelt
            ("Kubernets ingres", ["An ingress in Kubernetes", "Kubernetes pods", "A recipe with potatoes"]),
            ("日本の首都", ["東京は日本の首都です", "日本の料理", "猫が眠る"]),
        ] {
            let found = order(query, &documents);
            assert_eq!(found.first(), Some(&0), "{query}: {found:?}");
        }
        assert_eq!(order("cat", &["dog", "cow", "cat"]), [2, 0, 1]);
    }

    #[test]
    fn the_best_alone_are_given() {
        let request = RerankRequest::new("m", "cat").documents(["dog", "a cat", "cow"]);
        let indexes = |request: &RerankRequest| -> Vec<usize> {
            let response = rerank(request, &RerankFacts::default());
            response.results.iter().map(|result| result.index).collect()
        };
        assert_eq!(indexes(&request.clone().top_n(1)), [1]);
        assert_eq!(indexes(&request.top_n(9)).len(), 3);
    }

    #[test]
    fn what_is_beyond_the_model_is_not_read() {
        let mut facts = RerankFacts::default();
        let request = RerankRequest::new("m", "cat").document("one two three four five cat");
        let score = |facts: &RerankFacts| rerank(&request, facts).results.first().unwrap().relevance_score;
        let whole = score(&facts);
        facts.max_tokens = Some(4);
        assert!(score(&facts) < whole);
    }

    proptest! {
        #[test]
        fn scores_do_not_depend_on_the_other_documents(
            query in "[a-e ]{0,20}", documents in prop::collection::vec("[a-e ]{0,20}|\\PC{0,9}", 1..6),
        ) {
            let all = RerankRequest::new("m", query.as_str()).documents(documents.iter());
            for result in rerank(&all, &RerankFacts::default()).results {
                prop_assert!(result.relevance_score > 0.0 && result.relevance_score < 1.0);
                let alone = RerankRequest::new("m", query.as_str()).document(documents[result.index].as_str());
                let alone = rerank(&alone, &RerankFacts::default()).results[0].relevance_score;
                prop_assert_eq!(alone.to_bits(), result.relevance_score.to_bits());
            }
        }
    }
}
