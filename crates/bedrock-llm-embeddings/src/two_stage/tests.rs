//! Searches over a service that embeds by letters and one that ranks by words.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bedrock_llm_schema::embed::{EmbedInput, EmbedRequest, EmbedResponse, Matrix, Vectors};
use bedrock_llm_schema::rerank::{RerankRequest, RerankResponse, RerankResult};
use bedrock_llm_schema::{Call, ErrorKind};

use super::*;
use crate::similarity::{Metric, SimilarityError};

const MODEL: &str = "amazon.titan-embed-text-v2:0";

/// How often each letter is in a text.
fn letters(input: &EmbedInput) -> [f32; 26] {
    let mut counts = [0.0; 26];
    for letter in input.texts().flat_map(str::bytes).filter(u8::is_ascii_lowercase) {
        counts[usize::from(letter - b'a')] += 1.0;
    }
    counts
}

fn embedder(model: &str) -> Embedder<f32, impl EmbedService + use<>> {
    let service = tower::service_fn(|call: Call<EmbedRequest>| async move {
        let numbers = call.inputs.iter().flat_map(letters).collect();
        let read = call.inputs.iter().flat_map(EmbedInput::texts).map(str::len).sum::<usize>();
        let vectors = vec![Vectors::Float(Matrix::from_values(numbers, 26).unwrap())];
        Ok::<_, Error>(EmbedResponse { vectors, input_tokens: Some(read as u64), ..EmbedResponse::default() })
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
    let TwoStageError::Rerank { candidates, source, .. } = error else { panic!("{error}") };
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
    assert!(matches!(error, TwoStageError::EmptyCorpus), "{error}");
}

#[tokio::test]
async fn nothing_is_paid_for_a_search_that_cannot_be() {
    let sent = Arc::new(AtomicUsize::new(0));
    let (embedder, reranker) = (embedder(MODEL), reranker());
    let corpus = Corpus::embed(&embedder, vec!["bat", "cat"]).await.unwrap();
    let counted = Arc::clone(&sent);
    let service = tower::service_fn(move |_: Call<EmbedRequest>| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Err::<EmbedResponse, _>(Error::new(ErrorKind::Unavailable, "down")))
    });
    let embedder = Embedder::new(service, MODEL).unwrap();
    let search = || two_stage(&embedder, &reranker, &corpus, "bat");
    assert!(matches!(search().top_n(0).await, Err(TwoStageError::TopN)));
    assert!(matches!(search().candidates(0).await, Err(TwoStageError::Candidates)));
    let none = reranker.clone().concurrency(0);
    let error = two_stage(&embedder, &none, &corpus, "bat").await.unwrap_err();
    assert!(matches!(error, TwoStageError::Reranker(RerankError::OutOfRange { .. })), "{error}");
    assert_eq!(Error::from(error).kind(), &ErrorKind::Config);
    assert_eq!(Error::from(search().top_n(0).await.unwrap_err()).kind(), &ErrorKind::InvalidRequest);
    assert_eq!(sent.load(Ordering::Relaxed), 0);
    let error = search().await.unwrap_err();
    assert!(matches!(error, TwoStageError::Embed(_)) && error.is_retryable(), "{error}");
    assert_eq!(Error::from(error).kind(), &ErrorKind::Unavailable);
    assert_eq!(sent.load(Ordering::Relaxed), 1);

    // documents are not lost with their vectors
    let error = Corpus::embed(&embedder, vec!["bat", "secret"]).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
    assert_eq!((error.documents.as_slice(), error.source.failed().len()), (&["bat", "secret"][..], 2));
    assert_eq!(Error::from(error).kind(), &ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_candidate_that_cannot_be_ranked_is_told_beside_the_others() {
    let embedder = embedder(MODEL);
    let service = tower::service_fn(|call: Call<RerankRequest>| async move {
        if call.documents.iter().any(|document| document.text().len() > 10) {
            return Err(Error::new(ErrorKind::Validation, "too long"));
        }
        let results = (0..call.documents.len()).map(|index| RerankResult {
            index,
            relevance_score: index as f32,
            document: None,
        });
        Ok(RerankResponse { results: results.collect(), ..RerankResponse::default() })
    });
    let reranker = Reranker::over(service, "cohere.rerank-v3-5:0");
    let corpus = Corpus::embed(&embedder, vec!["xyz", "the bat sleeps by day", "bat"]).await.unwrap();
    let found = two_stage(&embedder, &reranker, &corpus, "bat").await.unwrap();
    let places: Vec<_> = found.results.iter().map(|one| one.index).collect();
    assert_eq!((places, found.refused.len(), found.refused[0].index), (vec![2, 0], 1, 1));
    assert_eq!((found.query_usage.calls, found.query_usage.input_tokens, found.usage.calls), (1, 3, 2));

    let long = Corpus::embed(&embedder, vec!["the bat sleeps by day"]).await.unwrap();
    let error = two_stage(&embedder, &reranker, &long, "bat").await.unwrap_err();
    assert!(matches!(&error, TwoStageError::Rerank { query_usage, .. } if query_usage.calls == 1), "{error}");
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
