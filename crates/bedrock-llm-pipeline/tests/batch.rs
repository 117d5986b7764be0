//! Batches: sizes and times, each caller's own result, failures, and what is seen of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedrock_llm_pipeline::{
    BatchConfig, BatchError, BoxError, Concurrency, EventKind, ItemError, Node as _, Pipeline, batch_each_fn,
    batch_fn,
};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Which batches a function had, and when.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<SeenBatch>>>);

/// When, and what.
type SeenBatch = (u64, Vec<u64>);

impl Seen {
    fn note(&self, since: Instant, batch: &[u64]) {
        if let Ok(mut seen) = self.0.lock() {
            seen.push((since.elapsed().as_secs(), batch.to_vec()));
        }
    }

    fn take(&self) -> Vec<(u64, Vec<u64>)> {
        self.0.lock().map(|mut seen| std::mem::take(&mut *seen)).unwrap_or_default()
    }

    /// A function that notes its batches.
    fn function(
        &self,
    ) -> impl Fn(Vec<u64>) -> std::future::Ready<Result<Vec<u64>, BoxError>> + Send + Sync + 'static {
        let (seen, since) = (self.clone(), Instant::now());
        move |batch| {
            seen.note(since, &batch);
            std::future::ready(Ok(batch.into_iter().map(|number| number * 10).collect()))
        }
    }
}

/// One number at each of these seconds.
fn at<const N: usize>(seconds: [u64; N]) -> impl futures_util::Stream<Item = u64> + Send {
    let since = Instant::now();
    stream::iter(seconds).then(move |second| async move {
        tokio::time::sleep_until(since + Duration::from_secs(second)).await;
        second
    })
}

fn waiting(size: usize, least: usize) -> BatchConfig {
    BatchConfig::new(size).max_wait(10 * SECOND).min_batch_size(least)
}

fn places(outcomes: Vec<Result<u64, ItemError>>) -> Vec<Result<u64, u64>> {
    outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.index())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_when_full_or_when_its_oldest_has_waited_or_at_the_end() {
    let seen = Seen::default();
    let pipeline = Pipeline::new().batch(waiting(3, 1), seen.function()).unwrap();
    let found: Vec<u64> = pipeline.run(at([0, 1, 2, 3, 20, 29, 31])).try_collect().await.unwrap();
    assert_eq!(found, [0, 10, 20, 30, 200, 290, 310]);
    assert_eq!(
        seen.take(),
        [(2, vec![0, 1, 2]), (13, vec![3]), (30, vec![20, 29]), (31, vec![31])],
        "full, after ten seconds, after ten seconds, at the end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_small_batch_waits_once_more() {
    let seen = Seen::default();
    let pipeline = Pipeline::new().batch(waiting(4, 2), seen.function()).unwrap();
    // 0 finds company after its first wait, 50 never does
    let input = at([0, 14, 50, 100, 101]).chain(stream::pending());
    let found: Vec<u64> = pipeline.run(input).take(5).try_collect().await.unwrap();
    assert_eq!(found, [0, 140, 500, 1000, 1010]);
    assert_eq!(seen.take(), [(14, vec![0, 14]), (70, vec![50]), (110, vec![100, 101])]);
}

#[tokio::test(start_paused = true)]
async fn without_a_wait_what_is_there_goes() {
    let seen = Seen::default();
    let config = BatchConfig::new(4).max_wait(Duration::ZERO).min_batch_size(4);
    let pipeline = Pipeline::new().batch(config, seen.function()).unwrap();
    let input = stream::iter([0, 0, 0, 0, 0, 0]).chain(at([5]));
    assert_eq!(pipeline.run(input).count().await, 7);
    assert_eq!(seen.take(), [(0, vec![0; 4]), (0, vec![0; 2]), (5, vec![5])]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_drains_flushes_what_it_has() {
    let seen = Seen::default();
    let pipeline =
        Pipeline::new().batch(BatchConfig::new(8).max_wait(Duration::MAX), seen.function()).unwrap();
    let running = pipeline.run(at([0, 1, 2]).chain(stream::pending()));
    let handle = running.handle();
    let results = tokio::spawn(running.try_collect::<Vec<_>>());
    sleep(5 * SECOND).await;
    assert!(seen.take().is_empty());
    handle.drain();
    assert_eq!(results.await.unwrap().unwrap(), [0, 10, 20]);
}

#[tokio::test]
async fn a_batch_that_fails_fails_its_items() {
    let pipeline = Pipeline::new()
        .batch(2, async |batch: Vec<u64>| match batch.first() {
            Some(2) => Err(BoxError::from("no")),
            Some(4) => Ok(vec![1, 2, 3]),
            Some(6) => panic!("six"),
            _ => Ok(batch),
        })
        .unwrap()
        .named("lot");
    let outcomes: Vec<_> = pipeline.run(stream::iter(0..9)).collect().await;
    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(value) => value.to_string(),
            Err(error) => format!("{} {}: {}", error.node(), error.index(), error.cause()),
        })
        .collect();
    assert_eq!(
        told,
        [
            "0",
            "1",
            "lot 2: no",
            "lot 3: no",
            "lot 4: the batch's function gave 3 results for 2 items",
            "lot 5: the batch's function gave 3 results for 2 items",
            "lot 6: the node's function panicked: six",
            "lot 7: the node's function panicked: six",
            "8"
        ]
    );
    assert_eq!(
        outcomes[4].as_ref().unwrap_err().cause().downcast_ref(),
        Some(&BatchError::WrongLength { given: 3, items: 2 })
    );
    assert!(outcomes[7].as_ref().unwrap_err().is_panic());
    let stats = pipeline.stats();
    let node = stats.node("lot").unwrap();
    assert_eq!((node.kind, node.entered, node.left, node.failed), ("batch", 9, 3, 6));
}

#[tokio::test]
async fn a_bad_item_need_not_fail_its_batch() {
    let odd = async |batch: Vec<u64>| {
        batch.into_iter().map(|n| if n % 2 == 1 { Ok(n) } else { Err("even") }).collect::<Vec<_>>()
    };
    let pipeline = Pipeline::new().batch_each(4, odd).unwrap();
    let outcomes = pipeline.run(stream::iter(1..=6)).collect().await;
    assert_eq!(places(outcomes), [Ok(1), Err(1), Ok(3), Err(3), Ok(5), Err(5)]);
    assert_eq!(pipeline.execute(4).await.unwrap_err().cause().to_string(), "even");
    let pipeline = Pipeline::new().node(batch_each_fn(4, odd).unwrap()).named("odd");
    let error = pipeline.execute(4).await.unwrap_err();
    assert_eq!((error.node(), error.cause().to_string().as_str()), ("odd/batch", "even"));
}

#[tokio::test]
async fn a_pipeline_called_for_a_batch_is_named_in_its_failures() {
    let inner = Pipeline::new()
        .try_map(|batch: Vec<u64>| if batch.contains(&3) { Err("three") } else { Ok(batch) })
        .named("inner");
    let inner = Arc::new(inner);
    let pipeline = Pipeline::new()
        .batch(2, move |batch| {
            let inner = Arc::clone(&inner);
            async move { inner.execute(batch).await }
        })
        .unwrap();
    let outcomes: Vec<_> = pipeline.run(stream::iter(0..4)).collect().await;
    let error = outcomes[3].as_ref().unwrap_err();
    assert_eq!(
        (error.node(), error.index(), error.cause().to_string().as_str()),
        ("batch/inner", 3, "three")
    );
}

#[tokio::test(start_paused = true)]
async fn several_batches_are_under_way_in_order_or_as_completed() {
    let slow_first = async |batch: Vec<u64>| {
        sleep(SECOND * (10 - batch.first().map_or(0, |first| *first as u32))).await;
        Ok::<_, BoxError>(batch)
    };
    let input = || stream::iter(0..8);
    let since = Instant::now();
    let pipeline = Pipeline::new().batch(2, slow_first).unwrap().parallel(4);
    let found: Vec<u64> = pipeline.run(input()).try_collect().await.unwrap();
    assert_eq!(found, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(since.elapsed().as_secs(), 10, "at once");
    let pipeline = Pipeline::new().batch(2, slow_first).unwrap().parallel(Concurrency::new(4).as_completed());
    let found: Vec<u64> = pipeline.run(input()).try_collect().await.unwrap();
    assert_eq!(found, [6, 7, 4, 5, 2, 3, 0, 1]);
    let since = Instant::now();
    let pipeline = Pipeline::new().batch(2, slow_first).unwrap();
    assert_eq!(pipeline.run(input()).count().await, 8);
    assert_eq!(since.elapsed().as_secs(), 10 + 8 + 6 + 4, "one after the other");
}

#[tokio::test(start_paused = true)]
async fn callers_share_batches() {
    let seen = Seen::default();
    let pipeline =
        Pipeline::new().map(|number: u64| number + 1).batch(waiting(3, 1), seen.function()).unwrap();
    let pipeline = Arc::new(pipeline);
    let call = |number| {
        let pipeline = Arc::clone(&pipeline);
        tokio::spawn(async move { pipeline.execute(number).await })
    };
    let calls: Vec<_> = (0..5).map(call).collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), (number as u64 + 1) * 10);
    }
    assert_eq!(seen.take(), [(0, vec![1, 2, 3]), (10, vec![4, 5])]);
    let stats = pipeline.stats();
    assert_eq!(stats.node("batch").map(|node| (node.entered, node.left)), Some((5, 5)));
}

#[tokio::test(start_paused = true)]
async fn few_callers_wait_once_more() {
    let seen = Seen::default();
    let node = batch_fn(waiting(4, 3), seen.function()).unwrap();
    let since = Instant::now();
    let call = |second: u64| {
        let node = node.clone();
        async move {
            tokio::time::sleep_until(since + SECOND * u32::try_from(second)?).await;
            node.call(second).await
        }
    };
    let calls = futures_util::future::join_all([0, 1, 15, 100].map(call)).await;
    assert_eq!(calls.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [0, 10, 150, 1000]);
    assert_eq!(seen.take(), [(15, vec![0, 1, 15]), (120, vec![100])]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_takes_only_its_own_item() {
    let seen = Seen::default();
    let node = batch_fn(waiting(3, 1), seen.function()).unwrap();
    let mut left = Box::pin(node.call(0));
    assert!((&mut left).now_or_never().is_none());
    let stays = node.call(1);
    tokio::pin!(stays);
    assert!((&mut stays).now_or_never().is_none());
    drop(left);
    // one who is gone does not fill the batch
    let (a, b, c) = tokio::join!(stays, node.call(2), node.call(3));
    assert_eq!((a.unwrap(), b.unwrap(), c.unwrap()), (10, 20, 30));
    assert_eq!(seen.take(), [(0, vec![1, 2, 3])]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_when_all_callers_are_gone() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let held = Arc::new(());
    let weak = Arc::downgrade(&held);
    let node = batch_fn(waiting(2, 1), async |batch: Vec<Arc<()>>| {
        std::future::pending::<()>().await;
        Ok::<_, BoxError>(batch)
    })
    .unwrap();
    // while it is gathered
    assert!(node.call(Arc::clone(&held)).now_or_never().is_none());
    tokio::task::yield_now().await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!((tasks(), weak.strong_count()), (before, 1));
    // while the function works
    let both = async { tokio::join!(node.call(Arc::clone(&held)), node.call(Arc::clone(&held))) };
    assert!(tokio::time::timeout(SECOND, both).await.is_err());
    sleep(Duration::from_millis(1)).await;
    assert_eq!((tasks(), weak.strong_count()), (before, 1));
}

#[test]
fn without_a_runtime() {
    let seen = Seen::default();
    let pipeline = Pipeline::new().batch(waiting(3, 2), seen.function()).unwrap();
    let found = futures_util::FutureExt::now_or_never(pipeline.run(stream::iter(0..4)).try_collect());
    let found: Vec<u64> = found.unwrap().unwrap();
    assert_eq!(found, [0, 10, 20, 30]);
    let error = pipeline.execute(1).now_or_never().unwrap().unwrap_err();
    assert_eq!(error.cause().downcast_ref(), Some(&BatchError::NoRuntime));
}

#[test]
fn a_runtime_that_is_shut_down_leaves_no_caller_waiting() {
    let seen = Seen::default();
    let node = batch_fn(waiting(3, 1), seen.function()).unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let waits = node.call(1);
    let mut waits = Box::pin(waits);
    first.block_on(async { assert!((&mut waits).now_or_never().is_none()) });
    let mut joins = Box::pin(node.call(2));
    second.block_on(async { assert!((&mut joins).now_or_never().is_none()) });
    drop(first);
    let error = second.block_on(joins).unwrap_err();
    let error = error.downcast_ref::<ItemError>().unwrap();
    assert_eq!(error.cause().downcast_ref(), Some(&BatchError::ShutDown));
    // and the next begin anew
    let three = async { tokio::join!(node.call(3), node.call(4), node.call(5)) };
    let (a, ..) = second.block_on(three);
    assert_eq!(a.unwrap(), 30);
}

#[tokio::test]
async fn batches_are_told_of() {
    let seen = Seen::default();
    let pipeline = Pipeline::new().batch(2, seen.function()).unwrap().named("lot");
    let events = pipeline.subscribe();
    assert_eq!(pipeline.run(stream::iter(0..3)).count().await, 3);
    drop(pipeline);
    let mut flushed = Vec::new();
    let mut items = Vec::new();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        assert_eq!(&*event.node, "lot");
        match event.kind {
            EventKind::BatchFlushed { size, full } => flushed.push((size, full)),
            EventKind::Started => items.push((event.index.unwrap(), "in")),
            EventKind::Finished { .. } => items.push((event.index.unwrap(), "out")),
            _ => {}
        }
    }
    assert_eq!(flushed, [(2, true), (1, false)]);
    assert_eq!(items, [(0, "in"), (1, "in"), (0, "out"), (1, "out"), (2, "in"), (2, "out")]);
}

#[tokio::test]
async fn filtered_items_cost_a_batch_nothing() {
    let seen = Seen::default();
    let pipeline = Pipeline::new().filter(|number| number % 10_000 == 0).batch(4, seen.function()).unwrap();
    let found: Vec<u64> = pipeline.run(stream::iter(0..80_000)).try_collect().await.unwrap();
    assert_eq!(found.len(), 8);
    let sizes: Vec<_> = seen.take().into_iter().map(|(_, batch)| batch.len()).collect();
    assert_eq!(sizes, [4, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_slows_the_source() {
    let taken = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&taken);
    let source = stream::iter(0..1000_u64).inspect(move |_| {
        if let Ok(mut taken) = counted.lock() {
            *taken += 1;
        }
    });
    let slow = async |batch: Vec<u64>| {
        sleep(SECOND).await;
        Ok::<_, BoxError>(batch)
    };
    let pipeline = Pipeline::new().batch(4, slow).unwrap().parallel(2);
    let mut running = pipeline.runner().queue(8).run(source);
    assert_eq!(running.next().await.unwrap().unwrap(), 0);
    sleep(100 * SECOND).await;
    // two batches in the queue, of which the reader has one, one that waits for room, up to two in the function
    let taken = *taken.lock().unwrap();
    assert!((12..=20).contains(&taken), "{taken} were taken");
    assert_eq!(pipeline.stats().node("batch").unwrap().queued, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_several_threads_get_their_own() {
    let config = BatchConfig::new(5).max_wait(Duration::from_millis(1));
    let double = async |batch: Vec<u64>| {
        tokio::task::yield_now().await;
        Ok::<_, BoxError>(batch.into_iter().map(|number| number * 2).collect())
    };
    let node = batch_fn(config, double).unwrap();
    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let node = node.clone();
            tokio::spawn(async move {
                for number in (0..200).map(|round| round * 8 + caller) {
                    if number % 5 == 0 {
                        // gives up at once, or just in time
                        drop(tokio::time::timeout(Duration::ZERO, node.call(number)).await);
                    } else {
                        assert_eq!(node.call(number).await.unwrap(), number * 2);
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}
