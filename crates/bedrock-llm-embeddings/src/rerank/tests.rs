//! Rankings over a service that ranks by a known rule, and over ones that fail.

use std::future::{Future, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedrock_llm_schema::request::Priority;
use bedrock_llm_schema::rerank::{RerankApi, RerankDocument, RerankRequest, RerankResponse, RerankResult};
use bedrock_llm_schema::response::AnsweredBy;
use bedrock_llm_schema::{Call, CallOptions, Error, ErrorKind, ModelId, Request as _};
use proptest::prelude::*;

use super::*;
use crate::similarity::Scored;

const MODEL: &str = "cohere.rerank-v3-5:0";

/// Scores are few, so that many are equal.
fn score(document: &RerankDocument) -> f32 {
    document.text().bytes().map(u32::from).sum::<u32>() as f32 % 7.0
}

/// What the service does: the best of what it was sent, the best first.
fn answer(request: &RerankRequest) -> RerankResponse {
    let scored = request.documents.iter().enumerate();
    let mut results: Vec<_> = scored.map(|(index, document)| result(index, score(document))).collect();
    results.sort_by(|one, other| other.relevance_score.total_cmp(&one.relevance_score));
    results.truncate(request.top_n.unwrap() as usize);
    RerankResponse { results, ..RerankResponse::default() }
}

fn result(index: usize, relevance_score: f32) -> RerankResult {
    RerankResult { index, relevance_score, document: None }
}

/// A reranker over a function of the request and the number of the call.
fn over<F>(
    respond: impl Fn(RerankRequest, usize) -> F + Clone + Send + Sync + 'static,
) -> (Reranker<impl RerankService>, Arc<Mutex<Vec<Call<RerankRequest>>>>)
where
    F: Future<Output = Result<RerankResponse, Error>> + Send + 'static,
{
    let seen: Arc<Mutex<Vec<Call<RerankRequest>>>> = Arc::default();
    let calls = Arc::clone(&seen);
    let service = tower::service_fn(move |call: Call<RerankRequest>| {
        let mut calls = calls.lock().unwrap();
        calls.push(call.clone());
        respond(call.into_request(), calls.len() - 1)
    });
    (Reranker::over(service, MODEL), seen)
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn found<D>(ranking: &Ranking<'_, D>) -> Vec<Scored> {
    ranking.iter().map(|found| Scored { index: found.index, score: found.score }).collect()
}

/// All in order, by the definition.
fn wanted(documents: &[String], top_n: Option<usize>) -> Vec<Scored> {
    let scored = |(index, document): (usize, &String)| Scored { index, score: score(&document.into()) };
    let mut all: Vec<_> = documents.iter().enumerate().map(scored).collect();
    all.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.index.cmp(&other.index)));
    all.truncate(top_n.unwrap_or(usize::MAX));
    all
}

fn broken(kind: ErrorKind) -> Error {
    Error::new(kind, "broken")
}

#[tokio::main(flavor = "current_thread")]
async fn wait<T>(future: impl Future<Output = T>) -> T {
    future.await
}

proptest! {
    #[test]
    fn divided_and_merged_is_as_in_one_call(
        documents in prop::collection::vec("[a-z]{1,6}", 1..60),
        top_n in prop::option::of(1usize..70),
        most in 1usize..70,
        concurrency in 1usize..5,
    ) {
        let (reranker, calls) = over(|request, _| ready(Ok(answer(&request))));
        let reranker = reranker.max_documents(most).concurrency(concurrency);
        let mut asked = reranker.rerank("?", &documents);
        if let Some(top_n) = top_n {
            asked = asked.top_n(top_n);
        }
        let ranking = wait(asked.into_future()).unwrap();
        prop_assert_eq!(found(&ranking), wanted(&documents, top_n));
        prop_assert!(ranking.iter().all(|found| std::ptr::eq(found.document, &documents[found.index])));
        prop_assert_eq!(calls.lock().unwrap().len(), documents.len().div_ceil(most));
    }

    #[test]
    fn what_failed_is_asked_again_and_merged(
        documents in prop::collection::vec("[a-z]{1,6}", 1..60),
        top_n in prop::option::of(1usize..70),
        most in 1usize..20,
        failing in prop::collection::vec(any::<bool>(), 60),
    ) {
        let fails = failing.clone();
        let (reranker, _) = over(move |request, number| {
            ready(if fails[number] { Err(broken(ErrorKind::Unavailable)) } else { Ok(answer(&request)) })
        });
        let (whole, calls) = over(|request, _| ready(Ok(answer(&request))));
        let mut asked = reranker.max_documents(most).concurrency(1).rerank("?", &documents);
        if let Some(top_n) = top_n {
            asked = asked.top_n(top_n);
        }
        let ranking = match wait(asked.into_future()) {
            Ok(ranking) => ranking,
            Err(error) => {
                prop_assert_eq!(error.cause().unwrap().kind(), &ErrorKind::Unavailable);
                let partial = error.into_partial().unwrap();
                let lost = |(piece, _): &(usize, &[String])| failing[*piece];
                let chunks = documents.chunks(most).enumerate().filter(lost);
                let missing: Vec<_> =
                    chunks.flat_map(|(piece, chunk)| (0..chunk.len()).map(move |place| piece * most + place)).collect();
                prop_assert_eq!(&partial.missing, &missing);
                let ranking = wait(whole.resume(partial, &documents)).unwrap();
                let sent: usize = calls.lock().unwrap().iter().map(|call| call.documents.len()).sum();
                prop_assert_eq!(sent, missing.len());
                ranking
            }
        };
        prop_assert_eq!(found(&ranking), wanted(&documents, top_n));
    }
}

#[tokio::test]
async fn a_call_says_what_was_set() {
    let (reranker, calls) = over(|request, _| ready(Ok(answer(&request))));
    let reranker = reranker
        .api(RerankApi::AgentRuntime)
        .extra("max_tokens_per_doc", 100)
        .options(CallOptions::new().priority(Priority::Batch));
    let documents = [serde_json::json!({"title": "Rivers"}), serde_json::json!("text")];
    let ranking = reranker.rerank("which?", &documents).top_n(1).await.unwrap();
    assert_eq!((ranking.len(), ranking.usage.calls), (1, 1));
    let call = calls.lock().unwrap().pop().unwrap();
    assert_eq!(call.options().priority, Priority::Batch);
    let request = call.into_request();
    assert_eq!((request.model.as_str(), request.query.as_str(), request.top_n), (MODEL, "which?", Some(1)));
    assert_eq!(
        (request.api, request.extra["max_tokens_per_doc"].as_u64()),
        (RerankApi::AgentRuntime, Some(100))
    );
    assert_eq!(request.documents, [documents[0].to_rerank_document(), "text".into()]);
}

#[tokio::test]
async fn nothing_is_sent_for_nothing() {
    let (reranker, calls) = over(|request, _| ready(Ok(answer(&request))));
    assert!(matches!(reranker.rerank("?", &[] as &[&str]).await, Err(RerankError::NoDocuments)));
    let error = reranker.rerank("?", &["a"]).top_n(0).await.unwrap_err();
    assert!(matches!(error, RerankError::TopN));
    assert_eq!(Error::from(error).kind(), &ErrorKind::InvalidRequest);
    assert!(calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn pages_are_followed_to_their_end() {
    let (reranker, calls) = over(|request, _| {
        let page: usize = request.next_token.as_deref().map_or(0, |token| token.parse().unwrap());
        let mut answer = answer(&request);
        let rest = answer.results.split_off((page * 2 + 2).min(answer.results.len()));
        answer.results.drain(..page * 2);
        answer.next_token = (!rest.is_empty()).then(|| (page + 1).to_string());
        answer.input_tokens = Some(10);
        ready(Ok(answer))
    });
    let documents = numbers(5);
    let ranking = reranker.api(RerankApi::AgentRuntime).rerank("?", &documents).await.unwrap();
    assert_eq!(found(&ranking), wanted(&documents, None));
    assert_eq!((ranking.usage.calls, ranking.usage.input_tokens), (3, 30));
    let calls = calls.lock().unwrap();
    assert!(calls.iter().all(|call| call.documents.len() == 5 && call.model().unwrap().as_str() == MODEL));
}

async fn fault_of(
    results: &'static [(usize, f32)],
    next_token: Option<&'static str>,
) -> (RankingFault, Vec<usize>) {
    let (reranker, _) = over(move |_, _| {
        let results = results.iter().map(|(index, score)| result(*index, *score)).collect();
        let request_id = Some("id".to_owned());
        let next_token = next_token.map(str::to_owned);
        ready(Ok(RerankResponse { results, next_token, request_id, ..RerankResponse::default() }))
    });
    let error = reranker.rerank("?", &["a", "b"]).await.unwrap_err();
    let cause = error.cause().unwrap();
    assert_eq!((cause.kind(), cause.request_id()), (&ErrorKind::AnswerInvalid, Some("id")));
    let fault = RankingFault::of(cause).unwrap().clone();
    let partial = error.into_partial().unwrap();
    assert!(partial.usage.calls > 0, "what was answered is paid for");
    (fault, partial.missing)
}

#[tokio::test]
async fn answers_that_cannot_be_right_are_refused() {
    let all = vec![0, 1];
    let fault = fault_of(&[(0, 0.5), (2, 0.4)], None).await;
    assert_eq!(fault, (RankingFault::OutOfRange { index: 2, documents: 2 }, all.clone()));
    let fault = fault_of(&[(1, 0.5), (1, 0.4)], None).await;
    assert_eq!(fault, (RankingFault::Duplicate { index: 1 }, all.clone()));
    let fault = fault_of(&[(0, 0.5), (1, 0.5), (1, 0.4)], None).await;
    assert_eq!(fault, (RankingFault::Duplicate { index: 1 }, vec![1]), "what has one score is ranked");
    let fault = fault_of(&[(1, 0.5)], None).await;
    assert_eq!(fault, (RankingFault::TooFew { asked: 2, found: 1 }, vec![0]), "what came is ranked");
    assert_eq!(fault_of(&[], Some("on")).await, (RankingFault::Endless, all.clone()));
    let fault = fault_of(&[(0, 0.5)], Some("on")).await;
    assert_eq!(fault, (RankingFault::Duplicate { index: 0 }, all));
}

#[tokio::test]
async fn scores_of_two_models_are_not_mixed() {
    let (reranker, _) = over(|request, number| {
        let model = if number == 1 { "amazon.rerank-v1:0" } else { "us.cohere.rerank-v3-5:0" };
        let answered_by = Some(Box::new(AnsweredBy::new(model.into(), None)));
        ready(Ok(RerankResponse { answered_by, ..answer(&request) }))
    });
    let error = reranker.max_documents(1).concurrency(1).rerank("?", &numbers(3)).await.unwrap_err();
    let fault = RankingFault::of(error.cause().unwrap()).unwrap();
    assert!(
        matches!(fault, RankingFault::OtherModel { model, .. } if model.as_str() == "amazon.rerank-v1:0")
    );
    assert_eq!(error.to_string(), "1 of 3 documents were not ranked");
    let partial = error.into_partial().unwrap();
    assert_eq!(partial.missing, [1]);
    let (other, _) = over(|request, _| ready(Ok(answer(&request))));
    let other = Reranker::over(other.service, "amazon.rerank-v1:0");
    let refused = other.resume(partial.clone(), &numbers(3)).await.unwrap_err();
    assert!(matches!(refused, RerankError::OtherModel { .. }), "{refused}");
    let refused = other.resume(partial, &numbers(2)).await.unwrap_err();
    assert!(matches!(refused, RerankError::OtherDocuments { wanted: 3, found: 2, .. }), "{refused}");
}

#[tokio::test]
async fn the_way_out_of_another_models_scores_is_to_forget_them() {
    // a stand-in answers first, then the reranker's own does
    let (reranker, calls) = over(|request, number| {
        let model = if number == 0 { "amazon.rerank-v1:0" } else { MODEL };
        let answered_by = Some(Box::new(AnsweredBy::new(model.into(), None)));
        ready(Ok(RerankResponse { answered_by, ..answer(&request) }))
    });
    let (documents, reranker) = (numbers(4), reranker.max_documents(2).concurrency(1));
    let partial = reranker.rerank("?", &documents).await.unwrap_err().into_partial().unwrap();
    assert_eq!(
        (partial.answered().unwrap().as_str(), &partial.missing[..]),
        ("amazon.rerank-v1:0", &[2, 3][..])
    );
    let again = reranker.resume(partial, &documents).await.unwrap_err();
    assert!(matches!(RankingFault::of(again.cause().unwrap()), Some(RankingFault::OtherModel { .. })));
    let partial = again.into_partial().unwrap().forget();
    assert_eq!((partial.missing.len(), partial.ranked.len(), partial.answered()), (4, 0, None));
    let ranking = reranker.resume(partial, &documents).await.unwrap();
    assert_eq!(found(&ranking), wanted(&documents, None));
    assert_eq!((ranking.usage.calls, calls.lock().unwrap().len()), (5, 5));
}

proptest! {
    #[test]
    fn documents_that_are_refused_keep_no_other_from_its_place(
        bad in prop::collection::vec(prop::bool::weighted(0.2), 1..60),
        top_n in prop::option::of(1usize..70),
        most in 1usize..20,
        kind in prop::sample::select(vec![ErrorKind::Validation, ErrorKind::ContextOverflow, ErrorKind::InvalidRequest]),
    ) {
        let documents: Vec<_> =
            bad.iter().enumerate().map(|(place, bad)| format!("{}{place}", if *bad { "bad" } else { "" })).collect();
        // the first is asked for alone, so that the query is known to be a good one
        prop_assume!(!bad[0]);
        let (reranker, calls) = over(move |request, number| {
            let is_bad = number > 0 && request.documents.iter().any(|document| document.text().starts_with("bad"));
            ready(if is_bad { Err(broken(kind.clone())) } else { Ok(answer(&request)) })
        });
        let reranker = reranker.concurrency(1);
        let whole = wait(reranker.clone().rerank("?", &documents[..1]).into_future()).unwrap();
        prop_assert_eq!(whole.len(), 1);
        let mut asked = reranker.max_documents(most).rerank("?", &documents);
        if let Some(top_n) = top_n {
            asked = asked.top_n(top_n);
        }
        let outcome = wait(asked.into_future());
        let refused: Vec<_> = (0..bad.len()).filter(|place| bad[*place]).collect();
        let mut ranked = wanted(&documents, None);
        ranked.retain(|one| !bad[one.index]);
        ranked.truncate(top_n.unwrap_or(usize::MAX));
        match outcome {
            Ok(ranking) => {
                prop_assert!(refused.is_empty());
                prop_assert_eq!(found(&ranking), ranked);
            }
            Err(error) => {
                prop_assert!(!error.is_retryable());
                let partial = error.into_partial().unwrap();
                let found_bad: Vec<_> = partial.refused.iter().map(|one| one.index).collect();
                let doubted = partial.missing.len();
                prop_assert!(doubted == 0 || found_bad.len() == 8 && partial.ranked.is_empty());
                if doubted == 0 {
                    prop_assert_eq!(found_bad, refused);
                    prop_assert_eq!(&partial.ranked, &ranked);
                    prop_assert_eq!(found(&partial.into_ranking(&documents).unwrap()), ranked);
                }
            }
        }
        prop_assert!(calls.lock().unwrap().len() <= 1 + 2 * documents.len());
    }
}

#[tokio::test]
async fn what_a_rule_refuses_is_not_sent() {
    let (reranker, calls) = over(|request, _| ready(Ok(answer(&request))));
    let documents = ["a", " ", "b"];
    let error = reranker.rerank("?", &documents).await.unwrap_err();
    let told = "1 of 3 documents were not ranked; 1 cannot be, the first of them document 1 (counted from 0)";
    assert_eq!((error.to_string(), error.is_retryable()), (told.to_owned(), false));
    assert_eq!(error.cause().unwrap().kind(), &ErrorKind::InvalidRequest);
    let partial = error.into_partial().unwrap();
    assert_eq!((partial.ranked.len(), partial.missing.len(), partial.refused[0].index), (2, 0, 1));
    assert!(partial.refused[0].error.to_string().contains("blank"), "{:?}", partial.refused);
    // nothing is left to ask for
    let again = reranker.resume(partial, &documents).await.unwrap_err().into_partial().unwrap();
    assert_eq!((again.ranked.len(), again.refused.len(), calls.lock().unwrap().len()), (2, 1, 1));
    assert_eq!(again.clone().forget().missing, [0, 2]);

    let long = ["a".to_owned(), "é".repeat(32_001)];
    let by_agent = reranker.clone().api(RerankApi::AgentRuntime);
    let partial = by_agent.rerank("?", &long).await.unwrap_err().into_partial().unwrap();
    assert_eq!((partial.ranked.len(), partial.refused[0].index), (1, 1));
    assert_eq!(reranker.rerank("?", &long).await.unwrap().len(), 2, "no such limit is known of models");

    let before = calls.lock().unwrap().len();
    let error = reranker.rerank(" ", &documents).await.unwrap_err();
    assert!(error.cause().unwrap().to_string().contains("query"), "{error:?}");
    let partial = error.into_partial().unwrap();
    assert_eq!((partial.missing.len(), partial.refused.len()), (3, 0), "it is not the documents");
    assert_eq!(calls.lock().unwrap().len(), before);
}

#[tokio::test]
async fn a_query_that_is_refused_is_not_tried_with_every_document() {
    let (reranker, calls) = over(|_, _| ready(Err(broken(ErrorKind::Validation))));
    let partial =
        reranker.concurrency(1).rerank("?", &numbers(1_000)).await.unwrap_err().into_partial().unwrap();
    assert_eq!((partial.refused.len(), partial.missing.len()), (8, 992));
    assert!(calls.lock().unwrap().len() <= 25);
}

#[tokio::test]
async fn a_page_that_fails_does_not_lose_those_before() {
    let (reranker, calls) = over(|request, number| {
        let mut answer = answer(&request);
        answer.input_tokens = Some(10);
        ready(match number {
            0 => {
                answer.results.truncate(2);
                answer.next_token = Some("on".to_owned());
                Ok(answer)
            }
            1 => Err(broken(ErrorKind::Validation)),
            _ => Ok(answer),
        })
    });
    let documents = numbers(5);
    let partial = reranker.rerank("?", &documents).top_n(4).await.unwrap_err().into_partial().unwrap();
    assert_eq!(partial.ranked, wanted(&documents, Some(2)));
    assert_eq!((partial.missing.len(), partial.usage.calls, partial.usage.input_tokens), (3, 1, 10));
    let ranking = reranker.resume(partial, &documents).await.unwrap();
    assert_eq!(found(&ranking), wanted(&documents, Some(4)));
    assert_eq!((ranking.usage.input_tokens, calls.lock().unwrap()[2].documents.len()), (20, 3));
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_are_waited_for_when_the_rest_is_given_up() {
    let (reranker, calls) = over(|request, number| async move {
        if number == 1 {
            return Err(broken(ErrorKind::MissingCredentials));
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok(answer(&request))
    });
    let reranker = reranker.max_documents(2).concurrency(3);
    let partial = reranker.rerank("?", &numbers(20)).await.unwrap_err().into_partial().unwrap();
    let ranked: Vec<_> = partial.ranked.iter().map(|one| one.index).collect();
    assert_eq!((ranked.len(), partial.usage.calls, calls.lock().unwrap().len()), (4, 2, 3));
    assert_eq!(partial.missing, [2, 3].into_iter().chain(6..20).collect::<Vec<_>>());
}

/// As some stacks are: of one thread at a time.
#[tokio::test]
async fn services_need_not_be_shared() {
    let served = std::cell::Cell::new(0);
    let service = tower::service_fn(move |call: Call<RerankRequest>| {
        served.set(served.get() + 1);
        ready(Ok::<_, Error>(answer(&call)))
    });
    let reranker = Reranker::over(service, MODEL);
    let task = tokio::spawn(async move {
        let documents = numbers(3);
        let ranking = reranker.rerank("?", &documents).await.unwrap();
        let partial = reranker.rerank("?", &["a", " "]).await.unwrap_err().into_partial().unwrap();
        let again = reranker.resume(partial.forget(), &["a", " "]).await.unwrap_err();
        (ranking.len(), again.into_partial().unwrap().ranked.len())
    });
    assert_eq!(task.await.unwrap(), (3, 1));
}

#[tokio::test]
async fn settings_that_cannot_work_are_told() {
    let (reranker, calls) = over(|request, _| ready(Ok(answer(&request))));
    for (reranker, named) in
        [(reranker.clone().concurrency(0), "concurrency"), (reranker.max_documents(0), "max_documents")]
    {
        let error = reranker.rerank("?", &["a"]).await.unwrap_err();
        assert!(matches!(&error, RerankError::OutOfRange { setting, .. } if *setting == named), "{error}");
        assert_eq!(Error::from(error).kind(), &ErrorKind::Config);
    }
    assert!(calls.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn so_many_calls_are_under_way() {
    let (open, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, most) = (Arc::clone(&open), Arc::clone(&peak));
    let (reranker, calls) = over(move |request, number| {
        let (open, peak) = (Arc::clone(&counted), Arc::clone(&most));
        async move {
            peak.fetch_max(open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(10 - number as u64)).await;
            open.fetch_sub(1, Ordering::Relaxed);
            Ok(answer(&request))
        }
    });
    let documents = numbers(50);
    let ranking = reranker.max_documents(5).concurrency(3).rerank("?", &documents).await.unwrap();
    assert_eq!(found(&ranking), wanted(&documents, None));
    assert_eq!((peak.load(Ordering::Relaxed), calls.lock().unwrap().len()), (3, 10));
}

#[tokio::test]
async fn what_every_call_would_meet_stops_the_rest() {
    let (reranker, calls) = over(|_, _| ready(Err(broken(ErrorKind::MissingCredentials))));
    let error = reranker.max_documents(1).concurrency(2).rerank("?", &numbers(50)).await.unwrap_err();
    assert_eq!(error.to_string(), "none of 50 documents were ranked");
    assert!(calls.lock().unwrap().len() <= 3);
    assert!(!error.is_retryable());
    let error = Error::from(error);
    assert_eq!(error.kind(), &ErrorKind::MissingCredentials);
    assert_eq!(error.hint(), Some("none of 50 documents were ranked"));
}

#[test]
fn neither_query_nor_documents_are_shown() {
    let (reranker, _) = over(|_, _| ready(Err(broken(ErrorKind::Unavailable))));
    let documents = ["a secret"];
    let asked = reranker.rerank("my secret", &documents);
    let shown = format!("{asked:?}");
    let error = wait(asked.into_future()).unwrap_err();
    let ranked = Ranked { index: 0, score: 1.0, document: &documents[0] };
    for shown in [shown, format!("{error:?} {error}"), format!("{ranked:?}")] {
        assert!(!shown.contains("secret"), "{shown}");
    }
}

#[test]
fn a_reranker_knows_what_the_catalog_knows() {
    let (reranker, _) = over(|request, _| ready(Ok(answer(&request))));
    let catalog = bedrock_llm_schema::Catalog::builtin().profile(&ModelId::from(MODEL)).rerank.max_documents;
    assert_eq!(reranker.limits("").documents, catalog.map_or(1_000, |most| most as usize));
    assert_eq!(Reranker::over((), "my.model").limits("?").documents, 1_000);
}
