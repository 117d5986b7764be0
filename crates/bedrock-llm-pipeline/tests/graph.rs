//! Graphs: what is refused and how it is said, and how items go through.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bedrock_llm_pipeline::graph::UnequalParts;
use bedrock_llm_pipeline::{
    BoxError, Concurrency, Graph, GraphError, ItemError, Pipeline, batch_fn, map_fn, node_fn, try_map_fn,
};
#[cfg(feature = "cache")]
use bedrock_llm_pipeline::{CacheConfig, RateLimit, RetryConfig};
use futures_util::{StreamExt as _, stream};
use tokio::time::sleep;

fn numbers(names: &[&str]) -> Graph {
    let mut graph = Graph::new();
    for name in names {
        graph.add(name, map_fn(|number: u64| number + 1)).unwrap();
    }
    graph
}

fn said<T>(outcome: Result<T, GraphError>) -> String {
    outcome.err().unwrap().to_string()
}

/// What came; of failures the node and the cause.
fn told(outcomes: Vec<Result<u64, ItemError>>) -> Vec<Result<u64, (String, String)>> {
    let told = |error: ItemError| (error.node().to_owned(), error.cause().to_string());
    outcomes.into_iter().map(|outcome| outcome.map_err(told)).collect()
}

#[test]
fn edges_are_checked_when_they_are_drawn() {
    let mut graph = numbers(&["split", "count", "sum"]);
    graph.add("text", map_fn(|number: u64| number.to_string())).unwrap();
    assert_eq!(
        said(graph.add("sum", map_fn(|number: u64| number))),
        "there are two nodes named `sum`; give one of them another name"
    );
    assert_eq!(
        said(graph.add("", map_fn(|number: u64| number))),
        "a node has an empty name; errors, statistics and edges need one"
    );
    assert_eq!(said(graph.connect("splti", "sum")), "there is no node named `splti`; did you mean `split`?");
    assert_eq!(
        said(graph.connect("split", "embed")),
        "there is no node named `embed`; the nodes are `split`, `count`, `sum`, `text`"
    );
    assert_eq!(
        said(graph.connect("text", "sum")),
        "`text` gives `alloc::string::String`, but `sum` takes `u64`"
    );
    assert_eq!(
        said(graph.connect_if("split", "sum", |_: &u8| true)),
        "the condition from `split` to `sum` looks at `u8`, but `split` gives `u64`"
    );
    graph.connect("split", "count").unwrap().connect("count", "sum").unwrap();
    assert_eq!(said(graph.connect("split", "count")), "`split` already leads to `count`");
    assert_eq!(
        said(graph.connect("sum", "split")),
        "`split -> count -> sum -> split` would never end: values only flow one way"
    );
    assert_eq!(said(graph.connect("sum", "sum")), "`sum -> sum` would never end: values only flow one way");
}

#[test]
fn loose_ends_are_found_when_it_is_built() {
    let built = |graph: Graph| said(graph.build::<u64, u64>());
    assert_eq!(built(Graph::new()), "the graph has no nodes; add at least one");
    let mut graph = numbers(&["a", "b", "c"]);
    graph.connect("a", "b").unwrap();
    assert_eq!(
        built(graph),
        "nothing leads to `c`: connect them, or declare them as inputs; \
         nothing comes after `c`: connect them, or declare them as outputs"
    );
    let mut graph = numbers(&["a", "b", "c"]);
    graph.connect("a", "b").unwrap().connect("a", "c").unwrap();
    assert_eq!(built(graph), "nothing comes after `b`, `c`: connect them, or declare them as outputs");
    let mut graph = numbers(&["a", "b", "c"]);
    graph.connect("a", "c").unwrap().connect("b", "c").unwrap().inputs(["a"]).unwrap();
    assert_eq!(built(graph), "nothing leads to `b`: connect them, or declare them as inputs");
    let mut graph = numbers(&["a", "b"]);
    graph.connect("a", "b").unwrap().inputs(["a", "b"]).unwrap();
    assert_eq!(built(graph), "`b` is declared to take the graph's input, but `a` leads to it");

    let mut graph = numbers(&["a", "b"]);
    graph.connect("a", "b").unwrap();
    assert_eq!(
        said(graph.build::<String, u64>()),
        "the graph is built to take `alloc::string::String`, but its first node `a` takes `u64`"
    );
    let mut graph = numbers(&["a", "b"]);
    graph.connect("a", "b").unwrap();
    assert_eq!(
        said(graph.build::<u64, String>()),
        "the graph is built to give `alloc::string::String`, but its last node `b` gives `u64`"
    );
}

#[test]
fn joins_have_as_many_edges_as_parts() {
    let mut graph = numbers(&["a", "b", "c"]);
    graph.add("text", map_fn(|number: u64| number.to_string())).unwrap();
    graph.add_join("pair", map_fn(|(a, b): (u64, u64)| a * b)).unwrap();
    graph.connect("a", "b").unwrap().connect("a", "c").unwrap().connect("b", "pair").unwrap();
    graph.connect("c", "text").unwrap();
    assert_eq!(
        said(graph.connect("text", "pair")),
        "`text` gives `alloc::string::String`, but `pair` takes `u64`"
    );
    graph.connect("c", "pair").unwrap();
    assert_eq!(said(graph.connect("a", "pair")), "the join `pair` has 2 parts and no room for `a`");

    let mut graph = numbers(&["a"]);
    graph.add_join("pair", map_fn(|(a, b): (u64, u64)| a * b)).unwrap();
    graph.connect("a", "pair").unwrap();
    assert_eq!(
        said(graph.build::<u64, u64>()),
        "the join `pair` has 2 parts, but only 1 lead to it; connect the others"
    );
}

#[tokio::test]
async fn a_failure_is_told_once_and_at_its_place() {
    let mut graph = Graph::new();
    graph.add_flat_map("count", |number: u64| 1..=number).unwrap();
    let refuse = |number: u64| if number == 2 { Err("two") } else { Ok(number) };
    graph.add("checked", try_map_fn(refuse)).unwrap();
    graph.add("tens", map_fn(|number: u64| number * 10)).unwrap();
    graph.add("hundreds", map_fn(|number: u64| number * 100)).unwrap();
    graph.add_join("sum", map_fn(|parts: Vec<u64>| parts.into_iter().sum::<u64>())).unwrap();
    graph.connect("count", "checked").unwrap().connect("checked", "tens").unwrap();
    graph.connect("checked", "hundreds").unwrap();
    graph.connect("tens", "sum").unwrap().connect("hundreds", "sum").unwrap();
    graph.outputs(["sum", "checked"]).unwrap();
    let pipeline = graph.build::<u64, u64>().unwrap();
    let outcomes = pipeline.run(stream::iter([3, 0, 1])).collect::<Vec<_>>().await;
    let two = || Err(("checked".to_owned(), "two".to_owned()));
    // `checked` was added first
    assert_eq!(told(outcomes), [Ok(1), two(), Ok(3), Ok(110), Ok(330), Ok(1), Ok(110)]);
    let stats = pipeline.stats();
    let node = |name| {
        let node = stats.node(name).unwrap();
        (node.entered, node.left, node.failed)
    };
    assert_eq!((node("count"), node("checked"), node("sum")), ((3, 4, 0), (4, 3, 1), (3, 3, 0)));
}

#[tokio::test]
async fn parts_that_do_not_pair_are_a_failure_of_the_join() {
    let mut graph = numbers(&["first"]);
    graph.add_filter("even", |number: &u64| number.is_multiple_of(2)).unwrap();
    graph.add_join("sum", map_fn(|(a, b): (u64, u64)| a + b)).unwrap();
    graph.connect("first", "even").unwrap().connect("first", "sum").unwrap().connect("even", "sum").unwrap();
    let pipeline = graph.build::<u64, u64>().unwrap();
    let outcomes = pipeline.run(stream::iter([1, 2])).collect::<Vec<_>>().await;
    assert_eq!(*outcomes[0].as_ref().unwrap(), 4);
    let error = outcomes[1].as_ref().unwrap_err();
    assert_eq!((error.node(), error.index()), ("sum", 1));
    let cause = error.source().unwrap().downcast_ref::<UnequalParts>().unwrap();
    assert_eq!(cause.to_string(), "the parts do not pair: `first` gave 1, `even` gave 0");
}

#[tokio::test]
async fn panics_are_failures_of_their_nodes() {
    let panics = |number: &u64, at: u64| assert!(*number != at, "at {at}");
    let mut graph = numbers(&["first", "last"]);
    graph
        .add_filter("filter", move |number: &u64| {
            panics(number, 1);
            true
        })
        .unwrap();
    graph
        .add_flat_map("pieces", move |number: u64| (0..number).inspect(move |piece| panics(piece, 2)))
        .unwrap();
    graph.connect("first", "filter").unwrap().connect("filter", "pieces").unwrap();
    let condition = move |number: &u64| {
        panics(number, 0);
        true
    };
    graph.connect_if("pieces", "last", condition).unwrap();
    let pipeline = graph.build::<u64, u64>().unwrap();
    let outcomes = pipeline.run(stream::iter([0, 2])).collect::<Vec<_>>().await;
    let failed = |node: &str, at| Err((node.to_owned(), format!("the node's function panicked: at {at}")));
    assert_eq!(
        told(outcomes),
        [failed("filter", 1), failed("pieces -> last", 0), Ok(2), failed("pieces", 2)]
    );
}

#[tokio::test(start_paused = true)]
async fn nodes_side_by_side_and_inputs_work_at_the_same_time() {
    let wait = |number: u64| async move {
        sleep(Duration::from_secs(1)).await;
        Ok::<_, BoxError>(number)
    };
    let mut graph = numbers(&["first"]);
    graph.add("left", node_fn(wait)).unwrap();
    graph.add("right", node_fn(wait)).unwrap();
    graph.add_join("sum", map_fn(|(a, b): (u64, u64)| a + b)).unwrap();
    graph.connect("first", "left").unwrap().connect("first", "right").unwrap();
    graph.connect("left", "sum").unwrap().connect("right", "sum").unwrap();
    graph.concurrency(4);
    let pipeline = graph.build::<u64, u64>().unwrap();
    let begun = tokio::time::Instant::now();
    let outcomes: Vec<_> = pipeline.run(stream::iter(0..8)).collect().await;
    assert_eq!(told(outcomes), (1..9).map(|number| Ok(2 * number)).collect::<Vec<_>>());
    assert_eq!(begun.elapsed().as_secs(), 2, "two rounds of four, left and right at once");
}

#[tokio::test(start_paused = true)]
async fn a_parallel_node_has_so_many_at_once_over_all_inputs() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let mut graph = Graph::new();
    graph.add_flat_map("pieces", |number: u64| 0..number).unwrap();
    let work = move |number: u64| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            sleep(Duration::from_secs(10 - number)).await;
            now.fetch_sub(1, SeqCst);
            Ok::<_, BoxError>(number)
        }
    };
    graph.add("work", node_fn(work)).unwrap().parallel(3);
    graph.connect("pieces", "work").unwrap();
    let pipeline = graph.build::<u64, u64>().unwrap();
    let outcomes: Vec<_> = pipeline.run(stream::iter([4, 5, 6])).collect().await;
    assert_eq!(told(outcomes), (0..4).chain(0..5).chain(0..6).map(Ok).collect::<Vec<_>>());
    assert_eq!(seen.load(SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_quick_item_overtakes_where_that_is_allowed() {
    let mut graph = Graph::new();
    let wait = |number: u64| async move {
        sleep(Duration::from_secs(number)).await;
        Ok::<_, BoxError>(number)
    };
    graph.add("wait", node_fn(wait)).unwrap();
    graph.concurrency(Concurrency::new(3).as_completed());
    let pipeline = graph.build::<u64, u64>().unwrap();
    let outcomes: Vec<_> = pipeline.run(stream::iter([5, 1, 3])).collect().await;
    assert_eq!(told(outcomes), [Ok(1), Ok(3), Ok(5)]);
}

#[tokio::test]
async fn a_graph_is_drawn_with_its_conditions_and_inner_pipelines() {
    let mut graph = numbers(&["first"]);
    let inner = Pipeline::new().map(|number: u64| number).named("half").map(|number| number);
    graph.add("inner", inner).unwrap();
    graph.add_join("sum", map_fn(|(a, b): (u64, u64)| a + b)).unwrap();
    graph.connect_if("first", "inner", |number: &u64| *number > 1).unwrap();
    graph.connect("first", "sum").unwrap().connect("inner", "sum").unwrap();
    graph.outputs(["first", "sum"]).unwrap();
    let pipeline = graph.build::<u64, u64>().unwrap();
    assert_eq!(
        pipeline.to_mermaid(),
        r#"flowchart TD
    input(["input"])
    n0["first<br/>node"]
    subgraph n1["inner<br/>node"]
        n1p0n0["half<br/>map"]
        n1p0n1["map"]
        n1p0n0 --> n1p0n1
    end
    n2["sum<br/>join"]
    output(["output"])
    input --> n0
    n0 -. if .-> n1
    n0 --> n2
    n1 --> n2
    n0 --> output
    n2 --> output
"#
    );
    assert_eq!(pipeline.execute_all(5).await.unwrap(), [6, 12]);
    let names: Vec<_> = pipeline.stats().nodes.iter().map(|node| node.name.to_string()).collect();
    assert_eq!(names, ["first", "inner", "inner/half", "inner/map", "sum"]);
}

#[cfg(feature = "cache")]
#[tokio::test(start_paused = true)]
async fn nodes_are_tried_again_bounded_and_cached() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let mut graph = Graph::new();
    let work = move |number: u64| {
        let call = counted.fetch_add(1, SeqCst);
        async move {
            if call == 0 {
                sleep(Duration::from_secs(60)).await;
            }
            Ok::<_, BoxError>(number + 1)
        }
    };
    graph
        .add("work", node_fn(work))
        .unwrap()
        .timeout(Duration::from_secs(1))
        .unwrap()
        .retry(RetryConfig::attempts(2))
        .unwrap()
        .cached_by(CacheConfig::max_items(10), |number: &u64| *number)
        .unwrap()
        .rate_limit(RateLimit::per_second(1))
        .unwrap();
    let pipeline = graph.build::<u64, u64>().unwrap();
    let begun = tokio::time::Instant::now();
    let outcomes: Vec<_> = pipeline.run(stream::iter([4, 4, 5, 4])).collect().await;
    assert_eq!(told(outcomes), [Ok(5), Ok(5), Ok(6), Ok(5)]);
    assert_eq!(begun.elapsed().as_secs(), 3, "one a second");
    let stats = pipeline.stats();
    let node = stats.node("work").unwrap();
    assert_eq!((calls.load(SeqCst), node.retries, node.cache_hits + node.cache_misses), (3, 1, 4));
}

#[cfg(feature = "cache")]
#[test]
fn what_a_node_cannot_have_is_said() {
    let mut graph = numbers(&["a"]);
    let all = |_: &u64| true;
    assert_eq!(
        said(graph.add_filter("few", all).unwrap().timeout(Duration::from_secs(1))),
        "`few` cannot have `timeout`: it is a quick function to any number of values, not a node"
    );
    let join = map_fn(|parts: Vec<u64>| parts.len());
    assert_eq!(
        said(graph.add_join("all", join).unwrap().cached_by(CacheConfig::max_items(1), Vec::clone)),
        "`all` cannot have `cache`: the parts of a join have no key; cache the nodes before it"
    );
    assert_eq!(
        said(graph.add("b", map_fn(|number: u64| number)).unwrap().timeout(Duration::ZERO)),
        "`b`: `timeout` is 0ns: give an item some time"
    );
}

#[tokio::test]
async fn values_of_one_input_fill_a_batch() {
    let mut graph = Graph::new();
    graph.add_flat_map("pieces", |number: u64| 0..number).unwrap();
    let sum = async |numbers: Vec<u64>| {
        let count = numbers.len() as u64;
        Ok::<_, BoxError>(numbers.into_iter().map(|number| number * 100 + count).collect())
    };
    graph.add("batch", batch_fn(4, sum).unwrap()).unwrap().parallel(4);
    graph.connect("pieces", "batch").unwrap();
    let pipeline = graph.build::<u64, u64>().unwrap();
    assert_eq!(pipeline.execute_all(4).await.unwrap(), [4, 104, 204, 304]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_reads_holds_up_no_other() {
    let mut graph = Graph::new();
    let wait = |number: u64| async move {
        sleep(Duration::from_millis(number)).await;
        Ok::<_, BoxError>(number)
    };
    graph.add("wait", node_fn(wait)).unwrap().parallel(2);
    let pipeline = graph.build::<u64, u64>().unwrap();
    let mut unread = pipeline.runner().queue(1).run(stream::iter(1..100));
    assert_eq!(unread.next().await.unwrap().unwrap(), 1);
    sleep(Duration::from_millis(3)).await;
    assert_eq!(pipeline.run(stream::iter(1..100)).count().await, 99);
    assert_eq!(unread.count().await, 98);
}
