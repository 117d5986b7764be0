//! Whatever the sizes, delays and failures: nothing is lost, nothing doubled, each input is closed once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::{BatchConfig, BatchNode, batch_each_fn, batch_fn};
use crate::item::Item;
use crate::item::testing::{assert_closed_once, parted};
use crate::probe::locked;
use crate::{BoxError, Concurrency, Node as _, Pipeline};

/// One input: how long after the one before it comes (ms), and what becomes of it.
#[derive(Clone, Debug)]
struct Given {
    after: u64,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Goes,
    /// Fails before the batch.
    Fails,
    /// Is filtered out before the batch.
    Filtered,
    /// Becomes several before the batch.
    Several(u64),
    /// The batch's function refuses it.
    Refused,
}

fn given() -> impl Strategy<Value = Given> {
    let after = prop_oneof![6 => Just(0_u64), 2 => 1..20_u64, 1 => 20..300_u64];
    let fate = prop_oneof![
        6 => Just(Fate::Goes),
        1 => Just(Fate::Fails),
        1 => Just(Fate::Filtered),
        2 => (1..6_u64).prop_map(Fate::Several),
        1 => Just(Fate::Refused),
    ];
    (after, fate).prop_map(|(after, fate)| Given { after, fate })
}

fn config() -> impl Strategy<Value = BatchConfig> {
    (1..12_usize, 0..100_u64).prop_flat_map(|(size, wait)| {
        (1..=size).prop_map(move |least| {
            BatchConfig::new(size).max_wait(Duration::from_millis(wait)).min_batch_size(least)
        })
    })
}

/// An input, and which of what became of it.
type Piece = (u64, u64);

/// The batches that a function had.
type Batches = Vec<Vec<Piece>>;

/// The elements that a run comes to, and the batches that its function had.
fn run(
    given: &[Given],
    config: BatchConfig,
    concurrency: Option<Concurrency>,
    whole: bool,
) -> (Vec<Item<Piece>>, Batches) {
    let batches: Arc<Mutex<Batches>> = Arc::default();
    let source = stream::iter(given.to_vec()).enumerate().then(async |(index, given)| {
        sleep(Duration::from_millis(given.after)).await;
        Item::input(index as u64, (index as u64, given.fate))
    });
    let before = Pipeline::new()
        .try_map(|item: (u64, Fate)| if item.1 == Fate::Fails { Err("fails") } else { Ok(item) })
        .flat_map(|(index, fate)| {
            let pieces = match fate {
                Fate::Filtered => 0,
                Fate::Several(pieces) => pieces,
                _ => 1,
            };
            (0..pieces).map(move |piece| (index, piece, fate))
        });
    let noted = Arc::clone(&batches);
    let batch = move |batch: Vec<(u64, u64, Fate)>| {
        locked(&noted).push(batch.iter().map(|(index, piece, _)| (*index, *piece)).collect());
        async move {
            // some take long, so that others overtake them
            sleep(Duration::from_millis(batch.first().map_or(0, |(index, ..)| index % 5 * 30))).await;
            batch
        }
    };
    let answer = |(index, piece, fate)| {
        if fate == Fate::Refused { Err(BoxError::from("refused")) } else { Ok((index, piece)) }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let items = runtime.unwrap().block_on(async move {
        if whole {
            let function = move |items| {
                let batch = batch(items);
                async move { batch.await.into_iter().map(answer).collect::<Result<Vec<_>, _>>() }
            };
            let pipeline = before.batch(config, function).unwrap();
            let pipeline = match concurrency {
                Some(concurrency) => pipeline.parallel(concurrency),
                None => pipeline,
            };
            pipeline.runner().items(source).collect::<Vec<_>>().await
        } else {
            let function = move |items| {
                let batch = batch(items);
                async move { batch.await.into_iter().map(answer).collect::<Vec<_>>() }
            };
            let pipeline = before.batch_each(config, function).unwrap();
            let pipeline = match concurrency {
                Some(concurrency) => pipeline.parallel(concurrency),
                None => pipeline,
            };
            pipeline.runner().items(source).collect::<Vec<_>>().await
        }
    });
    let batches = std::mem::take(&mut *locked(&batches));
    (items, batches)
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled_in_a_run(
        given in prop::collection::vec(given(), 0..60),
        config in config(),
        width in 0..4_usize,
        ordered in any::<bool>(),
        whole in any::<bool>(),
    ) {
        let concurrency = (width > 0).then(|| Concurrency::new(width));
        let concurrency = concurrency.map(|many| if ordered { many } else { many.as_completed() });
        let ordered = ordered || width < 2;
        let (items, batches) = run(&given, config, concurrency, whole);
        assert_closed_once(&items, given.len() as u64, ordered);

        let indexed = || (0..).zip(&given);
        let wanted: Vec<(u64, u64)> = indexed()
            .flat_map(|(index, given)| {
                let pieces = match given.fate {
                    Fate::Goes | Fate::Refused => 1,
                    Fate::Several(pieces) => pieces,
                    Fate::Fails | Fate::Filtered => 0,
                };
                (0..pieces).map(move |piece| (index, piece))
            })
            .collect();
        prop_assert_eq!(batches.concat(), wanted.clone(), "each goes to the function once, in order");
        prop_assert!(batches.iter().all(|batch| (1..=config.batch_size).contains(&batch.len())));

        let refused = |(index, _): &(u64, u64)| given[*index as usize].fate == Fate::Refused;
        // which are lost with a batch, or alone
        let (lost, kept): (Vec<_>, Vec<_>) = batches
            .iter()
            .flat_map(|batch| batch.iter().map(move |item| (item, whole && batch.iter().any(refused))))
            .partition(|(item, with_batch)| *with_batch || refused(item));
        let mut failed: Vec<u64> = lost.into_iter().map(|((index, _), _)| *index).collect();
        failed.extend(indexed().filter(|(_, given)| given.fate == Fate::Fails).map(|(index, _)| index));
        failed.sort_unstable();
        let kept: Vec<_> = kept.into_iter().map(|(item, _)| *item).collect();
        let (mut good, mut bad) = parted(items);
        if !ordered {
            good.sort_unstable();
            bad.sort_unstable();
        }
        prop_assert_eq!(good, kept);
        prop_assert_eq!(bad, failed);
    }

    #[test]
    fn each_caller_gets_its_own(
        // when it calls and after how long it gives up, in ms
        callers in prop::collection::vec((0..200_u64, prop::option::of(0..150_u64), any::<bool>()), 0..40),
        config in config(),
        works in 0..50_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(each_caller(callers, config, Duration::from_millis(works)));
    }
}

async fn each_caller(callers: Vec<(u64, Option<u64>, bool)>, config: BatchConfig, works: Duration) {
    let had: Arc<Mutex<Vec<u64>>> = Arc::default();
    let noted = Arc::clone(&had);
    let node = batch_each_fn(config, move |batch: Vec<(u64, bool)>| {
        assert!((1..=config.batch_size).contains(&batch.len()));
        locked(&noted).extend(batch.iter().map(|(number, _)| number));
        async move {
            sleep(works).await;
            batch
                .into_iter()
                .map(|(number, bad)| if bad { Err("bad") } else { Ok(number) })
                .collect::<Vec<_>>()
        }
    })
    .unwrap();
    let since = Instant::now();
    // the clock has steps of 1 ms
    let longest = config.max_wait * 2 + works + Duration::from_millis(3);
    let calls = (0..).zip(&callers).map(|(number, (at, gives_up, bad))| {
        let node = node.clone();
        async move {
            tokio::time::sleep_until(since + Duration::from_millis(*at)).await;
            let called = Instant::now();
            let patience = gives_up.map_or(Duration::from_secs(3600), Duration::from_millis);
            match tokio::time::timeout(patience, node.call((number, *bad))).await {
                Ok(Ok(own)) => assert!(!bad && own == number),
                Ok(Err(error)) => {
                    assert!(*bad, "{error:?}");
                }
                Err(_) => {
                    assert!(gives_up.is_some(), "one who waits is answered");
                    return None;
                }
            }
            assert!(called.elapsed() <= longest, "waited for {:?}", called.elapsed());
            Some(number)
        }
    });
    let answered: Vec<u64> = futures_util::future::join_all(calls).await.into_iter().flatten().collect();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "a task is left");
    let mut had = std::mem::take(&mut *locked(&had));
    had.sort_unstable();
    assert!(had.windows(2).all(|pair| pair[0] < pair[1]), "one was given twice: {had:?}");
    assert!(answered.iter().all(|number| had.contains(number)));
}

#[test]
fn the_whole_of_a_node_is_shown() {
    let node: BatchNode<_, u64, u64> = batch_fn(2, async |batch: Vec<u64>| Ok::<_, BoxError>(batch)).unwrap();
    let pipeline = Pipeline::new().node(node).named("asks");
    let names: Vec<_> = pipeline.stats().nodes.into_iter().map(|node| node.name.to_string()).collect();
    assert_eq!(names, ["asks", "asks/batch"]);
}
