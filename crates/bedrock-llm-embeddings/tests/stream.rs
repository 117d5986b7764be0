//! Streams: order, completeness, memory, errors on the way.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bedrock_llm_embeddings::{EmbedCache, EmbedCacheConfig, Embedder};
use bedrock_llm_schema::embed::EmbedPurpose;
use bedrock_llm_schema::{Error, ErrorKind};
use common::{MODEL, Model, numbered, profile, text, vector};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use proptest::prelude::*;
use tokio::sync::mpsc;

fn embedder(model: &Model, window: usize) -> Embedder<f32, Model> {
    Embedder::builder(model.clone(), MODEL).profile(&profile()).window(window).concurrency(4).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn windows_come_in_order_and_know_where_they_start() {
    let model = Model::new();
    let texts = numbered(25);
    let chunks: Vec<_> = embedder(&model, 10).embed_stream(stream::iter(&texts)).collect().await;
    let chunks: Vec<_> = chunks.into_iter().map(Result::unwrap).collect();
    let starts: Vec<_> = chunks.iter().map(|chunk| (chunk.start(), chunk.len())).collect();
    assert_eq!(starts, [(0, 10), (10, 10), (20, 5)]);
    let rows: Vec<_> = chunks.iter().flat_map(|chunk| chunk.rows()).collect();
    assert_eq!(rows, texts.iter().map(|text| vector(text)).collect::<Vec<_>>());
    let none: Vec<_> = embedder(&model, 10).embed_stream(stream::iter(Vec::<String>::new())).collect().await;
    assert!(none.is_empty());
}

#[tokio::test(start_paused = true)]
async fn places_are_full_across_windows() {
    let model = Model::new().rule(|request| {
        let slow = text(&request.inputs[0]) == "text 0";
        (Duration::from_millis(if slow { 20 } else { 5 }), Ok(()))
    });
    let started = tokio::time::Instant::now();
    // windows of two calls, four places
    let chunks: Vec<_> = embedder(&model, 8).embed_stream(stream::iter(numbered(64))).collect().await;
    assert_eq!((chunks.len(), model.calls(), model.seen.lock().unwrap().peak), (8, 16, 4));
    // 16 calls of 5 ms and 15 ms more, in four places
    assert!(started.elapsed() <= Duration::from_millis(30), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_consumer_who_does_not_ask_stops_the_taking() {
    let model = Model::new();
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let texts = (0..).map(move |number: usize| {
        counter.fetch_add(1, Ordering::Relaxed);
        format!("text {number}")
    });
    let mut chunks = embedder(&model, 8).embed_stream(stream::iter(texts));
    assert_eq!(chunks.next().await.unwrap().unwrap().start(), 0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    // four windows were out; none was taken since
    assert_eq!((taken.load(Ordering::Relaxed), model.calls()), (32, 8));
    // what was out is done meanwhile
    for start in [8, 16, 24] {
        let chunk = chunks.next().now_or_never();
        assert_eq!(chunk.unwrap().unwrap().unwrap().start(), start);
    }
    drop(chunks);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(model.seen.lock().unwrap().running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_drops_its_calls() {
    let model = Model::new();
    let mut chunks = embedder(&model, 8).embed_stream(stream::iter(numbered(64)));
    assert!(tokio::time::timeout(Duration::from_millis(1), chunks.next()).await.is_err());
    assert_eq!(model.seen.lock().unwrap().running, 4);
    drop(chunks);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let seen = model.seen.lock().unwrap();
    assert_eq!((seen.running, seen.cancelled, seen.requests.len()), (0, 4, 4));
}

#[tokio::test(start_paused = true)]
async fn slow_inputs_are_not_held_back_but_gathered_while_others_are_out() {
    let model = Model::new();
    let (sender, receiver) = mpsc::channel::<String>(64);
    let inputs =
        stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    let mut chunks = embedder(&model, 8).embed_stream(inputs);
    sender.send("one".to_owned()).await.unwrap();
    // there is no second one, and it is sent all the same
    let first = chunks.next().await.unwrap().unwrap();
    assert_eq!((first.start(), first.len()), (0, 1));
    sender.send("two".to_owned()).await.unwrap();
    let feeding = tokio::spawn(async move {
        for text in numbered(5) {
            tokio::time::sleep(Duration::from_micros(500)).await;
            sender.send(text).await.unwrap();
        }
    });
    let rest: Vec<_> =
        chunks.map(|chunk| chunk.map(|chunk| (chunk.start(), chunk.len())).unwrap()).collect().await;
    assert_eq!(rest, [(1, 1), (2, 5)]);
    feeding.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_error_has_what_came_and_the_stream_goes_on() {
    let model = Model::new().refuse(ErrorKind::Validation, |input| text(input) == "text 13");
    let embedder = embedder(&model, 8);
    let mut chunks = embedder.embed_stream(stream::iter(numbered(24)));
    assert_eq!(chunks.next().await.unwrap().unwrap().start(), 0);
    let error = chunks.next().await.unwrap().unwrap_err();
    assert_eq!((error.failed()[0].index, error.partial().start(), error.partial().len()), (13, 8, 7));
    assert_eq!(error.outcome().get(14).unwrap().unwrap(), vector("text 14"));
    assert!(error.outcome().get(7).is_none() && error.outcome().get(13).unwrap().is_err());
    // the guilty one is mended
    let again = Embedder::builder(Model::new(), MODEL).profile(&profile()).build().unwrap();
    let mended = again.retry(error).await.into_result().unwrap();
    assert_eq!((mended.start(), mended.row(5).unwrap()), (8, &vector("text 13")[..]));
    assert_eq!(chunks.next().await.unwrap().unwrap().start(), 16);
    assert!(chunks.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_polls_holds_up_nobody_else() {
    let model = Model::new();
    let cache = EmbedCache::new(EmbedCacheConfig::default()).unwrap();
    let builder =
        || Embedder::builder(model.clone(), MODEL).profile(&profile()).window(8).cache(cache.clone());
    let mut chunks = builder().build().unwrap().embed_stream(stream::iter(numbered(64)));
    assert!(futures_util::poll!(chunks.next()).is_pending());
    let other = builder().build().unwrap();
    let all = tokio::time::timeout(Duration::from_secs(1), other.embed(numbered(32))).await;
    assert_eq!(all.unwrap().unwrap().len(), 32);
}

#[test]
fn no_runtime_is_needed_where_nothing_waits_for_time() {
    let model = Model::new().refuse(ErrorKind::Validation, |_| false);
    let chunks = embedder(&model, 8).embed_stream(stream::iter(numbered(20))).collect::<Vec<_>>();
    assert_eq!(chunks.now_or_never().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn documents_have_their_purpose() {
    let model = Model::new();
    let mut profile = profile();
    profile.embedding.purposes = Some(vec![EmbedPurpose::Document, EmbedPurpose::Query]);
    let embedder = Embedder::builder(model.clone(), MODEL).profile(&profile).build().unwrap();
    let chunks: Vec<_> = embedder.embed_documents_stream(stream::iter(["a", "b"])).collect().await;
    assert_eq!((chunks.len(), model.purposes()), (1, vec![Some(EmbedPurpose::Document)]));
}

#[test]
fn a_runtime_that_goes_away_ends_the_stream() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let first = runtime().unwrap();
    let mut chunks = embedder(&Model::new(), 8).embed_stream(stream::iter(numbered(64)));
    assert!(first.block_on(async { chunks.next().now_or_never() }).is_none());
    drop(first);
    let second = runtime().unwrap();
    second.block_on(async {
        let error = chunks.next().await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.failed().len()), (&ErrorKind::ShutDown, 8));
        assert_eq!(text(&error.failed()[7].input), "text 7");
        assert!(chunks.next().await.is_none());
        let again = embedder(&Model::new(), 8).retry(error).await.into_result().unwrap();
        assert_eq!((again.len(), again.start()), (8, 0));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever fails and however long it takes: each input has one outcome, in order, and no more inputs are out than the
    /// windows hold.
    #[test]
    fn each_input_has_one_outcome(
        count in 0usize..90,
        window in 1usize..12,
        concurrency in 1usize..6,
        per_call in 1u32..6,
        cached: bool,
        bad in prop::collection::hash_map(0usize..90, 0u8..4, 0..12),
        delays in prop::collection::vec(0u64..9, 7),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let fates = bad.clone();
            let model = Model::new().rule(move |request| {
                let number = |input| text(input).trim_start_matches("text ").parse::<usize>().unwrap();
                let delay = delays[number(&request.inputs[0]) % delays.len()];
                let fate = request.inputs.iter().find_map(|input| fates.get(&number(input)));
                let kind = match fate {
                    Some(0 | 1) => Some(ErrorKind::Validation),
                    Some(2) => Some(ErrorKind::ContextOverflow),
                    Some(_) => Some(ErrorKind::Unavailable),
                    None => None,
                };
                (Duration::from_millis(delay), kind.map_or(Ok(()), |kind| Err(Error::new(kind, "bad"))))
            });
            let mut profile = profile();
            profile.embedding.max_inputs = Some(per_call);
            let mut builder = Embedder::builder(model.clone(), MODEL).profile(&profile);
            builder = builder.window(window).concurrency(concurrency);
            if cached {
                builder = builder.cache(EmbedCache::new(EmbedCacheConfig::default()).unwrap());
            }
            let taken = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&taken);
            let texts = numbered(count).into_iter().inspect(move |_| { counter.fetch_add(1, Ordering::Relaxed); });
            let mut chunks = builder.build().unwrap().embed_stream(stream::iter(texts));
            let mut next = 0;
            while let Some(chunk) = chunks.next().await {
                let out = taken.load(Ordering::Relaxed) - next;
                assert!(out <= 4 * window, "{out} inputs are out");
                let outcome = match chunk {
                    Ok(chunk) => {
                        for (place, row) in chunk.rows().enumerate() {
                            assert_eq!(row, vector(&format!("text {}", chunk.start() + place)));
                            assert!(!bad.contains_key(&(chunk.start() + place)));
                        }
                        assert_eq!(chunk.start(), next);
                        next += chunk.len();
                        continue;
                    }
                    Err(error) => error.into_outcome(),
                };
                for (index, result) in outcome.iter() {
                    assert_eq!(index, next);
                    next += 1;
                    match (result, bad.get(&index)) {
                        (Ok(row), None) => assert_eq!(row, vector(&format!("text {index}"))),
                        (Err(_), Some(_)) => {}
                        // an outage takes its whole call with it
                        (Err(error), None) => assert_eq!(*error.kind(), ErrorKind::Unavailable),
                        (Ok(_), Some(_)) => panic!("{index} should have failed"),
                    }
                }
                for failed in outcome.failed() {
                    assert_eq!(text(&failed.input), format!("text {}", failed.index));
                }
            }
            assert_eq!(next, count);
            assert!(model.seen.lock().unwrap().peak <= concurrency);
        });
    }
}
