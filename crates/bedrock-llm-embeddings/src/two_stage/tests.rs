//! Searches over a service that embeds by letters and one that ranks by words.

use std::error::Error as _;

use bedrock_llm_schema::embed::{EmbedInput, EmbedRequest, EmbedResponse, Matrix, Vectors};
use bedrock_llm_schema::rerank::{RerankRequest, RerankResponse, RerankResult};
use bedrock_llm_schema::{Call, ErrorKind};

use super::*;
use crate::similarity::Metric;

const MODEL: &str = "amazon.titan-embed-text-v2:0";

/// How often each letter is in a text.
fn letters(input: &EmbedInput) -> [f32; 26] {
    let mut counts = [0.0; 26];
    for letter in input.texts().flat_map(str::bytes).filter(u8::is_ascii_lowercase) {
        counts[usize::from(letter - b'a')] += 1.0;
    }
    counts
}

fn embedder(model: &str) -> Embedder<f32, impl EmbedService + Sync + use<>> {
    let service = tower::service_fn(|call: Call<EmbedRequest>| async move {
        let numbers = call.inputs.iter().flat_map(letters).collect();
        let vectors = vec![Vectors::Float(Matrix::from_values(numbers, 26).unwrap())];
        Ok::<_, Error>(EmbedResponse { vectors, ..EmbedResponse::default() })
    });
    Embedder::new(service, model).unwrap()
}

/// By how many of the query's words a document has.
fn reranker() -> Reranker<impl RerankService + use<>> {
    let service = tower::service_fn(|call: Call<RerankRequest>| async move {
        if call.query == "fail" {
            return Err(Error::new(ErrorKind::Unavailable, "down"));
        }
        let has = |text: &str, word: &str| text.split(' ').any(|other| other == word);
        let scored = call.documents.iter().enumerate().map(|(index, document)| RerankResult {
            index,
            relevance_score: call.query.split(' ').filter(|word| has(&document.text(), word)).count() as f32,
            document: None,
        });
        let mut results: Vec<_> = scored.collect();
        results.sort_by(|one, other| other.relevance_score.total_cmp(&one.relevance_score));
        results.truncate(call.top_n.unwrap() as usize);
        Ok(RerankResponse { results, ..RerankResponse::default() })
    });
    Reranker::over(service, "cohere.rerank-v3-5:0")
}

#[tokio::test]
async fn the_nearest_are_put_in_order() {
    let (embedder, reranker) = (embedder(MODEL), reranker());
    let texts = vec!["xyz", "tab", "the bat sleeps by day", "bat"];
    let corpus = Corpus::embed(&embedder, texts).await.unwrap();
    assert_eq!((corpus.documents().len(), corpus.embeddings().dimensions()), (4, 26));

    // by letters "tab" is as near as "bat", and comes first
    let found = two_stage(&embedder, &reranker, &corpus, "bat").candidates(3).top_n(2).await.unwrap();
    let found: Vec<_> = found.results.iter().map(|it| (it.index, it.place, it.score, *it.document)).collect();
    assert_eq!(found, [(3, 1, 1.0, "bat"), (2, 2, 1.0, "the bat sleeps by day")]);

    // top_n wins over candidates
    let all = two_stage(&embedder, &reranker, &corpus, "bat").candidates(1).top_n(9).await.unwrap();
    assert_eq!(all.results.len(), 4);
    let metric = two_stage(&embedder, &reranker, &corpus, "bat").candidates(1).metric(Metric::Dot);
    let [found] = metric.await.unwrap().results.try_into().unwrap();
    assert_eq!((found.index, found.similarity), (2, 6.0), "the longest has most of the letters");
}

#[tokio::test]
async fn what_cannot_be_searched_is_told() {
    let (embedder, reranker) = (embedder(MODEL), reranker());
    let corpus = Corpus::embed(&embedder, vec!["bat", "cat"]).await.unwrap();
    let error = two_stage(&embedder, &reranker, &corpus, "fail").await.unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "none of 2 documents were ranked");
    let TwoStageError::Rerank { candidates, source } = error else { panic!("{error}") };
    assert_eq!((candidates.len(), source.is_retryable()), (2, true));

    let error = two_stage(&embedder, &reranker, &corpus, "123").await.unwrap_err();
    assert!(matches!(error, TwoStageError::Similarity(SimilarityError::Zero)), "{error}");

    let other = self::embedder("amazon.titan-embed-text-v1");
    let error = two_stage(&other, &reranker, &corpus, "bat").await.unwrap_err();
    assert!(matches!(error, TwoStageError::OtherModel { .. }), "{error}");

    let (documents, embeddings) = (vec!["bat"], corpus.embeddings().clone());
    assert_eq!(Corpus::new(documents, embeddings), Err(CorpusError { documents: 1, vectors: 2 }));

    let nothing: Corpus<String> = Corpus::embed(&embedder, Vec::new()).await.unwrap();
    let error = two_stage(&embedder, &reranker, &nothing, "bat").await.unwrap_err();
    assert!(matches!(error, TwoStageError::Rerank { source: RerankError::NoDocuments, .. }), "{error}");
}

#[tokio::test]
async fn texts_are_not_shown() {
    let (embedder, reranker) = (embedder(MODEL), reranker());
    let corpus = Corpus::embed(&embedder, vec!["secret"]).await.unwrap();
    let search = two_stage(&embedder, &reranker, &corpus, "secret");
    let shown = format!("{search:?} {corpus:?}");
    let found = search.await.unwrap();
    assert!(!format!("{shown} {found:?}").contains("secret"));
}
