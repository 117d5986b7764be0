//! Vectors that are kept: what is found again, and one call for all who ask at once.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bedrock_llm_embeddings::{
    EmbedCache, EmbedCacheConfig, EmbedConfigError, Embedder, EmbedderBuilder, LongText,
};
use bedrock_llm_schema::embed::{EmbedPurpose, EmbeddingType, Matrix, Vectors};
use bedrock_llm_schema::request::{CacheUse, CallOptions};
use bedrock_llm_schema::{Error, ErrorKind};
use common::{MODEL, Model, floats, numbered, profile, text, vector};
use proptest::prelude::*;

fn cache() -> EmbedCache {
    EmbedCache::new(EmbedCacheConfig::default()).unwrap()
}

fn builder(model: &Model, cache: &EmbedCache) -> EmbedderBuilder<f32, Model> {
    Embedder::builder(model.clone(), MODEL).profile(&profile()).cache(cache.clone())
}

fn embedder(model: &Model, cache: &EmbedCache) -> Embedder<f32, Model> {
    builder(model, cache).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_embedded_is_not_sent_again() {
    let (model, cache) = (Model::new(), cache());
    let embedder = embedder(&model, &cache);
    embedder.embed(["a", "b", "c"]).await.unwrap();
    let embeddings = embedder.embed(["c", "d", "a"]).await.unwrap();
    assert_eq!(model.texts(), [vec!["a", "b", "c"], vec!["d"]]);
    assert_eq!(embeddings.rows().collect::<Vec<_>>(), [vector("c"), vector("d"), vector("a")]);
    assert_eq!((embeddings.usage().cached, embeddings.usage().calls), (2, 1));
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.shared, stats.entries), (2, 4, 0, 4));
    assert!((stats.hit_rate() - 2.0 / 6.0).abs() < 1e-9 && stats.bytes > 4 * 16);
    cache.invalidate_all();
    embedder.embed(["a"]).await.unwrap();
    assert_eq!((model.calls(), cache.stats().entries), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_text_that_comes_twice_is_sent_once() {
    let (model, cache) = (Model::new(), cache());
    let embeddings = embedder(&model, &cache).embed(["a", "b", "a", "a"]).await.unwrap();
    assert_eq!(model.texts(), [["a", "b"]]);
    let wanted = [vector("a"), vector("b"), vector("a"), vector("a")];
    assert_eq!(embeddings.rows().collect::<Vec<_>>(), wanted);
    assert_eq!((cache.stats().misses, cache.stats().shared, embeddings.usage().cached), (2, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn callers_at_once_share_a_call() {
    let (model, cache) = (Model::new(), cache());
    let (one, other) = (embedder(&model, &cache), embedder(&model, &cache));
    // each goes for what the other does not, and waits for the rest
    let (first, second) = tokio::join!(one.embed(["a", "b", "c"]), other.embed(["b", "d", "c", "a"]));
    assert_eq!(model.texts(), [vec!["a", "b", "c"], vec!["d"]]);
    assert_eq!(first.unwrap().len(), 3);
    let wanted = [vector("b"), vector("d"), vector("c"), vector("a")];
    assert_eq!(second.unwrap().rows().collect::<Vec<_>>(), wanted);
    assert_eq!((cache.stats().shared, cache.stats().misses), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn two_who_wait_for_each_other_both_come_home() {
    let (model, cache) = (Model::new(), cache());
    let (one, other) = (embedder(&model, &cache), embedder(&model, &cache));
    let mut first = Box::pin(one.embed(["a", "b"]));
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut second = Box::pin(other.embed(["c", "a"]));
    assert!(futures_util::poll!(&mut second).is_pending());
    let third = one.embed(["c", "b", "d"]);
    let all = tokio::time::timeout(Duration::from_secs(1), async { tokio::join!(third, second, first) });
    let (third, second, first) = all.await.unwrap();
    assert_eq!((first.unwrap().len(), second.unwrap().len(), third.unwrap().len()), (2, 2, 3));
    assert_eq!(model.texts().concat(), ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn when_the_one_who_went_is_cancelled_another_goes() {
    let (model, cache) = (Model::new(), cache());
    let embedder = embedder(&model, &cache);
    let mut first = Box::pin(embedder.embed(["a", "b"]));
    assert!(futures_util::poll!(&mut first).is_pending());
    let others: Vec<_> = (0..3)
        .map(|_| {
            let embedder = embedder.clone();
            tokio::spawn(async move { embedder.embed(["a", "b"]).await })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(model.calls(), 1);
    drop(first);
    for other in others {
        assert_eq!(other.await.unwrap().unwrap().rows().collect::<Vec<_>>(), [vector("a"), vector("b")]);
    }
    let sent = model.texts();
    assert_eq!(sent.concat().iter().filter(|text| *text == "a").count(), 2, "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn errors_about_the_content_are_shared_and_not_kept() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let model = Model::new().rule(move |_| {
        let is_first = counted.fetch_add(1, Ordering::Relaxed) == 0;
        let error = || Error::new(ErrorKind::Validation, "bad").with_request_id_if_none("r1");
        (Duration::from_millis(1), if is_first { Err(error()) } else { Ok(()) })
    });
    let cache = cache();
    let embedder = embedder(&model, &cache);
    let (one, other) = tokio::join!(embedder.embed_query("a"), embedder.embed_query("a"));
    for error in [one.unwrap_err(), other.unwrap_err()] {
        assert_eq!((error.kind(), error.request_id()), (&ErrorKind::Validation, Some("r1")));
    }
    assert_eq!((model.calls(), cache.stats().entries), (1, 0));
    assert_eq!(embedder.embed_query("a").await.unwrap(), vector("a"));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_callers_own_is_not_shared() {
    for kind in [ErrorKind::Timeout, ErrorKind::Auth, ErrorKind::AccessDenied, ErrorKind::Unavailable] {
        let calls = Arc::new(AtomicUsize::new(0));
        let (counted, own) = (Arc::clone(&calls), kind.clone());
        let model = Model::new().rule(move |_| {
            let is_first = counted.fetch_add(1, Ordering::Relaxed) == 0;
            (Duration::from_millis(1), if is_first { Err(Error::new(own.clone(), "no")) } else { Ok(()) })
        });
        let embedder = embedder(&model, &cache());
        let (one, other) = tokio::join!(embedder.embed_query("a"), embedder.embed_query("a"));
        assert_eq!((one.unwrap_err().kind(), other.unwrap()), (&kind, vector("a").to_vec()));
    }
}

#[tokio::test(start_paused = true)]
async fn equal_inputs_fail_together() {
    for kind in [ErrorKind::Validation, ErrorKind::Unavailable] {
        let model = Model::new().refuse(kind.clone(), |input| text(input) == "b");
        let outcome = embedder(&model, &cache()).embed_each(["b", "a", "b", "b"]).await;
        let failed: Vec<_> =
            outcome.failed().iter().map(|failed| (failed.index, text(&failed.input))).collect();
        let b = || "b".to_owned();
        let wanted = if kind == ErrorKind::Validation { 3 } else { 4 };
        assert_eq!(failed.len(), wanted, "{outcome:?}");
        if kind == ErrorKind::Validation {
            assert_eq!(failed, [(0, b()), (2, b()), (3, b())]);
            assert_eq!(outcome.get(1).unwrap().unwrap(), vector("a"));
        }
        // one of them went, once alone and once with others
        assert!(model.texts().iter().all(|texts| texts.iter().filter(|text| *text == "b").count() <= 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_bulk_run_holds_no_keys_that_it_has_not_sent() {
    let model = Model::new().rule(|_| (Duration::from_secs(1), Ok(())));
    let cache = cache();
    let bulk = builder(&model, &cache).concurrency(1).build().unwrap();
    let query = embedder(&model, &cache);
    let start = tokio::time::Instant::now();
    let ask = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // the last of a hundred calls would have it
        let vector = query.embed_query("text 399").await.unwrap();
        (vector, start.elapsed())
    };
    let (all, (one, elapsed)) = tokio::join!(bulk.embed(numbered(400)), ask);
    assert_eq!((one, elapsed), (vector("text 399").to_vec(), Duration::from_millis(1500)));
    let all = all.unwrap();
    assert_eq!(all.row(399).unwrap(), vector("text 399"));
    // it was there when its turn came
    assert_eq!((all.usage().cached, all.usage().calls), (1, 100));
    assert_eq!(model.texts().concat().iter().filter(|text| *text == "text 399").count(), 1);
    assert_eq!((cache.stats().hits, cache.stats().misses), (1, 400));
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_another_is_no_longer_than_the_callers_own_time() {
    let model = Model::new().rule(|_| (Duration::from_secs(60), Ok(())));
    let cache = cache();
    let patient = embedder(&model, &cache);
    let options = CallOptions::new().timeout(Duration::from_secs(2));
    let hasty = builder(&model, &cache).options(options).build().unwrap();
    let start = tokio::time::Instant::now();
    let ask = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let outcome = hasty.embed_each(["a", "a"]).await;
        (outcome, start.elapsed())
    };
    let (first, (outcome, elapsed)) = tokio::join!(patient.embed_query("a"), ask);
    assert_eq!((first.unwrap(), elapsed), (vector("a").to_vec(), Duration::from_millis(2001)));
    assert_eq!(outcome.failed().len(), 2);
    assert_eq!(*outcome.failed()[0].error.kind(), ErrorKind::Timeout);
    assert_eq!(model.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_is_taken_up_while_others_are_waited_for() {
    let model = Model::new().rule(|request| {
        let slow = request.inputs.iter().any(|input| text(input) == "slow");
        (Duration::from_secs(if slow { 60 } else { 1 }), Ok(()))
    });
    let cache = cache();
    let (slow, quick) = (embedder(&model, &cache), embedder(&model, &cache));
    let start = tokio::time::Instant::now();
    let slow = tokio::spawn(slow.embed(["slow"]));
    let mut dropped = Box::pin(quick.embed(["a", "b", "c"]));
    assert!(futures_util::poll!(&mut dropped).is_pending());
    tokio::task::yield_now().await;
    let all = tokio::spawn(embedder(&model, &cache).embed(["slow", "a", "b", "c"]));
    tokio::task::yield_now().await;
    drop(dropped);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // they went at once, and in one call
    assert_eq!(cache.stats().entries, 3);
    assert_eq!(model.texts().last().unwrap(), &["a", "b", "c"]);
    assert_eq!(all.await.unwrap().unwrap().len(), 4);
    assert!(slow.await.unwrap().is_ok());
    assert_eq!((start.elapsed().as_secs(), model.calls()), (60, 3));
}

#[tokio::test(start_paused = true)]
async fn what_changes_numbers_tells_vectors_apart() {
    let model = Model::new().maker(|request| match request.types.first() {
        Some(EmbeddingType::Int8) => Vectors::Int8(Matrix::from_values(vec![1, 2, 3, 4], 4).unwrap()),
        _ => floats(request, |input| vector(&text(input)).to_vec()),
    });
    let cache = cache();
    let mut profile = profile();
    profile.embedding.dimensions = Some(vec![4]);
    profile.embedding.is_matryoshka = Some(true);
    profile.embedding.types = Some(vec![EmbeddingType::Float, EmbeddingType::Int8]);
    profile.embedding.purposes = Some(vec![EmbedPurpose::Document, EmbedPurpose::Query]);
    let builder = || Embedder::builder(model.clone(), MODEL).profile(&profile).cache(cache.clone());
    let extra = serde_json::from_str(r#"{"own": 1}"#).unwrap();
    let plain = builder().build().unwrap();
    let mut sent = 0;
    for embedder in [
        plain.clone(),
        builder().normalize(true).build().unwrap(),
        builder().dimensions(2).build().unwrap(),
        builder().extra(extra).build().unwrap(),
        builder().long_texts(LongText::SplitAndPool).build().unwrap(),
        builder().purpose(EmbedPurpose::Document).build().unwrap(),
    ] {
        embedder.embed(["a"]).await.unwrap();
        sent += 1;
        assert_eq!(model.calls(), sent, "{:?}", model.last());
        embedder.embed(["a"]).await.unwrap();
        assert_eq!(model.calls(), sent);
    }
    assert_eq!(builder().element::<i8>().build().unwrap().embed_query("a").await.unwrap(), [1, 2, 3, 4]);
    assert_eq!(model.calls(), sent + 1);
    // the document's purpose was there before
    plain.embed_documents(["a"]).await.unwrap();
    assert_eq!(model.calls(), sent + 1);
}

#[tokio::test(start_paused = true)]
async fn a_model_is_the_same_by_whichever_profile_it_is_called() {
    let (model, cache) = (Model::new(), cache());
    for (id, calls) in [("cohere.embed-v4:0", 1), ("us.cohere.embed-v4:0", 1), ("cohere.embed-english-v3", 2)]
    {
        let mut profile = profile();
        profile.access.on_demand = Some(true);
        let embedder = Embedder::builder(model.clone(), id).profile(&profile).cache(cache.clone());
        embedder.build().unwrap().embed(["a"]).await.unwrap();
        assert_eq!(model.calls(), calls, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_can_pass_by_the_cache() {
    let (model, cache) = (Model::new(), cache());
    let options = CallOptions::new().cache(CacheUse::Bypass);
    let embedder = builder(&model, &cache).options(options).build().unwrap();
    embedder.embed(["a", "a"]).await.unwrap();
    embedder.embed(["a"]).await.unwrap();
    assert_eq!((model.texts().concat(), cache.stats().entries), (vec!["a".to_owned(); 3], 0));
}

#[tokio::test(start_paused = true)]
async fn vectors_make_room_and_grow_old() {
    let model = Model::new();
    let small = EmbedCache::new(EmbedCacheConfig::default().max_bytes(1000)).unwrap();
    embedder(&model, &small).embed(numbered(100)).await.unwrap();
    assert!(small.stats().bytes <= 1000 && small.stats().entries > 0, "{small:?}");
    // what it takes to find a vector is much more than these of four numbers
    assert!(small.stats().entries <= 3 && small.stats().bytes >= 300, "{small:?}");

    // by a real clock
    let short = EmbedCacheConfig::default().ttl(Duration::from_millis(1));
    let short = EmbedCache::new(short).unwrap();
    let embedder = embedder(&model, &short);
    embedder.embed(["a"]).await.unwrap();
    std::thread::sleep(Duration::from_millis(3));
    let before = model.calls();
    embedder.embed(["a"]).await.unwrap();
    assert_eq!(model.calls(), before + 1);
}

#[test]
fn settings_are_read_and_checked() {
    let config: EmbedCacheConfig = serde_json::from_str(r#"{"max_bytes": 5, "ttl": "10m"}"#).unwrap();
    assert_eq!(config, EmbedCacheConfig::default().max_bytes(5).ttl(Duration::from_secs(600)));
    for bad in [
        EmbedCacheConfig::default().max_bytes(0),
        EmbedCacheConfig::default().ttl(Duration::ZERO),
        EmbedCacheConfig::default().tti(Duration::MAX),
    ] {
        assert!(matches!(EmbedCache::new(bad), Err(EmbedConfigError::OutOfRange { .. })));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever is cancelled when: everybody else gets the right vectors, and no flight is left behind.
    #[test]
    fn callers_come_and_go(
        callers in prop::collection::vec((prop::collection::vec(0u8..12, 1..8), prop::option::of(0u64..8)), 1..12),
        seed: u8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let model = Model::new().rule(move |request| {
                let delay = u64::from(request.inputs.iter().map(|input| text(input).len()).sum::<usize>() as u8 ^ seed) % 7;
                (Duration::from_millis(delay), Ok(()))
            });
            let cache = cache();
            let embedder = Embedder::builder(model.clone(), MODEL).profile(&profile()).concurrency(2);
            let embedder = embedder.cache(cache.clone()).build().unwrap();
            let tasks: Vec<_> = callers.iter().cloned().map(|(texts, patience)| {
                let embedder = embedder.clone();
                tokio::spawn(async move {
                    let texts: Vec<_> = texts.into_iter().map(|number| "x".repeat(usize::from(number) + 1)).collect();
                    let work = embedder.embed(&texts);
                    let limit = Duration::from_millis(patience.unwrap_or(100_000));
                    if let Ok(done) = tokio::time::timeout(limit, work).await {
                        let done = done.unwrap();
                        let wanted: Vec<_> = texts.iter().map(|text| vector(text)).collect();
                        assert_eq!(done.rows().collect::<Vec<_>>(), wanted);
                    } else {
                        assert!(patience.is_some());
                    }
                })
            }).collect();
            for task in tasks {
                task.await.unwrap();
            }
            // nobody waits for what nobody fetches
            let rest: Vec<_> = (1..13).map(|number| "x".repeat(number)).collect();
            let all = tokio::time::timeout(Duration::from_secs(1), embedder.embed(&rest)).await;
            assert_eq!(all.unwrap().unwrap().len(), 12);
            assert_eq!(model.seen.lock().unwrap().running, 0);
        });
    }
}
