//! Rankings over HTTP: every model, both APIs, many calls, failures, and the search in two stages.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use bedrock_llm_client::Client;
use bedrock_llm_embeddings::Embedder;
use bedrock_llm_embeddings::rerank::{Ranking, RerankError, Reranker};
use bedrock_llm_embeddings::two_stage::{Corpus, two_stage};
use bedrock_llm_local::{Builder, LocalBedrock, Reply};
use bedrock_llm_schema::rerank::RerankApi;
use bedrock_llm_schema::{ErrorKind, Operation};

const COHERE: &str = "cohere.rerank-v3-5:0";
const AMAZON: &str = "amazon.rerank-v1:0";
const QUERY: &str = "What is the capital of France?";
const DOCUMENTS: [&str; 7] = [
    "Lyon lies on the Rhône.",
    "The capital of Italy is Rome.",
    "Paris is the capital of France.",
    "Paris is the capital of France.",
    "France has a president.",
    "Capital letters start a sentence.",
    "Bread is baked.",
];

async fn start(builder: Builder) -> (LocalBedrock, Client) {
    let local = builder.start().await.unwrap();
    let client = Client::bare()
        .region("us-east-1")
        .credentials("local", "local", None)
        .endpoint_url(local.endpoint())
        .build()
        .await
        .unwrap();
    (local, client)
}

fn places<D>(ranking: &Ranking<'_, D>) -> Vec<usize> {
    ranking.iter().map(|ranked| ranked.index).collect()
}

#[tokio::test]
async fn divided_rankings_are_as_whole_ones() {
    let (local, client) = start(LocalBedrock::builder()).await;
    for (model, api) in [
        (COHERE, RerankApi::InvokeModel),
        (AMAZON, RerankApi::InvokeModel),
        (COHERE, RerankApi::AgentRuntime),
        (AMAZON, RerankApi::AgentRuntime),
    ] {
        let reranker = Reranker::new(client.clone(), model).api(api);
        let whole = reranker.rerank(QUERY, &DOCUMENTS).await.unwrap();
        assert_eq!(places(&whole).len(), DOCUMENTS.len());
        assert_eq!(places(&whole)[..2], [2, 3], "equal ones in the order of the documents");
        let before = local.received().len();
        let divided = reranker.max_documents(2).rerank(QUERY, &DOCUMENTS).top_n(5).await.unwrap();
        assert_eq!(divided.results, whole.results[..5], "{model} {api:?}");
        assert_eq!(divided.best().map(|best| *best.document), Some("Paris is the capital of France."));
        let sent = local.received().split_off(before);
        assert_eq!((sent.len(), divided.usage.calls), (4, 4));
        let operation = match api {
            RerankApi::AgentRuntime => Operation::Rerank,
            _ => Operation::InvokeModel,
        };
        assert!(sent.iter().all(|request| request.operation == Some(operation)));
    }
}

#[tokio::test]
async fn what_failed_is_resumed() {
    let broken = Reply::exception("ServiceUnavailableException").times(1);
    let (local, client) = start(LocalBedrock::builder().reply(broken)).await;
    let reranker = Reranker::new(client, COHERE).max_documents(3).concurrency(1);
    let error = reranker.rerank(QUERY, &DOCUMENTS).top_n(3).await.unwrap_err();
    assert_eq!(error.to_string(), "3 of 7 documents were not ranked");
    assert!(error.is_retryable());
    let RerankError::Incomplete { partial, cause, .. } = error else { panic!("{error}") };
    assert_eq!((partial.missing.as_slice(), cause.kind()), (&[0, 1, 2][..], &ErrorKind::Unavailable));
    let ranking = reranker.resume(*partial, &DOCUMENTS).await.unwrap();
    assert_eq!(places(&ranking)[..2], [2, 3]);
    assert_eq!((ranking.len(), ranking.usage.calls, local.received().len()), (3, 3, 4));
}

#[tokio::test]
async fn objects_are_ranked_too() {
    let (_local, client) = start(LocalBedrock::builder()).await;
    let documents =
        [serde_json::json!({"body": "Bread is baked."}), serde_json::json!({"body": DOCUMENTS[2]})];
    for api in [RerankApi::InvokeModel, RerankApi::AgentRuntime] {
        let reranker = Reranker::new(client.clone(), COHERE).api(api);
        assert_eq!(places(&reranker.rerank(QUERY, &documents).await.unwrap()), [1, 0]);
    }
}

#[tokio::test]
async fn two_stages_find_what_answers() {
    let (_local, client) = start(LocalBedrock::builder()).await;
    let embedder = Embedder::new(client.clone(), "amazon.titan-embed-text-v2:0").unwrap();
    let reranker = Reranker::new(client, AMAZON);
    let corpus = Corpus::embed(&embedder, DOCUMENTS.to_vec()).await.unwrap();
    let found = two_stage(&embedder, &reranker, &corpus, QUERY).candidates(4).top_n(2).await.unwrap();
    let places: Vec<_> = found.results.iter().map(|found| found.index).collect();
    assert_eq!((places, found.usage.calls), (vec![2, 3], 1));
}
