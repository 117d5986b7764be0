//! Nodes made of nodes: join, zip, merge, branch.

use std::time::Duration;

use bedrock_llm_pipeline::{
    BatchConfig, BoxError, Branch, Concurrency, ItemError, Node, Pipeline, batch_fn, join, map_fn, node_fn,
    try_map_fn, zip,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Instant, sleep};

/// Gives the number after so many seconds.
fn after(seconds: u64) -> impl Node<u64, u64> {
    node_fn(move |number: u64| async move {
        sleep(Duration::from_secs(seconds)).await;
        Ok::<_, BoxError>(number * 10 + seconds)
    })
}

fn refuses() -> impl Node<u64, u64> {
    try_map_fn(|number: u64| Err::<u64, _>(format!("not {number}")))
}

fn told(error: &ItemError) -> (String, String) {
    (error.node().to_owned(), error.cause().to_string())
}

#[tokio::test(start_paused = true)]
async fn joined_nodes_work_at_once() {
    let begun = Instant::now();
    let pipeline = Pipeline::new().join((after(3), after(5), after(1), map_fn(|number: u64| number == 7)));
    assert_eq!(pipeline.execute(7).await.unwrap(), (73, 75, 71, true));
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_of_joined_nodes_is_the_items() {
    let begun = Instant::now();
    let inner = Pipeline::new().node(refuses()).named("refuses");
    let pipeline = Pipeline::new().node(join((after(9), inner))).named("both");
    let error = pipeline.execute(4).await.unwrap_err();
    assert_eq!(told(&error), ("both/2/refuses".to_owned(), "not 4".to_owned()));
    assert_eq!(begun.elapsed().as_secs(), 0, "the other is dropped");
    let names: Vec<_> =
        pipeline.stats().nodes.iter().map(|node| (node.name.to_string(), node.failed)).collect();
    assert_eq!(
        names,
        [("both", 1), ("both/1", 0), ("both/2", 1), ("both/2/refuses", 1)]
            .map(|(name, n)| (name.to_owned(), n))
    );
}

#[tokio::test]
async fn a_panic_is_the_places_where_it_was() {
    let panics = || map_fn(|number: u64| if number == 1 { panic!("one") } else { number });
    let pipeline = Pipeline::new().join((map_fn(|number: u64| number), panics())).map(|pair| pair.0);
    let outcomes: Vec<_> = pipeline.run(stream::iter(0..3)).collect().await;
    let error = outcomes[1].as_ref().unwrap_err();
    assert_eq!((error.node(), error.index(), error.is_panic()), ("join/2", 1, true));
    assert!(outcomes[2].is_ok());

    let pipeline = Pipeline::new().branch(|number: &u64| *number < 2, panics(), panics());
    assert_eq!(pipeline.execute(1).await.unwrap_err().node(), "branch/yes");
    let pipeline = Pipeline::new().branch(|_: &u64| panic!("key"), panics(), panics());
    assert_eq!(pipeline.execute(0).await.unwrap_err().node(), "branch");
}

#[tokio::test]
async fn a_zipped_node_keeps_the_item() {
    let pipeline = Pipeline::new().zip(map_fn(|text: String| text.len()));
    assert_eq!(pipeline.execute("tea".to_owned()).await.unwrap(), ("tea".to_owned(), 3));
    let pipeline = Pipeline::new().node(zip(Pipeline::new().node(refuses()).named("inner")));
    let error = pipeline.execute(1).await.unwrap_err();
    assert_eq!(told(&error), ("zip/inner".to_owned(), "not 1".to_owned()));
    assert!(pipeline.stats().node("zip/inner").is_some());
}

#[tokio::test(start_paused = true)]
async fn merged_nodes_give_one_after_the_other() {
    let begun = Instant::now();
    let pipeline = Pipeline::new().merge((after(2), refuses(), after(1)));
    let outcomes: Vec<_> = pipeline.run(stream::iter(1..=2)).collect().await;
    let places: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().map_err(told).copied()).collect();
    let refused = |number| Err(("merge/2".to_owned(), format!("not {number}")));
    assert_eq!(places, [Ok(12), refused(1), Ok(11), Ok(22), refused(2), Ok(21)]);
    assert_eq!(begun.elapsed().as_secs(), 4, "the nodes at once, the items one after the other");
    assert_eq!(pipeline.execute_all(1).await.unwrap_err().index(), 0);
    let stats = pipeline.stats();
    let node = stats.node("merge").unwrap();
    assert_eq!((node.entered, node.left, node.failed), (3, 6, 3));

    let begun = Instant::now();
    let pipeline = Pipeline::new().merge((after(2), after(1))).parallel(Concurrency::new(8));
    let all: Vec<u64> = pipeline.run(stream::iter(0..8)).try_collect().await.unwrap();
    assert_eq!(all.get(..4), Some(&[2, 1, 12, 11][..]));
    assert_eq!(begun.elapsed().as_secs(), 2, "all at once");
}

#[tokio::test]
async fn an_item_takes_its_branch() {
    let pipeline = Pipeline::new().branch(
        |number: &u64| number.is_multiple_of(2),
        map_fn(|number: u64| format!("{number} is even")),
        Pipeline::new().map(|number: u64| number + 1).map(|number| format!("{number} is next")).boxed(),
    );
    let found: Vec<String> = pipeline.run(stream::iter([1, 2])).try_collect().await.unwrap();
    assert_eq!(found, ["2 is next", "2 is even"]);
    let stats = pipeline.stats();
    let entered: Vec<_> = stats.nodes.iter().map(|node| (&*node.name, node.entered)).collect();
    assert_eq!(
        entered,
        [("branch", 2), ("branch/yes", 1), ("branch/no", 1), ("branch/no/map", 1), ("branch/no/map-2", 1)]
    );
}

#[tokio::test(start_paused = true)]
async fn cases_are_of_any_type() {
    let config = BatchConfig::new(8).max_wait(Duration::from_secs(1));
    let batched = batch_fn(config, async |batch: Vec<u64>| {
        let size = batch.len() as u64;
        Ok::<_, BoxError>(batch.into_iter().map(|_| size).collect())
    })
    .unwrap();
    let by_rest = Branch::on(|number: &u64| number % 4)
        .case(0, map_fn(|number: u64| number))
        .case(1, refuses())
        .case(2, batched)
        .case(1, map_fn(|_| 0))
        .otherwise(after(1));
    let pipeline = Pipeline::new().node(by_rest).parallel(16);
    let outcomes: Vec<_> = pipeline.run(stream::iter(0..8)).collect().await;
    let places: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().map_err(told).copied()).collect();
    let refused = |number| Err(("branch/2".to_owned(), format!("not {number}")));
    assert_eq!(places, [Ok(0), refused(1), Ok(2), Ok(31), Ok(4), refused(5), Ok(2), Ok(71)]);
    let stats = pipeline.stats();
    let entered: Vec<_> = stats.nodes.iter().map(|node| (&*node.name, node.entered)).collect();
    assert_eq!(
        entered,
        [
            ("branch", 8),
            ("branch/1", 2),
            ("branch/2", 2),
            ("branch/3", 2),
            ("branch/3/batch", 2),
            ("branch/4", 0),
            ("branch/otherwise", 2)
        ]
    );
}
