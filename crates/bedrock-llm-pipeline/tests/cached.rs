//! Nodes whose results are kept.
#![cfg(feature = "cache")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use bedrock_llm_pipeline::{BoxError, CacheConfig, EventKind, NodeCache, OnError, Pipeline};
use futures_util::future::{join_all, poll_immediate};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use proptest::prelude::*;
use tokio::time::sleep;

#[derive(Debug, thiserror::Error, PartialEq)]
#[error("no {0}")]
struct Refused(u64);

/// Counts its calls, and takes a second for each.
#[derive(Clone, Default)]
struct Slow(Arc<AtomicU64>);

impl Slow {
    fn double(
        &self,
    ) -> impl Fn(u64) -> futures_util::future::BoxFuture<'static, Result<u64, BoxError>> + use<> {
        let calls = Arc::clone(&self.0);
        move |number| {
            let calls = Arc::clone(&calls);
            async move {
                calls.fetch_add(1, SeqCst);
                sleep(Duration::from_secs(1)).await;
                Ok(number * 2)
            }
            .boxed()
        }
    }

    fn calls(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_key_make_one_call_across_runs() {
    let slow = Slow::default();
    let pipeline =
        Pipeline::new().then(slow.double()).cached(CacheConfig::max_items(100)).unwrap().parallel(8);
    let events = pipeline.subscribe();
    let run = || pipeline.run(stream::iter((0..40).map(|number| number % 5))).try_collect::<Vec<_>>();
    let (one, other, single) = tokio::join!(run(), run(), pipeline.execute(3));
    let expected: Vec<_> = (0..40).map(|number| number % 5 * 2).collect();
    assert_eq!((one.unwrap(), other.unwrap(), single.unwrap()), (expected.clone(), expected, 6));
    assert_eq!(slow.calls(), 5);
    let node = &pipeline.stats().nodes[0];
    assert_eq!((node.cache_misses, node.cache_hits, node.left), (5, 76, 81));
    drop(pipeline);
    let events: Vec<_> = events.collect().await;
    assert_eq!(events.iter().filter(|event| matches!(event.kind, EventKind::Cached)).count(), 76);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_dropped_loses_nothing_of_the_others() {
    let slow = Slow::default();
    let pipeline = Arc::new(Pipeline::new().then(slow.double()).cached(CacheConfig::max_items(10)).unwrap());
    let ask = || {
        let pipeline = Arc::clone(&pipeline);
        tokio::spawn(async move { pipeline.execute(7).await })
    };
    let callers: Vec<_> = (0..4).map(|_| ask()).collect();
    sleep(Duration::from_millis(500)).await;
    let mut callers = callers.into_iter();
    callers.next().unwrap().abort();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), 14);
    }
    assert_eq!(slow.calls(), 1);
    // nobody waits any more: the work ends with them
    let alone = Arc::clone(&pipeline);
    let alone = tokio::spawn(async move { alone.execute(8).await });
    sleep(Duration::from_millis(500)).await;
    alone.abort();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(slow.calls(), 2);
    pipeline.execute(8).await.unwrap();
    assert_eq!(slow.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_not_read_holds_no_other_up() {
    let slow = Slow::default();
    let pipeline = Pipeline::new().then(slow.double()).cached(CacheConfig::max_items(10)).unwrap();
    let mut unread = pipeline.run(stream::iter([1_u64]));
    assert!(poll_immediate(unread.next()).await.is_none());
    assert_eq!(pipeline.execute(1).await.unwrap(), 2);
    assert_eq!(unread.next().await.unwrap().unwrap(), 2);
    assert_eq!(slow.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_while_it_is_made_is_not_kept() {
    let slow = Slow::default();
    let cache = NodeCache::new(CacheConfig::max_items(10)).unwrap();
    let pipeline = Pipeline::new().then(slow.double()).cached_with(&cache);
    let forgets: [fn(&NodeCache<u64, u64>); 2] = [|cache| cache.invalidate(&1), NodeCache::clear];
    for (round, forget) in forgets.into_iter().enumerate() {
        let ask = async |at: u64| {
            sleep(Duration::from_millis(at)).await;
            pipeline.execute(1).await.unwrap()
        };
        let forget = async {
            sleep(Duration::from_millis(500)).await;
            forget(&cache);
        };
        let (before, (), after) = tokio::join!(ask(0), forget, ask(600));
        assert_eq!((before, after), (2, 2));
        assert_eq!(slow.calls(), 2 + round as u64 * 2);
        pipeline.execute(1).await.unwrap();
        assert_eq!(slow.calls(), 2 + round as u64 * 2);
        cache.clear();
    }
}

/// Callers on several threads, half of which are given up at any moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_caller_gets_its_answer_whoever_is_given_up() {
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let cache = NodeCache::new(CacheConfig::max_items(1000)).unwrap();
    let pipeline = Pipeline::new()
        .then(move |key: u64| {
            count.fetch_add(1, SeqCst);
            async move {
                for _ in 0..key % 5 {
                    tokio::task::yield_now().await;
                }
                Ok::<_, BoxError>(key * 2)
            }
        })
        .cached_with(&cache);
    let pipeline = Arc::new(pipeline);
    for round in 0..50 {
        let callers: Vec<_> = (0..64)
            .map(|caller| {
                let (pipeline, key) = (Arc::clone(&pipeline), round * 8 + caller % 8);
                (key, tokio::spawn(async move { pipeline.execute(key).await }))
            })
            .collect();
        for (place, (_, caller)) in callers.iter().enumerate() {
            if place % 2 == 0 {
                caller.abort();
            }
        }
        for (place, (key, caller)) in callers.into_iter().enumerate() {
            match caller.await {
                Ok(outcome) => assert_eq!(outcome.unwrap(), key * 2),
                Err(ended) => assert!(ended.is_cancelled() && place % 2 == 0),
            }
        }
    }
    // what all who waited gave up was made again for the next
    let stats = cache.stats();
    assert_eq!(stats.misses, calls.load(SeqCst));
    assert!((200..=3200).contains(&stats.misses), "{stats:?}");
    for key in 0..400 {
        assert_eq!(pipeline.execute(key).await.unwrap(), key * 2);
    }
}

#[tokio::test]
async fn failures_are_kept_only_if_asked() {
    for keeps in [false, true] {
        let calls = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&calls);
        let mut config = CacheConfig::max_items(10);
        if keeps {
            config = config.cache_errors(Duration::from_secs(3600));
        }
        let refuse = move |number: u64| {
            count.fetch_add(1, SeqCst);
            if number == 9 { panic!("nine") } else { Err::<u64, _>(Refused(number)) }
        };
        let inner = Pipeline::new().try_map(refuse).named("refuse");
        let pipeline = Pipeline::new().node(inner).named("kept").cached(config).unwrap();
        for _ in 0..3 {
            let error = pipeline.execute(4).await.unwrap_err();
            assert_eq!(error.cause().downcast_ref(), Some(&Refused(4)));
            assert_eq!(error.node(), "kept/refuse");
        }
        assert_eq!(calls.load(SeqCst), if keeps { 1 } else { 3 });
        calls.store(0, SeqCst);
        for _ in 0..3 {
            assert!(pipeline.execute(9).await.unwrap_err().is_panic());
        }
        assert_eq!(calls.load(SeqCst), 3);
    }
}

/// By the real clock, which is the cache's: nothing here is asked before its time, only after.
#[tokio::test]
async fn failures_are_forgotten_before_values() {
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let config = CacheConfig::max_items(10)
        .cache_errors(Duration::from_millis(5))
        .time_to_live(Duration::from_secs(3600));
    let pipeline = Pipeline::new()
        .try_map(move |number: u64| {
            count.fetch_add(1, SeqCst);
            if number == 0 { Err(Refused(0)) } else { Ok(number) }
        })
        .cached(config)
        .unwrap();
    for _ in 0..2 {
        pipeline.execute(0).await.unwrap_err();
        pipeline.execute(1).await.unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(calls.load(SeqCst), 3);

    for config in [
        CacheConfig::max_items(10).time_to_live(Duration::from_millis(5)),
        CacheConfig::max_items(10).time_to_idle(Duration::from_millis(5)),
    ] {
        let pipeline = Pipeline::new().map(|number: u64| number).cached(config).unwrap();
        for _ in 0..2 {
            pipeline.execute(1).await.unwrap();
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(pipeline.stats().nodes[0].cache_misses, 2);
    }
}

#[tokio::test]
async fn a_key_says_what_is_the_same() {
    let pipeline = Pipeline::new()
        .map(|(name, number): (String, u64)| format!("{name}{number}"))
        .cached_by(CacheConfig::max_bytes(1000, |_: &u64, text: &String| text.len()), |(_, number)| *number)
        .unwrap();
    let ask = |name: &str, number| pipeline.execute((name.to_owned(), number));
    assert_eq!(ask("a", 1).await.unwrap(), "a1");
    assert_eq!(ask("b", 1).await.unwrap(), "a1");
    assert_eq!(ask("b", 2).await.unwrap(), "b2");
}

#[tokio::test]
async fn what_is_large_is_not_kept_and_what_is_too_much_goes() {
    let sized = CacheConfig::max_bytes(100, |_: &usize, text: &String| text.len());
    let pipeline = Pipeline::new().map(|size: usize| "x".repeat(size)).cached(sized).unwrap();
    pipeline.execute(10).await.unwrap();
    let cache = NodeCache::new(CacheConfig::max_items(10)).unwrap();
    let many = Pipeline::new().map(|number: u64| number).cached_with(&cache);
    let count = many.runner().on_error(OnError::FailFast).run(stream::iter(0..5000)).count().await;
    assert_eq!((count, cache.stats().misses), (5000, 5000));
    assert!(cache.stats().evictions > 1000, "{:?}", cache.stats());
    assert!(cache.stats().entries < 4000, "{:?}", cache.stats());
    for size in [1000, 10] {
        for _ in 0..2 {
            pipeline.execute(size).await.unwrap();
        }
    }
    assert!(pipeline.stats().nodes[0].cache_hits >= 2);
}

#[derive(Clone, Debug)]
enum Step {
    /// Asks for all these at once; those of the set fail when they are made.
    Ask(Vec<u8>, HashSet<u8>),
    Invalidate(u8),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (prop::collection::vec(0..8_u8, 1..10), prop::collection::hash_set(0..8_u8, 0..4))
            .prop_map(|(keys, failing)| Step::Ask(keys, failing)),
        2 => (0..8_u8).prop_map(Step::Invalidate),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    /// Whatever is asked, forgotten and refused: each gets what was last made for its key, made once.
    #[test]
    fn it_is_a_map(steps in steps(), keeps_errors: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let made = Arc::new(AtomicU64::new(0));
            let failing = Arc::new(std::sync::Mutex::new(HashSet::new()));
            let (count, fails) = (Arc::clone(&made), Arc::clone(&failing));
            let mut config = CacheConfig::max_items(1000);
            if keeps_errors {
                config = config.cache_errors(Duration::from_secs(3600));
            }
            let cache = NodeCache::new(config).unwrap();
            let pipeline = Pipeline::new()
                .then(move |key: u8| {
                    let number = count.fetch_add(1, SeqCst);
                    let refused = fails.lock().unwrap().contains(&key);
                    async move {
                        sleep(Duration::from_millis(u64::from(key) + 1)).await;
                        if refused { Err(Refused(number)) } else { Ok((key, number)) }
                    }
                })
                .cached_with(&cache);
            let mut model = HashMap::new();
            for step in steps {
                match step {
                    Step::Ask(keys, refused) => {
                        failing.lock().unwrap().clone_from(&refused);
                        let before = made.load(SeqCst);
                        let outcomes = join_all(keys.iter().map(|key| pipeline.execute(*key))).await;
                        let new: HashSet<_> = keys.iter().filter(|key| !model.contains_key(*key)).collect();
                        assert_eq!(made.load(SeqCst) - before, new.len() as u64);
                        let mut came = HashMap::new();
                        for (key, outcome) in keys.iter().zip(outcomes) {
                            let outcome = outcome.map_err(|error| error.cause().downcast_ref::<Refused>().unwrap().0);
                            match model.get(key) {
                                Some(kept) => assert_eq!(&outcome, kept),
                                None => {
                                    assert_eq!(outcome.is_err(), refused.contains(key));
                                    assert_eq!(came.entry(*key).or_insert(outcome), &outcome);
                                }
                            }
                        }
                        model.extend(came.into_iter().filter(|(_, outcome)| keeps_errors || outcome.is_ok()));
                    }
                    Step::Invalidate(key) => {
                        cache.invalidate(&key);
                        model.remove(&key);
                    }
                    Step::Clear => {
                        cache.clear();
                        model.clear();
                    }
                }
            }
        });
    }
}
