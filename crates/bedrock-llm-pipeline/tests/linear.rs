//! Pipelines of nodes in a row: results, order, failures, panics, ending.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use bedrock_llm_pipeline::{BoxError, Concurrency, ItemError, OnError, Pipeline};
use futures_util::{StreamExt as _, stream};
use tokio::time::sleep;

async fn double(number: u64) -> Result<u64, BoxError> {
    Ok(number * 2)
}

fn refuse_threes(number: u64) -> Result<u64, BoxError> {
    if number.is_multiple_of(3) { Err(format!("{number} is a multiple of three").into()) } else { Ok(number) }
}

/// What came, and of failures their places.
fn told(outcomes: Vec<Result<u64, ItemError>>) -> Vec<Result<u64, u64>> {
    outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.index())).collect()
}

#[tokio::test]
async fn failures_take_the_places_of_their_items() {
    let pipeline = Pipeline::new().try_map(refuse_threes).named("threes").then(double);
    let outcomes: Vec<_> = pipeline.run(stream::iter(1..=4)).collect().await;
    let error = outcomes[2].as_ref().unwrap_err();
    assert_eq!(
        (error.node(), error.index(), error.cause().to_string().as_str()),
        ("threes", 2, "3 is a multiple of three")
    );
    assert_eq!(error.to_string(), "node `threes` failed on item 2");
    assert_eq!(told(outcomes), [Ok(2), Ok(4), Err(2), Ok(8)]);
    let stats = pipeline.stats();
    let node = stats.node("threes").unwrap();
    assert_eq!((node.entered, node.left, node.failed), (4, 3, 1));
    assert_eq!(stats.node("then").unwrap().entered, 3);
}

#[tokio::test]
async fn a_run_ends_at_the_first_failure_or_leaves_them_out() {
    let pipeline = Pipeline::new().try_map(refuse_threes);
    let outcomes = pipeline.runner().on_error(OnError::FailFast).run(stream::iter(1..=9)).collect().await;
    assert_eq!(told(outcomes), [Ok(1), Ok(2), Err(2)]);
    let outcomes = pipeline.runner().on_error(OnError::Skip).run(stream::iter(1..=6)).collect().await;
    assert_eq!(told(outcomes), [Ok(1), Ok(2), Ok(4), Ok(5)]);
}

#[tokio::test]
async fn a_panic_is_its_items_error() {
    let pipeline = Pipeline::new()
        .map(|number: u64| if number == 1 { panic!("one") } else { number })
        .then(async |number: u64| if number == 2 { panic!("two") } else { Ok::<_, BoxError>(number) })
        .filter(|number| if *number == 3 { panic!("three") } else { true })
        .then(async |number: u64| if number == 4 { panic!("four") } else { Ok::<_, BoxError>(number) })
        .parallel(2);
    let outcomes: Vec<_> = pipeline.run(stream::iter(0..6)).collect().await;
    let nodes: Vec<_> =
        outcomes.iter().map(|outcome| outcome.as_ref().map_err(ItemError::node).copied()).collect();
    assert_eq!(nodes, [Ok(0), Err("map"), Err("then"), Err("filter"), Err("then-2"), Ok(5)]);
    assert!(outcomes[2].as_ref().unwrap_err().is_panic());
    assert_eq!(outcomes[2].as_ref().unwrap_err().cause().to_string(), "the node's function panicked: two");
}

#[tokio::test(start_paused = true)]
async fn parallel_items_keep_their_order_unless_told_otherwise() {
    let slow_first = async |number: u64| {
        sleep(Duration::from_secs(10 - number)).await;
        Ok::<_, BoxError>(number)
    };
    let begun = tokio::time::Instant::now();
    let ordered: Vec<_> =
        Pipeline::new().then(slow_first).parallel(8).run(stream::iter(0..8)).collect().await;
    assert_eq!(told(ordered), (0..8).map(Ok).collect::<Vec<_>>());
    assert_eq!(begun.elapsed().as_secs(), 10);
    let pipeline = Pipeline::new().then(slow_first).parallel(Concurrency::new(8).as_completed());
    let as_completed: Vec<_> = pipeline.run(stream::iter(0..8)).collect().await;
    assert_eq!(told(as_completed), (0..8).rev().map(Ok).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_item_is_executed() {
    let inner = Pipeline::new().try_map(refuse_threes).named("threes").boxed();
    let pipeline =
        Pipeline::new().then(double).node(inner.clone()).named("inner").parallel(4).map(|number| number + 1);
    assert_eq!(pipeline.execute(5).await.unwrap(), 11);
    assert_eq!(pipeline.execute(3).await.unwrap_err().node(), "inner/threes");
    assert_eq!(pipeline.stats().node("inner/threes").unwrap().failed, 1);
    let pieces = Pipeline::new().flat_map(|number: u64| 0..number).filter(|number| number % 2 == 1);
    assert_eq!(pieces.execute_all(6).await.unwrap(), [1, 3, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_drained_or_cancelled() {
    let pipeline = Pipeline::new()
        .then(async |number: u64| {
            sleep(Duration::from_secs(1)).await;
            Ok::<_, BoxError>(number)
        })
        .parallel(4);
    let endless = || stream::iter(0..).chain(stream::pending());
    let mut running = pipeline.run(endless());
    assert_eq!(running.next().await.unwrap().unwrap(), 0);
    running.handle().drain();
    let rest = running.count().await;
    assert!((3..80).contains(&rest), "{rest} were under way");

    let mut running = pipeline.run(endless());
    running.next().await;
    running.handle().cancel();
    assert!(running.next().await.is_none());

    // while it waits
    let running = pipeline.run(stream::pending::<u64>());
    let handle = running.handle();
    let waiting = tokio::spawn(running.count());
    tokio::task::yield_now().await;
    handle.drain();
    assert_eq!(waiting.await.unwrap(), 0);
}

/// The compiler must see that the futures are `Send`, whatever errors the nodes have.
#[tokio::test]
async fn calls_may_be_spawned() {
    let pipeline = Pipeline::new().then(async |number: u64| Ok::<_, BoxError>(number + 1)).parallel(2);
    let pipeline = std::sync::Arc::new(pipeline.try_map(refuse_threes));
    let other = std::sync::Arc::clone(&pipeline);
    assert_eq!(tokio::spawn(async move { other.execute(3).await }).await.unwrap().unwrap(), 4);
    assert_eq!(tokio::spawn(async move { pipeline.execute_all(4).await }).await.unwrap().unwrap(), [5]);
}
